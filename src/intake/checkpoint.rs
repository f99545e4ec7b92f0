//! What is remembered between starts: which alerts are open, which event ids were seen, what each topic was told, how
//! far each stream was kept.
//!
//! All of it could be read out of the journal again; the checkpoint, one small file, says up to which seq that has
//! been done, so that a start reads only what came after it. It is written only once everything it speaks of is
//! durable, and replaces the file before it whole.

use super::connected::Remembered;
use super::{Intake, Notice};
use crate::interpret;
use crate::interpret::fold::{self, Fold};
use crate::interpret::topics::{self, Topics};
use crate::journal::{Journal, ReadError};
use crate::record::{self, Content, Stream, StreamId};
use std::collections::HashMap;
use std::fs::{self, File};
use std::future;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const MAGIC: &[u8; 7] = b"kaptapC";
/// Version of what stands behind the magic bytes. One of another version is not read.
const VERSION: u8 = 2;
/// The file in the state directory.
const FILE: &str = "checkpoint";
/// A checkpoint is written after this much journal …
const EVERY_BYTES: u64 = 64 << 20;
/// … or this long after the last, if anything was appended; but never more often than once a second.
const EVERY: Duration = Duration::from_secs(30);
/// … or at once, where the start had to read this many records: one that is killed again and again before it has
/// written any must not read more each time.
const FAR: u64 = 10_000;

/// How often a read is tried again at the start, and the pause before it.
const READ_TRIES: u32 = 3;
const READ_PAUSE: Duration = Duration::from_millis(200);

/// What was recovered: from the checkpoint, and from the journal behind it.
#[derive(Debug)]
pub struct Recovered {
    /// Alert state.
    pub fold: Fold,
    /// Topics.
    pub topics: Topics,
    /// Streams: id, last number kept, time of arrival of the last record.
    pub numbers: Vec<(StreamId, u64, i64)>,
    /// Records read again.
    pub replayed: u64,
    /// First and last seq of what could not be read.
    pub unread: Option<(u64, u64)>,
    /// Which tasks were connected; `None` at the first start.
    pub connected: Option<Remembered>,
}

impl Default for Recovered {
    fn default() -> Self {
        let Kept { fold, topics, .. } = Kept::default();
        Self { fold, topics, numbers: Vec::new(), replayed: 0, unread: None, connected: None }
    }
}

/// What a checkpoint holds.
#[derive(Debug, Default)]
struct Kept {
    /// The first record that is not in it.
    seq: u64,
    fold: Fold,
    topics: Topics,
    numbers: HashMap<StreamId, (u64, i64)>,
}

/// Why a checkpoint is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unusable {
    /// An older kaptap wrote it, or a newer one.
    #[error("another version of kaptap wrote the checkpoint")]
    Version,
    /// Not what was written.
    #[error("the checkpoint is damaged")]
    Damaged,
}

/// Reads the checkpoint, if there is a sound one, and the journal behind it. A missing or damaged checkpoint only means
/// more to read; a journal that cannot be read means that less is known, which is said, and no refusal to start.
#[must_use]
pub fn recover(state: &Path, journal: &Journal) -> Recovered {
    let file = state.join(FILE);
    let kept = match fs::read(&file).map(|bytes| decode(&bytes)) {
        Ok(Ok(kept)) if kept.seq <= journal.next_seq() => kept,
        Ok(Ok(Kept { seq, .. })) => {
            tracing::warn!(
                seq,
                next_seq = journal.next_seq(),
                "The checkpoint is not of this journal; the whole journal is read instead"
            );
            Kept::default()
        }
        Ok(Err(reason @ Unusable::Version)) => {
            tracing::info!(file = %file.display(), %reason, "The whole journal is read instead of the checkpoint");
            Kept::default()
        }
        Ok(Err(reason @ Unusable::Damaged)) => {
            tracing::warn!(file = %file.display(), %reason, "The whole journal is read instead of the checkpoint");
            Kept::default()
        }
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(file = %file.display(), %error, "The checkpoint cannot be read; the whole journal is read instead");
            }
            Kept::default()
        }
    };
    let Kept { seq, fold, topics, numbers } = kept;
    let mut replay = Replay { fold, topics, numbers, streams: HashMap::new(), replayed: 0 };
    let mut reader = journal.reader(seq);
    let (mut tries, mut unread) = (0, None);
    loop {
        match reader.next_block() {
            Ok(Some(block)) => {
                tries = 0;
                replay.take(&block, seq);
            }
            Ok(None) => break,
            // What is gone is gone; what recovery found missing is said by the one who opened the journal.
            Err(ReadError::Gap { .. }) => {}
            Err(error) if tries < READ_TRIES => {
                tries += 1;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    tries,
                    "Cannot read the journal, will try again"
                );
                std::thread::sleep(READ_PAUSE);
            }
            Err(error) => {
                let (first, last) = (reader.position(), journal.next_seq() - 1);
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    first,
                    last,
                    "The journal cannot be read to its end; alerts may be taken for new ones"
                );
                unread = Some((first, last));
                break;
            }
        }
    }
    let numbers = replay.numbers.into_iter().map(|(id, (n, last))| (id, n, last)).collect();
    Recovered {
        fold: replay.fold,
        topics: replay.topics,
        numbers,
        replayed: replay.replayed,
        unread,
        connected: Remembered::read(state),
    }
}

