//! A table of segments that were closed, so that opening need not look at each file of a large journal.
//!
//! It says again what the ends of those segments say, in one small file, `segments`: magic `kaptapS\n`, u32 format
//! version 1, u32 count, then for each segment six numbers of 8 bytes (first seq, bytes of the file, time when it was
//! begun, seqs passed over before it, seq behind its last record, newest time), and the crc32 of all that. It is never
//! needed: what it does not know, or knows with another length, is looked at, and one that is damaged, too old or not
//! there costs a slower start.

use super::catalog::Catalog;
use super::storage::Storage;
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// So many of the newest segments are looked at on opening, whatever the table says of them; and after as many new ones
/// the table is written again.
pub(super) const NEWEST: usize = 32;

const FILE: &str = "segments";
const MAGIC: &[u8; 8] = b"kaptapS\n";
const VERSION: u32 = 1;
const ROW: usize = 48;
/// A file that is larger is not ours: as many segments as this has room for are never there.
const LONGEST: u64 = 64 << 20;

/// What is remembered of a segment that was closed properly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) first_seq: u64,
    /// Bytes of the file.
    pub(super) length: u64,
    /// When it was begun, nanoseconds since 1970.
    pub(super) created: i64,
    /// How many seqs just before `first_seq` were passed over on purpose.
    pub(super) skipped: u64,
    /// Seq behind its last record.
    pub(super) next_seq: u64,
    /// Time of its newest record.
    pub(super) newest: i64,
}

/// The table as it was found.
#[derive(Debug, Default)]
pub(super) struct Table(HashMap<u64, Ended>);

impl Table {
    /// Reads the table; an empty one if there is none that can be used.
    pub(super) fn read(storage: &dyn Storage, directory: &Path) -> Self {
        let read = || -> io::Result<Option<Vec<Ended>>> {
            let file = storage.open(&directory.join(FILE))?;
            let length = file.length()?;
            if length > LONGEST {
                return Ok(None);
            }
            let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
            let read = file.read_at(&mut bytes, 0)?;
            Ok(bytes.get(..read).and_then(decode))
        };
        // Whatever is wrong with it, the segments themselves are asked instead.
        let rows = read().ok().flatten().unwrap_or_default();
        Self(rows.into_iter().map(|row| (row.first_seq, row)).collect())
    }

    /// What is known of the segment of this name, if it still has the length that it was closed with.
    pub(super) fn get(&self, first_seq: u64, length: u64) -> Option<Ended> {
        self.0.get(&first_seq).filter(|row| row.length == length).copied()
    }
}

/// Writes the table anew when enough segments have been closed since.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Closed since it was written last.
    closed: usize,
}

impl Tables {
    /// `looked_at`: how many segments had to be looked at on opening.
    pub(super) fn new(looked_at: usize) -> Self {
        Self { closed: looked_at.saturating_sub(NEWEST) }
    }

    /// One more segment was closed.
    pub(super) fn closed_one(&mut self) {
        self.closed += 1;
    }

    /// Whether the table should be written again.
    pub(super) fn is_due(&self) -> bool {
        self.closed >= NEWEST
    }

    /// Writes what the catalog knows. Not synced: after a power loss an older one, or none, is there.
    pub(super) fn write(&mut self, catalog: &Catalog, directory: &Path) {
        self.closed = 0;
        let rows = rows(catalog);
        let (new, path) = (directory.join("segments.new"), directory.join(FILE));
        let storage = &*catalog.storage;
        let written = storage
            .create(&new)
            .and_then(|mut file| file.write_at(&encode(&rows), 0))
            .and_then(|()| storage.rename(&new, &path));
        if written.is_err() {
            // The start is slower without it, nothing more; and what is left is emptied by the next attempt.
            drop(storage.remove(&new));
        }
    }
}

/// The closed segments of a catalog.
fn rows(catalog: &Catalog) -> Vec<Ended> {
    let mut skipped = 0;
    let mut rows = Vec::new();
    for (number, segment) in catalog.all().into_iter().enumerate() {
        let extent = segment.extent();
        // What was passed over before the first is known to itself alone.
        if let Some(next_seq) = extent.ended.filter(|_| number > 0) {
            let (first_seq, created) = (segment.first_seq, segment.created);
            rows.push(Ended { first_seq, length: extent.end, created, skipped, next_seq, newest: extent.newest });
        }
        skipped = extent.skipped;
    }
    rows
}

fn encode(rows: &[Ended]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + rows.len() * ROW);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
    for row in rows {
        let Ended { first_seq, length, created, skipped, next_seq, newest } = *row;
        for number in [first_seq, length, created.cast_unsigned(), skipped, next_seq, newest.cast_unsigned()] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    let check = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&check.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<Vec<Ended>> {
    let (body, check) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(body) != u32::from_le_bytes(*check) {
        return None;
    }
    let (version, body) = body.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    let (count, body) = body.split_first_chunk::<4>()?;
    let (rows, rest) = body.as_chunks::<ROW>();
    if u32::from_le_bytes(*version) != VERSION
        || u64::from(u32::from_le_bytes(*count)) != rows.len() as u64
        || !rest.is_empty()
    {
        return None;
    }
    rows.iter().map(row).collect()
}

fn row(bytes: &[u8; ROW]) -> Option<Ended> {
    let (numbers, _) = bytes.as_chunks::<8>();
    let [first_seq, length, created, skipped, next_seq, newest] = *numbers else { return None };
    let row = Ended {
        first_seq: u64::from_le_bytes(first_seq),
        length: u64::from_le_bytes(length),
        created: i64::from_le_bytes(created),
        skipped: u64::from_le_bytes(skipped),
        next_seq: u64::from_le_bytes(next_seq),
        newest: i64::from_le_bytes(newest),
    };
    // As a segment's own end would have to be believable.
    (row.next_seq >= row.first_seq).then_some(row)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
