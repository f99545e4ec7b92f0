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

mod body;
mod said;

use super::access::Tokens;
use super::probe::Probes;
use super::{Arrival, Intake, Refused, clock};
use crate::record::Content;
use crate::wire::{self, Direction, Tap};
use crate::words::Lane;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use body::{content_length, drain, read};
use hyper::body::Body;
use said::Said;
pub use said::percent_decode;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Longest source, task or topic, in bytes. They become labels of metrics and are kept with every alert.
const LONGEST_NAME: usize = 256;

/// Says that a post comes from an exec handler.
const LANE: HeaderName = HeaderName::from_static("x-kaptap-lane");

/// A body that has been read.
const NOTHING: Option<(&HeaderMap, http_body_util::Empty<Bytes>)> = None;

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
pub(crate) fn sentence(status: StatusCode, text: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// What is posted where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Alerts.
    Alerts,
    /// Rows.
    Rows,
}

impl Way {
    const ALL: [Self; 2] = [Self::Alerts, Self::Rows];

    /// The way of this path, which is `/v1/alerts`, `/v1/rows`, or such a path with a source behind it.
    fn of(path: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|way| path.strip_prefix(way.prefix()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Alerts => "/v1/alerts",
            Self::Rows => "/v1/rows",
        }
    }

    const fn content(self) -> Content {
        match self {
            Self::Alerts => Content::Alert,
            Self::Rows => Content::Row,
        }
    }

    fn lane(self, headers: &HeaderMap) -> Lane {
        match self {
            // `kaptap send` is the exec handler's way in, and says so.
            Self::Alerts if headers.get(LANE).is_some_and(|lane| lane.as_bytes().eq_ignore_ascii_case(b"exec")) => {
                Lane::Exec
            }
            Self::Alerts => Lane::Post,
            Self::Rows => Lane::Row,
        }
    }
}

/// HTTP intake. Cheap to clone.
#[derive(Clone)]
pub struct Posts(Arc<Door>);

struct Door {
    intake: Intake,
    options: HttpOptions,
    probes: Probes,
}

/// The routes of HTTP intake. To be merged with those of `serve`; the layer on it does not reach those.
pub fn router(intake: Intake, options: HttpOptions) -> Router {
    Posts::new(intake, options).router()
}

impl Posts {
    /// Intake for posts.
    #[must_use]
    pub fn new(intake: Intake, options: HttpOptions) -> Self {
        Self(Arc::new(Door { intake, options, probes: Probes::default() }))
    }

    /// Its routes.
    pub fn router(&self) -> Router {
        let mut router = Router::new().route("/v1/probe/{name}", post(probe).get(probed));
        for way in Way::ALL {
            for end in ["", "/", "/{*source}"] {
                let take =
                    move |State(posts): State<Self>, request: Request| async move { posts.answer(way, request).await };
                router = router.route(&format!("{}{end}", way.prefix()), post(take));
            }
        }
        router
            .method_not_allowed_fallback(other_method)
            .layer(axum::middleware::from_fn(close_for_kapacitor))
            .with_state(self.clone())
    }

    /// Whether a request is a post that [`Posts::post`] takes. To ask this before any router is asked spares nearly all
    /// that there is to take its way through one.
    #[must_use]
    pub fn way<B>(&self, request: &axum::http::Request<B>) -> Option<Way> {
        if *request.method() == Method::POST { Way::of(request.uri().path()) } else { None }
    }

    /// Answers a post as its route would.
    pub async fn post<B: Body<Data = Bytes> + Unpin>(&self, way: Way, request: axum::http::Request<B>) -> Response {
        let closes = is_of_kapacitor(request.headers());
        close_if(closes, self.answer(way, request).await)
    }

    async fn answer<B: Body<Data = Bytes> + Unpin>(&self, way: Way, request: axum::http::Request<B>) -> Response {
        let (parts, body) = request.into_parts();
        let (mut seen, at) = (Seen::default(), clock::now());
        let lane = way.lane(&parts.headers);
        let response = self.0.take(&parts, body, way, lane, &mut seen).await;
        if self.0.intake.wire().is_on() {
            let tap = self.0.intake.wire().source(lane, &seen.source, at);
            seen.record(&tap, at, &parts, &response);
        }
        response
    }
}

/// Says `Connection: close` to Kapacitor: it opens a connection for every alert, never uses it again, and would leave it
/// open for 90 s (its HTTP transport is made anew for each post; `services/httppost/service.go`, `http/transport.go`).
pub(crate) async fn close_for_kapacitor(request: Request, next: Next) -> Response {
    let closes = is_of_kapacitor(request.headers());
    close_if(closes, next.run(request).await)
}

fn is_of_kapacitor(headers: &HeaderMap) -> bool {
    headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Go-http-client"))
}

fn close_if(closes: bool, mut response: Response) -> Response {
    if closes {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A trial of the way from Kapacitor to here; nothing of it is kept.
async fn probe(State(posts): State<Posts>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    posts.0.probes.arrived(name, posts.0.options.tokens.allow(&headers))
}

/// Whether that trial arrived. Who knows its name may know.
async fn probed(State(posts): State<Posts>, Path(name): Path<String>) -> Response {
    posts.0.probes.answer(&name)
}

async fn other_method(State(posts): State<Posts>, request: Request) -> Response {
    let way = Way::of(request.uri().path()).unwrap_or(Way::Alerts);
    let lane = if way == Way::Rows { Lane::Row } else { Lane::Post };
    let (parts, body) = request.into_parts();
    posts.0.refuse(Refusal::Method, lane, Some((&parts.headers, body))).await
}

impl Door {
    async fn take<'a>(
        &self,
        parts: &'a Parts,
        mut body: impl Body<Data = Bytes> + Unpin,
        way: Way,
        lane: Lane,
        seen: &mut Seen<'a>,
    ) -> Response {
        let headers = &parts.headers;
        if !self.options.tokens.allow(headers) {
            return self.refuse(Refusal::Token, lane, Some((headers, body))).await;
        }
        let said = match Said::of(parts.uri.path().strip_prefix(way.prefix()).unwrap_or_default(), headers) {
            Ok(said) => said,
            Err(refusal) => return self.refuse(refusal, lane, Some((headers, body))).await,
        };
        if content_length(headers).is_some_and(|length| length > self.options.max_body as u64) {
            return self.refuse(Refusal::TooLarge(self.options.max_body), lane, Some((headers, body))).await;
        }
        let raw = match tokio::time::timeout(self.options.body_timeout, read(&mut body, self.options.max_body)).await {
            Ok(Ok(raw)) => raw,
            Ok(Err(refusal)) => return self.refuse(refusal, lane, Some((headers, body))).await,
            Err(_elapsed) => return self.refuse(Refusal::Slow, lane, NOTHING).await,
        };
        let Said { source, note } = said;
        let arrival = Arrival { lane, source: &source, content: way.content(), note, raw: &raw };
        let kept = self.intake.keep(arrival).await;
        *seen = Seen { source, raw };
        match kept {
            Ok(_seq) => StatusCode::NO_CONTENT.into_response(),
            Err(refused) => self.refuse(refused.into(), lane, NOTHING).await,
        }
    }

    /// Counts and answers. What of the request's body was not read yet is drained first.
    async fn refuse<B: Body<Data = Bytes> + Unpin>(
        &self,
        refusal: Refusal,
        lane: Lane,
        unread: Option<(&HeaderMap, B)>,
    ) -> Response {
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
struct Seen<'a> {
    source: Cow<'a, str>,
    raw: Bytes,
}

impl Seen<'_> {
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

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
