//! The snapshot: what Kapacitor keeps for us over its own restart, and gives back in Restore.
//!
//! 28 bytes: `KTAPSNAP` · version `01` · three zero bytes · stream id, u64 · number of the last record, u64 · CRC-32 of
//! all before it, u32. Integers are little-endian. Whatever does not read as exactly that was written by something else,
//! and is no error: another UDF may have stood at the same node before.

/// First bytes, then the version and padding.
const HEAD: [u8; 12] = *b"KTAPSNAP\x01\0\0\0";

/// Length of an encoded snapshot, bytes.
pub const LENGTH: usize = HEAD.len() + 8 + 8 + 4;

/// How far a stream was when Kapacitor asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// The stream's id.
    pub stream: u64,
    /// Number of the last record received before, 0 when there was none. It is durable once the snapshot is sent.
    pub last_n: u64,
}

impl Snapshot {
    /// The bytes for [`super::reply::snapshot`].
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.extend_from_slice(&HEAD);
        bytes.extend_from_slice(&self.stream.to_le_bytes());
        bytes.extend_from_slice(&self.last_n.to_le_bytes());
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the bytes of a Restore; `None` when they are not ours, damaged, or of another version.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk()?;
        let (stream, rest) = body.strip_prefix(&HEAD)?.split_first_chunk()?;
        let last_n = <[u8; 8]>::try_from(rest).ok()?;
        (crc32fast::hash(body) == u32::from_le_bytes(*sum))
            .then_some(Self { stream: u64::from_le_bytes(*stream), last_n: u64::from_le_bytes(last_n) })
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
