//! A sink's durable position: a small file, `<data_dir>/cursors/<name>`.
//!
//! ```text
//! kaptap.cursor/v1
//! next 1200
//! pending 17-17 1150-1163
//! check 5f1c02aa
//! ```
//!
//! Everything before `next` is dealt with, but for what is `pending`: events that must be tried again while later ones of
//! other keys went on. So a start repeats only what came since the file was last written. `detached` stands in the file
//! while the configuration has no sink of that name. The file is replaced whole: written aside, synced, renamed, and the
//! directory synced.

use super::durable::{Calls, NEW, replace_by};
use crate::sorted;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const FORMAT: &str = "kaptap.cursor/v1";

/// Stretches in a file at most; beyond it the rest is one stretch, of which some may come again.
const STRETCHES: usize = 256;

/// Where a sink goes on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Seq of the next record to look at.
    pub next: u64,
    /// Stretches before it, first and last seq, that are not dealt with. In order, apart from each other.
    pub pending: Vec<(u64, u64)>,
}

impl Position {
    /// Everything from a seq on.
    #[must_use]
    pub const fn at(next: u64) -> Self {
        Self { next, pending: Vec::new() }
    }

    /// The position of whoever has these events open, in order, and has not read these stretches yet: in order, behind
    /// the events, the last one without an end.
    #[must_use]
    pub fn of(open: impl Iterator<Item = u64>, unread: &[(u64, u64)]) -> Self {
        let next = unread.last().map_or(u64::MAX, |(first, _)| *first);
        let open = open.map(|seq| (seq, seq)).chain(unread.iter().copied()).take_while(|(first, _)| *first < next);
        Self::joined(open, next)
    }

    /// The same with more stretches that are not dealt with, in any order.
    #[must_use]
    pub fn and(self, more: impl Iterator<Item = (u64, u64)>) -> Self {
        let next = self.next;
        let mut all: Vec<_> = self.pending.into_iter().chain(more).filter(|(first, _)| *first < next).collect();
        all.sort_unstable();
        Self::joined(all.into_iter(), next)
    }

    /// Of stretches in order, those that touch are one.
    fn joined(stretches: impl Iterator<Item = (u64, u64)>, next: u64) -> Self {
        let mut pending: Vec<(u64, u64)> = Vec::new();
        for (first, last) in stretches {
            let full = pending.len() >= STRETCHES;
            match pending.last_mut() {
                Some((_, end)) if full || end.saturating_add(1) >= first => *end = last.max(*end),
                _ => pending.push((first, last)),
            }
        }
        let mut position = Self { next, pending };
        while let Some((first, _)) = position.pending.last().filter(|(_, last)| last.saturating_add(1) >= position.next)
        {
            position.next = *first;
            position.pending.pop();
        }
        position
    }

    /// Seq of the first record that is not dealt with.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.pending.first().map_or(self.next, |(first, _)| *first)
    }

    /// The stretches to read, the last one without an end.
    #[must_use]
    pub fn stretches(&self) -> Vec<(u64, u64)> {
        self.pending.iter().copied().chain([(self.next, u64::MAX)]).collect()
    }
}

/// What a cursor file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Where to go on.
    pub position: Position,
    /// The configuration had no such sink when kaptap last looked.
    pub detached: bool,
}

/// Why a cursor cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The disk failed.
    #[error("cannot use the cursor {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not one of ours, or not whole.
    #[error("the cursor {path} is damaged")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// Whether a sink's name can name files and stand in metrics: letters, digits, `-`, `_` and `.`, beginning with a letter
/// or digit, at most 64.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && !name.ends_with(NEW)
}

