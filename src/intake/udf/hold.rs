//! Keeping what one UDF stream brings, also while the journal is blocked.
//!
//! Kapacitor stands still while its UDF does not read, so patience is bounded: first the journal's buffer fills,
//! then reading is held back for the hold time with unasked signs of life, then records are given up, counted
//! exactly, and named in a gap notice as soon as the journal takes it. Until the notice is written nothing newer of
//! the stream is kept, so a gap has one first and one last number.

use crate::intake::append::{New, Terms};
use crate::intake::sources::Counters;
use crate::intake::streams::Live;
use crate::intake::{Intake, Notice, clock};
use crate::journal::{AppendError, Share};
use crate::kapacitor::reply;
use crate::record::{self, Content, Note};
use crate::wire::{Direction, Tap};
use crate::words::Lane;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Longest silence towards Kapacitor while reading is held back, if it never asked for a sign of life.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

/// How long Kapacitor may take to read what is still to be sent when kaptap stops.
const GRACE: Duration = Duration::from_secs(2);

/// Why records are given up: patience with the journal has ended.
const JOURNAL_BLOCKED: &str = "journal_blocked";

/// The way back to Kapacitor. Ends by itself when the other side is gone, or does not read while kaptap stops.
#[derive(Debug)]
pub(super) struct Voice<W> {
    writer: Option<W>,
    tap: Arc<Tap>,
    stop: CancellationToken,
    silence: Duration,
    last_asked: Option<i64>,
    last_sent: Instant,
}

impl<W: AsyncWrite + Unpin> Voice<W> {
    pub(super) fn new(writer: W, tap: Arc<Tap>, stop: CancellationToken) -> Self {
        let last_sent = Instant::now();
        Self { writer: Some(writer), tap, stop, silence: LONGEST_SILENCE, last_asked: None, last_sent }
    }

    /// Sends bytes, whole. Waits as long as Kapacitor does not read; when kaptap stops, only for a grace time.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        let sent = tokio::select! {
            biased;
            sent = writer.write_all(bytes) => sent,
            () = grace_after(&self.stop) => Err(io::ErrorKind::TimedOut.into()),
        };
        self.last_sent = Instant::now();
        if sent.is_ok() {
            self.tap.record(Direction::Sent, clock::now(), bytes);
        } else {
            // Half a frame may be out: nothing may follow it.
            self.writer = None;
        }
        sent
    }

    /// Kapacitor asked for a sign of life: half the time between two asks is how long we may be silent. Gives that time,
    /// in nanoseconds, once it is known.
    pub(super) fn asked(&mut self, time: i64) -> Option<u64> {
        let interval = self.last_asked.and_then(|last| u64::try_from(time.checked_sub(last)?).ok());
        if let Some(interval) = interval {
            let half = Duration::from_nanos(interval / 2);
            self.silence = half.clamp(Duration::from_millis(10), LONGEST_SILENCE);
        }
        self.last_asked = Some(time);
        interval
    }

    /// Ends the way back: Kapacitor sees the end of the stream.
    pub(super) async fn end(&mut self) {
        if let Some(mut writer) = self.writer.take()
            && let Err(error) = writer.shutdown().await
        {
            tracing::debug!(%error, "The other side was gone before the end of the stream was sent");
        }
    }

    /// Waits until something has to be said.
    async fn silent_too_long(&self) {
        match self.writer {
            Some(_) => tokio::time::sleep_until(self.last_sent + self.silence).await,
            None => std::future::pending().await,
        }
    }

    async fn sign_of_life(&mut self, intake: &Intake) {
        intake.metrics().keepalives_unasked.inc();
        if let Err(error) = self.send(&reply::keepalive(clock::now())).await {
            // Kapacitor is gone; what it sent is still kept.
            tracing::debug!(%error, "Cannot send a sign of life");
        }
    }
}

/// Ends a grace time after kaptap was told to stop.
async fn grace_after(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// One record, or one run of point frames, on its way into the journal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    /// Point frames with their length prefixes.
    Points { first_n: u64, count: u32, frames: &'a [u8] },
    /// A record of any other content.
    One { n: u64, content: Content, note: &'a Note, raw: &'a [u8] },
}

impl Item<'_> {
    fn numbers(&self) -> (u64, u64) {
        match *self {
            Self::Points { first_n, count, .. } => (first_n, first_n + u64::from(count) - 1),
            Self::One { n, .. } => (n, n),
        }
    }
}

