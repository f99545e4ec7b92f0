//! A disk that fails on command, for tests and drills: real files underneath, faults and gates on top.
//!
//! Every clone is a handle of the same disk. It can refuse each kind of call, hold calls until they are let go, write a
//! part and then fail, and, with [`FaultyDisk::crash`], lose or tear whatever was not synced, as a power loss does.

mod ledger;

use self::ledger::{Changes, Ledger};
use super::segment::lock;
use super::storage::{Disk, Listed, Storage, StorageFile};
use std::fs::OpenOptions;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A disk that fails on command.
#[derive(Clone, Default)]
pub struct FaultyDisk {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    boot: u64,
    /// The disk was taken away by a crash: every call fails, for good.
    gone: bool,
    writes: Gate,
    syncs: Gate,
    creates: Gate,
    reads: Gate,
    tear_writes: bool,
    longest_write: Option<usize>,
    touched_after_failure: u64,
    ledger: Ledger,
}

#[derive(Default)]
struct Gate {
    fail: Option<ErrorKind>,
    blocked: bool,
    waiting: u64,
    calls: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    Write,
    Sync,
    Create,
    Read,
}

impl FaultyDisk {
    /// A disk on which nothing fails yet.
    #[must_use]
    pub fn new() -> Self {
        let disk = Self::default();
        disk.shared.lock().boot = 1;
        disk
    }

    /// Makes every write to a file fail, or lets them be again.
    pub fn fail_writes(&self, kind: Option<ErrorKind>) {
        self.shared.change(|state| state.writes.fail = kind);
    }

    /// Makes every write of more than so many bytes fail as on a full disk, or lets them be again.
    pub fn fail_writes_beyond(&self, bytes: Option<usize>) {
        self.shared.change(|state| state.longest_write = bytes);
    }

    /// Makes every sync of a file or directory fail, or lets them be again.
    pub fn fail_syncs(&self, kind: Option<ErrorKind>) {
        self.shared.change(|state| state.syncs.fail = kind);
    }

    /// Makes every creation, renaming and removal of a file fail, or lets them be again.
    pub fn fail_creates(&self, kind: Option<ErrorKind>) {
        self.shared.change(|state| state.creates.fail = kind);
    }

    /// Makes every read of a file fail, or lets them be again.
    pub fn fail_reads(&self, kind: Option<ErrorKind>) {
        self.shared.change(|state| state.reads.fail = kind);
    }

    /// Whether a write that fails leaves half of its bytes behind.
    pub fn tear_writes(&self, tear: bool) {
        self.shared.change(|state| state.tear_writes = tear);
    }

    /// Holds every write to a file until this is taken back.
    pub fn block_writes(&self, block: bool) {
        self.shared.change(|state| state.writes.blocked = block);
    }

    /// Holds every sync until this is taken back.
    pub fn block_syncs(&self, block: bool) {
        self.shared.change(|state| state.syncs.blocked = block);
    }

    /// Holds every creation, renaming and removal until this is taken back.
    pub fn block_creates(&self, block: bool) {
        self.shared.change(|state| state.creates.blocked = block);
    }

    /// How many calls are held now.
    #[must_use]
    pub fn held_calls(&self) -> u64 {
        let state = self.shared.lock();
        [&state.writes, &state.syncs, &state.creates].iter().map(|gate| gate.waiting).sum()
    }

    /// How many writes were tried so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.shared.lock().writes.calls
    }

    /// How many syncs, of files and directories, were tried so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.shared.lock().syncs.calls
    }

    /// How often an open file was written or synced again after that had failed on it once. It should stay 0.
    #[must_use]
    pub fn touched_after_failure(&self) -> u64 {
        self.shared.lock().touched_after_failure
    }

    /// Kills the process, as far as the disk sees it: this disk and all files opened on it fail from now on, and the
    /// files are as they were written. The disk returned is the one to go on with.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.shared.lock();
        let next = Self::default();
        {
            let mut fresh = next.shared.lock();
            fresh.boot = state.boot;
            fresh.ledger = std::mem::take(&mut state.ledger);
        }
        state.gone = true;
        drop(state);
        self.shared.changed.notify_all();
        next
    }

    /// Cuts the power: as [`FaultyDisk::kill`], and of what was not synced only a part is there after it, chosen by
    /// `seed`: some of the changes of names, in order, and of each file some of its last bytes, perhaps with a stretch
    /// of zeros in them, and some sectors of what was written over.
    ///
    /// # Errors
    /// When the files underneath cannot be changed so.
    pub fn crash(&self, seed: u64) -> io::Result<Self> {
        let next = self.kill();
        {
            let mut state = next.shared.lock();
            state.boot += 1;
            state.ledger.lose_power(seed)?;
        }
        Ok(next)
    }
}

