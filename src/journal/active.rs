//! The segment that is being written.

use super::ahead::Ahead;
use super::chunk::{self, Chunk};
use super::format::{self, Header};
use super::segment::{Extent, Segment};
use super::storage::{Storage, StorageFile};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the disk refused, and where.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) doing: &'static str,
    pub(super) path: PathBuf,
    pub(super) source: io::Error,
}

impl Failure {
    pub(super) fn of<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self { doing, path: path.to_owned(), source }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot {} {}: {}", self.doing, self.path.display(), self.source)
    }
}

/// The segment that is being written. After any failure it must not be touched again: dropping it closes the file
/// and nothing more.
pub(super) struct Active {
    pub(super) segment: Arc<Segment>,
    file: Box<dyn StorageFile>,
    /// Another handle of it, to sync with while this one is written to; `None` while that is done, or if the disk gave
    /// none.
    pub(super) second: Option<Box<dyn StorageFile>>,
    salt: u32,
    /// Bytes written.
    pub(super) end: u64,
    /// Zeros behind them.
    pub(super) ahead: Ahead,
    /// Last seq written.
    last: u64,
    newest: i64,
    /// Where packed chunks are made, if they are packed.
    packed: Option<Vec<u8>>,
}

impl Active {
    /// Begins a segment. It comes into being whole: header, contexts that are live and the chunks carried over from a
    /// segment that failed are written under another name, synced, and then named, so that neither a crash nor another
    /// failure leaves less behind than there was.
    pub(super) fn begin(
        storage: &dyn Storage,
        directory: &Path,
        header: &Header,
        live: &BTreeMap<u64, Bytes>,
        carried: &mut VecDeque<Chunk>,
        compression: bool,
    ) -> Result<Self, Failure> {
        let path = directory.join(format::file_name(header.first_seq));
        let new = path.with_extension("kseg.new");
        let result = Self::write_new(storage, (&new, &path), header, live, carried, compression);
        let named = result.and_then(|mut active| {
            storage.rename(&new, &path).map_err(Failure::of("rename", &new))?;
            storage.sync_directory(directory).map_err(Failure::of("sync", directory))?;
            active.second = storage.open(&path).ok();
            Ok(active)
        });
        if named.is_err() {
            // Space is scarce just then. If it cannot be removed, the next attempt empties it, or recovery removes it.
            drop(storage.remove(&new));
        }
        named
    }

    fn write_new(
        storage: &dyn Storage,
        (new, path): (&Path, &Path),
        header: &Header,
        live: &BTreeMap<u64, Bytes>,
        carried: &mut VecDeque<Chunk>,
        compression: bool,
    ) -> Result<Self, Failure> {
        let salt = format::salt(header.first_seq);
        let mut contexts = Vec::new();
        for (key, description) in live {
            format::put_context(&mut contexts, *key, description);
        }
        chunk::seal_all(&mut contexts, salt);
        let file = storage.create(new).map_err(Failure::of("create", new))?;
        let extent = Extent::empty(header.first_seq);
        let segment = Segment::new(path.to_owned(), header.first_seq, header.created, extent);
        let described: Vec<_> = live.iter().map(|(key, bytes)| (*key, Some(bytes.clone()))).collect();
        segment.note(extent.end, header.first_seq, i64::MIN, &described);
        let mut active = Self {
            segment: Arc::new(segment),
            file,
            second: None,
            salt,
            end: extent.end,
            ahead: Ahead::default(),
            last: extent.last,
            newest: extent.newest,
            packed: compression.then(Vec::new),
        };
        let mut write = || {
            active.file.write_at(&header.encode(), 0)?;
            active.file.write_at(&contexts, active.end)?;
            active.end += contexts.len() as u64;
            carried.iter_mut().try_for_each(|chunk| active.append_chunk(chunk))
        };
        write().map_err(Failure::of("write", new))?;
        active.file.sync_data().map_err(Failure::of("sync", new))?;
        active.publish();
        Ok(active)
    }

    /// Writes a chunk. Readers do not see it before [`Active::publish`].
    pub(super) fn append(&mut self, chunk: &mut Chunk) -> Result<(), Failure> {
        self.append_chunk(chunk).map_err(Failure::of("write", &self.segment.path))
    }

    fn append_chunk(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        let bytes = chunk.seal(self.salt, self.packed.as_mut());
        let written = bytes.len() as u64;
        self.file.write_at(bytes, self.end)?;
        self.segment.note(self.end, chunk.first_seq, self.newest, &chunk.contexts);
        self.end += written;
        self.last = chunk.next_seq.saturating_sub(1);
        self.newest = self.newest.max(chunk.newest);
        Ok(())
    }

    /// Lets readers see what was written.
    pub(super) fn publish(&self) {
        self.segment.update(|extent| {
            extent.end = self.end;
            extent.length = self.ahead.length(self.end);
            extent.last = self.last;
            extent.newest = self.newest;
        });
    }

    /// Makes what was written durable.
    pub(super) fn sync(&self) -> Result<(), Failure> {
        self.file.sync_data().map_err(Failure::of("sync", &self.segment.path))
    }

    /// Fills a stretch behind what is written with zeros. Not durable before the next sync. A disk that does not take
    /// them is given back the space and not asked again for this segment. The error is there to be told: nothing has
    /// failed, and if the disk does not even take them back, nothing is lost. They mean nothing, and what is written goes
    /// over them.
    pub(super) fn fill(&mut self, stretch: Range<u64>) -> io::Result<()> {
        let filled = self.file.fill(stretch.start, stretch.end - stretch.start);
        self.ahead.filled(stretch.end);
        let filled = filled.map_err(|error| {
            self.ahead.give_up();
            match self.cut() {
                Ok(()) => error,
                Err(cut) => io::Error::new(error.kind(), format!("{error}; nor are they cut off: {cut}")),
            }
        });
        self.publish();
        filled
    }

    /// Cuts off the zeros behind the bytes written.
    fn cut(&mut self) -> io::Result<()> {
        self.file.cut(self.end)?;
        self.ahead.filled(self.end);
        self.publish();
        Ok(())
    }

    /// Writes the segment's end and makes it durable.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if self.ahead.length(self.end) > self.end {
            // Before there is an end: a file of whatever length that has none was not closed.
            self.cut().map_err(Failure::of("cut", &self.segment.path))?;
        }
        let mut end = Vec::new();
        format::put_end(&mut end, self.last.saturating_add(1), self.newest);
        format::seal(&mut end, self.salt);
        self.file.write_at(&end, self.end).map_err(Failure::of("write", &self.segment.path))?;
        self.sync()?;
        self.end += end.len() as u64;
        self.publish();
        self.segment.update(|extent| extent.ended = Some(self.last.saturating_add(1)));
        Ok(())
    }

    pub(super) fn has_records(&self) -> bool {
        self.last >= self.segment.first_seq
    }

    /// Frees what a burst left behind.
    pub(super) fn shrink(&mut self) {
        if let Some(packed) = &mut self.packed {
            *packed = Vec::new();
        }
    }
}
