//! Counting what goes over a connection, so that much of it can be compared without keeping it.

use std::fmt;
use xxhash_rust::xxh3::Xxh3;

/// How many data frames there were, and what they were: two tallies are equal when the same frames came in the same
/// order.
#[derive(Clone, Default)]
pub struct Tally {
    frames: u64,
    bytes: u64,
    hash: Xxh3,
}

impl Tally {
    /// Counts one frame, without its length prefix.
    pub fn count(&mut self, frame: &[u8]) {
        self.frames += 1;
        self.bytes += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        self.hash.update(&frame.len().to_le_bytes());
        self.hash.update(frame);
    }

    /// Frames counted.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes of the frames counted, without prefixes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        (self.frames, self.bytes, self.hash.digest128()) == (other.frames, other.bytes, other.hash.digest128())
    }
}

impl Eq for Tally {}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames, {} bytes, {:032x}", self.frames, self.bytes, self.hash.digest128())
    }
}
