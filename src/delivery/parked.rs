//! What a sink refused for good, kept where a person can see it: `<data_dir>/parked/<name>/parked.ndjson`.
//!
//! One JSON object a line, appended and synced before the cursor passes the event:
//!
//! ```text
//! {"seq":17,"id":"…","reason":"refused","error":"…","response":"…","attempts":2,"first":"…","last":"…",
//!  "event":{…},"record":{"stream":"<base64>","observed_ns":…,"payload":"<base64>"}}
//! {"seq":17,"gone":"delivered"}
//! ```
//!
//! An event is known by its seq; a later line of the same seq replaces the earlier. `record` is what the journal had, so
//! that a parked event can be tried again when the journal has it no longer. When half of the file is of no use any more
//! it is written anew. A line that was torn by a crash is cut off: its event was not passed and comes again. So is what a
//! failed write has left; after a failed sync nobody knows what the disk has, and the file is written anew before the next
//! line.

use super::durable::{Calls, beside};
use super::item::Item;
use super::parked_line::{Head, read_item, write_line};
use crate::event::Event;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const FILE: &str = "parked.ndjson";

/// The file is written anew when it has grown to twice what counts, and this much.
const SLACK: u64 = 1 << 20;

/// Why a parked event is there no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// A further try delivered it.
    Delivered,
    /// A person dropped it.
    Dropped,
    /// It was among the oldest when there were too many.
    Bound,
}

impl Gone {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
            Self::Bound => "bound",
        }
    }
}

/// Why an event is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// Word of [`super::sink::Reason`].
    pub reason: &'static str,
    /// In a sentence.
    pub error: String,
    /// The beginning of what the peer answered.
    pub response: Option<String>,
    /// Deliveries it was part of.
    pub attempts: u32,
    /// Time of the first and the last of them, nanoseconds since 1970.
    pub tried: (i64, i64),
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events.
    pub events: usize,
    /// Bytes of their lines.
    pub bytes: u64,
}

/// What was dropped to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedOldest {
    /// How many.
    pub count: u64,
    /// Seq of the first and the last of them.
    pub seqs: (u64, u64),
}

/// The parked events of one sink. Every call blocks on the disk.
#[derive(Debug)]
pub struct Parked {
    path: PathBuf,
    file: File,
    /// Bytes of the file that are whole lines; what is behind them is overwritten.
    end: u64,
    /// By seq: where the line begins, and its length without its end.
    lines: BTreeMap<u64, (u64, usize)>,
    /// Bytes of these lines.
    live: u64,
    bounds: Bounds,
    /// There may be something behind the whole lines, and it could not be cut off.
    untidy: bool,
    /// A sync has failed: what the kernel could not write it has forgotten, so this file is not synced again.
    unsure: bool,
    calls: Calls,
}

