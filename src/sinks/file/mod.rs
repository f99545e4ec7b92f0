//! `type = "file"`: NDJSON appended to a file.
//!
//! * An event counts as delivered once its line is synced to the disk.
//! * The file is rotated before the batch that would make it longer than `rotate_bytes`, or once it is older than
//!   `rotate_age` (looked at when there is something to write). So only a batch longer than `rotate_bytes` makes a
//!   longer file.
//! * A rotated file is named `<file>.<UTC time>`, for example `events.ndjson.20260301T100030.500000000Z`, and with
//!   `gzip` then becomes `….gz`. Names only ever increase, whatever the clock does. `keep_files` of them stay.
//! * Compressing and removing happen in a thread of their own (`rotated`) and go on after a restart.
//! * Renamed or removed from outside (logrotate), the file is made anew with the next batch.
//! * A failed write is undone. What a crash leaves of a half line is cut when the file is opened, if it is ours.
//! * The directory is not made: a missing one may be a disk that is not mounted yet.
//! * The file is locked, so that two daemons, or two sinks, cannot write into each other's lines.

mod active;
mod rotated;

use super::BuildError;
use super::lines::{LIMITS, LineWriter, lines};
use super::options;
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Sink};
use active::Active;

/// A file.
#[derive(Debug)]
pub struct File {
    writer: LineWriter<Active>,
    shown: String,
    raw: bool,
}

impl File {
    /// A sink of this name and these options.
    ///
    /// # Errors
    /// When the path names no file, or a directory.
    pub fn new(name: &str, options: &options::File) -> Result<Self, BuildError> {
        if options.path.file_name().is_none() || options.path.is_dir() {
            return Err(BuildError::value("path", format!("{} names no file", options.path.display())));
        }
        let writer = LineWriter::new(name, Active::new(options));
        Ok(Self { writer, shown: options.path.display().to_string(), raw: options.raw })
    }
}

impl Sink for File {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.writer.deliver(batch, self.raw))
    }

    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        Ok(format!("append to {}:\n{}", self.shown, String::from_utf8_lossy(&lines(batch, self.raw))))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.writer.close())
    }
}
