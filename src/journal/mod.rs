//! The journal: segments of runs, one writer, any number of readers. Stores opaque bytes.
//!
//! A *run* is one or more consecutive records of one context, appended together. Each record has a position, its
//! `seq`: 1, 2, 3 …, given at once when the run is appended, and never given twice. A *context* is what all runs of a
//! stream have in common; it is described once and kept with every segment that needs it, so that a record can be read
//! with nothing but its own segment.
//!
//! ```text
//! append ─▶ buffer ─▶ writer (one thread) ─▶ segment files ─▶ readers, each with its own file handle
//!           bounded    one write a chunk,      oldest removed
//!                      fdatasync as asked      by retention
//!                        └ fdatasync that nobody waits for, on a thread beside it
//! ```
//!
//! # Bytes
//! Format 1. All numbers are little endian; times are nanoseconds since 1970. The directory holds `lock`, and segments
//! named `<first seq, 20 digits>.kseg`. A segment is a header, then entries to the end of the file; one that was not
//! closed may have zeros behind them, which mean nothing.
//!
//! | at | header, 64 bytes |
//! |---|---|
//! | 0 | magic `kaptap\r\n` |
//! | 8 | u16 format version, 1 |
//! | 10 | u16 length of the header, 64 |
//! | 12 | zeros |
//! | 16 | u64 seq of the first record |
//! | 24 | i64 time when the segment was begun |
//! | 32 | u64 boot: xxh3 of the kernel's boot id, 0 if unknown |
//! | 40 | u64 how many seqs just before the first were passed over on purpose |
//! | 48 | zeros |
//! | 60 | u32 crc32 of all before it; in every version it stands at the header's end |
//!
//! Every entry begins with `u32 length` of what follows these first 8 bytes, `u32 checksum`, `u8 kind`, three zeros. The
//! checksum is the crc32 of the entry without the checksum itself; its start value is the crc32 of the segment's first
//! seq (8 bytes), so that what was left over on the disk from another segment is never taken for an entry. An entry is
//! at most 1 GiB. Entries of kinds not known are passed over; anything else that is new is a new version.
//!
//! | kind | at 12, u32 | at 16, u64 | at 24, i64 | at 32, u64 | then |
//! |---|---|---|---|---|---|
//! | 1 context | 0 | key | description |||
//! | 2 run | count | first seq | time | context key | payload |
//! | 3 packed | count | first seq | newest time | length unpacked | lz4 block of whole run entries (checksums not set), at most 256 KiB of them or one run |
//! | 4 forget | 0 | context key ||||
//! | 5 end | 0 | next seq | newest time |||
//!
//! A segment is written once, front to back, by one process on one boot; opening never appends to what is there. It
//! comes into being whole: header, all contexts that are live and whatever is carried over are written to
//! `<name>.new`, synced, and renamed. When it is full, or the journal is closed, it gets an end entry and is synced.
//! If the entries of a segment go on beyond the first seq of the next one, those of the next one count: they are the
//! same records, written again after a failure.
//!
//! # Written ahead
//! Where somebody waits for each sync and little is written from one to the next (64 KiB at most), the file is filled with
//! zeros in steps of 256 KiB, after the sync and when nobody waits for another (`ahead`): a sync of what is written over
//! them has no new length and no new places to write down, which makes it about half as long. What a step adds is synced
//! with the next commit. A segment is never filled beyond `segment_bytes`, and cut before it gets its end entry, so a
//! closed one holds no trace of it. A disk that does not take the zeros is given them back, and not asked again for this
//! segment; after a failure nothing is written ahead before a segment has been finished. On file systems that write
//! everything to a new place (btrfs, ZFS) there is nothing to gain, and what is lost is that those bytes are written twice.
//!
//! # What is promised
//! | | the process is killed | power is lost |
//! |---|---|---|
//! | [`Journal::durable`] says so | kept | kept |
//! | readers have seen it ([`Journal::written`]) | kept | may be gone; its seq is not given again |
//! | appended only | gone if not yet written; while the disk is well at most about a millisecond of it, 5 ms if nobody follows ([`Attention`]) | gone |
//!
//! [`Sync::Commit`] is durable with the next write and sync, which everything that waits shares (`crowd`); [`Sync::Interval`]
//! with a sync that begins within the interval after it is written, or as soon as 8 MiB wait, and writing goes on meanwhile
//! (`syncing`); [`Sync::Os`] when a segment is closed, when [`Journal::sync`] asks,
//! or along with others. Readers never see more than 1,048,576 records beyond what is durable.
//!
//! # Failure
//! After any failed write, sync or creation the segment is *poisoned*: it is neither written nor synced again, because
//! nobody knows what the disk has made of it. [`Journal::health`] becomes [`Health::Blocked`], and after a pause (50 ms,
//! doubling up to 1 s) the writer begins a fresh segment whose first seq is the first one that is not durable. It holds
//! everything since: what was written and not synced stays in memory until it is synced, and counts as buffered. So
//! nothing that was appended is lost as long as the process lives, with one exception: what was appended with
//! [`Sync::Os`] is let go once it is written, and if the disk loses it when a later sync fails, readers find damage.
//! A disk call that does not come back makes the journal blocked too, at the first append after 2 s; it holds up the
//! writer, and nobody else.
//!
//! # Bounds
//! | buffer | bound | when full |
//! |---|---|---|
//! | entries not durable | `buffer_bytes`; [`Share::Common`] may use three quarters | [`AppendError::Full`], [`Journal::space`] tells when to try again. Contexts are always taken: one per open stream |
//! | syncs beside the writer | one; it waits for that before it syncs by itself or ends a segment | |
//! | emptied chunks kept for reuse | 4 MiB, none when idle | freed |
//! | index of where to begin in a segment | one place per 256 KiB and 1 MiB of contexts, for the 4 newest segments | reading begins at the last place, or the front |
//! | a reader | see [`Reader`] | |
//! | the disk | `max_bytes`; the newest segment counts as full, others with all their zeros | the oldest segment goes |
//!
//! # Opening
//! Opening reads both ends of the newest 32 segments, and all of the newest if that has no end entry; what older ones end
//! with is in a table that the writer keeps, `segments`, and what is not in there is read from their ends too. What the
//! table knows and the disk refuses to read is found when somebody reads it. Bytes behind the newest one's last whole
//! entry were never acknowledged: they are cut off and reported, but for zeros that were written ahead, which are cut off
//! without a word; zeros before an entry are damage. The newest segment is synced before what is found
//! is taken as durable. Damage anywhere else stays where it is: readers find the next whole entry behind it and say
//! which seqs are missing ([`ReadError::Gap`], `damage`). A damaged header costs nothing as long as the entries are
//! whole, because the name says all that is needed. What is no segment at all is renamed to `<name>.quarantined`, never
//! removed; what the disk refuses to read is reported and left alone. Files with other names are left alone.
//!
//! One thing cannot be known: if a sync failed, and the process was killed before a fresh segment was begun, the disk
//! may have forgotten what it failed to sync and say later that all is synced. Nobody was told that it was durable
//! before; but now it is taken as such.
//!
//! If the newest segment has no end entry and was written on another boot, records that readers had seen may be gone.
//! Then 1,048,576 seqs are passed over, and reported as `skipped`, so that no seq ever means two things. If a
//! newest segment cannot be read, as many are passed over as it may have held besides.
//!
//! # Retention
//! Whole segments, oldest first, when all together would grow beyond `max_bytes`, or when the newest record in one is
//! older than `max_age`; looked at when a segment is begun, on opening, and once a minute if there is a `max_age`. The
//! newest segment never goes. A reader that has a removed segment open finishes it; one that comes too late gets a gap,
//! `retention`.

