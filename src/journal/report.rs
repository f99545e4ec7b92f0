//! What a journal says: runs read back, what opening found, health and numbers.

use bytes::Bytes;
use std::path::PathBuf;

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
    /// The context's bytes. Empty when it was never described. Behind a damaged place in the segment it is what was said
    /// before that, if what it was described with is among the damage.
    pub description: Bytes,
    /// The payload: a view into the reader's buffer, which lives as long as the view. Copy it to keep it for long.
    pub payload: Bytes,
}

/// What was found on opening.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Seq of the next record.
    pub next_seq: u64,
    /// Bytes of an unfinished entry that were cut from the tail; zeros written ahead do not count.
    pub torn_bytes: u64,
    /// Missing positions inside: first, last, reason.
    pub gaps: Vec<(u64, u64, &'static str)>,
    /// Segment files that cannot be read, with the reason: under the name they were renamed to, or under their own when
    /// it was the disk that refused to read them.
    pub quarantined: Vec<(PathBuf, String)>,
}

/// Whether the journal takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Well,
    /// A write or sync failed or does not come back. After a failure it tries again on a fresh segment. Nothing
    /// acknowledged is lost, and appends go on into the buffer until that is full.
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
    /// Bytes of all segments, with what is written ahead in them.
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
