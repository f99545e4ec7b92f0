//! HTTP intake: `POST /v1/alerts[/{source}]` and `POST /v1/rows[/{source}]`.
//!
//! An answer of 204 with an empty body says that the body is kept as durably as the lane's sync policy asks. Every
//! other answer has one short sentence as its body, because that is what Kapacitor's log shows. Whatever arrives whole is
//! kept, whether it is understood or not; only what is too large, too slow or not allowed is refused.
//!
//! | refused | answer |
//! |---|---|
//! | no token, or not one of ours | 401 |
//! | a source, task or topic longer than 256 bytes | 400 |
//! | a body longer than `max_body` | 413, connection closed |
//! | a body that does not arrive within `body_timeout` | 408, connection closed |
//! | another method | 405 |
//! | the journal is blocked for longer than `[http] hold`, or kaptap is stopping | 503 with Retry-After |
//!
//! `POST /v1/probe/{name}` is answered like an alert and not kept (`probe`).
//!
//! A `Content-Encoding` is not undone (Kapacitor sends none): the bytes are kept as they came, marked
//! `content_encoding`, and are read as opaque. Memory is bounded by the listener's connections times `max_body`.

use super::access::Tokens;
use super::probe::Probes;
use super::{Arrival, Intake, Refused, clock};
use crate::record::{Content, Note};
use crate::wire::{self, Direction, Tap};
use crate::words::{How, Lane};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE,
};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;

/// Longest source, task or topic, in bytes. They become labels of metrics and are kept with every alert.
const LONGEST_NAME: usize = 256;

/// How much of a body is read and thrown away after a refusal, so that the peer reads our sentence instead of
/// failing to send.
const DRAIN_BYTES: usize = 16 << 20;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Said in Retry-After, seconds. Kapacitor does not try again; other senders may.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// What of the configuration HTTP intake needs.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// `[http] tokens`: one of them is needed to post; none: everybody may.
    pub tokens: Tokens,
    /// `[http] max_body`, bytes.
    pub max_body: usize,
    /// `[http] body_timeout`: how long a body may take to arrive.
    pub body_timeout: Duration,
}

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a token is needed: Authorization: Bearer <token>")]
    Token,
    #[error("a source, task or topic may have {LONGEST_NAME} bytes")]
    LongName,
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the body did not arrive in time")]
    Slow,
    #[error("the body ended early")]
    CutShort,
    #[error("this method is not taken here; the header Allow says which are")]
    Method,
    #[error(transparent)]
    NotKept(#[from] Refused),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::LongName | Self::CutShort => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge(_) | Self::NotKept(Refused::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotKept(Refused::Blocked | Refused::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The word in `kaptap_refused_total`; `None` for what [`Intake::keep`] has counted itself.
    fn reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Token => "token",
            Self::LongName => "name",
            Self::TooLarge(_) => "too_large",
            Self::Slow => "slow",
            Self::CutShort => "cut_short",
            Self::Method => "method",
            Self::NotKept(_) => return None,
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = sentence(self.status(), self.to_string());
        let headers = response.headers_mut();
        match self {
            Self::Token => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kaptap\""));
            }
            Self::NotKept(Refused::Blocked | Refused::Stopping) => {
                headers.insert(RETRY_AFTER, RETRY_SECONDS);
            }
            // What is left of the body is not going to be read.
            Self::TooLarge(_) | Self::Slow | Self::CutShort => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Self::LongName | Self::Method | Self::NotKept(Refused::TooLarge) => {}
        }
        response
    }
}