mod active;
mod ahead;
mod attention;
mod buffer;
mod catalog;
mod chunk;
mod crowd;
mod cursor;
mod error;
pub mod faulty;
mod format;
pub mod inspect;
mod options;
mod reader;
mod recovery;
mod report;
mod retention;
mod segment;
mod storage;
mod syncing;
mod table;
mod writer;

#[cfg(test)]
mod bytes_tests;

pub use attention::Attention;
pub use error::{AppendError, OpenError, ReadError};
pub use options::{Entry, Options, Share, Sync};
pub use reader::Reader;
pub use report::{Block, Health, Recovery, Stats};
pub use storage::{Disk, Listed, Storage, StorageFile};

use buffer::Buffer;
use catalog::Catalog;
use std::fs::File;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use table::{Table, Tables};
use tokio::sync::watch;
use writer::{Counters, Tell, Writer};

/// A journal that is open. Cheap to clone; the last clone dropped closes it, and waits for the disk as
/// [`Journal::close`] does.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

struct Handle {
    buffer: Arc<Buffer>,
    catalog: Arc<Catalog>,
    counters: Arc<Counters>,
    written: watch::Receiver<u64>,
    durable: watch::Receiver<u64>,
    space: watch::Receiver<u64>,
    health: Arc<watch::Sender<Health>>,
    writer: Mutex<Option<(JoinHandle<std::io::Result<()>>, File)>>,
}

