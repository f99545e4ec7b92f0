//! Looks into a journal without opening it: no lock, nothing changed, also while another kaptap writes to it.

use super::catalog::Catalog;
use super::chunk;
use super::cursor::{Cursor, Tally};
use super::format;
use super::recovery::{self, Survey};
use super::segment::{Segment, Start};
use super::storage::{Storage, StorageFile};
use super::table::Table;
use super::{OpenError, ReadError, Reader};
use bytes::Bytes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A journal's directory as it was at one moment.
pub struct Inspection {
    catalog: Arc<Catalog>,
    unreadable: Vec<(PathBuf, String)>,
    unfinished_bytes: u64,
}

/// One segment, as far as its two ends and the segment behind it tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentReport {
    /// The file.
    pub path: PathBuf,
    /// Seq of its first record.
    pub first_seq: u64,
    /// Seq of its last record; one less than the first when it has none.
    pub last_seq: u64,
    /// Bytes of it that are whole entries, or that were not looked at.
    pub bytes: u64,
    /// When it was begun, nanoseconds since 1970; 0 if its header is damaged.
    pub created: i64,
    /// Time of its newest record, nanoseconds since 1970; for a segment that was not closed properly a little later.
    pub newest: Option<i64>,
}

/// What reading all of one segment found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The segment.
    pub segment: SegmentReport,
    /// Entries that are whole.
    pub entries: u64,
    /// Records in them, those included that the next segment holds too.
    pub records: u64,
    /// Contexts described in it.
    pub contexts: u64,
    /// Whether it was closed properly. The one that is being written is not.
    pub closed: bool,
    /// Damaged places: offset and bytes; the first thousand.
    pub damage: Vec<(u64, u64)>,
}

impl Inspection {
    /// Looks at the directory.
    ///
    /// # Errors
    /// When it cannot be read, or a newer version wrote it.
    pub fn open(directory: &Path, storage: Arc<dyn Storage>) -> Result<Self, OpenError> {
        let survey = recovery::survey(&*storage, directory, &Table::default())?;
        let unfinished_bytes = survey.torn_bytes();
        let Survey { segments, next_seq, unreadable, .. } = survey;
        // Behind the last record there may be positions that the next kaptap to write will pass over. They are not
        // missing yet.
        let written = segments.last().map_or(next_seq - 1, |newest| newest.extent().last);
        let unreadable = unreadable.into_iter().map(|file| (file.path, file.reason)).collect();
        Ok(Self { catalog: Arc::new(Catalog::new(storage, segments, written)), unreadable, unfinished_bytes })
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentReport> {
        self.catalog.all().iter().map(|segment| SegmentReport::of(segment)).collect()
    }

    /// Files that should be segments and cannot be read, with the reason. Those set aside before are not among them.
    #[must_use]
    pub fn unreadable(&self) -> &[(PathBuf, String)] {
        &self.unreadable
    }

    /// Bytes behind the last whole entry of the newest segment that are part of another: being written just then, or cut
    /// short by a crash. Zeros written ahead do not count.
    #[must_use]
    pub fn unfinished_bytes(&self) -> u64 {
        self.unfinished_bytes
    }

    /// A reader from `seq` on, to the end as it was when the directory was looked at.
    #[must_use]
    pub fn reader(&self, seq: u64) -> Reader {
        Reader::new(Arc::clone(&self.catalog), seq)
    }

    /// Seq of the first run that arrived at or after `time` (nanoseconds since 1970).
    ///
    /// # Errors
    /// When the disk fails.
    pub fn seek_time(&self, time: i64) -> Result<u64, ReadError> {
        super::reader::seek_time(&self.catalog, time)
    }

    /// Reads everything and checks every checksum. `progress` is told the bytes done and the bytes in all, after each
    /// few hundred KiB. A segment that retention removed meanwhile is left out.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<Verified>, ReadError> {
        let segments = self.catalog.all();
        let total = segments.iter().map(|segment| segment.extent().end).sum();
        let mut done = 0;
        let mut verified = Vec::new();
        for segment in segments {
            let end = segment.extent().end;
            let io = |source| ReadError::Io { path: segment.path.clone(), source };
            match self.catalog.storage.open(&segment.path) {
                Ok(file) => {
                    let report = |offset: u64| progress(done + offset.min(end), total);
                    let tally = read_through(file, segment.first_seq, end, report).map_err(io)?;
                    verified.push(Verified::of(&segment, &tally));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io(error)),
            }
            done += end;
            progress(done, total);
        }
        Ok(verified)
    }
}

impl std::fmt::Debug for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspection").field("segments", &self.segments()).finish_non_exhaustive()
    }
}

impl SegmentReport {
    fn of(segment: &Segment) -> Self {
        let extent = segment.extent();
        Self {
            path: segment.path.clone(),
            first_seq: segment.first_seq,
            last_seq: extent.last,
            bytes: extent.end,
            created: segment.created,
            newest: Some(extent.newest).filter(|newest| !matches!(*newest, i64::MIN | i64::MAX)),
        }
    }
}

impl Verified {
    fn of(segment: &Segment, tally: &Tally) -> Self {
        Self {
            segment: SegmentReport { newest: tally.newest, ..SegmentReport::of(segment) },
            entries: tally.entries,
            records: tally.records,
            contexts: tally.contexts,
            closed: tally.ended.is_some(),
            damage: tally.damage.clone(),
        }
    }
}

/// Reads bytes as if they were a segment's file: what a fuzzer calls. Returns the records found.
#[must_use]
pub fn scan_bytes(bytes: &[u8], first_seq: u64) -> u64 {
    let length = bytes.len() as u64;
    let file = Box::new(Memory(Bytes::copy_from_slice(bytes)));
    // Memory does not fail, so the tally is that of the whole.
    read_through(file, first_seq, length, |_| ()).map_or(0, |tally| tally.records)
}

/// Writes the right checksum into everything that looks like an entry, so that a fuzzer gets past the checksums.
pub fn seal_bytes(bytes: &mut [u8], first_seq: u64) {
    if let Some(entries) = bytes.get_mut(format::HEADER_BYTES..) {
        chunk::seal_all(entries, format::salt(first_seq));
    }
}

fn read_through(
    file: Box<dyn StorageFile>,
    first_seq: u64,
    end: u64,
    mut progress: impl FnMut(u64),
) -> io::Result<Tally> {
    const STEP: u64 = 256 << 10;
    let mut cursor = Cursor::new(file, first_seq, Start { offset: format::HEADER_BYTES as u64, ..Start::default() });
    let mut told = 0;
    while cursor.next(0, end)?.is_some() {
        if cursor.offset() >= told + STEP {
            told = cursor.offset();
            progress(told);
        }
    }
    Ok(cursor.tally().clone())
}

/// A file that is bytes in memory.
struct Memory(Bytes);

impl StorageFile for Memory {
    fn write_at(&mut self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn fill(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn cut(&mut self, _length: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(from..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..length), rest.get(..length)) {
            target.copy_from_slice(source);
        }
        Ok(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}
