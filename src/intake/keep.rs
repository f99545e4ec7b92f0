//! Keeping arrivals: from a POST or a TCP document to a record, held while the journal cannot take it.

use super::append::{New, Terms};
use super::sources::Source;
use super::{Intake, Refused, clock};
use crate::journal::{AppendError, Share, Sync};
use crate::record::{Content, Note};
use crate::words::Lane;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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

impl Intake {
    /// Keeps one arrival; returns its seq once it is kept as durably as its lane's sync policy asks.
    ///
    /// The future is to be polled to its end or dropped: it may be the one that looks at the journal for all who wait.
    /// Who holds several in one task awaits them in the order in which they were polled first, or all at once.
    ///
    /// # Errors
    /// When it was not, and why.
    pub async fn keep(&self, arrival: Arrival<'_>) -> Result<u64, Refused> {
        let sync = match arrival.content {
            Content::Row => self.0.options.sync_row,
            _ => self.0.options.sync_alert,
        };
        self.keep_synced(self.source(arrival.lane, arrival.source), arrival, sync).await
    }

    /// Keeps what was learned of a Kapacitor of this scope, or concluded from it. Nobody is told that it is kept, and what
    /// is lost with the power is found again: it does not wait for the disk.
    ///
    /// # Errors
    /// When it was not kept, and why.
    pub async fn keep_learned(&self, scope: &str, arrival: Arrival<'_>) -> Result<u64, Refused> {
        self.keep_synced(self.source_in(scope, arrival.lane, arrival.source), arrival, Sync::Interval).await
    }

    async fn keep_synced(&self, source: Arc<Source>, arrival: Arrival<'_>, sync: Sync) -> Result<u64, Refused> {
        let observed = clock::now();
        source.live.received.fetch_add(1, Ordering::Relaxed);
        source.live.last.store(observed, Ordering::Relaxed);
        source.counters.received.inc();
        source.counters.received_bytes.inc_by(arrival.raw.len() as u64);
        // Counts it as not kept unless it is; also when the client goes away and this future is dropped.
        let mut fate = Fate { intake: self, source: &source, reason: Some("client_gone") };
        let terms = Terms { observed, sync, share: Share::Last };
        let kept = self.keep_held(&source, &arrival, terms, &mut fate).await;
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
        terms: Terms,
        fate: &mut Fate<'_>,
    ) -> Result<u64, Refused> {
        loop {
            if self.0.gate.is_shut() {
                return Err(Refused::Blocked);
            }
            let mut room = self.0.gate.watch_room();
            let new = New { content: arrival.content, note: &arrival.note, raw: arrival.raw };
            match self.append_next(source, new, terms) {
                Ok(seq) => {
                    // From here on it is kept, whether the answer can still say so or not.
                    fate.reason = None;
                    self.0.gate.kept(seq, terms.sync).await?;
                    return Ok(seq);
                }
                Err(AppendError::Full) => self.0.gate.room(&mut room).await?,
                Err(AppendError::TooLarge { .. }) => return Err(Refused::TooLarge),
                Err(AppendError::Closed) => return Err(Refused::Stopping),
            }
        }
    }
}
