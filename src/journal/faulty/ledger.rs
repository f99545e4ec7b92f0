//! What of a faulty disk's files and names is durable, and what a power loss takes.

use super::super::segment::lock;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What was written over is there, or not, in pieces of this size: a disk writes so much or nothing.
const SECTOR: u64 = 512;

/// A record of everything done since the last sync. Files that lost their names are kept under others until that is
/// durable; both are bounded by what a test or drill does between two syncs of the directory.
#[derive(Default)]
pub(super) struct Ledger {
    /// Files created here, by the names they have now.
    files: BTreeMap<PathBuf, Arc<Mutex<Changes>>>,
    /// What was done to names since their directory was last synced, in order.
    names: Vec<NameChange>,
    /// Counts files put aside.
    aside: u64,
}

/// What was done to one file since it was last synced; shared by its names and handles.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Its length now.
    length: u64,
    /// Its length when it was synced.
    synced: u64,
    /// The least and the most that its length was since then.
    least: u64,
    most: u64,
    /// What stood where it was written over or cut off since then, oldest first.
    before: Vec<(u64, Vec<u8>)>,
}

impl Changes {
    /// Writes bytes into the file, and remembers what they are written over.
    pub(super) fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        self.remember(file, offset, end.min(self.length))?;
        file.write_all_at(bytes, offset)?;
        self.now_is(self.length.max(end));
        Ok(())
    }

    /// Cuts the file, and remembers what is cut off.
    pub(super) fn cut(&mut self, file: &File, length: u64) -> io::Result<()> {
        self.remember(file, length, self.length)?;
        file.set_len(length)?;
        self.now_is(length);
        Ok(())
    }

    /// All of it is durable, with this length.
    pub(super) fn sync(&mut self, length: u64) {
        *self = Self { length, synced: length, least: length, most: length, before: Vec::new() };
    }

    /// Its length now.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    fn now_is(&mut self, length: u64) {
        self.length = length;
        self.least = self.least.min(length);
        self.most = self.most.max(length);
    }

    fn remember(&mut self, file: &File, from: u64, to: u64) -> io::Result<()> {
        if from < to {
            let mut bytes = vec![0; usize::try_from(to - from).unwrap_or(usize::MAX)];
            file.read_exact_at(&mut bytes, from)?;
            self.before.push((from, bytes));
        }
        Ok(())
    }

    /// Some of it is as it was before: the length is one that it may have had meanwhile, and of what was written over
    /// each sector is the old or the new one. What was not synced behind that may have a stretch of zeros in it.
    fn tear(&mut self, path: &Path, dice: &mut Dice) -> io::Result<()> {
        let left = self.least + dice.below(self.most - self.least + 1);
        if left != self.synced || self.length != self.synced || !self.before.is_empty() {
            let file = OpenOptions::new().write(true).open(path)?;
            file.set_len(left)?;
            for (offset, bytes) in self.before.iter().rev() {
                let mut at = *offset;
                let mut bytes = bytes.as_slice();
                while !bytes.is_empty() {
                    let sector = usize::try_from(SECTOR - at % SECTOR).unwrap_or(usize::MAX).min(bytes.len());
                    let (piece, rest) = bytes.split_at(sector);
                    let there = usize::try_from(left.saturating_sub(at)).unwrap_or(usize::MAX).min(piece.len());
                    // What was cut off has never been anything else.
                    if at >= self.length || dice.below(2) == 0 {
                        file.write_all_at(piece.get(..there).unwrap_or_default(), at)?;
                    }
                    (at, bytes) = (at + sector as u64, rest);
                }
            }
            if left > self.synced && dice.below(2) == 0 {
                let from = self.synced + dice.below(left - self.synced);
                let zeros = dice.below((left - from).min(4096) + 1);
                file.write_all_at(&vec![0; usize::try_from(zeros).unwrap_or(0)], from)?;
            }
        }
        self.sync(left);
        Ok(())
    }
}

/// A change of names that a power loss may take back.
enum NameChange {
    Created(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, replaced: Option<Aside> },
    Removed { path: PathBuf, aside: Aside },
}

/// A file that has lost its name, but not for good.
struct Aside {
    kept: PathBuf,
    changes: Option<Arc<Mutex<Changes>>>,
}

impl Ledger {
    pub(super) fn changes(&self, path: &Path) -> Option<Arc<Mutex<Changes>>> {
        self.files.get(path).cloned()
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<(File, Arc<Mutex<Changes>>)> {
        if path.exists() {
            self.remove(path)?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let changes = Arc::<Mutex<Changes>>::default();
        self.names.push(NameChange::Created(path.to_owned()));
        self.files.insert(path.to_owned(), Arc::clone(&changes));
        Ok((file, changes))
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let replaced = if to.exists() { Some(self.put_aside(to)?) } else { None };
        self.move_file(from, to)?;
        self.names.push(NameChange::Renamed { from: from.to_owned(), to: to.to_owned(), replaced });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let aside = self.put_aside(path)?;
        self.names.push(NameChange::Removed { path: path.to_owned(), aside });
        Ok(())
    }

    /// Makes all names durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        std::mem::take(&mut self.names).into_iter().try_for_each(NameChange::make_durable)
    }

    /// Takes away some of what is not durable: of the changes of names the last ones, and of each file some of what was
    /// done to it.
    pub(super) fn lose_power(&mut self, seed: u64) -> io::Result<()> {
        let mut dice = Dice(seed | 1);
        let mut names = std::mem::take(&mut self.names);
        let kept = dice.below(names.len() as u64 + 1);
        for change in names.drain(usize::try_from(kept).unwrap_or(0)..).rev() {
            self.take_back(change)?;
        }
        names.into_iter().try_for_each(NameChange::make_durable)?;
        self.files.iter().try_for_each(|(path, changes)| lock(changes).tear(path, &mut dice))
    }

    fn take_back(&mut self, change: NameChange) -> io::Result<()> {
        match change {
            NameChange::Created(path) => {
                self.files.remove(&path);
                std::fs::remove_file(path)
            }
            NameChange::Renamed { from, to, replaced } => {
                self.move_file(&to, &from)?;
                replaced.map_or(Ok(()), |aside| self.put_back(aside, to))
            }
            NameChange::Removed { path, aside } => self.put_back(aside, path),
        }
    }

    fn move_file(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)?;
        if let Some(changes) = self.files.remove(from) {
            self.files.insert(to.to_owned(), changes);
        }
        Ok(())
    }

    fn put_aside(&mut self, path: &Path) -> io::Result<Aside> {
        self.aside += 1;
        let kept = path.with_file_name(format!(".removed-{}", self.aside));
        std::fs::rename(path, &kept)?;
        Ok(Aside { kept, changes: self.files.remove(path) })
    }

    fn put_back(&mut self, aside: Aside, path: PathBuf) -> io::Result<()> {
        std::fs::rename(aside.kept, &path)?;
        if let Some(changes) = aside.changes {
            self.files.insert(path, changes);
        }
        Ok(())
    }
}

impl NameChange {
    fn make_durable(self) -> io::Result<()> {
        match self {
            NameChange::Renamed { replaced: Some(aside), .. } | NameChange::Removed { aside, .. } => {
                std::fs::remove_file(aside.kept)
            }
            NameChange::Renamed { replaced: None, .. } | NameChange::Created(_) => Ok(()),
        }
    }
}

/// Chances of a crash, the same for the same seed (xorshift).
struct Dice(u64);

impl Dice {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) % bound.max(1)
    }
}