impl State {
    fn gate(&mut self, kind: Kind) -> &mut Gate {
        match kind {
            Kind::Write => &mut self.writes,
            Kind::Sync => &mut self.syncs,
            Kind::Create => &mut self.creates,
            Kind::Read => &mut self.reads,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits at the gate of a call, and says whether it may pass.
    fn pass(&self, kind: Kind) -> (MutexGuard<'_, State>, io::Result<()>) {
        let mut state = self.lock();
        state.gate(kind).calls += 1;
        state.gate(kind).waiting += 1;
        while state.gate(kind).blocked && !state.gone {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.gate(kind).waiting -= 1;
        let result = match (state.gone, state.gate(kind).fail) {
            (true, _) => Err(io::Error::other("the machine is off")),
            (false, Some(kind)) => Err(kind.into()),
            (false, None) => Ok(()),
        };
        (state, result)
    }
}

impl Storage for FaultyDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        Disk {}.create_directory(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Listed>> {
        Disk {}.list(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let (mut state, result) = self.shared.pass(Kind::Create);
        result?;
        let (file, changes) = state.ledger.create(path)?;
        drop(state);
        Ok(Box::new(FaultyFile { shared: Arc::clone(&self.shared), file, changes, failed: AtomicBool::new(false) }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let (state, result) = self.shared.pass(Kind::Read);
        result?;
        let file = OpenOptions::new().read(true).open(path)?;
        let changes = state.ledger.changes(path).unwrap_or_default();
        drop(state);
        Ok(Box::new(FaultyFile { shared: Arc::clone(&self.shared), file, changes, failed: AtomicBool::new(false) }))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let (state, result) = self.shared.pass(Kind::Write);
        result?;
        if let Some(changes) = state.ledger.changes(path) {
            lock(&changes).sync(length);
        }
        Disk {}.truncate(path, length)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (mut state, result) = self.shared.pass(Kind::Create);
        result?;
        state.ledger.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (mut state, result) = self.shared.pass(Kind::Create);
        result?;
        state.ledger.remove(path)
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        let (mut state, result) = self.shared.pass(Kind::Sync);
        result?;
        state.ledger.sync()
    }

    fn boot(&self) -> u64 {
        self.shared.lock().boot
    }
}

struct FaultyFile {
    shared: Arc<Shared>,
    file: std::fs::File,
    changes: Arc<Mutex<Changes>>,
    /// Whether a write or sync failed on it.
    failed: AtomicBool,
}

impl FaultyFile {
    /// Counts a call on a file that should not be touched any more.
    fn touch(&self, state: &mut State) {
        state.touched_after_failure += u64::from(self.failed.load(Ordering::Relaxed));
    }

    /// Waits for leave to write or sync; remembers if it was not given.
    fn pass(&self, kind: Kind) -> (MutexGuard<'_, State>, io::Result<()>) {
        let (mut state, result) = self.shared.pass(kind);
        self.touch(&mut state);
        self.failed.fetch_or(result.is_err(), Ordering::Relaxed);
        (state, result)
    }

    /// Writes, all or half or nothing of it.
    fn write(&self, state: &State, leave: io::Result<()>, bytes: &[u8], offset: u64) -> io::Result<()> {
        let too_long = state.longest_write.is_some_and(|longest| bytes.len() > longest);
        let result = leave.and_then(|()| if too_long { Err(ErrorKind::StorageFull.into()) } else { Ok(()) });
        let bytes = match &result {
            Ok(()) => bytes,
            Err(_) if state.tear_writes && !state.gone => bytes.split_at(bytes.len() / 2).0,
            Err(_) => &[],
        };
        lock(&self.changes).write(&self.file, bytes, offset)?;
        result
    }
}

impl StorageFile for FaultyFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (state, result) = self.pass(Kind::Write);
        let result = self.write(&state, result, bytes, offset);
        self.failed.fetch_or(result.is_err(), Ordering::Relaxed);
        drop(state);
        result
    }

    fn fill(&mut self, offset: u64, length: u64) -> io::Result<()> {
        // One that fails says nothing of what stands before it: the file may be used on. So it is with a cut.
        let (mut state, result) = self.shared.pass(Kind::Write);
        self.touch(&mut state);
        self.write(&state, result, &vec![0; usize::try_from(length).unwrap_or(usize::MAX)], offset)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let (mut state, result) = self.shared.pass(Kind::Write);
        self.touch(&mut state);
        result?;
        let result = lock(&self.changes).cut(&self.file, length);
        drop(state);
        result
    }

    fn sync_data(&self) -> io::Result<()> {
        let (state, result) = self.pass(Kind::Sync);
        result?;
        // The files underneath need no sync: only what this disk says is synced counts.
        let mut changes = lock(&self.changes);
        let length = changes.length();
        changes.sync(length);
        drop(state);
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (state, result) = self.shared.pass(Kind::Read);
        drop(state);
        result?;
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + done as u64)? {
                0 => break,
                read => done += read,
            }
        }
        Ok(done)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}