struct Replay {
    fold: Fold,
    topics: Topics,
    numbers: HashMap<StreamId, (u64, i64)>,
    streams: HashMap<u64, Stream>,
    replayed: u64,
}

impl Replay {
    fn take(&mut self, block: &crate::journal::Block, from: u64) {
        let stream = match self.streams.entry(block.context) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => match Stream::decode(&block.description) {
                Ok(stream) => free.insert(stream),
                Err(error) => {
                    tracing::warn!(seq = block.first_seq, %error, "A record's stream cannot be read");
                    return;
                }
            },
        };
        let records = match record::records(&block.payload, block.first_seq, block.count, block.time) {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(seq = block.first_seq, %error, "A record cannot be read");
                return;
            }
        };
        for record in records.flatten().filter(|record| record.seq >= from) {
            self.replayed += 1;
            note_number(&mut self.numbers, stream.id, record.n, record.observed);
            if record.content == Content::System
                && let Some((id, n)) = Notice::accounts_for(record.raw)
            {
                note_number(&mut self.numbers, id, n, record.observed);
            }
            if let Some(verdict) = &record.note.verdict
                && let Some(facts) =
                    interpret::alert_facts(stream, record.content, &record.note, record.observed, record.raw)
            {
                self.fold.replay(&stream.scope, &facts, verdict, record.seq, record.observed);
                let topic = topics::name_of(stream, &facts);
                if self.topics.take(&stream.scope, topic, &facts, verdict, record.seq, record.observed) {
                    self.topics.count(&stream.scope, topic, stream.lane);
                }
            }
        }
    }
}

fn note_number(numbers: &mut HashMap<StreamId, (u64, i64)>, id: StreamId, n: u64, observed: i64) {
    let entry = numbers.entry(id).or_insert((n, observed));
    entry.0 = entry.0.max(n);
    entry.1 = entry.1.max(observed);
}

