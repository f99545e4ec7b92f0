//! HTTP reading: events, open alerts, streams, health and metrics.
//!
//! | path | answers |
//! |---|---|
//! | `/v1/events` | events, as NDJSON or server-sent events ([`events`](self)) |
//! | `/v1/events/{id}` | one event, by id or seq |
//! | `/v1/alerts` | the alerts that are firing |
//! | `/v1/streams` | the streams that are open |
//! | `/v1/wire` | what went over the wire lately |
//! | `/v1/sinks` | the sinks: how far, how well |
//! | `/v1/parked/{sink}` | what a sink refused; POST tries it again, DELETE drops it |
//! | `/v1/kapacitor…` | what is known of the Kapacitors that are watched |
//! | `/v1/refresh` | POST polls them now |
//! | `/v1/replay` | POST delivers a stretch again |
//! | `/kapacitor/v1/…` | topics and their events, as Kapacitor says them ([`pull`](self)) |
//! | `/healthz`, `/readyz` | whether the process is alive, whether it can take records |
//! | `/metrics` | Prometheus metrics |
//! | `/` | what is here |
//!
//! What changes something needs a token for posting; where there is none, one for reading.
//!
//! With read tokens configured one of them is needed for everything but `/healthz` and `/readyz`, which say nothing of
//! the data and are asked by supervisors that have no token.
//!
//! Journal to answer: [`query`] says what is wanted, `scan` reads it in bounded steps, `page` writes it, `feed` does so
//! when the connection asks for more. With `[read] from = "nats"` it is `followed` that reads, from a stream.

mod background;
mod board;
mod events;
mod feed;
mod followed;
pub mod front;
mod kapacitor;
pub mod listener;
mod lookup;
pub mod moment;
pub(crate) mod page;
mod parked;
mod patience;
mod pull;
pub mod query;
mod replay;
pub(crate) mod scan;
mod sinks;
mod state;
mod status;
pub mod tls;
mod wire;

use crate::connector::{Connector, Snapshot};
use crate::delivery::Delivery;
use crate::intake::Intake;
use crate::intake::access::Tokens;
use crate::intake::http::{close_for_kapacitor, sentence};
use crate::nats;
use crate::words::Lane;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use background::Background;
use board::Boards;
use prometheus_client::registry::Registry;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What of the configuration reading needs.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// `[http] read_tokens`: one of them is needed to read; none: everybody may.
    pub read_tokens: Tokens,
    /// Answers of `/v1/events` at once; further requests get 503. To be well below the listener's connections, so that
    /// readers cannot keep Kapacitor's posts out.
    pub readers: usize,
    /// How often a silent stream of server-sent events shows a sign of life.
    pub heartbeat: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { read_tokens: Tokens::default(), readers: 256, heartbeat: Duration::from_secs(15) }
    }
}

/// What all routes share. Cheap to clone.
#[derive(Clone)]
pub struct ServeState {
    intake: Intake,
    options: Arc<ServeOptions>,
    stop: CancellationToken,
    registry: Arc<Registry>,
    background: Background,
    boards: Boards,
    delivery: Option<Delivery>,
    pull: pull::Pull,
    connector: Option<Connector>,
    /// The stream that events are read from instead of the journal.
    source: Option<Arc<nats::Source>>,
    /// One of them is needed to change something.
    posting: Tokens,
    /// Places for answers of `/v1/events`.
    readers: Arc<Semaphore>,
    /// Place for the one search through the whole journal.
    searches: Arc<Semaphore>,
}

impl ServeState {
    /// `stop` ends followers, so that their connections can end.
    #[must_use]
    pub fn new(intake: Intake, options: ServeOptions, stop: CancellationToken) -> Self {
        Self {
            registry: Arc::new(status::registry(&intake, None, None)),
            delivery: None,
            pull: pull::Pull::new(Vec::new),
            connector: None,
            source: None,
            posting: Tokens::default(),
            readers: Arc::new(Semaphore::new(options.readers.min(Semaphore::MAX_PERMITS))),
            searches: Arc::new(Semaphore::new(1)),
            background: Background::default(),
            boards: Boards::default(),
            options: Arc::new(options),
            intake,
            stop,
        }
    }

    /// Serves the sinks as well. One of `posting` is needed to change something about them.
    #[must_use]
    pub fn with_delivery(self, delivery: Delivery, posting: Tokens) -> Self {
        let registry = Arc::new(status::registry(&self.intake, Some(delivery.clone()), self.connector.clone()));
        Self { registry, delivery: Some(delivery), posting, ..self }
    }

    /// Takes what is known of Kapacitors into the pull surface: their handlers, and topics in which nothing has happened.
    #[must_use]
    pub fn with_snapshots(self, snapshots: impl Fn() -> Vec<Arc<Snapshot>> + Send + Sync + 'static) -> Self {
        Self { pull: pull::Pull::new(snapshots), ..self }
    }

    /// Serves what is known of Kapacitors as well.
    #[must_use]
    pub fn with_connector(self, connector: Connector) -> Self {
        let registry = Arc::new(status::registry(&self.intake, self.delivery.clone(), Some(connector.clone())));
        let asked = connector.clone();
        Self { registry, connector: Some(connector), ..self }.with_snapshots(move || asked.snapshots())
    }