/// Reads a cursor; `None` when there is none.
///
/// # Errors
/// When the file cannot be read, or is damaged.
pub fn read(directory: &Path, name: &str) -> Result<Option<Cursor>, CursorError> {
    let path = directory.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => decode(&text).map(Some).ok_or(CursorError::Damaged { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(CursorError::Damaged { path }),
        Err(source) => Err(CursorError::Io { path, source }),
    }
}

/// Reads a cursor; a damaged one is kept as `NAME.damaged-N`, and why is given back with nothing. It also stays where it is
/// until another is written: who tries again must not take it for none.
///
/// # Errors
/// When the disk does not let it be read, which says nothing of the cursor, or when it cannot be kept.
pub fn read_or_set_aside(directory: &Path, name: &str) -> Result<(Option<Cursor>, Option<String>), CursorError> {
    let error = match read(directory, name) {
        Ok(found) => return Ok((found, None)),
        Err(error @ CursorError::Io { .. }) => return Err(error),
        Err(error @ CursorError::Damaged { .. }) => error,
    };
    let path = directory.join(name);
    let failed = |source| CursorError::Io { path: path.clone(), source };
    let file = |path: &Path| fs::metadata(path).map(|metadata| metadata.ino());
    let damaged = file(&path).map_err(failed)?;
    let mut number = 1_u64;
    // An earlier try may have kept it already.
    let aside = loop {
        let aside = directory.join(format!("{name}.damaged-{number}"));
        match file(&aside) {
            Ok(other) if other == damaged => break aside,
            Ok(_) => number += 1,
            Err(_) => {
                let kept = fs::hard_link(&path, &aside).and_then(|()| File::open(directory)?.sync_all());
                kept.map_err(failed)?;
                break aside;
            }
        }
    };
    Ok((None, Some(format!("{error}; it is kept as {}", aside.display()))))
}

/// Writes a cursor; it is durable when this returns. Blocking.
///
/// # Errors
/// When the disk fails; the cursor before it still holds.
pub fn write(directory: &Path, name: &str, cursor: &Cursor) -> Result<(), CursorError> {
    write_by(directory, name, cursor, Calls::default())
}

fn write_by(directory: &Path, name: &str, cursor: &Cursor, calls: Calls) -> Result<(), CursorError> {
    let path = directory.join(name);
    replace_by(&path, encode(cursor).as_bytes(), calls).map_err(|source| CursorError::Io { path, source })
}

/// Names of the sinks that have a cursor.
///
/// # Errors
/// When the directory cannot be read.
pub fn names(directory: &Path) -> Result<Vec<String>, CursorError> {
    let failed = |source| CursorError::Io { path: directory.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        names.extend(name.to_str().filter(|name| is_name(name)).map(str::to_owned));
    }
    sorted::sort_by(&mut names, Ord::cmp);
    Ok(names)
}

fn encode(cursor: &Cursor) -> String {
    let mut text = format!("{FORMAT}\nnext {}\n", cursor.position.next);
    if !cursor.position.pending.is_empty() {
        let stretch = |(first, last): &(u64, u64)| format!(" {first}-{last}");
        text.push_str("pending");
        text.extend(cursor.position.pending.iter().map(stretch));
        text.push('\n');
    }
    if cursor.detached {
        text.push_str("detached\n");
    }
    let check = crc32fast::hash(text.as_bytes());
    text + &format!("check {check:08x}\n")
}

fn decode(text: &str) -> Option<Cursor> {
    let (head, check) = text.strip_suffix('\n')?.rsplit_once("\ncheck ")?;
    let checked = text.get(..=head.len())?;
    if u32::from_str_radix(check, 16).ok()? != crc32fast::hash(checked.as_bytes()) {
        return None;
    }
    let mut lines = checked.lines();
    if lines.next()? != FORMAT {
        return None;
    }
    let mut position = Position::at(lines.next()?.strip_prefix("next ")?.parse().ok()?);
    let mut detached = false;
    for line in lines {
        if let Some(stretches) = line.strip_prefix("pending ") {
            let read = |stretch: &str| {
                let (first, last) = stretch.split_once('-')?;
                Some((first.parse().ok()?, last.parse().ok()?))
            };
            position.pending = stretches.split(' ').map(read).collect::<Option<_>>()?;
        } else if line == "detached" {
            detached = true;
        }
    }
    Some(Cursor { position, detached })
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