/// A plain answer of one sentence.
pub(crate) fn sentence(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[derive(Clone)]
struct Door {
    intake: Intake,
    options: Arc<HttpOptions>,
    probes: Arc<Probes>,
}

/// The routes of HTTP intake. To be merged with those of `serve`; the layer on it does not reach those.
pub fn router(intake: Intake, options: HttpOptions) -> Router {
    Router::new()
        .route("/v1/alerts", post(alerts))
        .route("/v1/alerts/", post(alerts))
        .route("/v1/alerts/{*source}", post(alerts))
        .route("/v1/rows", post(rows))
        .route("/v1/rows/", post(rows))
        .route("/v1/rows/{*source}", post(rows))
        .route("/v1/probe/{name}", post(probe).get(probed))
        .method_not_allowed_fallback(other_method)
        .layer(axum::middleware::from_fn(close_for_kapacitor))
        .with_state(Door { intake, options: Arc::new(options), probes: Arc::default() })
}

/// Says `Connection: close` to Kapacitor: it opens a connection for every alert, never uses it again, and would leave it
/// open for 90 s (its HTTP transport is made anew for each post; `services/httppost/service.go`, `http/transport.go`).
pub(crate) async fn close_for_kapacitor(request: Request, next: Next) -> Response {
    let close = request.headers().get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Go-http-client"));
    let mut response = next.run(request).await;
    if close {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn alerts(State(door): State<Door>, request: Request) -> Response {
    let lane = if says_exec(request.headers()) { Lane::Exec } else { Lane::Post };
    door.answer(request, "/v1/alerts", lane, Content::Alert).await
}

async fn rows(State(door): State<Door>, request: Request) -> Response {
    door.answer(request, "/v1/rows", Lane::Row, Content::Row).await
}

/// A trial of the way from Kapacitor to here; nothing of it is kept.
async fn probe(State(door): State<Door>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    door.probes.arrived(name, door.options.tokens.allow(&headers))
}

/// Whether that trial arrived. Who knows its name may know.
async fn probed(State(door): State<Door>, Path(name): Path<String>) -> Response {
    door.probes.answer(&name)
}

async fn other_method(State(door): State<Door>, request: Request) -> Response {
    let lane = if request.uri().path().starts_with("/v1/rows") { Lane::Row } else { Lane::Post };
    let (parts, body) = request.into_parts();
    door.refuse(Refusal::Method, lane, Some((&parts.headers, body))).await
}

/// `kaptap send` is the exec handler's way in, and says so.
fn says_exec(headers: &HeaderMap) -> bool {
    headers.get("x-kaptap-lane").is_some_and(|lane| lane.as_bytes().eq_ignore_ascii_case(b"exec"))
}

impl Door {
    async fn answer(&self, request: Request, prefix: &str, lane: Lane, content: Content) -> Response {
        let (parts, body) = request.into_parts();
        let (mut seen, at) = (Seen::default(), clock::now());
        let response = self.take(&parts, body, prefix, lane, content, &mut seen).await;
        if self.intake.wire().is_on() {
            let tap = self.intake.wire().source(lane, &seen.source, at);
            seen.record(&tap, at, &parts, &response);
        }
        response
    }

    async fn take(
        &self,
        parts: &Parts,
        mut body: Body,
        prefix: &str,
        lane: Lane,
        content: Content,
        seen: &mut Seen,
    ) -> Response {
        let headers = &parts.headers;
        if !self.options.tokens.allow(headers) {
            return self.refuse(Refusal::Token, lane, Some((headers, body))).await;
        }
        let said = match Said::of(parts.uri.path().strip_prefix(prefix).unwrap_or_default(), headers) {
            Ok(said) => said,
            Err(refusal) => return self.refuse(refusal, lane, Some((headers, body))).await,
        };
        if content_length(headers).is_some_and(|length| length > self.options.max_body as u64) {
            return self.refuse(Refusal::TooLarge(self.options.max_body), lane, Some((headers, body))).await;
        }
        let raw = match tokio::time::timeout(self.options.body_timeout, read(&mut body, self.options.max_body)).await {
            Ok(Ok(raw)) => raw,
            Ok(Err(refusal)) => return self.refuse(refusal, lane, Some((headers, body))).await,
            Err(_elapsed) => return self.refuse(Refusal::Slow, lane, None).await,
        };
        *seen = Seen { source: said.source.clone(), raw: raw.clone() };
        match self.intake.keep(Arrival { lane, source: &said.source, content, note: said.note, raw: &raw }).await {
            Ok(_seq) => StatusCode::NO_CONTENT.into_response(),
            Err(refused) => self.refuse(refused.into(), lane, None).await,
        }
    }

    /// Counts and answers. What of the request's body was not read yet is drained first.
    async fn refuse(&self, refusal: Refusal, lane: Lane, unread: Option<(&HeaderMap, Body)>) -> Response {
        if let Some(reason) = refusal.reason() {
            self.intake.refused(lane, reason);
        }
        if let Some((headers, body)) = unread {
            drain(headers, body).await;
        }
        refusal.into_response()
    }
}

/// What of a request is shown to whoever looks at the traffic. Its source is empty while it is not known.
#[derive(Default)]
struct Seen {
    source: String,
    raw: Bytes,
}

impl Seen {
    fn record(&self, tap: &Tap, at: i64, parts: &Parts, response: &Response) {
        let shown = self.raw.get(..wire::SHOWN).unwrap_or(&self.raw);
        tap.record_with(Direction::Received, at, self.raw.len() - shown.len(), |out| {
            let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
            let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            wire::http::write_head(out, &[parts.method.as_str(), " ", path, " HTTP/1.1"], headers);
            out.extend_from_slice(shown);
        });
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or_default();
        tap.record_with(Direction::Sent, clock::now(), 0, |out| {
            let headers = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            wire::http::write_head(out, &["HTTP/1.1 ", status.as_str(), " ", reason], headers);
        });
    }
}

/// What a request says about its origin.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    source: String,
    note: Note,
}

impl Said {
    /// `rest` is what follows `/v1/alerts` or `/v1/rows` in the path, still percent-encoded.
    fn of(rest: &str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let source = percent_decode(rest.strip_prefix('/').unwrap_or(rest));
        let of_path = |word: &str| {
            let name = source.strip_prefix(word)?;
            (!name.is_empty()).then(|| (name.to_owned(), How::Path))
        };
        let note = Note {
            task: header(headers, "x-kapacitor-task")?.map(|task| (task, How::Header)).or_else(|| of_path("task/")),
            topic: header(headers, "x-kapacitor-topic")?
                .map(|topic| (topic, How::Header))
                .or_else(|| of_path("topic/")),
            // A media type too long to be one is not worth keeping with the record.
            media: header(headers, CONTENT_TYPE.as_str()).unwrap_or(None),
            marks: headers.get(CONTENT_ENCODING).map(|_| "content_encoding".to_owned()).into_iter().collect(),
            ..Note::default()
        };
        let source = if source.is_empty() { "default".to_owned() } else { source };
        if source.len() > LONGEST_NAME { Err(Refusal::LongName) } else { Ok(Self { source, note }) }
    }
}

/// Value of a header, if there is one that is not empty. Bytes that are not UTF-8 become U+FFFD.
fn header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let value = String::from_utf8_lossy(value.as_bytes());
    match value.len() {
        0 => Ok(None),
        1..=LONGEST_NAME => Ok(Some(value.into_owned())),
        _ => Err(Refusal::LongName),
    }
}

/// Undoes percent-encoding. A percent sign without two hex digits stays; bytes that are then not UTF-8 leave the text
/// as it came, because a name that reads badly is better than an alert refused.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = (first == b'%').then(|| tail.split_first_chunk::<2>()).flatten();
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        match escaped.and_then(|([high, low], after)| Some((hex(*high)? << 4 | hex(*low)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => bytes.push(first),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the body, at most `limit` bytes. Nothing is set aside for a length that was only claimed.
async fn read(body: &mut Body, limit: usize) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut more: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        // The peer went away or broke the chunked coding.
        let Ok(data) = frame.map_err(|_| Refusal::CutShort)?.into_data() else { continue };
        if first.len().max(more.len()) + data.len() > limit {
            return Err(Refusal::TooLarge(limit));
        }
        if first.is_empty() && more.is_empty() {
            // The usual case: all in one piece, without a copy.
            first = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.into() })
}

/// Reads what the peer still sends, within bounds: an answer followed by a reset connection may never be read.
async fn drain(headers: &HeaderMap, mut body: Body) {
    // A peer that waits for `100 Continue` has sent nothing, and reading would ask it to.
    if headers.contains_key(EXPECT) {
        return;
    }
    let reading = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Not drained in time: the peer is cut off, which is what it would get anyway.
    let _in_time = tokio::time::timeout(DRAIN_TIME, reading).await.is_ok();
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
