//! `GET /v1/kapacitor/last`: the last exchange of each kind with each Kapacitor, raw.

use super::super::ServeState;
use super::super::state::{Time, json};
use crate::connector::{Connector, Last};
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

/// An exchange. The body is as it came, but for its end if it is longer than 64 KiB.
#[derive(Serialize)]
struct Exchange<'a> {
    kapacitor: &'a str,
    what: &'static str,
    method: &'a str,
    path: &'a str,
    status: Option<u16>,
    headers: &'a [(String, String)],
    observed: Time,
    took_ms: f64,
    /// Bytes of the body, as far as it was read.
    length: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    /// A body that is not UTF-8, or was cut inside a character.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    error: Option<&'a str>,
}

impl<'a> Exchange<'a> {
    fn of(kapacitor: &'a str, last: &'a Last) -> Self {
        let bytes = &last.body.bytes;
        let text = std::str::from_utf8(bytes);
        Self {
            kapacitor,
            what: last.what,
            method: &last.method,
            path: &last.path,
            status: last.status,
            headers: &last.headers,
            observed: Time(last.observed),
            took_ms: last.took.as_secs_f64() * 1e3,
            length: last.body.length,
            body: text.ok(),
            body_base64: text.is_err().then(|| BASE64_STANDARD.encode(bytes)),
            error: last.error.as_deref(),
        }
    }
}

/// `GET /v1/kapacitor/last`
pub(in crate::serve) async fn last(State(state): State<ServeState>) -> Response {
    let all = state.connector.as_ref().map(Connector::last).unwrap_or_default();
    let exchanges = all.iter().flat_map(|(name, all)| all.iter().map(|last| Exchange::of(name, last)));
    json(&exchanges.collect::<Vec<_>>())
}
