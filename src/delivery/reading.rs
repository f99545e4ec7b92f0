//! What a worker reads, in bounded steps: the journal in stretches, or what was parked. Blocking; steps run in the
//! background, off the threads that serve connections.

use super::item::{Item, Keyed, event};
use super::options::SinkOptions;
use super::parked::Parked;
use super::sink::Limits;
use crate::event::Event;
use crate::filter::Filter;
use crate::interpret;
use crate::journal::{Block, Journal, ReadError, Reader};
use crate::record::{self, Record, Stream};
use bytes::Bytes;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// Blocks read in one step at most. A block is at most a few hundred KiB.
const STEP_BLOCKS: u32 = 64;

/// Records looked at in one step at most: a few milliseconds of work.
const STEP_RECORDS: u32 = 4096;

/// Streams remembered between blocks. Beyond it all are forgotten and read again.
const REMEMBERED_STREAMS: usize = 256;

/// Firsts that are remembered; beyond it the oldest are forgotten, and what repeats them may be given once more.
const REMEMBERED_FIRSTS: usize = 10_000;

/// A stretch that a person asked to have again.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// First seq.
    pub first: u64,
    /// Last seq.
    pub last: u64,
    /// Not what arrived before this, nanoseconds since 1970.
    pub since: Option<i64>,
    /// Not what arrived at or after this.
    pub until: Option<i64>,
    /// Only what passes, besides the sink's own filter.
    pub filter: Option<Filter>,
}

/// What one step found.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) found: Vec<Keyed>,
    /// Stretches that are missing: first and last seq, and why.
    pub(super) gaps: Vec<(u64, u64, &'static str)>,
    /// Records that the sink does not want.
    pub(super) passed: u64,
    /// How far it was read, as time of arrival.
    pub(super) observed: Option<i64>,
    /// There is nothing more, until more is written.
    pub(super) at_end: bool,
    /// There will be nothing more.
    pub(super) done: bool,
    /// Parked events that cannot be read, and why.
    pub(super) unreadable: Vec<(u64, String)>,
    /// Why the journal cannot be read. Said once.
    pub(super) failed: Option<String>,
}

/// Where a lane's events come from.
#[derive(Debug)]
pub(super) enum Source {
    Journal(Box<JournalReading>),
    Parked(ParkedReading),
}

impl Source {
    /// Reads on; at most so much is found.
    pub(super) fn step(&mut self, room: Limits) -> Result<Step, ReadError> {
        match self {
            Self::Journal(reading) => reading.step(room),
            Self::Parked(reading) => Ok(reading.step(room)),
        }
    }

    /// Stretches of the journal that were not read yet.
    pub(super) fn unread(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Journal(reading) => reading.unread(),
            Self::Parked(_) => Vec::new(),
        }
    }
}

/// Reads stretches of the journal for one sink.
#[derive(Debug)]
pub(super) struct JournalReading {
    journal: Journal,
    options: Arc<SinkOptions>,
    /// The stretch being read, from `next` on, and those behind it.
    stretches: VecDeque<(u64, u64)>,
    reader: Option<Reader>,
    /// The block that the last step stopped in.
    block: Option<Block>,
    streams: HashMap<u64, (Bytes, Arc<Stream>)>,
    narrower: Option<Stretch>,
    /// Firsts that the sink did not want, and was given a repetition of.
    given: BTreeSet<u64>,
}

impl JournalReading {
    /// Reads these stretches, in order.
    pub(super) fn new(journal: &Journal, options: &Arc<SinkOptions>, stretches: Vec<(u64, u64)>) -> Self {
        Self {
            journal: journal.clone(),
            options: Arc::clone(options),
            stretches: stretches.into(),
            reader: None,
            block: None,
            streams: HashMap::new(),
            narrower: None,
            given: BTreeSet::new(),
        }
    }

    /// Reads one stretch that a person asked for.
    pub(super) fn again(journal: &Journal, options: &Arc<SinkOptions>, stretch: Stretch) -> Self {
        let stretches = vec![(stretch.first.max(1), stretch.last)];
        Self { narrower: Some(stretch), ..Self::new(journal, options, stretches) }
    }

    fn unread(&self) -> Vec<(u64, u64)> {
        self.stretches.iter().copied().collect()
    }

