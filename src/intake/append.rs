//! Appending: one record after another into the journal, alerts through the state fold.

use super::Intake;
use super::sources::{NOT_AN_ALERT, Source};
use super::streams::Live;
use crate::interpret::{self, topics};
use crate::journal::{AppendError, Entry, Share, Sync};
use crate::record::{self, Content, Note, Verdict};
use crate::telemetry::TransitionLabels;
use std::sync::atomic::Ordering;

/// A record on its way into the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct New<'a> {
    pub(super) content: Content,
    pub(super) note: &'a Note,
    pub(super) raw: &'a [u8],
}

/// On which terms something is appended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// When its last byte arrived, nanoseconds since 1970.
    pub(super) observed: i64,
    pub(super) sync: Sync,
    pub(super) share: Share,
}

impl Intake {
    /// Appends the next record of a source.
    pub(super) fn append_next(&self, source: &Source, new: New<'_>, terms: Terms) -> Result<u64, AppendError> {
        let mut next_n = source.next_n();
        let seq = self.append_one(&source.live, *next_n, new, terms)?;
        *next_n += 1;
        source.counters.kept.inc();
        Ok(seq)
    }

    /// Appends one record; an alert is judged by the fold and appended under one lock, so that the order of the
    /// journal is the order of the fold.
    pub(super) fn append_one(&self, live: &Live, n: u64, new: New<'_>, terms: Terms) -> Result<u64, AppendError> {
        let (stream, New { content, note, raw }) = (&*live.stream, new);
        let facts = match content {
            Content::Point | Content::Batch if stream.alert.is_none() => None,
            Content::Row | Content::System | Content::Opaque => None,
            Content::Alert | Content::Point | Content::Batch => {
                interpret::alert_facts(stream, content, note, terms.observed, raw)
            }
        };
        let seq = match facts {
            Some(facts) => {
                let mut fold = self.fold();
                let verdict = fold.weigh(&facts);
                let header = record::judged_header(content, n, note, &verdict);
                let seq = self.append_run(live, n, 1, &[&header, raw], terms)?;
                fold.replay(&stream.scope, &facts, &verdict, seq, terms.observed);
                let topic = topics::name_of(stream, &facts);
                let mut topics = self.topics();
                if topics.take(&stream.scope, topic, &facts, &verdict, seq, terms.observed) {
                    topics.count(&stream.scope, topic, stream.lane);
                }
                drop(topics);
                drop(fold);
                self.count_verdict(&verdict);
                seq
            }
            None if content == Content::Alert => {
                let mut marked = note.clone();
                marked.marks.push(NOT_AN_ALERT.to_owned());
                let seq = self.append_single(live, n, New { note: &marked, ..new }, terms)?;
                self.marked(stream.lane, &stream.source, NOT_AN_ALERT);
                seq
            }
            None => self.append_single(live, n, new, terms)?,
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

    fn append_single(&self, live: &Live, n: u64, new: New<'_>, terms: Terms) -> Result<u64, AppendError> {
        let header = record::single_header(new.content, n, new.note);
        self.append_run(live, n, 1, &[&header, new.raw], terms)
    }

    /// Appends a run of `count` records numbered `first_n` and on.
    pub(super) fn append_run(
        &self,
        live: &Live,
        first_n: u64,
        count: u32,
        payload: &[&[u8]],
        terms: Terms,
    ) -> Result<u64, AppendError> {
        let entry = Entry { context: live.stream.id.0, count, time: terms.observed, payload };
        // The number goes up before the append and back if it fails: a checkpoint taken in between then claims too
        // much only while the journal is full, and it is not written before the journal moves.
        let before = live.last_n.swap(first_n + u64::from(count) - 1, Ordering::AcqRel);
        let appended = self.0.journal.append(entry, terms.sync, terms.share);
        if appended.is_ok() {
            let bytes: usize = payload.iter().map(|piece| piece.len()).sum();
            self.0.appended.fetch_add(bytes as u64, Ordering::Relaxed);
        } else {
            live.last_n.store(before, Ordering::Release);
        }
        appended
    }
}
