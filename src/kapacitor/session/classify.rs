//! What a frame is: to us as a Request, and to Kapacitor if it came back as a Response.

use super::{MAX_SIZE, MAX_TYPED, mark};
use crate::kapacitor::frame::{Fields, only_field};
use crate::kapacitor::proto::{InitRequest, KeepaliveRequest, Request, Response, RestoreRequest, request, response};
use prost::Message as _;

/// Field of `BeginBatch` that holds the size.
const SIZE: u64 = 4;

/// What a frame is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A point, as Request and as Response.
    Point,
    /// Begin, as Request and as Response, with the size Kapacitor would read; without one it may not go back, and the
    /// mark says why.
    Begin(Result<i64, &'static str>),
    /// End, as Request and as Response.
    End,
    /// A request, to be answered. `malformed`: its body is not of the schema, so that it is kept as well.
    Asked { question: Question, malformed: bool },
    /// None of these; the mark says why.
    Opaque(&'static str),
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Question {
    Info,
    /// Init, or the sentence with which to refuse it unread.
    Init(Result<InitRequest, &'static str>),
    Keepalive(i64),
    Snapshot,
    Restore(Vec<u8>),
}

/// Reads a frame, given without its length prefix.
///
/// A frame that is one field to its last byte is what its number says, in Request and Response alike, and its body is
/// not read unless we act on it. Anything else is decoded as both.
pub(super) fn classify(frame: &[u8]) -> Kind {
    let Some((number, body)) = only_field(frame) else { return decoded(frame) };
    let (question, malformed) = match number {
        16 => return Kind::Begin(size(body)),
        17 => return Kind::Point,
        18 => return Kind::End,
        1 => (Question::Info, !is_fields(body)),
        2 if body.len() > MAX_TYPED => (Question::Init(Err("Init is longer than 1 MiB")), true),
        2 => match InitRequest::decode(body) {
            Ok(init) => (Question::Init(Ok(init)), false),
            Err(_) => (Question::Init(Err("Init is not a valid message")), true),
        },
        3 => match KeepaliveRequest::decode(body) {
            Ok(keepalive) => (Question::Keepalive(keepalive.time), false),
            // Any answer will do: Kapacitor takes the time when it comes, not what it says.
            Err(_) => (Question::Keepalive(0), true),
        },
        4 => (Question::Snapshot, !is_fields(body)),
        5 => match RestoreRequest::decode(body) {
            Ok(restore) => (Question::Restore(restore.snapshot), false),
            Err(_) => (Question::Restore(Vec::new()), true),
        },
        _ => return Kind::Opaque(mark::NO_MESSAGE),
    };
    Kind::Asked { question, malformed }
}

/// Reads a frame that is not exactly one field. The last member of a oneof counts, and unknown fields are passed over,
/// but 6 is unknown in Request and an error in Response: a data frame must be the same in both.
fn decoded(frame: &[u8]) -> Kind {
    if frame.len() > MAX_TYPED {
        return Kind::Opaque(mark::TOO_LONG);
    }
    let Ok(request) = Request::decode(frame) else { return Kind::Opaque(mark::MALFORMED) };
    let question = match request.message {
        None => return Kind::Opaque(mark::NO_MESSAGE),
        Some(request::Message::Info(_)) => Question::Info,
        Some(request::Message::Init(init)) => Question::Init(Ok(init)),
        Some(request::Message::Keepalive(keepalive)) => Question::Keepalive(keepalive.time),
        Some(request::Message::Snapshot(_)) => Question::Snapshot,
        Some(request::Message::Restore(restore)) => Question::Restore(restore.snapshot),
        Some(data) => return as_data(&data, frame),
    };
    Kind::Asked { question, malformed: false }
}

fn as_data(data: &request::Message, frame: &[u8]) -> Kind {
    match (data, Response::decode(frame).ok().and_then(|response| response.message)) {
        (request::Message::Point(_), Some(response::Message::Point(_))) => Kind::Point,
        (request::Message::Begin(_), Some(response::Message::Begin(begin))) => Kind::Begin(in_bounds(begin.size)),
        (request::Message::End(_), Some(response::Message::End(_))) => Kind::End,
        _ => Kind::Opaque(mark::AMBIGUOUS),
    }
}

/// The size in the body of a Begin, by the wire alone: decoders differ in what else they refuse, but all that read on
/// take one of the sizes that stand there, the last.
fn size(begin: &[u8]) -> Result<i64, &'static str> {
    let mut size = 0;
    for field in Fields::of(begin) {
        let Ok(field) = field else { return Err(mark::BAD_BEGIN) };
        if let (SIZE, Some(value)) = (field.number, field.varint) {
            size = in_bounds(value.cast_signed())?;
        }
    }
    Ok(size)
}

fn in_bounds(size: i64) -> Result<i64, &'static str> {
    if (0..=MAX_SIZE).contains(&size) { Ok(size) } else { Err(mark::BAD_SIZE) }
}

fn is_fields(message: &[u8]) -> bool {
    Fields::of(message).all(|field| field.is_ok())
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
