//! What of a faulty disk's files and names is durable, and what a power loss takes.

use super::super::segment::lock;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A record of everything done since the last sync. Files that lost their names are kept under others until that is
/// durable; both are bounded by what a test or drill does between two syncs of the directory.
#[derive(Default)]
pub(super) struct Ledger {
    /// Files created here, by the names they have now.
    files: BTreeMap<PathBuf, Arc<Mutex<Lengths>>>,
    /// What was done to names since their directory was last synced, in order.
    names: Vec<NameChange>,
    /// Counts files put aside.
    aside: u64,
}

/// Of one file, shared by its names and handles.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Lengths {
    pub(super) written: u64,
    pub(super) synced: u64,
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
    lengths: Option<Arc<Mutex<Lengths>>>,
}

impl Ledger {
    pub(super) fn lengths(&self, path: &Path) -> Option<Arc<Mutex<Lengths>>> {
        self.files.get(path).cloned()
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<(File, Arc<Mutex<Lengths>>)> {
        if path.exists() {
            self.remove(path)?;
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let lengths = Arc::<Mutex<Lengths>>::default();
        self.names.push(NameChange::Created(path.to_owned()));
        self.files.insert(path.to_owned(), Arc::clone(&lengths));
        Ok((file, lengths))
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

    /// Takes away some of what is not durable: of the changes of names the last ones, of each file some bytes at its
    /// end, and perhaps a stretch of zeros is left in what remains.
    pub(super) fn lose_power(&mut self, seed: u64) -> io::Result<()> {
        let mut dice = Dice(seed | 1);
        let mut names = std::mem::take(&mut self.names);
        let kept = dice.below(names.len() as u64 + 1);
        for change in names.drain(usize::try_from(kept).unwrap_or(0)..).rev() {
            self.take_back(change)?;
        }
        names.into_iter().try_for_each(NameChange::make_durable)?;
        self.files.iter().try_for_each(|(path, lengths)| tear(path, &mut lock(lengths), &mut dice))
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
        if let Some(lengths) = self.files.remove(from) {
            self.files.insert(to.to_owned(), lengths);
        }
        Ok(())
    }

    fn put_aside(&mut self, path: &Path) -> io::Result<Aside> {
        self.aside += 1;
        let kept = path.with_file_name(format!(".removed-{}", self.aside));
        std::fs::rename(path, &kept)?;
        Ok(Aside { kept, lengths: self.files.remove(path) })
    }

    fn put_back(&mut self, aside: Aside, path: PathBuf) -> io::Result<()> {
        std::fs::rename(aside.kept, &path)?;
        if let Some(lengths) = aside.lengths {
            self.files.insert(path, lengths);
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

fn tear(path: &Path, lengths: &mut Lengths, dice: &mut Dice) -> io::Result<()> {
    let synced = lengths.synced;
    let left = synced + dice.below(lengths.written.saturating_sub(synced) + 1);
    if lengths.written > synced {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(left)?;
        if left > synced && dice.below(2) == 0 {
            let from = synced + dice.below(left - synced);
            let zeros = dice.below((left - from).min(4096) + 1);
            file.write_all_at(&vec![0; usize::try_from(zeros).unwrap_or(0)], from)?;
        }
    }
    *lengths = Lengths { written: left, synced: left };
    Ok(())
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