    fn step(&mut self, room: Limits) -> Result<Step, ReadError> {
        let (mut blocks, mut step) = (STEP_BLOCKS, Step::default());
        let mut left = Left { records: STEP_RECORDS, events: room.events, bytes: room.bytes };
        while blocks > 0 && !left.is_used_up() {
            let Some((next, last)) = self.stretches.front().copied() else {
                (step.at_end, step.done) = (true, true);
                break;
            };
            if next > last {
                self.stretches.pop_front();
                (self.reader, self.block) = (None, None);
                continue;
            }
            blocks -= 1;
            let reader = self.reader.get_or_insert_with(|| self.journal.reader(next));
            let block = match self.block.take().map_or_else(|| reader.next_block(), |block| Ok(Some(block))) {
                Ok(Some(block)) => block,
                Ok(None) => {
                    step.at_end = true;
                    break;
                }
                Err(ReadError::Gap { first, last, reason }) => {
                    self.gap(first, last, reason, &mut step);
                    continue;
                }
                // What was found so far counts; the next step meets the error again.
                Err(_) if !step.found.is_empty() || !step.gaps.is_empty() => break,
                Err(error) => return Err(error),
            };
            if block.first_seq > last {
                self.move_to(block.first_seq);
            } else if self.read(&block, last, &mut left, &mut step).is_break() {
                self.block = Some(block);
            }
        }
        Ok(step)
    }

    /// Reads the records of a block. Breaks when it is not read to its end.
    fn read(&mut self, block: &Block, last: u64, left: &mut Left, step: &mut Step) -> ControlFlow<()> {
        let end = block.first_seq.saturating_add(u64::from(block.count));
        if !self.admits(block.time) {
            step.passed += u64::from(block.count);
            self.move_to(end);
            return ControlFlow::Continue(());
        }
        step.observed = Some(block.time);
        let records = record::records(&block.payload, block.first_seq, block.count, block.time);
        let (Some(stream), Ok(records)) = (self.stream(block), records) else {
            self.gap(block.first_seq, end - 1, "unreadable", step);
            return ControlFlow::Continue(());
        };
        let first = self.stretches.front().map_or(end, |(next, _)| *next);
        // Of a run of plain points its first says as much as each of them, before any is read.
        let mut records = records.peekable();
        if let Some(Ok(record)) = records.peek()
            && self.rules_out(&stream, record)
        {
            let behind = end.min(last.saturating_add(1));
            step.passed += behind.saturating_sub(first.max(block.first_seq));
            self.move_to(behind);
            return ControlFlow::Continue(());
        }
        for record in records {
            let Ok(record) = record else { break };
            if record.seq < first {
                continue;
            }
            if record.seq > last {
                self.move_to(record.seq);
                return ControlFlow::Continue(());
            }
            if left.is_used_up() {
                return ControlFlow::Break(());
            }
            self.move_to(record.seq + 1);
            left.records -= 1;
            let wanted = wanted(&stream, &record, &self.options, self.narrower.as_ref());
            let repeats = wanted.as_ref().and_then(|event| event.duplicate_of).filter(|_| self.options.skip_duplicates);
            if let Some(event) = wanted.filter(|_| !repeats.is_some_and(|first| self.has_had(first))) {
                let key = self.options.correlation.key(&event);
                let new_here = repeats.is_some();
                self.given.extend(repeats);
                if self.given.len() > REMEMBERED_FIRSTS {
                    self.given.pop_first();
                }
                let item = Item { new_here, ..Item::of(&stream, &record) };
                left.events = left.events.saturating_sub(1);
                left.bytes = left.bytes.saturating_sub(item.bytes());
                step.found.push(Keyed { item, key });
            } else {
                step.passed += 1;
            }
        }
        // A run that does not hold what its block says ends early; the rest of it is lost, and that is said.
        self.gap(block.first_seq, end - 1, "unreadable", step);
        ControlFlow::Continue(())
    }

    /// Whether the sink has had an event that came again: whether it wanted the first one, which may have come another way,
    /// or was given another that repeats it. One that is there no longer was not had, as far as can be told.
    fn has_had(&self, first: u64) -> bool {
        if self.options.filter.is_none() || self.given.contains(&first) {
            return true;
        }
        let Ok(Some(block)) = self.journal.reader(first).next_block() else { return false };
        let records = record::records(&block.payload, block.first_seq, block.count, block.time);
        let (Ok(stream), Ok(mut records)) = (Stream::decode(&block.description), records) else { return false };
        let found = records.find_map(|record| record.ok().filter(|record| record.seq == first));
        found.is_some_and(|record| wanted(&stream, &record, &self.options, None).is_some())
    }

