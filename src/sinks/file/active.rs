//! The file that is written to.

use super::super::lines::Output;
use super::super::options;
use super::rotated::{self, Sweeper};
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// How much of a file's end is looked at in one step for the last line end.
const STEP: u64 = 64 << 10;
/// What a half line of ours begins with.
const OURS: &[u8] = br#"{"schema":"kaptap.event/"#;

/// The calls that can fail on a full or broken disk; tests put others in their place.
#[derive(Debug, Clone, Copy)]
struct Calls {
    write: fn(&mut File, &[u8]) -> io::Result<()>,
    sync: fn(&File) -> io::Result<()>,
}

/// A file that is appended to and rotated.
#[derive(Debug)]
pub(super) struct Active {
    options: options::File,
    open: Option<Open>,
    sweeper: Option<Sweeper>,
    calls: Calls,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Device and inode: whether the path still leads to it.
    identity: (u64, u64),
    born: SystemTime,
}

impl Active {
    pub(super) fn new(options: &options::File) -> Self {
        let calls = Calls { write: |file, lines| file.write_all(lines), sync: File::sync_data };
        Self { options: options.clone(), open: None, sweeper: None, calls }
    }

    fn try_append(&mut self, lines: &[u8]) -> Result<(), String> {
        let path = self.options.path.clone();
        if self.open.as_ref().is_some_and(|open| !open.is_at(&path)) {
            self.open = None;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::new(&path)?,
        };
        // Not before the file is ours alone: then the rotated ones are as well.
        if self.sweeper.is_none() {
            self.sweeper = Some(Sweeper::start(&self.options)?);
        }
        let length = open.file.metadata().map_err(failed("look at", &path))?.len();
        let (file, length) = if length > 0 && self.is_full(&open, length, lines) {
            self.rotate(&path)?;
            open = Open::new(&path)?;
            (&mut open.file, 0)
        } else {
            (&mut open.file, length)
        };
        let written = (self.calls.write)(file, lines).and_then(|()| (self.calls.sync)(file));
        if let Err(error) = written {
            // None of the batch counts, so none of it may stay: it will come again. Should this fail as well, a half
            // line is cut at the next opening. After a failed sync the file is opened anew and not simply synced
            // again: the kernel has forgotten by then what it could not write.
            return Err(match file.set_len(length) {
                Ok(()) => failed("write", &path)(error),
                Err(second) => format!("{}, nor undo it: {second}", failed("write", &path)(error)),
            });
        }
        self.open = Some(open);
        Ok(())
    }

    fn is_full(&self, open: &Open, length: u64, lines: &[u8]) -> bool {
        let longer = length.saturating_add(lines.len() as u64) > self.options.rotate_bytes;
        // A birth in the future is a clock that was set back: age 0.
        let age = || SystemTime::now().duration_since(open.born).unwrap_or_default();
        longer || self.options.rotate_age.is_some_and(|most| age() >= most)
    }

    fn rotate(&self, path: &Path) -> Result<(), String> {
        let target = rotated::next_name(path).map_err(failed("rotate", path))?;
        std::fs::rename(path, target).map_err(failed("rotate", path))?;
        if let Some(sweeper) = &self.sweeper {
            sweeper.wake();
        }
        Ok(())
    }
}

impl Output for Active {
    fn append(&mut self, lines: &[u8]) -> Result<(), String> {
        self.try_append(lines)
    }
}

impl Open {
    fn new(path: &Path) -> Result<Self, String> {
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed("open", path))?;
        let metadata = file.metadata().map_err(failed("look at", path))?;
        if !metadata.is_file() {
            return Err(format!("{} is not a file", path.display()));
        }
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(format!("{} is written to by another", path.display())),
            // Some file systems have no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        mend(&mut file, metadata.len()).map_err(failed("mend", path))?;
        rotated::sync_directory(path).map_err(failed("sync the directory of", path))?;
        let born = metadata.created().unwrap_or_else(|_| SystemTime::now());
        Ok(Self { file, identity: identity(&metadata), born })
    }

    fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn failed(what: &'static str, path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("cannot {what} {}: {error}", path.display())
}

/// Cuts what a crash left of a half line. What does not look like ours is ended with a line end instead.
fn mend(file: &mut File, length: u64) -> io::Result<()> {
    let whole = end_of_last_line(file, length)?;
    if whole == length {
        return Ok(());
    }
    let mut beginning = Vec::with_capacity(OURS.len());
    file.seek(SeekFrom::Start(whole))?;
    Read::by_ref(file).take(OURS.len() as u64).read_to_end(&mut beginning)?;
    // A write that was never synced may have left zeros as well.
    if OURS.starts_with(&beginning) || beginning.iter().all(|byte| *byte == 0) {
        file.set_len(whole)?;
    } else {
        file.write_all(b"\n")?;
    }
    file.sync_data()
}

/// Length of the file up to and with its last line end.
fn end_of_last_line(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut part = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        part.clear();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
#[path = "active_tests.rs"]
mod tests;
