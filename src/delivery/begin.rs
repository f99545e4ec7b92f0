//! Where a sink begins that was not running: at its cursor, or where its options say.

use super::cursor::{self, Cursor, Position};
use super::options::{SinkOptions, Start};
use super::parked::{self, Parked};
use super::plan::PlanError;
use crate::journal::Journal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Where sinks keep what they must not forget.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) cursors: PathBuf,
    pub(super) parked: PathBuf,
}

/// What a worker begins with.
pub(super) struct Begin {
    pub(super) position: Position,
    pub(super) parked: Arc<Mutex<Parked>>,
    /// Why it does not go on where it was.
    pub(super) anew: Option<String>,
}

impl Places {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { cursors: data_dir.join("cursors"), parked: data_dir.join("parked") }
    }

    /// Makes the directories. Blocking.
    pub(super) fn make(&self) -> Result<(), PlanError> {
        for path in [&self.cursors, &self.parked] {
            fs::create_dir_all(path)
                .and_then(|()| sync_parent(path))
                .map_err(|source| PlanError::Directory { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// Where a sink begins that does not run, made durable, and its parked events. Blocking.
    pub(super) fn begin(&self, journal: &Journal, options: &SinkOptions) -> Result<Begin, PlanError> {
        let (position, anew) = self.position(journal, options)?;
        let path = self.parked.join(&options.name);
        let opened = Parked::open(&path, bounds(options)).and_then(|parked| sync_parent(&path).map(|()| parked));
        let parked = opened.map_err(|source| PlanError::Directory { path, source })?;
        Ok(Begin { position, parked: Arc::new(Mutex::new(parked)), anew })
    }

    /// Where a sink begins that does not run, made durable, and why it is not where it was. Blocking.
    pub(super) fn position(
        &self,
        journal: &Journal,
        options: &SinkOptions,
    ) -> Result<(Position, Option<String>), PlanError> {
        let name = &options.name;
        let failed = |source| PlanError::Cursor { name: name.clone(), source };
        let (found, mut anew) = cursor::read_or_set_aside(&self.cursors, name).map_err(failed)?;
        let attached = found.as_ref().is_some_and(|cursor| !cursor.detached);
        let oldest = || Position::at(journal.stats().first_seq);
        let position = match (found, options.start) {
            // Nothing is lost; what comes again has the id that it had.
            _ if anew.is_some() => oldest(),
            (Some(cursor), _) if cursor.position.next > journal.next_seq() => {
                // At-least-once: what the journal has now comes, rather than waiting for a place it may never reach.
                let (next, newest) = (cursor.position.next, journal.next_seq() - 1);
                anew = Some(format!(
                    "its cursor is at {next}, and the journal ends at {newest}: it is of another journal"
                ));
                oldest()
            }
            (Some(cursor), _) if attached => cursor.position,
            (Some(cursor), Start::Cursor) => cursor.position,
            (None, Start::Cursor) | (_, Start::End) => Position::at(journal.next_seq()),
            (_, Start::Beginning) => oldest(),
        };
        // A crash must not make it a new sink once more.
        if !attached {
            let cursor = Cursor { position: position.clone(), detached: false };
            cursor::write(&self.cursors, name, &cursor).map_err(failed)?;
        }
        Ok((position, anew))
    }

    /// Marks the cursors that belong to no sink, so that a sink that comes again can begin as it says. Blocking.
    pub(super) fn detach_others(&self, names: &[String]) -> Result<(), cursor::CursorError> {
        for name in cursor::names(&self.cursors)?.into_iter().filter(|name| !names.contains(name)) {
            // A damaged one, or one that was set aside, is said when somebody wants it.
            if let Ok(Some(found)) = cursor::read(&self.cursors, &name)
                && !found.detached
            {
                cursor::write(&self.cursors, &name, &Cursor { detached: true, ..found })?;
            }
        }
        Ok(())
    }
}

/// How much a sink may park.
pub(super) fn bounds(options: &SinkOptions) -> parked::Bounds {
    parked::Bounds { events: options.parked_events.max(1), bytes: options.parked_bytes.max(1) }
}

/// Makes a directory's own name durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}
