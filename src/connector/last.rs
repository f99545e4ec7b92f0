//! The last exchange of each kind with a Kapacitor: what was asked, what came back, byte for byte.

use std::time::Duration;

/// Most of a body that is remembered, in bytes.
pub(super) const BODY: usize = 64 << 10;

/// An exchange, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// What it was for: `ping`, `tasks`, `topics`, `events`, `handlers`, `vars` …
    pub what: &'static str,
    /// Method.
    pub method: String,
    /// Path, as it was sent.
    pub path: String,
    /// Status; `None` without an answer.
    pub status: Option<u16>,
    /// Headers of the answer, in order.
    pub headers: Vec<(String, String)>,
    /// When it ended, nanoseconds since 1970.
    pub observed: i64,
    /// How long it took.
    pub took: Duration,
    /// The body.
    pub body: LastBody,
    /// Why it failed.
    pub error: Option<String>,
}

/// A body, as much of it as is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastBody {
    /// The first 64 KiB.
    pub bytes: Vec<u8>,
    /// How long it was, as far as it was read.
    pub length: usize,
}

impl LastBody {
    /// The beginning of a body.
    pub(super) fn of(body: &[u8]) -> Self {
        Self { bytes: body.get(..BODY).unwrap_or(body).to_vec(), length: body.len() }
    }
}
