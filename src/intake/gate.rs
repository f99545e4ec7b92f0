//! The gate of durable replies: a POST waits here until its record is kept as its lane promises.
//!
//! A POST that cannot be made durable yet is held, not refused, until the journal has made no progress for the hold
//! time; from then on every POST is refused at once until the journal moves again. Kapacitor posts one alert after
//! another and queues the rest: a refusal costs one alert, but waiting on each would fill its queue.

use super::Refused;
use super::line::{Line, Turn};
use crate::journal::{Journal, Sync};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Waits for promises of the journal, and knows since when it has kept none.
#[derive(Debug)]
pub(crate) struct Gate {
    written: watch::Receiver<u64>,
    durable: watch::Receiver<u64>,
    space: watch::Receiver<u64>,
    hold: Duration,
    stall: Mutex<Option<Stall>>,
    /// Those who wait until something is written, and until it is durable.
    until_written: Line,
    until_durable: Line,
}

/// Somebody waits, and the journal has not moved since.
#[derive(Debug, Clone, Copy)]
struct Stall {
    progress: u64,
    since: Instant,
}

impl Gate {
    pub(crate) fn new(journal: &Journal, hold: Duration) -> Self {
        Self::over(journal.written(), journal.durable(), journal.space(), hold)
    }

    fn over(
        written: watch::Receiver<u64>,
        durable: watch::Receiver<u64>,
        space: watch::Receiver<u64>,
        hold: Duration,
    ) -> Self {
        let stall = Mutex::new(None);
        Self { written, durable, space, hold, stall, until_written: Line::default(), until_durable: Line::default() }
    }

    /// Grows whenever the journal gets something done.
    fn progress(&self) -> u64 {
        self.written.borrow().wrapping_add(*self.durable.borrow())
    }

    /// When patience ends: the hold time after the journal last moved while somebody waited.
    fn deadline(&self) -> Instant {
        let progress = self.progress();
        let mut stall = self.stall.lock().unwrap_or_else(PoisonError::into_inner);
        match *stall {
            Some(Stall { progress: then, since }) if then == progress => since + self.hold,
            _ => {
                let since = Instant::now();
                *stall = Some(Stall { progress, since });
                since + self.hold
            }
        }
    }

    /// Whether the journal has been blocked for the whole hold time: then nothing more is taken.
    pub(crate) fn is_shut(&self) -> bool {
        let progress = self.progress();
        let stall = *self.stall.lock().unwrap_or_else(PoisonError::into_inner);
        stall.is_some_and(|stall| stall.progress == progress && stall.since.elapsed() >= self.hold)
    }

    /// Waits until the record at `seq` is kept as `sync` promises.
    pub(crate) async fn kept(&self, seq: u64, sync: Sync) -> Result<(), Refused> {
        let (watch, line) = match sync {
            Sync::Commit => (&self.durable, &self.until_durable),
            Sync::Interval | Sync::Os => (&self.written, &self.until_written),
        };
        if *watch.borrow() >= seq {
            return Ok(());
        }
        let place = line.join(seq);
        if place.turn().await == Turn::There {
            return Ok(());
        }
        let mut watch = watch.clone();
        loop {
            let reached = *watch.borrow_and_update();
            line.reached(reached);
            if reached >= seq {
                return Ok(());
            }
            self.moved(&mut watch).await?;
        }
    }

    /// A watch on buffer space. To be taken before the append that may find no room, so that room made in between is
    /// not missed.
    pub(crate) fn watch_room(&self) -> watch::Receiver<u64> {
        let mut space = self.space.clone();
        space.mark_unchanged();
        space
    }

    /// Waits until the buffer has been emptied somewhat since the watch was taken.
    pub(crate) async fn room(&self, space: &mut watch::Receiver<u64>) -> Result<(), Refused> {
        self.moved(space).await
    }

    /// Waits for a change, no longer than patience lasts.
    async fn moved(&self, watch: &mut watch::Receiver<u64>) -> Result<(), Refused> {
        loop {
            tokio::select! {
                // What has happened counts, also when patience has ended meanwhile.
                biased;
                changed = watch.changed() => return changed.map_err(|_| Refused::Stopping),
                () = tokio::time::sleep_until(self.deadline()) => {
                    if self.is_shut() {
                        return Err(Refused::Blocked);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
