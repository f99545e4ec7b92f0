//! Readers: blocks in order from a seq on, over segments, and what is missing said once.

use super::catalog::{Catalog, Place};
use super::cursor::Cursor;
use super::error::{DAMAGE, RETENTION, SKIPPED};
use super::segment::{Extent, Segment};
use super::{Block, ReadError};
use std::io;
use std::sync::Arc;

/// A file that vanished between finding and opening it is looked for again this often.
const LOOK_AGAIN: u32 = 16;

/// Reads runs in order. Blocking; each call reads at most a few hundred KiB, or one run if that is longer, but for the
/// first one at a place inside a segment, which may have to read up to there.
///
/// It holds one window of the file (128 KiB, or one run), and with compression one unpacked block (256 KiB, or one
/// run). It never makes the writer wait, and goes on to work when the journal is closed.
pub struct Reader {
    catalog: Arc<Catalog>,
    position: u64,
    /// Whether it was asked for the beginning, wherever that is by now.
    from_beginning: bool,
    open: Option<(Arc<Segment>, Cursor)>,
    /// A block read already, behind a gap that was told first.
    ahead: Option<Block>,
}

impl Reader {
    pub(super) fn new(catalog: Arc<Catalog>, seq: u64) -> Self {
        Self { catalog, position: seq.max(1), from_beginning: seq <= 1, open: None, ahead: None }
    }

    /// Seq of the next record to come.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next run that holds a seq not read yet, or `None` at the end of what is written. A run is given whole:
    /// its first records may be older than the seq asked for.
    ///
    /// # Errors
    /// [`ReadError::Gap`] once for each stretch that is missing, then it goes on behind it.
    pub fn next_block(&mut self) -> Result<Option<Block>, ReadError> {
        loop {
            if let Some(block) = self.ahead.take().filter(|block| last_of(block) >= self.position) {
                return Ok(Some(self.give(block)));
            }
            // Asked before the segments are, which always know at least as much.
            let written = self.catalog.written();
            if self.position > written {
                return Ok(None);
            }
            let Some(extent) = self.seek(written)? else { return Ok(None) };
            let Some((segment, cursor)) = &mut self.open else { return Ok(None) };
            match cursor.next(self.position, extent.end) {
                Err(source) => {
                    let path = segment.path.clone();
                    self.open = None;
                    return Err(ReadError::Io { path, source });
                }
                Ok(Some((run, payload))) if run.first_seq < extent.limit => {
                    let block = Block {
                        first_seq: run.first_seq,
                        count: run.count,
                        time: run.time,
                        context: run.context,
                        description: cursor.description(run.context),
                        payload,
                    };
                    if block.first_seq > self.position {
                        let last = block.first_seq - 1;
                        self.ahead = Some(block);
                        return Err(self.missing(&extent, last));
                    }
                    return Ok(Some(self.give(block)));
                }
                Ok(_) => {
                    if self.position <= extent.last {
                        let last = extent.last.min(extent.limit - 1);
                        return Err(self.missing(&extent, last));
                    }
                    if extent.limit == u64::MAX {
                        return Ok(None);
                    }
                    let skipped_from = extent.limit - extent.skipped.min(extent.limit);
                    if self.position < skipped_from {
                        return Err(self.missing(&extent, skipped_from - 1));
                    }
                    if self.position < extent.limit {
                        return Err(self.gap(extent.limit - 1, SKIPPED));
                    }
                }
            }
        }
    }

    /// Has the segment open that the position is in, and says how far it may be read.
    fn seek(&mut self, written: u64) -> Result<Option<Extent>, ReadError> {
        for _ in 0..LOOK_AGAIN {
            if let Some((segment, _)) = &self.open {
                let extent = segment.extent();
                if self.position < extent.limit {
                    return Ok(Some(extent));
                }
                self.open = None;
            }
            let segment = match self.catalog.find(self.position) {
                Place::In(segment) => segment,
                Place::Beyond if self.catalog.count() == 0 => return Err(self.gap(written, DAMAGE)),
                Place::Beyond => return Ok(None),
                Place::Before(oldest) if self.from_beginning => {
                    self.position = oldest;
                    continue;
                }
                Place::Before(oldest) => return Err(self.gap(oldest - 1, RETENTION)),
            };
            match open(&self.catalog, &segment, self.position) {
                Ok(cursor) => {
                    self.from_beginning = false;
                    self.open = Some((segment, cursor));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && !self.catalog.holds(&segment) => {}
                Err(source) => return Err(ReadError::Io { path: segment.path.clone(), source }),
            }
        }
        Ok(None)
    }

    /// Records up to `last` cannot be read from this segment.
    fn missing(&mut self, extent: &Extent, last: u64) -> ReadError {
        if last < extent.retained_from {
            return self.gap(last, DAMAGE);
        }
        // They are still in memory, and come again with the next segment.
        let path = self.open.take().map(|(segment, _)| segment.path.clone()).unwrap_or_default();
        self.ahead = None;
        let source = io::Error::other("the segment failed, and its records have not been written elsewhere yet");
        ReadError::Io { path, source }
    }

    fn gap(&mut self, last: u64, reason: &'static str) -> ReadError {
        let first = std::mem::replace(&mut self.position, last.saturating_add(1));
        ReadError::Gap { first, last, reason }
    }

    fn give(&mut self, block: Block) -> Block {
        self.position = last_of(&block).saturating_add(1);
        block
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Seq of the first run that arrived at or after `time`; the next seq to be written if there is none.
pub(super) fn seek_time(catalog: &Catalog, time: i64) -> Result<u64, ReadError> {
    let written = catalog.written();
    for segment in catalog.all() {
        let extent = segment.extent();
        if extent.newest < time {
            continue;
        }
        let io = |source| ReadError::Io { path: segment.path.clone(), source };
        let file = match catalog.storage.open(&segment.path) {
            Ok(file) => file,
            // Removed meanwhile, or replaced by one that comes later in the list.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(io(source)),
        };
        let mut cursor = Cursor::new(file, segment.first_seq, segment.start_for_time(time));
        while let Some((run, _)) = cursor.next(0, extent.end).map_err(io)? {
            if run.first_seq >= extent.limit {
                break;
            }
            if run.time >= time {
                return Ok(run.first_seq);
            }
        }
    }
    Ok(written.saturating_add(1))
}

fn open(catalog: &Catalog, segment: &Segment, position: u64) -> io::Result<Cursor> {
    let file = catalog.storage.open(&segment.path)?;
    Ok(Cursor::new(file, segment.first_seq, segment.start_for_seq(position)))
}

fn last_of(block: &Block) -> u64 {
    block.first_seq + u64::from(block.count) - 1
}