impl Parked {
    /// Opens or creates the store in its directory.
    ///
    /// # Errors
    /// When the directory or the file cannot be used.
    pub fn open(directory: &Path, bounds: Bounds) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(FILE);
        let file = File::options().create(true).truncate(false).read(true).write(true).open(&path)?;
        File::open(directory)?.sync_all()?;
        let mut parked = Self {
            path,
            file,
            end: 0,
            lines: BTreeMap::new(),
            live: 0,
            bounds,
            untidy: false,
            unsure: false,
            calls: Calls::default(),
        };
        parked.read_all()?;
        Ok(parked)
    }

    fn read_all(&mut self) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(&self.path)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.pop() != Some(b'\n') {
                tracing::warn!(path = %self.path.display(), bytes = line.len(), "The last parked line was torn and is cut off");
                break;
            }
            match serde_json::from_slice::<Head<'_>>(&line) {
                Ok(Head { seq, gone: None }) => self.insert(seq, self.end, line.len()),
                Ok(Head { seq, gone: Some(_) }) => self.forget(seq),
                Err(error) => {
                    tracing::warn!(path = %self.path.display(), at = self.end, %error, "A parked line cannot be read and is passed over");
                }
            }
            self.end += line.len() as u64 + 1;
        }
        self.file.set_len(self.end)
    }

    fn insert(&mut self, seq: u64, at: u64, length: usize) {
        self.forget(seq);
        self.lines.insert(seq, (at, length));
        self.live += length as u64;
    }

    fn forget(&mut self, seq: u64) {
        if let Some((_, length)) = self.lines.remove(&seq) {
            self.live -= length as u64;
        }
    }

    /// Takes other bounds; they count from the next event on.
    pub fn rebound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// Events parked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing is parked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Bytes of their lines.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.live
    }

    /// Events, and bytes of their lines.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        (self.len(), self.bytes())
    }

    /// Seqs of all that is parked, in order.
    pub fn seqs(&self) -> impl Iterator<Item = u64> {
        self.lines.keys().copied()
    }

    /// Parks events; they are durable when this returns.
    ///
    /// # Errors
    /// When the disk fails; nothing is parked then.
    pub(super) fn add(&mut self, events: &[(&Item, &Event<'_>, &Why)]) -> io::Result<()> {
        let mut text = Vec::new();
        let mut added = Vec::new();
        for (item, event, why) in events {
            let start = text.len();
            write_line(item, event, why, &mut text)?;
            added.push((item.seq, start, text.len() - start));
            text.push(b'\n');
        }
        let before = self.append(&text)?;
        for (seq, start, length) in added {
            self.insert(seq, before + start as u64, length);
        }
        Ok(())
    }

    /// Removes events; returns how many there were.
    ///
    /// # Errors
    /// When the disk fails; nothing is removed then.
    pub fn remove(&mut self, seqs: &[u64], why: Gone) -> io::Result<usize> {
        let there: Vec<u64> = seqs.iter().copied().filter(|seq| self.lines.contains_key(seq)).collect();
        if there.is_empty() {
            return Ok(0);
        }
        let lines: Vec<String> =
            there.iter().map(|seq| format!("{{\"seq\":{seq},\"gone\":\"{}\"}}\n", why.as_str())).collect();
        let text = lines.concat();
        self.append(text.as_bytes())?;
        let count = there.iter().filter(|seq| self.lines.contains_key(seq)).count();
        for seq in there {
            self.forget(seq);
        }
        self.write_anew_if_need_be();
        Ok(count)
    }

    /// The line of an event.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn get(&self, seq: u64) -> io::Result<Option<String>> {
        let Some((at, length)) = self.lines.get(&seq) else { return Ok(None) };
        let mut line = vec![0; *length];
        self.file.read_exact_at(&mut line, *at)?;
        String::from_utf8(line).map(Some).map_err(io::Error::other)
    }

    /// The event of a seq, to be tried again; `None` when it is not parked.
    ///
    /// # Errors
    /// When it cannot be read; it stays on the list.
    pub(super) fn item(&self, seq: u64) -> io::Result<Option<Item>> {
        let Some(line) = self.get(seq)? else { return Ok(None) };
        read_item(seq, &line).map(Some)
    }

    /// The oldest that have to go because there are too many, a tenth at once, so that it is not said for every single
    /// one. The newest stays, however large.
    pub(super) fn too_many(&self) -> Vec<u64> {
        let mut doomed = Vec::new();
        if self.lines.len() <= self.bounds.events && self.live <= self.bounds.bytes {
            return doomed;
        }
        let events = self.bounds.events - self.bounds.events / 10;
        let bytes = self.bounds.bytes - self.bounds.bytes / 10;
        let (mut left, mut size) = (self.lines.len(), self.live);
        for (seq, (_, length)) in &self.lines {
            if left <= 1 || (left <= events && size <= bytes) {
                break;
            }
            doomed.push(*seq);
            left -= 1;
            size -= *length as u64;
        }
        doomed
    }

    /// Writes at the end of what is whole; where that was.
    fn append(&mut self, text: &[u8]) -> io::Result<u64> {
        if self.unsure {
            self.write_anew()?;
        }
        if self.untidy {
            self.file.set_len(self.end)?;
            self.untidy = false;
        }
        let before = self.end;
        let written = (self.calls.write)(&self.file, text, before).and_then(|()| {
            let synced = (self.calls.sync)(&self.file);
            self.unsure = synced.is_err();
            synced
        });
        if let Err(error) = written {
            // What is left of it would be read as parked at the next start. If it cannot be cut off now, it is before
            // the next line.
            self.untidy = self.file.set_len(before).is_err();
            return Err(error);
        }
        self.end += text.len() as u64;
        Ok(before)
    }

    fn write_anew_if_need_be(&mut self) {
        if self.end <= self.live * 2 + SLACK {
            return;
        }
        // The old file is as good; it is only longer.
        if let Err(error) = self.write_anew() {
            tracing::warn!(path = %self.path.display(), %error, "Cannot write the parked events anew");
        }
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let aside = beside(&self.path);
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&aside)?;
        let (mut end, mut lines) = (0, BTreeMap::new());
        let mut line = Vec::new();
        for (seq, (at, length)) in &self.lines {
            line.clear();
            line.resize(*length, 0);
            self.file.read_exact_at(&mut line, *at)?;
            line.push(b'\n');
            (self.calls.write)(&file, &line, end)?;
            lines.insert(*seq, (end, *length));
            end += line.len() as u64;
        }
        (self.calls.sync)(&file)?;
        fs::rename(&aside, &self.path)?;
        (self.file, self.end, self.lines) = (file, end, lines);
        (self.untidy, self.unsure) = (false, false);
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "parked_tests.rs"]
mod tests;
