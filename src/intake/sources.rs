//! Sources: the streams of lanes that have no connection worth remembering, and what is counted of each.

use super::streams::{Live, fresh_id};
use super::{Intake, Notice};
use crate::record::Stream;
use crate::telemetry::{ReasonLabels, SourceLabels};
use crate::words::Lane;
use prometheus_client::metrics::counter::Counter;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many sources (URL path parts) are open at once; beyond it the longest silent one is closed.
const SOURCES: usize = 1024;
/// Mark of a record that should be an alert and is not.
pub(super) const NOT_AN_ALERT: &str = "not_an_alert";
/// All reasons that are counted with the name of a source that strangers choose.
const REASONS: &[&str] = &[NOT_AN_ALERT, "client_gone", "journal_blocked", "too_large", "stopping"];

/// The counters of one stream, taken from their families once.
#[derive(Debug, Clone)]
pub(super) struct Counters {
    pub(super) received: Counter,
    pub(super) received_bytes: Counter,
    pub(super) kept: Counter,
    pub(super) not_kept: Counter,
    pub(super) returned: Counter,
}

/// One source that is open.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) live: Arc<Live>,
    pub(super) counters: Counters,
    /// Number of the next record. Held over the append, so that numbers have no holes.
    next_n: Mutex<u64>,
}

impl Source {
    /// Number of the next record, held for as long as the guard lives.
    pub(super) fn next_n(&self) -> MutexGuard<'_, u64> {
        self.next_n.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The open sources, and the notices that wait.
#[derive(Debug, Default)]
pub(super) struct Sources {
    open: Mutex<HashMap<(Lane, String), Arc<Source>>>,
    pub(super) waiting: Mutex<VecDeque<Notice>>,
}

impl Intake {
    /// Counts a refusal of something whose source is not known, or not to be believed.
    pub(crate) fn refused(&self, lane: Lane, reason: &'static str) {
        self.refused_from(lane, "", reason);
    }

    /// Counts a refusal of a source that is open.
    pub(super) fn refused_from(&self, lane: Lane, source: &str, reason: &'static str) {
        let labels = ReasonLabels { lane, source: source.to_owned(), reason };
        self.0.metrics.refused.get_or_create(&labels).inc();
    }

    /// Counts a mark on a record of a source that is open.
    pub(super) fn marked(&self, lane: Lane, source: &str, reason: &'static str) {
        let labels = ReasonLabels { lane, source: source.to_owned(), reason };
        self.0.metrics.marked.get_or_create(&labels).inc();
    }

    /// The counters of a source.
    pub(super) fn counters(&self, lane: Lane, source: &str) -> Counters {
        let labels = SourceLabels { lane, source: source.to_owned() };
        let metrics = &self.0.metrics;
        Counters {
            received: metrics.received.get_or_create_owned(&labels),
            received_bytes: metrics.received_bytes.get_or_create_owned(&labels),
            kept: metrics.kept.get_or_create_owned(&labels),
            not_kept: metrics.not_kept.get_or_create_owned(&labels),
            returned: metrics.returned.get_or_create_owned(&labels),
        }
    }

    /// Forgets the counters of a source that was closed to make room: what strangers write into the path must not grow
    /// the metrics without a bound.
    fn forget_counters(&self, lane: Lane, source: &str) {
        let labels = SourceLabels { lane, source: source.to_owned() };
        let metrics = &self.0.metrics;
        for reason in REASONS.iter().copied() {
            let labels = ReasonLabels { lane, source: source.to_owned(), reason };
            metrics.refused.remove(&labels);
            metrics.marked.remove(&labels);
        }
        for family in [&metrics.received, &metrics.received_bytes, &metrics.kept, &metrics.not_kept, &metrics.returned]
        {
            family.remove(&labels);
        }
    }

    /// The open source of this name; opened if need be.
    pub(super) fn source(&self, lane: Lane, name: &str) -> Arc<Source> {
        self.source_in(&self.0.options.scope, lane, name)
    }

    /// The same, of a scope of its own. A name has one scope.
    pub(super) fn source_in(&self, scope: &str, lane: Lane, name: &str) -> Arc<Source> {
        let mut open = self.0.sources.open.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (lane, name.to_owned());
        if let Some(source) = open.get(&key) {
            return Arc::clone(source);
        }
        if open.len() >= SOURCES {
            // One that is in use now is never closed: its records would lose their context. There are no more of
            // those than there are connections.
            let unused = open.iter().filter(|(_, source)| Arc::strong_count(source) == 1);
            let silent = unused.min_by_key(|(_, source)| source.live.last.load(Ordering::Relaxed));
            if let Some(key) = silent.map(|(key, _)| key.clone())
                && let Some(source) = open.remove(&key)
            {
                self.close(&source.live);
                self.forget_counters(key.0, &key.1);
            }
        }
        let stream = Arc::new(Stream::new(fresh_id(), lane, name, scope));
        let source =
            Arc::new(Source { live: self.open(stream, 0), counters: self.counters(lane, name), next_n: Mutex::new(1) });
        open.insert(key, Arc::clone(&source));
        source
    }

    /// Opens a stream: what it said goes into the journal, its numbers go on after `last_n`.
    pub(super) fn open(&self, stream: Arc<Stream>, last_n: u64) -> Arc<Live> {
        self.0.journal.describe(stream.id.0, &stream.encode());
        self.0.streams.open(stream, last_n)
    }

    /// Closes a stream.
    pub(super) fn close(&self, live: &Live) {
        self.0.streams.close(live.stream.id);
        self.0.journal.forget(live.stream.id.0);
    }
}
