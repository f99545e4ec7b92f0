//! One lane of a worker: a source that is read in the background, and the window that it fills.

use super::cursor::Position;
use super::item::Item;
use super::reading::{Source, Step};
use super::status::chain;
use super::window::{Rules, Window};
use crate::journal::ReadError;
use std::future;
use std::time::Duration;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

/// Wait before a failed read is tried again.
const READ_AGAIN: Duration = Duration::from_millis(500);

/// What a lane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What comes, from the cursor on.
    Live,
    /// A stretch that a person asked to have again.
    Replay,
    /// Parked events that a person asked to be tried again.
    Parked,
}

/// A read did not end: the process is stopping, or there is a fault in kaptap.
#[derive(Debug)]
pub(super) struct Broken(pub(super) String);

type Job = JoinHandle<(Source, Result<Step, ReadError>)>;

/// One lane.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) window: Window<Item>,
    /// Elsewhere while a read is under way.
    source: Option<Source>,
    job: Option<Job>,
    /// Stretches not read yet, when the last read ended.
    unread: Vec<(u64, u64)>,
    at_end: bool,
    done: bool,
    read_again: Option<Instant>,
    is_failing: bool,
}

/// Why a task did not end as it should: what it panicked with, where that can be told.
pub(super) fn why_it_ended(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was cancelled".to_owned() };
    let said = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    said.map_or_else(|| "it panicked".to_owned(), |said| format!("it panicked: {said}"))
}

impl Lane {
    pub(super) fn new(rules: Rules, source: Source) -> Self {
        let unread = source.unread();
        Self {
            window: Window::new(rules),
            source: Some(source),
            job: None,
            unread,
            at_end: false,
            done: false,
            read_again: None,
            is_failing: false,
        }
    }

    /// Whether the next read waits for the journal to grow.
    pub(super) fn is_at_end(&self) -> bool {
        self.at_end && self.job.is_none()
    }

    /// Whether nothing is left of it.
    pub(super) fn is_done(&self) -> bool {
        self.done && self.window.is_empty()
    }

    /// There may be more now.
    pub(super) fn look_again(&mut self) {
        (self.at_end, self.done) = (false, false);
    }

    /// The source, unless a read is under way.
    pub(super) fn source(&mut self) -> Option<&mut Source> {
        self.source.as_mut()
    }

    /// Where to begin again.
    pub(super) fn position(&self) -> Position {
        self.window.position(&self.unread)
    }

    /// Seq of the next record to be read.
    pub(super) fn next_read(&self) -> Option<u64> {
        self.unread.first().map(|(first, _)| *first)
    }

    /// When a read is to be tried again.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.read_again
    }

    /// Begins the next read if there is room and something to read; `before` is called just before it.
    pub(super) fn read_on(&mut self, now: Instant, before: impl FnOnce()) {
        if self.at_end || self.done || !self.window.has_room() || self.read_again.is_some_and(|again| again > now) {
            return;
        }
        let Some(mut source) = self.source.take() else { return };
        self.read_again = None;
        before();
        let room = self.window.room();
        self.job = Some(tokio::task::spawn_blocking(move || {
            let step = source.step(room);
            (source, step)
        }));
    }

    /// Whether a read has ended that was not taken in.
    pub(super) fn has_read(&self) -> bool {
        self.job.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Waits for the read under way, forever if there is none, and takes in what it found. May be dropped at any time.
    pub(super) async fn step(&mut self) -> Result<Step, Broken> {
        let Some(job) = &mut self.job else { return future::pending().await };
        let ended = job.await;
        self.job = None;
        let (source, step) = ended.map_err(|error| Broken(why_it_ended(error)))?;
        self.unread = source.unread();
        self.source = Some(source);
        let mut step = match step {
            Ok(step) => step,
            Err(error) => {
                self.read_again = Some(Instant::now() + READ_AGAIN);
                let begins = !std::mem::replace(&mut self.is_failing, true);
                return Ok(Step { failed: begins.then(|| chain(&error)), ..Step::default() });
            }
        };
        self.is_failing = false;
        (self.at_end, self.done) = (step.at_end, step.done);
        let now = Instant::now();
        for keyed in std::mem::take(&mut step.found) {
            let (seq, bytes) = (keyed.item.seq, keyed.item.bytes());
            self.window.add(seq, keyed.key, bytes, keyed.item, now);
        }
        Ok(step)
    }
}