    /// Reads events from a stream that several kaptaps publish to, instead of from the journal.
    #[must_use]
    pub fn with_source(self, source: nats::Source) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    fn too_many_readers(&self) -> Response {
        self.count_refused("readers");
        let said = format!("{} readers are served already, no more are taken", self.options.readers);
        let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, said);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        response
    }

    fn count_refused(&self, reason: &'static str) {
        // Readers come on no lane of Kapacitor's.
        self.intake.refused(Lane::Own, reason);
    }
}

/// The routes of reading, and the answer for paths that are not there. To be merged with those of `intake::http`.
pub fn router(state: ServeState) -> Router {
    let guarded = Router::new()
        .route("/", get(index))
        .route("/v1/events", get(events::events))
        .route("/v1/events/{id}", get(lookup::event))
        .route("/v1/streams", get(state::streams))
        .route("/v1/wire", get(wire::wire))
        .route("/v1/sinks", get(sinks::sinks))
        .route("/v1/parked/{sink}", get(parked::list))
        .route("/v1/parked/{sink}/{seq}", get(parked::show))
        .route("/v1/kapacitor", get(kapacitor::list))
        .route("/v1/kapacitor/last", get(kapacitor::last))
        .route("/v1/kapacitor/{name}", get(kapacitor::one))
        .route("/v1/kapacitor/{name}/{part}", get(kapacitor::part))
        .route("/metrics", get(status::metrics))
        .method_not_allowed_fallback(other_method)
        // Also taken by the alert intake, which answers for other methods there.
        .route("/v1/alerts", get(state::alerts))
        .route_layer(from_fn_with_state(state.clone(), guard));
    let acting = Router::new()
        .route("/v1/parked/{sink}", post(parked::try_again).delete(parked::drop_them))
        .route("/v1/parked/{sink}/{seq}", post(parked::try_one_again).delete(parked::drop_one))
        .route("/v1/replay", post(replay::replay))
        .route("/v1/refresh", post(kapacitor::refresh))
        .route_layer(from_fn_with_state(state.clone(), guard_acting));
    let open = Router::new()
        .route("/healthz", get(status::healthy))
        .route("/readyz", get(status::ready))
        .method_not_allowed_fallback(other_method);
    let lost = Router::new().fallback(not_here).layer(from_fn(close_for_kapacitor)).with_state(state.clone());
    guarded.merge(acting).merge(open).merge(pull::router()).fallback_service(lost).with_state(state)
}

/// Lets only those read who have a token.
async fn guard(State(state): State<ServeState>, request: Request, next: Next) -> Response {
    if state.options.read_tokens.allow(request.headers()) { next.run(request).await } else { no_token(&state) }
}

/// Lets only those change something who may post, or, where everybody may, those who may read.
async fn guard_acting(State(state): State<ServeState>, request: Request, next: Next) -> Response {
    let tokens = if state.posting.is_empty() { &state.options.read_tokens } else { &state.posting };
    if tokens.allow(request.headers()) { next.run(request).await } else { no_token(&state) }
}

fn no_token(state: &ServeState) -> Response {
    state.count_refused("token");
    let mut response = refuse(StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer <token>");
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kaptap\""));
    response
}

async fn index() -> &'static str {
    concat!(
        "kaptap ",
        env!("CARGO_PKG_VERSION"),
        "

POST /v1/alerts[/SOURCE]   an alert, as Kapacitor's .post() sends it
POST /v1/rows/SOURCE       rows, as |httpPost() sends them
POST /v1/probe/NAME        a post to see whether it arrives, which is not kept; GET says so
GET  /v1/events            events; since= until= filter= limit= last= follow=1 raw=1
                           (a line each, or server-sent events with Accept: text/event-stream)
GET  /v1/events/ID         one event, by its id or its seq
GET  /v1/alerts            the alerts that are firing; all=1 adds those that are resolved
GET  /v1/streams           the streams that are open
GET  /v1/wire              recent raw traffic with Kapacitor and pull clients; stream= task= lane= after=
GET  /v1/sinks             the sinks: how far, how well
GET  /v1/parked/SINK[/SEQ] what a sink refused; POST tries it again, DELETE drops it
POST /v1/replay            delivers a stretch again; sink= since= until= filter=
GET  /kapacitor/v1/...     topics and their events, as Kapacitor's own API says them
GET  /v1/kapacitor         the Kapacitors that are watched; /NAME/tasks, topics, events, handlers, vars, loss
GET  /v1/kapacitor/last    the last answers of each, raw
POST /v1/refresh           asks them now; kapacitor=
GET  /healthz /readyz      alive, ready to take records
GET  /metrics              Prometheus metrics
"
    )
}

/// A wrong URL in Kapacitor's configuration ends here, and Kapacitor does not try again: worth counting.
async fn not_here(State(state): State<ServeState>) -> Response {
    state.count_refused("path");
    refuse(StatusCode::NOT_FOUND, "there is nothing here; GET / says what there is")
}

async fn other_method() -> Response {
    refuse(StatusCode::METHOD_NOT_ALLOWED, "this is not a method of this path; the header Allow says which are")
}

/// An answer of one sentence, or of some lines.
fn refuse(status: StatusCode, said: impl Into<String>) -> Response {
    let mut said = said.into();
    said.push('\n');
    sentence(status, said)
}

/// The answer when the journal cannot be read.
fn broken(error: &(dyn Error + 'static)) -> Response {
    tracing::warn!(error, "Cannot answer from the journal");
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the journal now")
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
