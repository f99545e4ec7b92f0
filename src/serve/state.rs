//! `GET /v1/alerts` and `GET /v1/streams`: what is so now.

use super::{ServeState, refuse};
use crate::event::{severity, time};
use crate::intake::OpenStream;
use crate::interpret::fold::AlertState;
use crate::record::Edge;
use crate::sorted;
use crate::words::{Level, State as AlertWord};
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Nanoseconds since 1970, written as RFC 3339 with nine digits.
pub(super) struct Time(pub(super) i64);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time::text(self.0))
    }
}

/// One alert, as `GET /v1/alerts` says it.
#[derive(Serialize)]
struct Alert<'a> {
    fingerprint: String,
    scope: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    task: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    id: &'a str,
    message: &'a str,
    level: &'static str,
    severity: &'static str,
    severity_number: u8,
    state: &'static str,
    /// Event time of the episode's first firing event.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Time>,
    /// Event time of the last event.
    last: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ns: Option<i64>,
    repeat: u64,
    seq: u64,
}

impl<'a> Alert<'a> {
    fn of(alert: &'a AlertState) -> Self {
        let state = if alert.level == Level::Ok { AlertWord::Resolved } else { AlertWord::Firing };
        Self {
            fingerprint: alert.fingerprint.to_string(),
            scope: &alert.scope,
            task: &alert.task,
            topic: alert.topic.as_deref(),
            id: &alert.id,
            message: &alert.message,
            level: alert.level.as_str(),
            severity: severity::word(alert.level),
            severity_number: severity::number(alert.level),
            state: state.as_str(),
            since: alert.started.map(Time),
            last: Time(alert.time),
            duration_ns: alert.duration,
            repeat: alert.repeat,
            seq: alert.seq,
        }
    }
}

/// `GET /v1/alerts`: those that are firing; with `all=1` also those that are resolved and still remembered. The worst
/// come first, and among those the oldest.
pub(super) async fn alerts(State(state): State<ServeState>, RawQuery(query): RawQuery) -> Response {
    let all = match query.as_deref().unwrap_or_default() {
        "" | "all=0" | "all=false" => false,
        "all" | "all=" | "all=1" | "all=true" => true,
        _ => return refuse(StatusCode::BAD_REQUEST, "the only parameter here is all=1"),
    };
    // Copied, so that intake does not wait while they are sorted and written.
    let mut alerts: Vec<AlertState> =
        state.intake.alerts(|fold| if all { fold.known().cloned().collect() } else { fold.open().cloned().collect() });
    sorted::sort_by(&mut alerts, |a, b| {
        b.level.cmp(&a.level).then(a.started.cmp(&b.started)).then_with(|| a.id.cmp(&b.id))
    });
    json(&alerts.iter().map(Alert::of).collect::<Vec<_>>())
}

/// One stream, as `GET /v1/streams` says it.
#[derive(Serialize)]
struct Stream<'a> {
    id: String,
    lane: &'static str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edge: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'a str, &'a str>,
    opened: Time,
    last: Time,
    received: u64,
    kept: u64,
    held: bool,
    /// Between two asks for a sign of life: half of the UDF's `timeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    keepalive_ns: Option<u64>,
}

impl<'a> Stream<'a> {
    fn of(open: &'a OpenStream) -> Self {
        let stream = &*open.stream;
        Self {
            id: stream.id.to_string(),
            lane: stream.lane.as_str(),
            source: &stream.source,
            task: stream.task.as_deref(),
            node: stream.node.as_deref(),
            edge: stream.edge.map(|edge| match edge {
                Edge::Stream => "stream",
                Edge::Batch => "batch",
            }),
            labels: sorted::map(stream.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))),
            opened: Time(open.opened),
            last: Time(open.last),
            received: open.received,
            kept: open.kept,
            held: open.held,
            keepalive_ns: (open.asked_every > 0).then_some(open.asked_every),
        }
    }
}

/// `GET /v1/streams`: the streams that are open, the oldest first.
pub(super) async fn streams(State(state): State<ServeState>) -> Response {
    let mut streams = state.intake.streams();
    sorted::sort_by(&mut streams, |a, b| (a.opened, a.stream.id).cmp(&(b.opened, b.stream.id)));
    json(&streams.iter().map(Stream::of).collect::<Vec<_>>())
}

pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            let mut response = body.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot write the answer: {error}")),
    }
}
