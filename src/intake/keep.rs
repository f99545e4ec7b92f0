//! Appending: one record after another into the journal, alerts through the state fold.

use super::streams::{Live, fresh_id};
use super::{Intake, Notice, Refused, clock};
use crate::interpret;
use crate::journal::{AppendError, Entry, Share, Sync};
use crate::record::{self, Content, Note, Stream, Verdict};
use crate::telemetry::{ReasonLabels, SourceLabels, TransitionLabels};
use crate::words::Lane;
use prometheus_client::metrics::counter::Counter;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

/// How many sources (URL path parts) are open at once; beyond it the longest silent one is closed.
const SOURCES: usize = 1024;
/// Mark of a record that should be an alert and is not.
const NOT_AN_ALERT: &str = "not_an_alert";
/// All reasons that are counted with the name of a source that strangers choose.
const REASONS: &[&str] = &[NOT_AN_ALERT, "client_gone", "journal_blocked", "too_large", "stopping"];
/// How many system notices wait for a blocked journal; beyond it the oldest are only logged.
const NOTICES: usize = 1024;

/// Something that arrived on a lane without a connection of its own worth remembering: a POST, a TCP document.
#[derive(Debug)]
pub struct Arrival<'a> {
    /// Lane.
    pub lane: Lane,
    /// Source: URL path part or listener name.
    pub source: &'a str,
    /// What it should be: [`Content::Alert`] or [`Content::Row`]. What it is shows when it is read.
    pub content: Content,
    /// What the request said.
    pub note: Note,
    /// The body.
    pub raw: &'a [u8],
}

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

/// What becomes of an arrival; counted when it is dropped.
struct Fate<'a> {
    intake: &'a Intake,
    source: &'a Source,
    /// Why it is not kept; `None` once it is.
    reason: Option<&'static str>,
}

impl Drop for Fate<'_> {
    fn drop(&mut self) {
        if let Some(reason) = self.reason {
            self.source.counters.not_kept.inc();
            let stream = &self.source.live.stream;
            self.intake.refused_from(stream.lane, &stream.source, reason);
        }
    }
}

/// The open sources, and the notices that wait.
#[derive(Debug, Default)]
pub(super) struct Sources {
    open: Mutex<HashMap<(Lane, String), Arc<Source>>>,
    waiting: Mutex<VecDeque<Notice>>,
}

impl Intake {
    /// Keeps one arrival; returns its seq once it is kept as durably as its lane's sync policy asks.
    ///
    /// # Errors
    /// When it was not, and why.
    pub async fn keep(&self, arrival: Arrival<'_>) -> Result<u64, Refused> {
        let observed = clock::now();
        let source = self.source(arrival.lane, arrival.source);
        source.live.received.fetch_add(1, Ordering::Relaxed);
        source.live.last.store(observed, Ordering::Relaxed);
        source.counters.received.inc();
        source.counters.received_bytes.inc_by(arrival.raw.len() as u64);
        let sync = match arrival.content {
            Content::Row => self.0.options.sync_row,
            _ => self.0.options.sync_alert,
        };
        // Counts it as not kept unless it is; also when the client goes away and this future is dropped.
        let mut fate = Fate { intake: self, source: &source, reason: Some("client_gone") };
        let kept = self.keep_held(&source, &arrival, observed, sync, &mut fate).await;
        if let Err(refused) = kept {
            let reason = match refused {
                Refused::Blocked => "journal_blocked",
                Refused::TooLarge => "too_large",
                Refused::Stopping => "stopping",
            };
            match &mut fate.reason {
                Some(fate) => *fate = reason,
                // In the buffer, and kept in time, but the answer could not wait for it.
                None => self.refused_from(arrival.lane, arrival.source, reason),
            }
        }
        kept
    }

    async fn keep_held(
        &self,
        source: &Source,
        arrival: &Arrival<'_>,
        observed: i64,
        sync: Sync,
        fate: &mut Fate<'_>,
    ) -> Result<u64, Refused> {
        loop {
            if self.0.gate.is_shut() {
                return Err(Refused::Blocked);
            }
            let mut room = self.0.gate.watch_room();
            match self.append_next(source, arrival.content, &arrival.note, arrival.raw, observed, sync) {
                Ok(seq) => {
                    // From here on it is kept, whether the answer can still say so or not.
                    fate.reason = None;
                    self.0.gate.kept(seq, sync).await?;
                    return Ok(seq);
                }
                Err(AppendError::Full) => self.0.gate.room(&mut room).await?,
                Err(AppendError::TooLarge { .. }) => return Err(Refused::TooLarge),
                Err(AppendError::Closed) => return Err(Refused::Stopping),
            }
        }
    }

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

    /// Appends the next record of a source.
    fn append_next(
        &self,
        source: &Source,
        content: Content,
        note: &Note,
        raw: &[u8],
        observed: i64,
        sync: Sync,
    ) -> Result<u64, AppendError> {
        let mut next_n = source.next_n.lock().unwrap_or_else(PoisonError::into_inner);
        let seq = self.append_one(&source.live, *next_n, content, note, raw, observed, sync, Share::Last)?;
        *next_n += 1;
        source.counters.kept.inc();
        Ok(seq)
    }

