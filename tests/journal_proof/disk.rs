//! A disk in memory that forgets all it may: what the journal is proved against.
//!
//! It is harsher than real ones. Nothing is durable before it is synced: not a byte of a file, not an entry of the
//! directory. When the power goes, every entry of the directory that was changed since it was synced is, by itself, in
//! any of the states it went through, and every 32 bytes of a file that were not synced are there, or zeros, or what
//! some other file had at that place. A sync that fails makes some of the bytes durable and *forgets* the others: they
//! can be read as long as the machine is on, and no later sync makes them durable.
//!
//! Faults come at the nth call from now, and so do cuts: the process is killed, or the power goes, just before that
//! call, just after it, or when a part of it is done. So a cut is at an exact place, whatever the threads do.

use crate::dice::Dice;
use kaptap::journal::{Listed, Storage, StorageFile};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// This many bytes are kept, lost or spoiled together.
const GRAIN: usize = 32;

/// A handle of the disk, for one life of one process: when that is cut short, every call through it fails.
#[derive(Clone)]
pub(crate) struct SimDisk {
    shared: Arc<Shared>,
    life: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Write,
    Sync,
    Create,
    Rename,
    Remove,
    SyncDirectory,
    Truncate,
    /// Listing, opening and reading.
    Read,
}

/// The calls that change something.
pub(crate) const CHANGES: &[Call] =
    &[Call::Write, Call::Sync, Call::Create, Call::Rename, Call::Remove, Call::SyncDirectory, Call::Truncate];

/// Some calls of these kinds fail: the one after so many others, and some more in a row.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) calls: Vec<Call>,
    pub(crate) after: u64,
    pub(crate) times: u64,
    pub(crate) error: ErrorKind,
}

/// How a life ends that is cut short.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// The process is killed: what was written is there.
    Kill,
    /// The power goes: what was synced is there.
    Power,
}

struct State {
    life: u64,
    boot: u64,
    dice: Dice,
    names: BTreeMap<OsString, Name>,
    files: BTreeMap<u64, File>,
    next_file: u64,
    faults: Vec<Fault>,
    /// At which call that changes something, counted from now.
    cut: Option<(u64, Cut)>,
    blocked: Vec<Call>,
    counts: BTreeMap<Call, u64>,
    failures: u64,
    failed_syncs: u64,
    touched_after_failure: u64,
}

/// An entry of the directory.
#[derive(Debug, Default)]
struct Name {
    file: Option<u64>,
    /// What it was since the directory was synced, oldest first, and when it ceased to be so.
    before: Vec<(u64, Option<u64>)>,
}