/// Magic bytes · version (1) · seq (8) · count of streams (8) and each of them (24) · length of the fold (8) · the fold ·
/// the topics · CRC-32 of all that (4). All numbers are little-endian.
fn encode(seq: u64, fold: &[u8], topics: &[u8], numbers: &[(StreamId, u64, i64)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + fold.len() + topics.len() + numbers.len() * 24);
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(&(numbers.len() as u64).to_le_bytes());
    for (id, n, last) in numbers {
        out.extend_from_slice(&id.0.to_le_bytes());
        out.extend_from_slice(&n.to_le_bytes());
        out.extend_from_slice(&last.to_le_bytes());
    }
    out.extend_from_slice(&(fold.len() as u64).to_le_bytes());
    out.extend_from_slice(fold);
    out.extend_from_slice(topics);
    let check = crc32fast::hash(&out);
    out.extend_from_slice(&check.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<Kept, Unusable> {
    let (body, check) = bytes.split_last_chunk::<4>().ok_or(Unusable::Damaged)?;
    if crc32fast::hash(body) != u32::from_le_bytes(*check) {
        return Err(Unusable::Damaged);
    }
    match body.strip_prefix(MAGIC).and_then(<[u8]>::split_first) {
        Some((&VERSION, body)) => contents(body).ok_or(Unusable::Version),
        Some(_) => Err(Unusable::Version),
        None => Err(Unusable::Damaged),
    }
}

/// What stands behind the version. As the checksum is right, what cannot be read is of another version of its part.
fn contents(body: &[u8]) -> Option<Kept> {
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let (seq, body) = body.split_first_chunk::<8>()?;
    let (count, mut body) = body.split_first_chunk::<8>()?;
    let count = usize::try_from(number(count)).ok()?;
    let mut numbers = HashMap::with_capacity(count.min(body.len() / 24));
    for _ in 0..count {
        let (id, rest) = body.split_first_chunk::<8>()?;
        let (n, rest) = rest.split_first_chunk::<8>()?;
        let (last, rest) = rest.split_first_chunk::<8>()?;
        note_number(&mut numbers, StreamId(number(id)), number(n), i64::from_le_bytes(*last));
        body = rest;
    }
    let (length, body) = body.split_first_chunk::<8>()?;
    let (fold, topics) = body.split_at_checked(usize::try_from(number(length)).ok()?)?;
    Some(Kept {
        seq: number(seq),
        fold: Fold::decode(fold, fold::Bounds::default())?,
        topics: Topics::decode(topics, topics::Bounds::default())?,
        numbers,
    })
}

/// A checkpoint taken, to be written once the journal is durable up to its seq.
#[derive(Debug)]
struct Taken {
    seq: u64,
    /// Everything below this must be durable before the checkpoint may be believed.
    claimed: u64,
    bytes: Vec<u8>,
}

impl Intake {
    /// Takes a checkpoint. Alerts that come meanwhile have a seq at or behind the one it names.
    fn take_checkpoint(&self) -> Taken {
        let fold = self.fold();
        let seq = self.journal().next_seq();
        let state = fold.encode();
        let topics = self.topics().image();
        drop(fold);
        // Taken after the seq: a stream's number may be ahead of it, which the replay's maximum makes good. What the
        // numbers claim must be durable too before the checkpoint is written.
        let numbers = self.0.streams.numbers();
        let claimed = self.journal().next_seq();
        Taken { seq, claimed, bytes: encode(seq, &state, &topics.encode(), &numbers) }
    }

    /// Writes a checkpoint now, when the journal has been closed.
    ///
    /// # Errors
    /// When the disk refuses; the next start then reads more of the journal.
    pub fn write_checkpoint(&self, state: &Path) -> io::Result<()> {
        write(state, &self.take_checkpoint().bytes)?;
        self.0.connected.save(state, false)
    }

    /// Writes checkpoints until told to stop.
    pub async fn keep_checkpoints(&self, state: &Path, stop: &CancellationToken) {
        let mut durable = self.journal().durable();
        let (mut last, mut last_seq, mut last_bytes) = (Instant::now(), 0, 0);
        let (mut complained, mut at_once) = (false, self.0.replayed >= FAR);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)), if !at_once => {}
                () = future::ready(()), if at_once => {}
            }
            // A small file, rarely changed; it is no harm if it is a second old.
            if let Err(error) = self.0.connected.save(state, true) {
                tracing::debug!(%error, "Cannot remember which tasks are connected");
            }
            let bytes = self.0.appended.load(Ordering::Relaxed);
            let due = std::mem::take(&mut at_once)
                || bytes.saturating_sub(last_bytes) >= EVERY_BYTES
                || last.elapsed() >= EVERY;
            if !due || self.journal().next_seq() == last_seq {
                continue;
            }
            // Encoding a large state takes a while, and alerts wait for it: at least no other connection does.
            let intake = self.clone();
            let Ok(taken) = tokio::task::spawn_blocking(move || intake.take_checkpoint()).await else { return };
            self.journal().sync();
            tokio::select! {
                () = stop.cancelled() => return,
                reached = durable.wait_for(|seq| *seq + 1 >= taken.claimed) => if reached.is_err() { return },
            }
            (last, last_seq, last_bytes) = (Instant::now(), taken.seq, bytes);
            let state = state.to_owned();
            let written = tokio::task::spawn_blocking(move || write(&state, &taken.bytes)).await;
            match written {
                Ok(Ok(())) => complained = false,
                Ok(Err(error)) if !complained => {
                    complained = true;
                    tracing::warn!(%error, "Cannot write the checkpoint; the next start reads more of the journal");
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
}

fn write(state: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = state.join(format!("{FILE}.new"));
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(&fresh, state.join(FILE))?;
    File::open(state)?.sync_all()
}
