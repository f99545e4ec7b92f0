//! Intake: bytes from UDF sockets, HTTP and TCP become records in the journal.

pub mod accept;
pub mod access;
pub mod http;
pub mod tcp;

use crate::journal::{Journal, Sync};
use crate::record::{Content, Note, Stream, StreamId};
use crate::telemetry::Metrics;
use crate::words::Lane;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What of the configuration intake needs.
#[derive(Debug, Clone)]
pub struct Options {
    /// `scope`
    pub scope: String,
    /// `[journal.sync] alert`
    pub sync_alert: Sync,
    /// `[journal.sync] row`
    pub sync_row: Sync,
    /// `[journal.sync] point`
    pub sync_point: Sync,
    /// `[journal.sync] batch`
    pub sync_batch: Sync,
    /// `[http] hold`: how long a POST waits for a blocked journal before 503.
    pub http_hold: Duration,
    /// `[http] max_body`, bytes.
    pub max_body: usize,
    /// `[udf] stream_socket`
    pub stream_socket: PathBuf,
    /// `[udf] batch_socket`
    pub batch_socket: PathBuf,
    /// `[udf] mode`: permission bits of the socket files.
    pub mode: u32,
    /// `[udf] group`: group name or number of the socket files.
    pub group: Option<String>,
    /// `[udf] hold`: how long reading is held back while the journal is blocked; `None` is forever.
    pub udf_hold: Option<Duration>,
    /// `[udf] gather`: how long small writes may pile up while data flows; zero is off.
    pub gather: Duration,
    /// `[udf] max_frame`, bytes.
    pub max_frame: usize,
    /// `[udf] keep`: whether points are kept at all (alerts always are).
    pub keep: bool,
}

/// Something that arrived on a lane without a connection of its own worth remembering: a POST, a TCP document.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// Lane.
    pub lane: Lane,
    /// Source: URL path part or listener name.
    pub source: &'a str,
    /// What it should be: [`Content::Alert`] or [`Content::Row`]; kept as opaque when it is not.
    pub content: Content,
    /// What the request said.
    pub note: Note,
    /// The body.
    pub raw: &'a [u8],
}

/// Why an arrival was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The journal has been blocked for longer than `[http] hold`.
    #[error("the journal cannot take records now")]
    Blocked,
    /// The journal was closed: kaptap is stopping.
    #[error("kaptap is stopping")]
    Stopping,
}

/// One stream that is open now, for `GET /v1/streams`.
#[derive(Debug, Clone)]
pub struct OpenStream {
    /// What it said about itself.
    pub stream: Arc<Stream>,
    /// When it was opened, nanoseconds since 1970.
    pub opened: i64,
    /// Records received.
    pub received: u64,
    /// Records kept.
    pub kept: u64,
    /// When something last arrived, nanoseconds since 1970.
    pub last: i64,
    /// Whether reading is held back now.
    pub held: bool,
}

/// The shared part of intake: journal, alert state, streams, counters. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    journal: Journal,
}

impl Intake {
    /// Keeps one arrival; returns its seq once it is kept as durably as its lane's sync policy asks.
    ///
    /// # Errors
    /// When it was not, and why.
    pub async fn keep(&self, _arrival: Arrival<'_>) -> Result<u64, Refused> {
        Err(Refused::Stopping)
    }

    /// Streams that are open now.
    #[must_use]
    pub fn streams(&self) -> Vec<OpenStream> {
        Vec::new()
    }

    /// Runs `look` on the alert state.
    pub fn alerts<T>(&self, _look: impl FnOnce(&crate::interpret::fold::Fold) -> T) -> T {
        unimplemented!()
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        unimplemented!()
    }

    /// Whether recovery is done and the journal takes records: what `/readyz` says, with the reason if not.
    #[must_use]
    pub fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Number of the last record of a stream that the journal holds, if the stream is known.
    #[must_use]
    pub fn last_n(&self, _stream: StreamId) -> Option<u64> {
        None
    }
}
