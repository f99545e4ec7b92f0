//! Writes a sink's cursor now and then, beside the deliveries: a start repeats at most what came since the last time.

use super::cursor::{self, Cursor, CursorError, Position};
use super::status::chain;
use std::future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Time between two writes while events are delivered.
const AFTER_DELIVERY: Duration = Duration::from_millis(250);

/// Time between two writes while records are only passed over: repeating that costs the peer nothing.
const AFTER_PASSING: Duration = Duration::from_secs(5);

/// Keeps one cursor file.
#[derive(Debug)]
pub(super) struct Saver {
    directory: PathBuf,
    name: String,
    saved: Position,
    wanted: Option<(Position, Instant)>,
    last: Instant,
    job: Option<JoinHandle<(Position, Result<(), CursorError>)>>,
    /// Held while the file is written: a worker that broke may have left a write under way.
    writing: Arc<Mutex<()>>,
    is_failing: bool,
    /// Why it cannot be written, until somebody has taken notice.
    trouble: Option<String>,
}

impl Saver {
    /// For a cursor that is written as `saved`.
    pub(super) fn new(directory: PathBuf, name: &str, saved: Position, writing: Arc<Mutex<()>>) -> Self {
        let (name, last) = (name.to_owned(), Instant::now());
        Self { directory, name, saved, wanted: None, last, job: None, writing, is_failing: false, trouble: None }
    }

    /// Why the cursor cannot be written, once for each time that it begins to fail.
    pub(super) fn trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// Asks for a position to be written, soon if something was delivered since.
    pub(super) fn want(&mut self, position: Position, delivered: bool) {
        let due = self.last + if delivered { AFTER_DELIVERY } else { AFTER_PASSING };
        let due = self.wanted.as_ref().map_or(due, |(_, before)| due.min(*before));
        self.wanted = (position != self.saved).then_some((position, due));
    }

    /// Writes whenever it is time. Ends only when there is a trouble to be noticed; may be dropped at any time.
    pub(super) async fn drive(&mut self) {
        while self.trouble.is_none() {
            if self.job.is_some() {
                self.finish().await;
            } else if let Some((_, due)) = &self.wanted {
                tokio::time::sleep_until(*due).await;
                self.begin();
            } else {
                future::pending::<()>().await;
            }
        }
    }

    /// Writes what is still to be written, at the end.
    pub(super) async fn save_now(&mut self) {
        self.finish().await;
        self.begin();
        self.finish().await;
    }

    fn begin(&mut self) {
        let Some((position, _)) = self.wanted.take() else { return };
        let (directory, name, writing) = (self.directory.clone(), self.name.clone(), Arc::clone(&self.writing));
        self.last = Instant::now();
        self.job = Some(tokio::task::spawn_blocking(move || {
            let cursor = Cursor { position, detached: false };
            let turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
            let written = cursor::write(&directory, &name, &cursor);
            drop(turn);
            (cursor.position, written)
        }));
    }

    async fn finish(&mut self) {
        let Some(job) = &mut self.job else { return };
        let ended = job.await;
        self.job = None;
        match ended {
            Ok((position, Ok(()))) => {
                self.saved = position;
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(sink = self.name, "The cursor can be written again");
                }
            }
            Ok((position, Err(error))) => {
                if !std::mem::replace(&mut self.is_failing, true) {
                    self.trouble = Some(chain(&error));
                }
                self.wanted.get_or_insert((position, self.last + AFTER_PASSING));
            }
            Err(error) => tracing::error!(sink = self.name, %error, "Writing the cursor did not end"),
        }
    }
}
