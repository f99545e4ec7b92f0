//! The journal: segments of runs, one writer, any number of readers. Stores opaque bytes.

use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of the segments (`<data_dir>/journal`).
    pub directory: PathBuf,
    /// A segment is closed when it has grown to this many bytes.
    pub segment_bytes: u64,
    /// All segments together; the oldest go first.
    pub max_bytes: u64,
    /// Segments whose newest record is older go.
    pub max_age: Option<Duration>,
    /// Bytes in memory that are not yet durable (or, for [`Sync::Os`], not yet written).
    pub buffer_bytes: usize,
    /// Time between syncs for [`Sync::Interval`].
    pub sync_interval: Duration,
    /// Compress with lz4.
    pub compression: bool,
}

/// What an append asks of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// fdatasync at once, together with whatever else waits.
    Commit,
    /// fdatasync within the interval.
    Interval,
    /// Written; the operating system syncs when it likes.
    Os,
}

/// How much of the buffer an append may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Three quarters: points and what else may be given up first.
    Common,
    /// All of it: alerts and system notices.
    Last,
}

/// One run to append.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Key of a context that was described before.
    pub context: u64,
    /// How many records the run holds; each gets a seq.
    pub count: u32,
    /// When the last byte arrived, nanoseconds since 1970.
    pub time: i64,
    /// The payload, in pieces that are put together.
    pub payload: &'a [&'a [u8]],
}

/// Why an append was not taken. Nothing was kept and no seq was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The buffer is full; wait for space and try again.
    #[error("the journal's buffer is full")]
    Full,
    /// The run is larger than a run may be.
    #[error("a run of {bytes} bytes is larger than the journal's buffer takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// One run read back.
#[derive(Debug, Clone)]
pub struct Block {
    /// Seq of its first record.
    pub first_seq: u64,
    /// How many records it holds.
    pub count: u32,
    /// When its last byte arrived, nanoseconds since 1970.
    pub time: i64,
    /// Key of its context.
    pub context: u64,
    /// The context's bytes.
    pub description: Bytes,
    /// The payload.
    pub payload: Bytes,
}

/// Why a read did not give a block.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// These positions are not there (any more); the reader goes on behind them.
    #[error("records {first} to {last} are not in the journal: {reason}")]
    Gap {
        /// First missing seq.
        first: u64,
        /// Last missing seq.
        last: u64,
        /// `retention`, `damage` or `skipped`.
        reason: &'static str,
    },
    /// The disk failed; the same read may be tried again.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// What was found on opening.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Seq of the next record.
    pub next_seq: u64,
    /// Bytes cut from the torn tail.
    pub torn_bytes: u64,
    /// Missing positions inside: first, last, reason.
    pub gaps: Vec<(u64, u64, &'static str)>,
    /// Files quarantined, with the reason.
    pub quarantined: Vec<(PathBuf, String)>,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the lock.
    #[error("{path} is in use by another kaptap")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be used.
    #[error("cannot use {path} for the journal")]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Written by a newer version.
    #[error("{path} has format {found}, this version knows up to {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u16,
        /// Newest version known.
        known: u16,
    },
}

/// Whether the journal takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Well,
    /// A write or sync failed; it tries again on a fresh segment. Nothing acknowledged is lost.
    Blocked {
        /// What the disk said.
        reason: String,
    },
}

/// Numbers for metrics and status.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Seq of the oldest record still there.
    pub first_seq: u64,
    /// Highest seq readers can see.
    pub written_seq: u64,
    /// Highest seq known to be durable.
    pub durable_seq: u64,
    /// Segments.
    pub segments: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Bytes in the buffer.
    pub buffered_bytes: u64,
    /// Commits (fdatasync) done.
    pub syncs: u64,
    /// Writes or syncs that failed.
    pub failures: u64,
    /// Segments removed by retention.
    pub removed_segments: u64,
}

/// The disk, as far as the journal needs it; a fault-injecting one exists for tests.
pub trait Storage: Send + std::marker::Sync + 'static {}

/// The real disk.
#[derive(Debug, Default)]
pub struct Disk {}

impl Storage for Disk {}

/// A journal that is open. Cheap to clone; the last clone dropped closes it.
#[derive(Clone)]
pub struct Journal {
    written: watch::Receiver<u64>,
}

impl Journal {
    /// Opens or creates the journal of a directory, locks it and starts the writer.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process uses it.
    pub fn open(_options: Options, _storage: Arc<dyn Storage>) -> Result<(Self, Recovery), OpenError> {
        unimplemented!()
    }

    /// Says what a context key means. Kept with every segment until [`Journal::forget`].
    pub fn describe(&self, _context: u64, _description: &[u8]) {}

    /// Says that no more entries of this context come.
    pub fn forget(&self, _context: u64) {}

    /// Takes a run. Never waits: it is put into the buffer, and its first seq is given at once.
    ///
    /// # Errors
    /// When the buffer share is used up, the run is too large, or the journal is closed.
    pub fn append(&self, _entry: Entry<'_>, _sync: Sync, _share: Share) -> Result<u64, AppendError> {
        unimplemented!()
    }

    /// The seq the next append will get if nobody else appends in between.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        0
    }

    /// Highest seq that readers can see. Changes when more was written.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// Highest seq known to be durable.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// Counts up whenever buffer space was freed; wait on it after [`AppendError::Full`].
    #[must_use]
    pub fn space(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// Asks for everything appended so far to be synced soon (the snapshot barrier); see [`Journal::durable`].
    pub fn sync(&self) {}

    /// Whether it takes records.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        unimplemented!()
    }

    /// Numbers for metrics and status.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// A reader from `seq` on; 0 and 1 are the beginning.
    #[must_use]
    pub fn reader(&self, _seq: u64) -> Reader {
        Reader {}
    }

    /// Seq of the first record that may have arrived at or after `time` (nanoseconds since 1970); exact to a run.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn seek_time(&self, _time: i64) -> Result<u64, ReadError> {
        Ok(0)
    }

    /// Writes and syncs what is left, and stops the writer. Later appends are refused.
    ///
    /// # Errors
    /// When the last write or sync fails; what is lost is said.
    pub fn close(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Reads runs in order. Blocking; each call reads at most a few hundred KiB.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// The next run that holds a seq not read yet, or `None` at the end of what is written. A run is given whole:
    /// its first records may be older than the seq asked for.
    ///
    /// # Errors
    /// [`ReadError::Gap`] once for each stretch that is missing, then it goes on behind it.
    pub fn next_block(&mut self) -> Result<Option<Block>, ReadError> {
        Ok(None)
    }

    /// Seq of the next record to come.
    #[must_use]
    pub fn position(&self) -> u64 {
        0
    }
}
