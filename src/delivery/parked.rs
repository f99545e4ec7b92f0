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
//! it is written anew. A line that was torn by a crash is cut off: its event was not passed and comes again.

use super::item::Item;
use crate::event::{Event, json, time};
use crate::record::Stream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE: &str = "parked.ndjson";
const NEW: &str = "parked.ndjson.new";

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
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    id: String,
    reason: &'a str,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    attempts: u32,
    first: String,
    last: String,
    event: Box<RawValue>,
    record: RecordLine<'a>,
}

#[derive(Serialize, Deserialize)]
struct RecordLine<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    observed_ns: i64,
    #[serde(borrow)]
    payload: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Head<'a> {
    seq: u64,
    #[serde(borrow)]
    gone: Option<Cow<'a, str>>,
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
        let mut parked = Self { path, file, end: 0, lines: BTreeMap::new(), live: 0, bounds };
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

    /// Parks events; they are durable when this returns. Says what had to go for them.
    ///
    /// # Errors
    /// When the disk fails; nothing is parked then.
    pub(super) fn add(&mut self, events: &[(&Item, &Event<'_>, &Why)]) -> io::Result<Option<DroppedOldest>> {
        let mut text = Vec::new();
        let mut added = Vec::new();
        for (item, event, why) in events {
            let start = text.len();
            write_line(item, event, why, &mut text)?;
            added.push((item.seq, start, text.len() - start));
            text.push(b'\n');
        }
        let before = self.end;
        self.append(&text)?;
        for (seq, start, length) in added {
            self.insert(seq, before + start as u64, length);
        }
        self.keep_within_bounds()
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
        self.append(lines.concat().as_bytes())?;
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

    /// The event of a seq, to be tried again.
    pub(super) fn item(&self, seq: u64) -> Option<Item> {
        #[derive(Deserialize)]
        struct Stored<'a> {
            #[serde(borrow)]
            record: RecordLine<'a>,
        }
        let line = self.get(seq).ok()??;
        let stored: Stored<'_> = serde_json::from_str(&line).ok()?;
        let stream = BASE64.decode(stored.record.stream.as_ref()).ok()?;
        let payload = BASE64.decode(stored.record.payload.as_ref()).ok()?;
        let stream = Arc::new(Stream::decode(&stream).ok()?);
        Some(Item { stream, seq, observed: stored.record.observed_ns, payload: payload.into() })
    }

    /// Drops the oldest when there are too many, a tenth at once, so that it is not said for every single one.
    fn keep_within_bounds(&mut self) -> io::Result<Option<DroppedOldest>> {
        if self.lines.len() <= self.bounds.events && self.live <= self.bounds.bytes {
            return Ok(None);
        }
        let events = self.bounds.events - self.bounds.events / 10;
        let bytes = self.bounds.bytes - self.bounds.bytes / 10;
        let (mut left, mut size, mut doomed) = (self.lines.len(), self.live, Vec::new());
        for (seq, (_, length)) in &self.lines {
            // The newest stays, however large.
            if left <= 1 || (left <= events && size <= bytes) {
                break;
            }
            doomed.push(*seq);
            left -= 1;
            size -= *length as u64;
        }
        let (Some(first), Some(last)) = (doomed.first().copied(), doomed.last().copied()) else { return Ok(None) };
        let count = self.remove(&doomed, Gone::Bound)? as u64;
        Ok(Some(DroppedOldest { count, seqs: (first, last) }))
    }

    /// Writes at the end of what is whole, so that a part left by a failure is overwritten.
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.write_all_at(text, self.end)?;
        self.file.sync_data()?;
        self.end += text.len() as u64;
        Ok(())
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
        let aside = self.path.with_file_name(NEW);
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&aside)?;
        let (mut end, mut lines) = (0, BTreeMap::new());
        let mut line = Vec::new();
        for (seq, (at, length)) in &self.lines {
            line.clear();
            line.resize(*length, 0);
            self.file.read_exact_at(&mut line, *at)?;
            line.push(b'\n');
            file.write_all_at(&line, end)?;
            lines.insert(*seq, (end, *length));
            end += line.len() as u64;
        }
        file.sync_all()?;
        fs::rename(&aside, &self.path)?;
        (self.file, self.end, self.lines) = (file, end, lines);
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }
}

fn write_line(item: &Item, event: &Event<'_>, why: &Why, out: &mut Vec<u8>) -> io::Result<()> {
    let mut written = Vec::new();
    json::write(event, false, &mut written);
    let event_json =
        String::from_utf8(written).map_err(io::Error::other).and_then(|json| Ok(RawValue::from_string(json)?))?;
    let line = Line {
        seq: item.seq,
        id: event.id.to_string(),
        reason: why.reason,
        error: &why.error,
        response: why.response.as_deref(),
        attempts: why.attempts,
        first: time::text(why.tried.0),
        last: time::text(why.tried.1),
        event: event_json,
        record: RecordLine {
            stream: BASE64.encode(item.stream.encode()).into(),
            observed_ns: item.observed,
            payload: BASE64.encode(&item.payload).into(),
        },
    };
    Ok(serde_json::to_writer(out, &line)?)
}

#[cfg(test)]
#[path = "parked_tests.rs"]
mod tests;