#[derive(Debug, Default, Clone)]
struct File {
    bytes: Vec<u8>,
    /// Of each byte.
    safety: Vec<Safety>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Safety {
    Durable,
    Dirty,
    /// A sync of it failed.
    Forgotten,
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            life: 0,
            boot: 1,
            dice: Dice::new(seed ^ 0xD15C),
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            next_file: 1,
            faults: Vec::new(),
            cut: None,
            blocked: Vec::new(),
            counts: BTreeMap::new(),
            failures: 0,
            failed_syncs: 0,
            touched_after_failure: 0,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }), life: 0 }
    }

    /// A disk with these files, all of them durable.
    pub(crate) fn with_files(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::new(0);
        {
            let mut state = disk.lock();
            for (name, bytes) in files {
                let number = state.new_file();
                let file = File { bytes: bytes.clone(), safety: vec![Safety::Durable; bytes.len()] };
                state.files.insert(number, file);
                state.names.insert(name.into(), Name { file: Some(number), before: Vec::new() });
            }
        }
        disk
    }

    /// All files as they can be read now.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.lock();
        let there = state.names.iter().filter_map(|(name, entry)| Some((name, entry.file?)));
        there.map(|(name, file)| (name.to_str().unwrap().to_owned(), state.files[&file].bytes.clone())).collect()
    }

    /// Lets some calls fail.
    pub(crate) fn fault(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Lets nothing fail any more.
    pub(crate) fn mend(&self) {
        self.lock().faults.clear();
    }

    /// Ends the faults that do not end by themselves.
    pub(crate) fn mend_endless(&self) {
        self.lock().faults.retain(|fault| fault.times < 1 << 32);
    }

    /// Holds calls of these kinds until others are given; of none, lets all go on.
    pub(crate) fn block(&self, calls: &[Call]) {
        self.lock().blocked = calls.to_vec();
        self.shared.changed.notify_all();
    }

    /// Cuts this life short at a call from now; at once if that is `None`.
    pub(crate) fn cut(&self, after: Option<u64>, cut: Cut) {
        let mut state = self.lock();
        match after {
            Some(after) => state.cut = Some((after, cut)),
            None => state.end_life(cut),
        }
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Whether this life was cut short.
    pub(crate) fn is_off(&self) -> bool {
        self.lock().life != self.life
    }

    /// A handle for the next life; ends this one if it goes on. No faults, blocks and cuts are left.
    pub(crate) fn next_life(&self) -> Self {
        let mut state = self.lock();
        if state.life == self.life {
            state.life += 1;
        }
        let life = state.life;
        state.faults.clear();
        state.blocked.clear();
        state.cut = None;
        drop(state);
        self.shared.changed.notify_all();
        Self { shared: Arc::clone(&self.shared), life }
    }

    /// How often a call of this kind was made.
    pub(crate) fn count(&self, call: Call) -> u64 {
        self.lock().counts.get(&call).copied().unwrap_or(0)
    }

    /// How many calls failed.
    pub(crate) fn failures(&self) -> u64 {
        self.lock().failures
    }

    /// How many syncs of files failed.
    pub(crate) fn failed_syncs(&self) -> u64 {
        self.lock().failed_syncs
    }

    /// How often a file was written or synced after that had failed on it.
    pub(crate) fn touched_after_failure(&self) -> u64 {
        self.lock().touched_after_failure
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }

    /// One call: waits at the gate, then has its effect, fails, or is the one at which the life is cut short. `effect`
    /// is told whether to do all of it, or only a part.
    fn call<T>(&self, call: Call, effect: impl FnOnce(&mut State, bool) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.lock();
        *state.counts.entry(call).or_default() += 1;
        while state.life == self.life && state.blocked.contains(&call) {
            state = self.shared.changed.wait(state).unwrap();
        }
        if state.life != self.life {
            return Err(off());
        }
        if call != Call::Read
            && let Some((after, cut)) = &mut state.cut
        {
            if let Some(less) = after.checked_sub(1) {
                *after = less;
            } else {
                let cut = *cut;
                match (state.dice.below(3), cut, call) {
                    // A process that is killed in a sync leaves what it wrote to be synced by another.
                    (0, ..) | (1, Cut::Kill, Call::Sync | Call::Truncate) => {}
                    (1, ..) => drop(effect(&mut state, false)),
                    _ => drop(effect(&mut state, true)),
                }
                state.end_life(cut);
                drop(state);
                self.shared.changed.notify_all();
                return Err(off());
            }
        }
        if let Some(error) = state.fault_of(call) {
            state.failures += 1;
            state.failed_syncs += u64::from(call == Call::Sync);
            // An error says nothing of what was done: nothing, a part, or all of it.
            let all = call != Call::Sync && state.dice.once_in(4);
            if call == Call::Sync || all || state.dice.once_in(2) {
                drop(effect(&mut state, all));
            }
            return Err(error.into());
        }
        effect(&mut state, true)
    }
}

fn off() -> io::Error {
    io::Error::other("the machine is off")
}

impl State {
    fn new_file(&mut self) -> u64 {
        self.next_file += 1;
        self.next_file - 1
    }

    fn fault_of(&mut self, call: Call) -> Option<ErrorKind> {
        let mut error = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.calls.contains(&call)) {
            if fault.after > 0 {
                fault.after -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                error = error.or(Some(fault.error));
            }
        }
        error
    }

    /// Gives a name to another file, or to none.
    fn name(&mut self, name: OsString, file: Option<u64>) {
        let now = self.counts.values().sum();
        let entry = self.names.entry(name).or_default();
        entry.before.push((now, entry.file));
        entry.file = file;
    }

    fn file_of(&self, path: &Path) -> io::Result<u64> {
        let entry = self.names.get(path.file_name().unwrap());
        entry.and_then(|entry| entry.file).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn end_life(&mut self, cut: Cut) {
        self.life += 1;
        self.cut = None;
        if let Cut::Power = cut {
            self.boot += 1;
            self.lose_names();
            self.lose_bytes();
        }
    }

    /// Each changed entry of the directory is as it was at some time: all at the same time, or each by itself.
    fn lose_names(&mut self) {
        let now: u64 = self.counts.values().sum();
        let together = (self.dice.below(3) > 0).then(|| {
            let changes = self.names.values().flat_map(|name| &name.before).map(|(until, _)| *until);
            let times: Vec<_> = changes.chain([0, now]).collect();
            self.dice.pick(&times)
        });
        for entry in self.names.values_mut() {
            let state = match together {
                Some(time) => entry.before.iter().position(|(until, _)| *until > time),
                None => Some(self.dice.index(entry.before.len() + 1)),
            };
            if let Some((_, file)) = state.and_then(|state| entry.before.get(state)) {
                entry.file = *file;
            }
            entry.before.clear();
        }
        self.names.retain(|_, entry| entry.file.is_some());
    }

    fn lose_bytes(&mut self) {
        let all: Vec<Vec<u8>> = self.files.values().map(|file| file.bytes.clone()).collect();
        let used: Vec<u64> = self.names.values().filter_map(|entry| entry.file).collect();
        self.files.retain(|number, _| used.contains(number));
        for file in self.files.values_mut() {
            let Some(first) = file.safety.iter().position(|safety| *safety != Safety::Durable) else { continue };
            let least = file.safety.iter().rposition(|safety| *safety == Safety::Durable).map_or(0, |last| last + 1);
            let left = match self.dice.below(4) {
                0 => least,
                1 => file.bytes.len(),
                _ => least + self.dice.index(file.bytes.len() - least + 1),
            };
            file.bytes.truncate(left);
            file.safety.truncate(left);
            // What becomes of dirty bytes: all are there, all are zeros, or each grain as it comes.
            let manner = self.dice.below(3);
            let stale = all[self.dice.index(all.len())].clone();
            for at in (first..left).step_by(GRAIN) {
                let fate = if manner == 2 { self.dice.below(4) } else { manner };
                for at in at..left.min(at + GRAIN) {
                    file.bytes[at] = match (file.safety[at], fate) {
                        (Safety::Durable, _) | (Safety::Dirty, 0 | 3) => file.bytes[at],
                        (Safety::Dirty | Safety::Forgotten, 2) => stale.get(at).copied().unwrap_or(0),
                        (Safety::Dirty | Safety::Forgotten, _) => 0,
                    };
                }
            }
            file.safety.fill(Safety::Durable);
        }
    }

    fn sync(&mut self, file: u64, whole: bool) {
        let (dice, Some(file)) = (&mut self.dice, self.files.get_mut(&file)) else { return };
        for grain in file.safety.chunks_mut(GRAIN) {
            let kept = whole || dice.once_in(2);
            for safety in grain.iter_mut().filter(|safety| **safety == Safety::Dirty) {
                *safety = if kept { Safety::Durable } else { Safety::Forgotten };
            }
        }
    }
}

impl Storage for SimDisk {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        // The journal's lock is always on the real disk.
        std::fs::create_dir_all(path)
    }

    fn list(&self, _directory: &Path) -> io::Result<Vec<Listed>> {
        self.call(Call::Read, |state, _| {
            let there = state.names.iter().filter_map(|(name, entry)| Some((name.clone(), entry.file?)));
            Ok(there.map(|(name, file)| Listed { name, length: state.files[&file].bytes.len() as u64 }).collect())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let file = self.call(Call::Create, |state, _| {
            let number = state.new_file();
            state.files.insert(number, File::default());
            state.name(path.file_name().unwrap().to_owned(), Some(number));
            Ok(number)
        })?;
        Ok(Box::new(SimFile { disk: self.clone(), file, failed: false.into() }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageFile>> {
        let file = self.call(Call::Read, |state, _| state.file_of(path))?;
        Ok(Box::new(SimFile { disk: self.clone(), file, failed: false.into() }))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        self.call(Call::Truncate, |state, whole| {
            let number = state.file_of(path)?;
            if let Some(file) = state.files.get_mut(&number) {
                file.bytes.truncate(usize::try_from(length).unwrap());
                file.safety.truncate(file.bytes.len());
            }
            state.sync(number, whole);
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(Call::Rename, |state, _| {
            let number = state.file_of(from)?;
            state.name(from.file_name().unwrap().to_owned(), None);
            state.name(to.file_name().unwrap().to_owned(), Some(number));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call(Call::Remove, |state, _| {
            state.file_of(path)?;
            state.name(path.file_name().unwrap().to_owned(), None);
            Ok(())
        })
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        self.call(Call::SyncDirectory, |state, whole| {
            if whole {
                state.names.values_mut().for_each(|entry| entry.before.clear());
            }
            Ok(())
        })
    }

    fn boot(&self) -> u64 {
        self.lock().boot
    }
}

struct SimFile {
    disk: SimDisk,
    file: u64,
    /// Whether a write or sync failed on it.
    failed: std::sync::atomic::AtomicBool,
}

impl SimFile {
    fn change(&self, call: Call, effect: impl FnOnce(&mut State, bool)) -> io::Result<()> {
        let before = self.failed.load(std::sync::atomic::Ordering::SeqCst);
        if before && !self.disk.is_off() {
            self.disk.lock().touched_after_failure += 1;
        }
        let result = self.disk.call(call, |state, whole| {
            effect(state, whole);
            Ok(())
        });
        self.failed.fetch_or(result.is_err(), std::sync::atomic::Ordering::SeqCst);
        result
    }
}

impl StorageFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.change(Call::Write, |state, whole| {
            let length = if whole { bytes.len() } else { state.dice.index(bytes.len() + 1) };
            if let Some(file) = state.files.get_mut(&self.file) {
                file.bytes.extend_from_slice(&bytes[..length]);
                file.safety.resize(file.bytes.len(), Safety::Dirty);
            }
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(Call::Sync, |state, whole| state.sync(self.file, whole))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.call(Call::Read, |state, _| {
            let bytes = state.files.get(&self.file).map_or([].as_slice(), |file| &file.bytes);
            let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        })
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.call(Call::Read, |state, _| Ok(state.files[&self.file].bytes.len() as u64))
    }
}