    /// Whether nothing of a run that begins with this record is wanted, whatever is in it.
    fn rules_out(&self, stream: &Stream, record: &Record<'_>) -> bool {
        let is_of_no_kind =
            || interpret::kinds(stream, record.content).iter().all(|kind| !self.options.kinds.contains(kind));
        let narrower = self.narrower.as_ref().and_then(|stretch| stretch.filter.as_ref());
        let filters = [self.options.filter.as_ref(), narrower];
        is_of_no_kind() || filters.into_iter().flatten().any(|filter| interpret::rules_out(filter, stream, record))
    }

    fn admits(&self, time: i64) -> bool {
        let Some(stretch) = &self.narrower else { return true };
        stretch.since.is_none_or(|since| time >= since) && stretch.until.is_none_or(|until| time < until)
    }

    /// Everything before `seq` was read.
    fn move_to(&mut self, seq: u64) {
        if let Some((next, _)) = self.stretches.front_mut() {
            *next = seq.max(*next);
        }
    }

    /// Notes what of a stretch was still to be read, and goes on behind it.
    fn gap(&mut self, first: u64, last: u64, reason: &'static str, step: &mut Step) {
        let Some((next, end)) = self.stretches.front().copied() else { return };
        let (first, within) = (first.max(next), last.min(end));
        if first <= within {
            step.gaps.push((first, within, reason));
        }
        self.move_to(last.saturating_add(1));
    }

    fn stream(&mut self, block: &Block) -> Option<Arc<Stream>> {
        if let Some((description, stream)) = self.streams.get(&block.context)
            && *description == block.description
        {
            return Some(Arc::clone(stream));
        }
        let stream = Arc::new(Stream::decode(&block.description).ok()?);
        if self.streams.len() >= REMEMBERED_STREAMS {
            self.streams.clear();
        }
        self.streams.insert(block.context, (block.description.clone(), Arc::clone(&stream)));
        Some(stream)
    }
}

/// What a step may still do.
struct Left {
    records: u32,
    events: usize,
    bytes: usize,
}

impl Left {
    fn is_used_up(&self) -> bool {
        self.records == 0 || self.events == 0 || self.bytes == 0
    }
}

/// The event as far as is needed to know how it goes, if a sink wants it: seldom with its id, which costs much to make.
fn wanted<'a>(
    stream: &'a Stream,
    record: &'a Record<'a>,
    options: &'a SinkOptions,
    narrower: Option<&Stretch>,
) -> Option<Event<'a>> {
    let own = options.filter.as_ref();
    let narrower = narrower.and_then(|stretch| stretch.filter.as_ref());
    let filters = own.into_iter().chain(narrower);
    let mut event = interpret::passing(stream, record, filters, &options.labels)?;
    if options.asks_for_id() {
        interpret::identify(stream, &mut event);
    }
    options.kinds.contains(&event.kind).then_some(event)
}

/// Takes parked events back.
#[derive(Debug)]
pub(super) struct ParkedReading {
    store: Arc<Mutex<Parked>>,
    seqs: BTreeSet<u64>,
    options: Arc<SinkOptions>,
}

impl ParkedReading {
    pub(super) fn new(store: &Arc<Mutex<Parked>>, options: &Arc<SinkOptions>) -> Self {
        Self { store: Arc::clone(store), seqs: BTreeSet::new(), options: Arc::clone(options) }
    }

    /// Takes these as well.
    pub(super) fn add(&mut self, seqs: BTreeSet<u64>) {
        self.seqs.extend(seqs);
    }

    fn step(&mut self, room: Limits) -> Step {
        let mut step = Step::default();
        let mut left = Left { records: STEP_RECORDS, events: room.events, bytes: room.bytes };
        while !left.is_used_up() {
            let Some(seq) = self.seqs.pop_first() else {
                (step.at_end, step.done) = (true, true);
                break;
            };
            left.records -= 1;
            let item = match self.store.lock().unwrap_or_else(PoisonError::into_inner).item(seq) {
                // What is parked was wanted, also if it repeats something.
                Ok(Some(item)) => Item { new_here: self.options.skip_duplicates, ..item },
                // Dropped meanwhile.
                Ok(None) => continue,
                Err(error) => {
                    step.unreadable.push((seq, error.to_string()));
                    continue;
                }
            };
            let key = {
                let record = item.record();
                self.options.correlation.key(&event(&item, &record, &self.options))
            };
            left.events -= 1;
            left.bytes = left.bytes.saturating_sub(item.bytes());
            step.found.push(Keyed { item, key });
        }
        step
    }
}