    /// Appends one record; an alert is judged by the fold and appended under one lock, so that the order of the
    /// journal is the order of the fold.
    #[expect(clippy::too_many_arguments, reason = "the parts of one record, all from different owners")]
    pub(super) fn append_one(
        &self,
        live: &Live,
        n: u64,
        content: Content,
        note: &Note,
        raw: &[u8],
        observed: i64,
        sync: Sync,
        share: Share,
    ) -> Result<u64, AppendError> {
        let stream = &*live.stream;
        let may_alert = match content {
            Content::Alert => true,
            Content::Point | Content::Batch => stream.alert.is_some(),
            Content::Row | Content::System | Content::Opaque => false,
        };
        let facts = if may_alert { interpret::alert_facts(stream, content, note, observed, raw) } else { None };
        let seq = if let Some(facts) = facts {
            let mut fold = self.fold();
            let verdict = fold.weigh(&facts);
            let judged = Note { verdict: Some(verdict), ..note.clone() };
            let seq = self.append_bytes(live, n, content, &judged, raw, observed, sync, share)?;
            fold.replay(&stream.scope, &facts, &verdict, seq, observed);
            drop(fold);
            self.count_verdict(&verdict);
            seq
        } else {
            if content == Content::Alert {
                self.marked(stream.lane, &stream.source, NOT_AN_ALERT);
            }
            self.append_bytes(live, n, content, note, raw, observed, sync, share)?
        };
        live.kept.fetch_add(1, Ordering::Relaxed);
        Ok(seq)
    }

    fn count_verdict(&self, verdict: &Verdict) {
        if verdict.duplicate_of.is_some() {
            self.0.metrics.duplicates.inc();
        } else {
            self.0.metrics.transitions.get_or_create(&TransitionLabels { transition: verdict.transition }).inc();
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one record, all from different owners")]
    fn append_bytes(
        &self,
        live: &Live,
        n: u64,
        content: Content,
        note: &Note,
        raw: &[u8],
        observed: i64,
        sync: Sync,
        share: Share,
    ) -> Result<u64, AppendError> {
        let header = record::single_header(content, n, note);
        self.append_run(live, n, 1, &[&header, raw], observed, sync, share)
    }

    /// Appends a run of `count` records numbered `first_n` and on.
    #[expect(clippy::too_many_arguments, reason = "the parts of one run, all from different owners")]
    pub(super) fn append_run(
        &self,
        live: &Live,
        first_n: u64,
        count: u32,
        payload: &[&[u8]],
        observed: i64,
        sync: Sync,
        share: Share,
    ) -> Result<u64, AppendError> {
        let entry = Entry { context: live.stream.id.0, count, time: observed, payload };
        // The number goes up before the append and back if it fails: a checkpoint taken in between then claims too
        // much only while the journal is full, and it is not written before the journal moves.
        let before = live.last_n.swap(first_n + u64::from(count) - 1, Ordering::AcqRel);
        let appended = self.0.journal.append(entry, sync, share);
        if appended.is_ok() {
            let bytes: usize = payload.iter().map(|piece| piece.len()).sum();
            self.0.appended.fetch_add(bytes as u64, Ordering::Relaxed);
        } else {
            live.last_n.store(before, Ordering::Release);
        }
        appended
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
    fn source(&self, lane: Lane, name: &str) -> Arc<Source> {
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
        let stream = Arc::new(Stream {
            id: fresh_id(),
            lane,
            source: name.to_owned(),
            scope: self.0.options.scope.clone(),
            edge: None,
            task: None,
            node: None,
            database: None,
            retention_policy: None,
            labels: Vec::new(),
            alert: None,
        });
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

    /// Writes a system notice. While the journal is full it waits in a bounded queue, and the oldest gives way.
    pub fn notice(&self, notice: Notice) {
        let message = notice.json().get("message").and_then(|m| m.as_str().map(str::to_owned)).unwrap_or_default();
        if notice.is_trouble() {
            tracing::warn!(what = notice.what(), "{message}");
        }
        let mut waiting = self.0.sources.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= NOTICES {
            waiting.pop_front();
            self.refused(Lane::Own, "notice_queue_full");
        }
        waiting.push_back(notice);
        self.flush_notices(&mut waiting);
    }

    fn flush_notices(&self, waiting: &mut VecDeque<Notice>) {
        while let Some(notice) = waiting.front() {
            match self.try_notice(notice, Share::Last) {
                Err(AppendError::Full) => return,
                // Too large cannot be mended, closed is the end: both were logged when the notice came.
                Ok(_) | Err(AppendError::TooLarge { .. } | AppendError::Closed) => {
                    waiting.pop_front();
                }
            }
        }
    }

    /// Writes a system notice if the journal takes it now.
    pub(super) fn try_notice(&self, notice: &Notice, share: Share) -> Result<u64, AppendError> {
        let source = self.source(Lane::Own, "kaptap");
        let raw = notice.json().to_string();
        let mut next_n = source.next_n.lock().unwrap_or_else(PoisonError::into_inner);
        let sync = self.0.options.sync_alert;
        let note = Note::default();
        let seq =
            self.append_one(&source.live, *next_n, Content::System, &note, raw.as_bytes(), clock::now(), sync, share)?;
        *next_n += 1;
        source.counters.kept.inc();
        Ok(seq)
    }

    /// Writes waiting notices whenever the journal has room again. Ends when the journal is closed.
    pub async fn flush_waiting_notices(&self) {
        let mut space = self.0.journal.space();
        while space.changed().await.is_ok() {
            let mut waiting = self.0.sources.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            self.flush_notices(&mut waiting);
        }
    }
}