/// Records that were given up, not yet named in a notice.
#[derive(Debug, Clone, Copy)]
struct Gap {
    first_n: u64,
    last_n: u64,
    count: u64,
    observed: (i64, i64),
    reason: &'static str,
}

/// Keeps the records of one stream.
pub(super) struct Keeper {
    intake: Intake,
    pub(super) live: Arc<Live>,
    pub(super) counters: Counters,
    gap: Option<Gap>,
    /// Since when reading has been held back; over all items of a gulp.
    held_since: Option<Instant>,
    /// How far the journal was when patience ended; until it has moved, nothing is tried and nothing waits again.
    gave_up_at: Option<(u64, u64)>,
    last_seq: u64,
}

impl Keeper {
    pub(super) fn new(intake: Intake, live: Arc<Live>, counters: Counters) -> Self {
        Self { intake, live, counters, gap: None, held_since: None, gave_up_at: None, last_seq: 0 }
    }

    /// Whether records were given up that no notice names yet.
    pub(super) const fn has_gap(&self) -> bool {
        self.gap.is_some()
    }

    /// Says that everything read so far has been dealt with and reading goes on.
    pub(super) fn reading(&mut self) {
        if self.held_since.take().is_some() {
            self.live.held.store(false, Ordering::Relaxed);
        }
    }

    /// When patience ends that began with the first hold since reading went on; never, without a hold time.
    fn deadline(&mut self) -> Option<Instant> {
        let hold = self.intake.options().udf_hold?;
        Some(*self.held_since.get_or_insert_with(Instant::now) + hold)
    }