impl Journal {
    /// Opens or creates the journal of a directory, locks it and starts the writer.
    ///
    /// # Errors
    /// When the directory cannot be used, or another process uses it.
    pub fn open(options: Options, storage: Arc<dyn Storage>) -> Result<(Self, Recovery), OpenError> {
        let directory = options.directory.clone();
        let io = |source| OpenError::Io { path: directory.clone(), source };
        storage.create_directory(&directory).map_err(io)?;
        let lock = storage::lock(&directory)?;
        let survey = recovery::survey(&*storage, &directory, &Table::read(&*storage, &directory))?;
        let recovery = recovery::repair(&*storage, &directory, &survey)?;

        let begin = (survey.next_seq, survey.skipped);
        let tables = Tables::new(survey.looked_at);
        let last = survey.next_seq - 1;
        let buffer = Arc::new(Buffer::new(&options, survey.next_seq));
        let catalog = Arc::new(Catalog::new(storage, survey.segments, last));
        let counters = Arc::new(Counters::default());
        counters.durable.store(last, Ordering::Relaxed);
        let (written_sender, written) = watch::channel(last);
        let (durable_sender, durable) = watch::channel(last);
        let (space_sender, space) = watch::channel(0);
        let health = Arc::new(watch::Sender::new(Health::Well));
        let tell =
            Tell { written: written_sender, durable: durable_sender, space: space_sender, health: Arc::clone(&health) };
        let writer =
            Writer::new(options, Arc::clone(&buffer), Arc::clone(&catalog), Arc::clone(&counters), tell, begin, tables);
        let thread = std::thread::Builder::new().name("kaptap-journal".to_owned());
        let thread = thread.spawn(move || writer.run()).map_err(io)?;
        let writer = Mutex::new(Some((thread, lock)));
        let handle = Handle { buffer, catalog, counters, written, durable, space, health, writer };
        Ok((Self { handle: Arc::new(handle) }, recovery))
    }

    /// Says what a context key means. Kept with every segment until [`Journal::forget`].
    ///
    /// It goes to the disk along with the next run. Saying the same again costs nothing; saying something else holds
    /// for the runs that follow. A journal opened again knows no contexts but those it is told anew.
    pub fn describe(&self, context: u64, description: &[u8]) {
        self.handle.buffer.describe(context, description);
    }

    /// Says that no more entries of this context come. Everything appended before still finds its description.
    pub fn forget(&self, context: u64) {
        self.handle.buffer.forget(context);
    }

    /// Takes a run. Never waits: it is put into the buffer, and its first seq is given at once.
    ///
    /// # Errors
    /// When the buffer share is used up, the run is too large, or the journal is closed.
    pub fn append(&self, entry: Entry<'_>, sync: Sync, share: Share) -> Result<u64, AppendError> {
        let result = self.handle.buffer.append(entry, sync, share);
        if self.handle.buffer.is_stalled() {
            self.handle.tell_stall();
        }
        result
    }

