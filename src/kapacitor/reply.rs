//! The one encoder of what we say to Kapacitor of our own accord.
//!
//! It starts from a [`response::Message`], never from a `Response` whose message may be missing: a Response without a
//! message ends the whole kapacitord process (`udf/server.go`, `handleResponse`). Data frames are not made here at all:
//! they go back as the bytes that came. Every function returns a whole frame with its length prefix, to be sent by one
//! write.

use super::options;
use super::proto::{
    EdgeType, ErrorResponse, InfoResponse, InitResponse, KeepaliveResponse, Response, RestoreResponse,
    SnapshotResponse, response,
};
use super::session::EdgeKind;
use prost::Message as _;

/// Answer to Info: wants and provides the same edge, and takes the options of [`options`].
#[must_use]
pub fn info(edge: EdgeKind) -> Vec<u8> {
    let edge = i32::from(match edge {
        EdgeKind::Stream => EdgeType::Stream,
        EdgeKind::Batch => EdgeType::Batch,
    });
    framed(response::Message::Info(InfoResponse { wants: edge, provides: edge, options: options::announced() }))
}

/// Answer to an Init that was accepted.
#[must_use]
pub fn initialised() -> Vec<u8> {
    framed(response::Message::Init(InitResponse { success: true, error: String::new() }))
}

/// Answer to an Init that was not: Kapacitor fails the task with this sentence.
#[must_use]
pub fn refused(sentence: &str) -> Vec<u8> {
    framed(response::Message::Init(InitResponse { success: false, error: sentence.to_owned() }))
}

/// A sign of life, asked or not. `time`, nanoseconds since 1970, is what the request said; Kapacitor does not read it.
#[must_use]
pub fn keepalive(time: i64) -> Vec<u8> {
    framed(response::Message::Keepalive(KeepaliveResponse { time }))
}

/// Answer to Snapshot: bytes that Kapacitor stores, and sends in Restore after a restart.
#[must_use]
pub fn snapshot(bytes: &[u8]) -> Vec<u8> {
    framed(response::Message::Snapshot(SnapshotResponse { snapshot: bytes.to_vec() }))
}

/// Answer to Restore. There is no other: anything but success fails the task.
#[must_use]
pub fn restored() -> Vec<u8> {
    framed(response::Message::Restore(RestoreResponse { success: true, error: String::new() }))
}

/// Stops the task for good, with this sentence in Kapacitor's log. The last frame of a connection.
#[must_use]
pub fn error(sentence: &str) -> Vec<u8> {
    framed(response::Message::Error(ErrorResponse { error: sentence.to_owned() }))
}

fn framed(message: response::Message) -> Vec<u8> {
    Response { message: Some(message) }.encode_length_delimited_to_vec()
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
