//! Answers as Kapacitor gives them: its headers, its errors, packed where the client takes it, with a length up to 2,048
//! bytes and in chunks beyond.

use super::json;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, LOCATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_core::Stream;
use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::OwnedSemaphorePermit;

/// The version of Kapacitor that is claimed: the one whose answers these are, and against which they are tested.
pub(super) const VERSION: &str = "1.8.3";

/// Up to so many bytes Go's server says how long an answer is.
const WITH_LENGTH: usize = 2048;

/// Answers are made in pieces of at least so many bytes; one entry more may be in one.
const PIECE: usize = 64 << 10;

/// Entries of an answer, made when the connection asks for more.
pub(super) type Entries = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// Whether a client takes gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response {
    with_headers(status, nothing(), false)
}

/// No body, and no length of it: one of 0 would be added to a body that is known to be empty.
fn nothing() -> Body {
    Body::from_stream(Pages {
        entries: Box::new(std::iter::empty()),
        packer: None,
        is_done: true,
        ahead: None,
        place: None,
    })
}

/// Everything that is to be said, or the beginning of it.
pub(super) struct Answer {
    status: StatusCode,
    first: Vec<u8>,
    pages: Pages,
}

impl Answer {
    /// An answer of these entries.
    pub(super) fn of(status: StatusCode, entries: Entries, gzip: bool) -> Self {
        let packer = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        let mut pages = Pages { entries, packer, is_done: false, ahead: None, place: None };
        let first = pages.piece();
        Self { status, first, pages }
    }

    /// An error, as Kapacitor writes it.
    pub(super) fn error(status: StatusCode, said: &str, gzip: bool) -> Self {
        let mut body = Vec::new();
        json::object(&mut body, 0, |fields| {
            fields.text("error", said);
            fields.text("message", said);
        });
        Self::whole(status, body, gzip)
    }

    /// An answer that is short enough to be made at once.
    pub(super) fn whole(status: StatusCode, body: Vec<u8>, gzip: bool) -> Self {
        Self::of(status, Box::new(std::iter::once(body)), gzip)
    }

    /// Whether there is more to it than its first piece.
    pub(super) fn is_large(&self) -> bool {
        !self.pages.is_done
    }

    /// The response. A place among the large answers is held until its end.
    pub(super) fn send(mut self, place: Option<OwnedSemaphorePermit>) -> Response {
        let is_packed = self.pages.packer.is_some();
        let body = if self.pages.is_done && self.first.len() <= WITH_LENGTH {
            Body::from(self.first)
        } else {
            self.pages.ahead = Some(self.first);
            self.pages.place = place;
            Body::from_stream(self.pages)
        };
        with_headers(self.status, body, is_packed)
    }
}

/// The pieces of a body.
struct Pages {
    entries: Entries,
    packer: Option<GzEncoder<Vec<u8>>>,
    is_done: bool,
    /// A piece that was made before.
    ahead: Option<Vec<u8>>,
    /// Held to the end.
    place: Option<OwnedSemaphorePermit>,
}

impl Pages {
    /// The next piece; empty only at the end.
    fn piece(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        while !self.is_done && piece.len() < PIECE {
            match (self.entries.next(), &mut self.packer) {
                (Some(entry), None) => piece.extend_from_slice(&entry),
                (Some(entry), Some(packer)) => {
                    // Writing into a vector does not fail.
                    packer.write_all(&entry).ok();
                    piece.append(packer.get_mut());
                }
                (None, packer) => {
                    self.is_done = true;
                    if let Some(packer) = packer {
                        // As above.
                        packer.try_finish().ok();
                        piece.append(packer.get_mut());
                    }
                }
            }
        }
        piece
    }
}

impl Stream for Pages {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let pages = self.get_mut();
        let piece = pages.ahead.take().unwrap_or_else(|| pages.piece());
        Poll::Ready((!piece.is_empty()).then(|| Ok(piece.into())))
    }
}

/// The answer to who may not come in. Kapacitor writes it on one line.
pub(super) fn denied(said: &str) -> Response {
    let body = serde_json::json!({ "error": said, "message": said }).to_string();
    let mut response = with_headers(StatusCode::UNAUTHORIZED, Body::from(body), false);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"kaptap\""));
    response
}

/// Sends a client to the path as it should be.
pub(super) fn moved(method: &Method, to: &str) -> Response {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let shown = to.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let shown = shown.replace('"', "&#34;").replace('\'', "&#39;");
    let mut response = Response::new(match *method {
        Method::GET => Body::from(format!("<a href=\"{shown}\">Moved Permanently</a>.\n\n")),
        Method::HEAD => nothing(),
        _ => Body::empty(),
    });
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let headers = response.headers_mut();
    if is_read {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    // A path that no header can carry could not have been asked for: it came in a request's first line. The body names it.
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(LOCATION, to);
    }
    response
}

/// What a browser is told that asks what it may do: nothing from elsewhere.
pub(super) fn options() -> Response {
    let mut response = Response::new(Body::empty());
    insert_id(response.headers_mut());
    response
}

fn with_headers(status: StatusCode, body: Body, is_packed: bool) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    insert_id(headers);
    headers.insert(HeaderName::from_static("x-kapacitor-version"), HeaderValue::from_static(VERSION));
    response
}

fn insert_id(headers: &mut HeaderMap) {
    // Digits and hyphens are always good; an answer without an id would still be one.
    if let Ok(id) = HeaderValue::from_str(&fresh_uuid()) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
}

/// A random UUID (version 4).
fn fresh_uuid() -> String {
    let [high, low] = [0_u8, 1].map(|half| {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u8(half);
        hasher.finish()
    });
    let (high, low) = (high & !0xf000 | 0x4000, low & (u64::MAX >> 2) | 1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