    /// The seq the next append will get if nobody else appends in between.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.handle.buffer.next_seq()
    }

    /// Highest seq that readers can see. Changes when more was written. All of these end with the writer, when the
    /// journal was closed.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.handle.written.clone()
    }

    /// Says that somebody follows what is written, for as long as this is held.
    pub fn attend(&self) -> Attention {
        self.handle.buffer.followers.attend()
    }

    /// Highest seq known to be durable.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<u64> {
        self.handle.durable.clone()
    }

    /// Counts up whenever buffer space was freed; wait on it after [`AppendError::Full`].
    ///
    /// Take it once and keep it: what was freed since it last waited wakes it at once, so nothing is missed, and one
    /// that was just taken has all of the past before it.
    #[must_use]
    pub fn space(&self) -> watch::Receiver<u64> {
        self.handle.space.clone()
    }

    /// Asks for everything appended so far to be synced soon (the snapshot barrier); see [`Journal::durable`].
    pub fn sync(&self) {
        self.handle.buffer.ask_sync();
    }

    /// Whether it takes records.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.handle.health.subscribe()
    }

    /// Numbers for metrics and status.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Handle { buffer, catalog, counters, .. } = &*self.handle;
        let (first_seq, segments, bytes) = catalog.totals();
        Stats {
            first_seq: first_seq.unwrap_or_else(|| catalog.written().saturating_add(1)),
            written_seq: catalog.written(),
            durable_seq: counters.durable.load(Ordering::Relaxed),
            segments,
            bytes,
            buffered_bytes: buffer.bytes() as u64,
            syncs: counters.syncs.load(Ordering::Relaxed),
            failures: counters.failures.load(Ordering::Relaxed),
            removed_segments: counters.removed_segments.load(Ordering::Relaxed),
        }
    }

    /// A reader from `seq` on; 0 and 1 are the beginning.
    #[must_use]
    pub fn reader(&self, seq: u64) -> Reader {
        Reader::new(Arc::clone(&self.handle.catalog), seq)
    }

    /// Seq of the first record that may have arrived at or after `time` (nanoseconds since 1970); exact to a run. If
    /// there is none, the seq behind all that is written. Blocking, as reading is.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn seek_time(&self, time: i64) -> Result<u64, ReadError> {
        reader::seek_time(&self.handle.catalog, time)
    }

    /// Writes and syncs what is left, and stops the writer. Later appends are refused; reading goes on to work. Waits
    /// as long as the disk does, but tries only once more after a failure. The directory is free when it returns.
    ///
    /// # Errors
    /// When the last write or sync fails; what is lost is said.
    pub fn close(&self) -> std::io::Result<()> {
        self.handle.close()
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Handle {
    /// Makes the journal blocked while a disk call does not come back. The writer takes it back when it does.
    fn tell_stall(&self) {
        if !self.buffer.tell_stall() {
            return;
        }
        let blocked = Health::Blocked { reason: "the disk has not answered for 2 s".to_owned() };
        self.turn_health(&Health::Well, &blocked);
        if !self.buffer.is_stalled() {
            // It came back in between, and may not have seen that it had to take anything back.
            self.turn_health(&blocked, &Health::Well);
        }
    }

    fn turn_health(&self, from: &Health, to: &Health) {
        self.health.send_if_modified(|health| {
            let turn = health == from;
            if turn {
                health.clone_from(to);
            }
            turn
        });
    }

    fn close(&self) -> std::io::Result<()> {
        self.buffer.close();
        // The lock on the mutex is held while the writer finishes, so that whoever closes too finds it finished.
        let mut writer = segment::lock(&self.writer);
        let Some((thread, lock)) = writer.take() else { return Ok(()) };
        let result = thread.join().unwrap_or_else(|_| Err(std::io::Error::other("the writer stopped unexpectedly")));
        drop(lock);
        result
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `Journal::close` before.
        drop(self.close());
    }
}
