//! A disk in memory that forgets all it may: what the journal is proved against.
//!
//! It is harsher than real ones. Nothing is durable before it is synced: not a byte of a file, not an entry of the
//! directory. When the power goes, every entry of the directory that was changed since it was synced is, by itself, in
//! any of the states it went through, and every 32 bytes of a file that were not synced are there, or zeros, or what
//! some other file had at that place; where they were written over bytes that were durable, they are there or those are.
//! A file has any of the lengths it had since it was synced, or one in between. A sync that fails makes some of the bytes
//! durable and *forgets* the others: they can be read as long as the machine is on, and no later sync makes them durable.
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
    /// Zeros are written ahead.
    Fill,
    /// An open file is cut.
    Cut,
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
pub(crate) const CHANGES: &[Call] = &[
    Call::Write,
    Call::Fill,
    Call::Cut,
    Call::Sync,
    Call::Create,
    Call::Rename,
    Call::Remove,
    Call::SyncDirectory,
    Call::Truncate,
];

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
    failed_fills: u64,
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
    /// What of it is durable, as far as it was ever synced.
    durable: Vec<u8>,
    /// The lengths it had since then.
    lengths: Vec<usize>,
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
            failed_fills: 0,
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
                let file = File::durable(bytes.clone());
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

    /// How often zeros could not be written ahead.
    pub(crate) fn failed_fills(&self) -> u64 {
        self.lock().failed_fills
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
            state.failed_fills += u64::from(call == Call::Fill);
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
            let stale = all[self.dice.index(all.len())].clone();
            file.lose(&stale, &mut self.dice);
        }
    }

    fn sync(&mut self, file: u64, whole: bool) {
        let (dice, Some(file)) = (&mut self.dice, self.files.get_mut(&file)) else { return };
        file.sync(whole, dice);
    }
}

impl File {
    /// A file of these bytes, all of them durable.
    fn durable(bytes: Vec<u8>) -> Self {
        Self { safety: vec![Safety::Durable; bytes.len()], durable: bytes.clone(), bytes, lengths: Vec::new() }
    }

    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        assert!(offset <= self.bytes.len(), "{offset} is beyond the end, {}", self.bytes.len());
        if end > self.bytes.len() {
            self.lengths.push(self.bytes.len());
            self.bytes.resize(end, 0);
            self.safety.resize(end, Safety::Dirty);
        }
        self.bytes[offset..end].copy_from_slice(bytes);
        self.safety[offset..end].fill(Safety::Dirty);
    }

    fn cut(&mut self, length: usize) {
        if length < self.bytes.len() {
            self.lengths.push(self.bytes.len());
            self.bytes.truncate(length);
            self.safety.truncate(length);
        }
    }

    fn sync(&mut self, whole: bool, dice: &mut Dice) {
        if whole && !self.safety.contains(&Safety::Forgotten) {
            *self = Self::durable(std::mem::take(&mut self.bytes));
            return;
        }
        for (number, grain) in self.safety.chunks_mut(GRAIN).enumerate() {
            let kept = whole || dice.once_in(2);
            for (at, safety) in grain.iter_mut().enumerate().filter(|(_, safety)| **safety == Safety::Dirty) {
                *safety = if kept { Safety::Durable } else { Safety::Forgotten };
                let at = number * GRAIN + at;
                if kept && at < self.durable.len() {
                    self.durable[at] = self.bytes[at];
                }
            }
        }
    }

    /// The power goes. `stale` is what some file had in the place of this one.
    fn lose(&mut self, stale: &[u8], dice: &mut Dice) {
        let lengths = || self.lengths.iter().copied().chain([self.bytes.len(), self.durable.len()]);
        let certain = self.safety.iter().rposition(|safety| *safety == Safety::Durable).map_or(0, |last| last + 1);
        let (least, most) = (lengths().min().unwrap(), lengths().max().unwrap());
        // What is durable is there, but for what was cut off since.
        let least = least.max(certain);
        let left = match dice.below(4) {
            0 => least,
            1 => most,
            _ => least + dice.index(most - least + 1),
        };
        // What becomes of dirty bytes: all are there, all are as they were or zeros, or each grain as it comes.
        let manner = dice.below(3);
        let mut bytes = Vec::with_capacity(left);
        let mut fate = 0;
        for at in 0..left {
            if at % GRAIN == 0 {
                fate = if manner == 2 { dice.below(4) } else { manner };
            }
            let before = self.durable.get(at).copied();
            bytes.push(match (self.safety.get(at), fate) {
                (Some(Safety::Durable), _) | (Some(Safety::Dirty), 0 | 3) => self.bytes[at],
                (Some(Safety::Dirty | Safety::Forgotten), 2) => before.or(stale.get(at).copied()).unwrap_or(0),
                // What was cut off comes back as it was.
                (Some(Safety::Dirty | Safety::Forgotten) | None, _) => before.unwrap_or(0),
            });
        }
        *self = Self::durable(bytes);
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
                file.cut(usize::try_from(length).unwrap());
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
    /// Makes a call, and counts it if the file should not be touched any more.
    fn called(&self, call: Call, effect: impl FnOnce(&mut State, bool)) -> io::Result<()> {
        if self.failed.load(std::sync::atomic::Ordering::SeqCst) && !self.disk.is_off() {
            self.disk.lock().touched_after_failure += 1;
        }
        self.disk.call(call, |state, whole| {
            effect(state, whole);
            Ok(())
        })
    }

    fn change(&self, call: Call, effect: impl FnOnce(&mut State, bool)) -> io::Result<()> {
        let result = self.called(call, effect);
        self.failed.fetch_or(result.is_err(), std::sync::atomic::Ordering::SeqCst);
        result
    }
}

impl SimFile {
    fn write(&self, state: &mut State, whole: bool, bytes: &[u8], offset: u64) {
        let length = if whole { bytes.len() } else { state.dice.index(bytes.len() + 1) };
        if let Some(file) = state.files.get_mut(&self.file) {
            file.write(&bytes[..length], usize::try_from(offset).unwrap());
        }
    }
}

impl StorageFile for SimFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Call::Write, |state, whole| self.write(state, whole, bytes, offset))
    }

    fn fill(&mut self, offset: u64, length: u64) -> io::Result<()> {
        // One that fails says nothing of what stands before it: the file may be used on. So it is with a cut.
        let zeros = vec![0; usize::try_from(length).unwrap()];
        self.called(Call::Fill, |state, whole| self.write(state, whole, &zeros, offset))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.called(Call::Cut, |state, _| {
            if let Some(file) = state.files.get_mut(&self.file) {
                file.cut(usize::try_from(length).unwrap());
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
