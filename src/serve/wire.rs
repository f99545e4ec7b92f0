//! `GET /v1/wire`: what went over the wire lately, taken apart, a line an exchange.

use super::state::Time;
use super::{ServeState, refuse};
use crate::event::time;
use crate::wire::{Described, DescribedField, Exchange, Named, Tap, messages};
use crate::words::Lane;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::borrow::Cow;

/// An exchange as it is answered.
#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    time: Time,
    direction: &'static str,
    connection: u64,
    lane: &'static str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
    /// All bytes of the exchange; of `left_out` of them nothing more is known.
    bytes: usize,
    left_out: usize,
    messages: Vec<Message>,
}

/// A frame, or a request or its answer.
#[derive(Serialize)]
struct Message {
    title: Cow<'static, str>,
    bytes: usize,
    fields: Vec<Field>,
}

/// A part of it with its bytes.
#[derive(Serialize)]
struct Field {
    name: String,
    value: String,
    base64: String,
}

/// Which exchanges are wanted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    after: u64,
    /// A stream's id, or the number of a connection.
    stream: Option<String>,
    task: Option<String>,
    lane: Option<Lane>,
}

impl Wanted {
    fn read(query: &str) -> Result<Self, String> {
        let mut wanted = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = crate::intake::http::percent_decode(value);
            match name {
                "after" => wanted.after = value.parse().map_err(|_| format!("after={value} is not a number"))?,
                "stream" => wanted.stream = Some(value),
                "task" => wanted.task = Some(value),
                "lane" => {
                    let lane = Lane::ALL.iter().find(|lane| lane.as_str() == value);
                    wanted.lane = Some(*lane.ok_or_else(|| format!("there is no lane {value}"))?);
                }
                _ => return Err(format!("{name} is not a parameter here; after, stream, task and lane are")),
            }
        }
        Ok(wanted)
    }

    fn takes(&self, tap: &Tap, named: &Named) -> bool {
        let is_stream = |wanted: &String| {
            named.stream.is_some_and(|stream| stream.to_string() == *wanted) || tap.connection.to_string() == *wanted
        };
        self.stream.as_ref().is_none_or(is_stream)
            && self.task.as_ref().is_none_or(|task| named.task.as_ref() == Some(task))
            && self.lane.is_none_or(|lane| tap.lane == lane)
    }
}

/// Answers with everything recent that is wanted, oldest first.
pub(super) async fn wire(State(state): State<ServeState>, RawQuery(query): RawQuery) -> Response {
    let wire = state.intake.wire();
    if !wire.is_on() {
        return refuse(StatusCode::NOT_FOUND, "nothing is kept of the traffic: [wire] ring is 0");
    }
    let wanted = match Wanted::read(query.as_deref().unwrap_or_default()) {
        Ok(wanted) => wanted,
        Err(said) => return refuse(StatusCode::BAD_REQUEST, said),
    };
    let mut lines = String::new();
    for (tap, exchange) in wire.recent(wanted.after, |tap, named| wanted.takes(tap, named)) {
        match serde_json::to_string(&line(&tap, &tap.named(), &exchange)) {
            Ok(line) => lines.extend([line.as_str(), "\n"]),
            Err(error) => tracing::warn!(%error, "An exchange cannot be shown"),
        }
    }
    let mut response = lines.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn line<'a>(tap: &'a Tap, named: &'a Named, exchange: &'a Exchange) -> Line<'a> {
    Line {
        number: exchange.number,
        time: Time(exchange.at),
        direction: exchange.direction.as_str(),
        connection: tap.connection,
        lane: tap.lane.as_str(),
        source: &tap.source,
        stream: named.stream.map(|stream| stream.to_string()),
        task: named.task.as_deref(),
        node: named.node.as_deref(),
        bytes: exchange.bytes.len() + exchange.left_out,
        left_out: exchange.left_out,
        messages: messages(tap.lane, exchange).into_iter().map(|found| message(found, &exchange.bytes)).collect(),
    }
}

fn message(described: Described, bytes: &[u8]) -> Message {
    let field = |field: DescribedField| {
        let value = match field.time {
            Some(at) => format!("{} ({})", field.value, time::text(at)),
            None => field.value,
        };
        let base64 = STANDARD.encode(bytes.get(field.range).unwrap_or_default());
        Field { name: field.name, value, base64 }
    };
    Message {
        title: described.title,
        bytes: described.range.len(),
        fields: described.fields.into_iter().map(field).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted() {
        let read = Wanted::read("after=7&stream=00ff&task=a%20b&lane=udf").unwrap();
        let expected =
            Wanted { after: 7, stream: Some("00ff".into()), task: Some("a b".into()), lane: Some(Lane::Udf) };
        assert_eq!(read, expected);
        for wrong in ["after=x", "lane=y", "follow=1"] {
            assert!(Wanted::read(wrong).is_err(), "{wrong}");
        }
    }
}
