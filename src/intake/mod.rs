//! Intake: bytes from UDF sockets, HTTP and TCP become records in the journal.
//!
//! [`Intake`] is the part that all lanes share: the journal, the alert state, the streams and the counters. A lane
//! brings bytes and says where they came from; what the bytes mean is found out when somebody reads them. The one
//! exception is alerts: the state fold must see them in the order of the journal, so they are judged and appended
//! under one lock.
//!
//! * [`udf`]: one UDF connection over any pair of byte streams, and what it does while the journal is blocked;
//!   [`socket`]: the socket files; [`gather`]: the thread that reads them in gulps.
//! * [`http`] and [`tcp`]: POSTs and TCP documents; a POST waits at the gate for the disk.
//! * [`checkpoint`]: what is remembered between starts.

pub mod accept;
pub mod access;
mod append;
pub mod checkpoint;
pub mod clock;
pub mod connected;
mod gate;
pub mod gather;
pub mod http;
pub mod kapacitor_change;
mod keep;
mod line;
pub mod notice;
mod probe;
pub mod socket;
mod sources;
mod streams;
pub mod tcp;
pub mod udf;

pub use keep::Arrival;
pub use notice::Notice;
pub use streams::OpenStream;

use crate::interpret::fold::Fold;
use crate::interpret::topics::Topics;
use crate::journal::{Attention, Health, Journal, Sync};
use crate::record::StreamId;
use crate::telemetry::Metrics;
use crate::wire::{self, Wire};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// `[wire]`: what of the recent traffic is kept to be looked at.
    pub wire: wire::Options,
}

/// Why an arrival was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The journal has been blocked for longer than `[http] hold`.
    #[error("the journal cannot take records now")]
    Blocked,
    /// The record is larger than the journal's buffer takes.
    #[error("the body is larger than the journal takes")]
    TooLarge,
    /// The journal was closed: kaptap is stopping.
    #[error("kaptap is stopping")]
    Stopping,
}

/// The shared part of intake: journal, alert state, streams, counters. Cheap to clone.
#[derive(Clone)]
pub struct Intake(Arc<Shared>);

struct Shared {
    options: Options,
    journal: Journal,
    metrics: Metrics,
    fold: Mutex<Fold>,
    /// Locked while `fold` is, where both are.
    topics: Mutex<Topics>,
    streams: streams::Streams,
    sources: sources::Sources,
    gate: gate::Gate,
    /// Held where posts are answered once they are written: they do not wait for others to come.
    _attention: Option<Attention>,
    connected: connected::Connected,
    wire: Wire,
    /// Records that the start had to read.
    replayed: u64,
    /// Payload bytes appended since the start.
    appended: AtomicU64,
}

impl Intake {
    /// Puts the parts together. The fold and the streams' numbers are what [`checkpoint::recover`] found.
    #[must_use]
    pub fn new(options: Options, journal: Journal, metrics: Metrics, recovered: checkpoint::Recovered) -> Self {
        let remembered = recovered.connected.unwrap_or_default();
        let connected = connected::Connected::new(remembered);
        let gate = gate::Gate::new(&journal, options.http_hold);
        let waits_for_writes = [options.sync_alert, options.sync_row].iter().any(|sync| *sync != Sync::Commit);
        let streams = streams::Streams::default();
        for (id, last_n, last) in recovered.numbers {
            streams.found(id, last_n, last);
        }
        let mut fold = recovered.fold;
        // The next event of an unchanged level is no repetition that we saw coming.
        fold.restarted(None);
        let sources = sources::Sources::default();
        let wire = Wire::new(options.wire);
        Self(Arc::new(Shared {
            options,
            _attention: waits_for_writes.then(|| journal.attend()),
            journal,
            metrics,
            fold: Mutex::new(fold),
            topics: Mutex::new(recovered.topics),
            streams,
            sources,
            gate,
            connected,
            wire,
            replayed: recovered.replayed,
            appended: AtomicU64::new(0),
        }))
    }

    /// Names every task that was connected before the last stop and has not come back.
    pub fn report_missing(&self) {
        for missing in self.missing() {
            self.notice(Notice::UdfMissing { task: missing.task, node: missing.node });
        }
    }

    /// Tasks that were connected before the last stop and have not come back.
    #[must_use]
    pub fn missing(&self) -> Vec<connected::TaskNode> {
        self.0.connected.missing()
    }

    /// Whether a task's UDF node is connected to us or ever was, as far as is remembered.
    #[must_use]
    pub fn was_connected(&self, task: &str, node: &str) -> bool {
        self.0.connected.knows(&connected::TaskNode { task: task.to_owned(), node: node.to_owned() })
    }

    /// Streams that are open now, oldest first.
    #[must_use]
    pub fn streams(&self) -> Vec<OpenStream> {
        self.0.streams.list()
    }

    /// Runs `look` on the alert state. Intake of alerts waits meanwhile: copy what is needed and be gone.
    pub fn alerts<T>(&self, look: impl FnOnce(&Fold) -> T) -> T {
        look(&self.fold())
    }

    /// What was told of each topic. Intake of alerts waits while it is held: copy what is needed and be gone.
    pub fn topics(&self) -> MutexGuard<'_, Topics> {
        self.0.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The journal.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.0.journal
    }

    /// What went over the wire lately.
    #[must_use]
    pub fn wire(&self) -> &Wire {
        &self.0.wire
    }

    /// Counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.0.options
    }

    /// What `/readyz` says: whether the journal takes records.
    ///
    /// # Errors
    /// The reason why it does not.
    pub fn ready(&self) -> Result<(), String> {
        match &*self.0.journal.health().borrow() {
            Health::Well => Ok(()),
            Health::Blocked { reason } => Err(format!("the journal is blocked: {reason}")),
        }
    }

    /// Number of the last record of a stream that the journal holds or accounts for, if the stream is known.
    #[must_use]
    pub fn last_n(&self, stream: StreamId) -> Option<u64> {
        self.0.streams.last_n(stream)
    }

    fn fold(&self) -> MutexGuard<'_, Fold> {
        self.0.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