    /// Keeps an item; holds while the journal is full; gives it up when patience ends.
    pub(super) async fn keep<W: AsyncWrite + Unpin>(
        &mut self,
        item: Item<'_>,
        observed: i64,
        voice: &mut Voice<W>,
        stop: &CancellationToken,
    ) {
        let mut space = self.intake.journal().space();
        space.mark_unchanged();
        match self.offer(item, observed) {
            Ok(()) => return,
            // Patience ended before, and the journal has not moved: no second wait.
            Err(AppendError::Full) if self.is_exhausted() => return self.give_up(item, observed, JOURNAL_BLOCKED),
            Err(AppendError::Full) => {}
            Err(AppendError::TooLarge { .. }) => return self.give_up(item, observed, "too_large"),
            Err(AppendError::Closed) => return self.give_up(item, observed, "stopping"),
        }
        if self.held_since.is_none() {
            self.intake.metrics().holds.inc();
            self.live.held.store(true, Ordering::Relaxed);
            self.held_since = Some(Instant::now());
        }
        let deadline = self.deadline();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.give_up(item, observed, "stopping");
                    break;
                }
                // Before the rest: a journal that moves often must not make us forget it.
                () = voice.silent_too_long() => voice.sign_of_life(&self.intake).await,
                changed = space.changed() => match self.offer(item, observed) {
                    Ok(()) => break,
                    Err(AppendError::Full) if changed.is_ok() => {}
                    Err(_) => {
                        self.give_up(item, observed, "stopping");
                        break;
                    }
                },
                () = until(deadline) => {
                    self.give_up(item, observed, JOURNAL_BLOCKED);
                    break;
                }
            }
        }
    }

    /// Waits until everything kept so far is durable, no longer than patience lasts.
    pub(super) async fn barrier<W: AsyncWrite + Unpin>(&mut self, voice: &mut Voice<W>, stop: &CancellationToken) {
        let mut durable = self.intake.journal().durable();
        self.intake.journal().sync();
        let deadline = self.deadline();
        while *durable.borrow_and_update() < self.last_seq {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = durable.changed() => if changed.is_err() { return },
                () = voice.silent_too_long() => voice.sign_of_life(&self.intake).await,
                () = until(deadline) => return,
            }
        }
    }

    /// Names the gap, if there is one, as soon as the journal has room.
    pub(super) async fn name_gap(&mut self, stop: &CancellationToken) {
        let mut space = self.intake.journal().space();
        loop {
            space.mark_unchanged();
            match self.offer_gap() {
                Err(AppendError::Full) => {}
                Ok(()) | Err(_) => return,
            }
            tokio::select! {
                // Dropping the keeper hands it on.
                () = stop.cancelled() => return,
                changed = space.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Offers the gap notice, then the item. Nothing was kept if it fails.
    fn offer(&mut self, item: Item<'_>, observed: i64) -> Result<(), AppendError> {
        if self.is_exhausted() {
            return Err(AppendError::Full);
        }
        self.offer_gap()?;
        let alert = self.live.stream.alert.is_some();
        let share = if alert { Share::Last } else { Share::Common };
        let options = self.intake.options();
        let (seq, count) = match item {
            Item::Points { first_n, count, frames } => {
                let header = record::frames_header(first_n);
                let terms = Terms { observed, sync: options.sync_point, share };
                let seq = self.intake.append_run(&self.live, first_n, count, &[&header, frames], terms)?;
                self.live.kept.fetch_add(u64::from(count), Ordering::Relaxed);
                (seq, u64::from(count))
            }
            Item::One { n, content, note, raw } => {
                let sync = match content {
                    _ if alert => options.sync_alert,
                    Content::Batch => options.sync_batch,
                    _ => options.sync_point,
                };
                let terms = Terms { observed, sync, share };
                (self.intake.append_one(&self.live, n, New { content, note, raw }, terms)?, 1)
            }
        };
        self.last_seq = seq + count - 1;
        self.counters.kept.inc_by(count);
        Ok(())
    }

    /// Writes down the gap, if there is one.
    fn offer_gap(&mut self) -> Result<(), AppendError> {
        let Some(notice) = self.gap_notice() else { return Ok(()) };
        if self.is_exhausted() {
            return Err(AppendError::Full);
        }
        self.last_seq = self.intake.try_notice(&notice, Share::Common)?;
        self.gap_is_named();
        Ok(())
    }

    fn gap_notice(&self) -> Option<Notice> {
        self.gap.map(|gap| Notice::Gap {
            stream: self.live.stream.id,
            task: self.live.stream.task.clone(),
            first_n: gap.first_n,
            last_n: gap.last_n,
            count: gap.count,
            reason: gap.reason,
            observed: Some(gap.observed),
        })
    }

    fn gap_is_named(&mut self) {
        if let Some(gap) = self.gap.take() {
            // Accounted for: a restore need not name it again.
            self.live.last_n.fetch_max(gap.last_n, Ordering::AcqRel);
        }
    }

    /// How far the journal is.
    fn progress(&self) -> (u64, u64) {
        let journal = self.intake.journal();
        (*journal.written().borrow(), *journal.durable().borrow())
    }

    /// Whether patience has ended and the journal has not moved since. A small record might still find room, and then
    /// one more wait and one more gap would follow, over and over: so nothing is tried.
    fn is_exhausted(&self) -> bool {
        self.gave_up_at.is_some_and(|then| then == self.progress())
    }

    fn give_up(&mut self, item: Item<'_>, observed: i64, reason: &'static str) {
        if reason == JOURNAL_BLOCKED {
            self.gave_up_at = Some(self.progress());
        }
        let (first, last) = item.numbers();
        let count = last - first + 1;
        self.counters.not_kept.inc_by(count);
        let gap = self.gap.get_or_insert_with(|| {
            tracing::error!(stream = %self.live.stream.id, task = self.live.stream.task, first, reason, "Records are not kept");
            self.intake.refused(Lane::Udf, reason);
            Gap { first_n: first, last_n: last, count: 0, observed: (observed, observed), reason }
        });
        gap.last_n = last;
        gap.count += count;
        gap.observed.1 = observed;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(notice) = self.gap_notice() {
            // The stream ends, by a second Init, a Restore or the stop: its gap waits with the other notices.
            self.intake.notice(notice);
            self.gap_is_named();
        }
        self.intake.close(&self.live);
    }
}

/// Sleeps until the deadline; for ever when there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
