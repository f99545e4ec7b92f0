//! What a journal is told: how it is kept, what to append and how durably.

use std::path::PathBuf;
use std::time::Duration;

/// How a journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Directory of the segments (`<data_dir>/journal`).
    pub directory: PathBuf,
    /// A segment is closed before it grows beyond this many bytes. At least 4 KiB, at most 1 GiB and a quarter of
    /// `max_bytes`; what is outside is moved to the nearest bound.
    pub segment_bytes: u64,
    /// All segments together; the oldest go first. The newest is counted as if it were full and never goes.
    pub max_bytes: u64,
    /// Segments whose newest record is older go. A segment is also closed once it spans an eighth of this.
    pub max_age: Option<Duration>,
    /// Bytes in memory that are not yet durable (or, for [`Sync::Os`], not yet written).
    pub buffer_bytes: usize,
    /// Time between syncs for [`Sync::Interval`].
    pub sync_interval: Duration,
    /// Compress with lz4.
    pub compression: bool,
}

impl Options {
    /// The size at which a segment is closed, within its bounds.
    pub(super) fn segment_limit(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 4).clamp(4 << 10, 1 << 30)
    }
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
    /// How many records the run holds; each gets a seq. A run of none is nothing and is not kept.
    pub count: u32,
    /// When the last byte arrived, nanoseconds since 1970.
    pub time: i64,
    /// The payload, in pieces that are put together.
    pub payload: &'a [&'a [u8]],
}
