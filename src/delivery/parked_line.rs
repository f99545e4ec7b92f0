//! The lines of a file of parked events.

use super::item::Item;
use super::parked::Why;
use crate::event::{Event, json, time};
use crate::record::Stream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io;
use std::sync::Arc;

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    id: String,
    reason: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    attempts: u32,
    first: String,
    last: String,
    event: Box<RawValue>,
    record: RecordLine<'a>,
}

#[derive(Serialize, Deserialize)]
struct RecordLine<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    observed_ns: i64,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

/// What a line is about; `gone` if it takes an event off the list.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) gone: Option<Cow<'a, str>>,
}

/// Appends the line of an event, without its end.
///
/// # Errors
/// Never for what kaptap makes; it is passed on rather than hidden.
pub(super) fn write_line(item: &Item, event: &Event<'_>, why: &Why, out: &mut Vec<u8>) -> io::Result<()> {
    let mut written = Vec::new();
    json::write(event, false, &mut written);
    let event_json =
        String::from_utf8(written).map_err(io::Error::other).and_then(|json| Ok(RawValue::from_string(json)?))?;
    let line = Line {
        seq: item.seq,
        id: event.id.to_string(),
        reason: why.reason,
        error: &why.error,
        response: why.response.as_deref(),
        attempts: why.attempts,
        first: time::text(why.tried.0),
        last: time::text(why.tried.1),
        event: event_json,
        record: RecordLine {
            stream: BASE64.encode(item.stream.encode()).into(),
            observed_ns: item.observed,
            payload: BASE64.encode(&item.payload).into(),
        },
    };
    Ok(serde_json::to_writer(out, &line)?)
}

/// The event of a line, as it was in the journal.
///
/// # Errors
/// When the line does not hold one.
pub(super) fn read_item(seq: u64, line: &str) -> io::Result<Item> {
    #[derive(Deserialize)]
    struct Stored<'a> {
        #[serde(borrow)]
        record: RecordLine<'a>,
    }
    let stored: Stored<'_> = serde_json::from_str(line)?;
    let stream = BASE64.decode(stored.record.stream.as_ref()).map_err(io::Error::other)?;
    let payload = BASE64.decode(stored.record.payload.as_ref()).map_err(io::Error::other)?;
    let stream = Arc::new(Stream::decode(&stream).map_err(io::Error::other)?);
    Ok(Item { stream, seq, observed: stored.record.observed_ns, payload: payload.into(), new_here: false })
}
