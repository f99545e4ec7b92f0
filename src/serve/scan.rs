//! A stretch of the journal, read as events: blocks to records to events, filtered, in bounded steps.
//!
//! Blocking, like the journal's reader; [`super::background`] runs the steps where that is allowed.

use crate::event::Event;
use crate::filter::{Filter, Glance};
use crate::interpret;
use crate::journal::{Block, Journal, ReadError, Reader};
use crate::record::{self, Stream};
use crate::words::Kind;
use bytes::Bytes;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Blocks read in one step at most. A block is at most a few hundred KiB.
const STEP_BLOCKS: u32 = 64;

/// Records looked at in one step at most: a few milliseconds of work.
const STEP_RECORDS: u32 = 4096;

/// Streams remembered between blocks. Beyond it all are forgotten and read again.
const REMEMBERED_STREAMS: usize = 256;

/// Times of observation that pass, nanoseconds since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    /// From here on, inclusive.
    pub(crate) since: Option<i64>,
    /// The records that `since` is for: what is written later is newer, whatever the clock says.
    pub(crate) since_up_to: u64,
    /// Up to here, exclusive.
    pub(crate) until: Option<i64>,
}

impl Times {
    fn admit(&self, block: &Block) -> bool {
        let early = self.since.is_some_and(|since| block.time < since) && block.first_seq <= self.since_up_to;
        let late = self.until.is_some_and(|until| block.time >= until);
        !early && !late
    }
}

/// What is found on the way.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    /// An event that passes.
    Event(&'a Event<'a>),
    /// A stretch of the journal that cannot be read (any more).
    Gap {
        /// First missing seq.
        first: u64,
        /// Last missing seq.
        last: u64,
        /// Why: `retention`, `damage`, `skipped`, `unreadable` or `never_given`.
        reason: &'static str,
    },
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to read.
    More,
    /// Everything written was read.
    AtEnd,
    /// The stretch was read to its end.
    Done,
}

/// Reads a stretch of the journal.
#[derive(Debug)]
pub(crate) struct Scan {
    reader: Reader,
    /// The block that the last step stopped in.
    block: Option<Block>,
    streams: Streams,
    /// Next seq to look at.
    next: u64,
    /// Last seq to look at.
    last: u64,
    times: Times,
    filter: Option<Filter>,
    /// A stretch that a client asks for and this journal never gave, to be said first.
    never_given: Option<(u64, u64)>,
}

impl Scan {
    /// Reads from `first` to `last`, both inclusive.
    pub(crate) fn new(journal: &Journal, first: u64, last: u64, times: Times, filter: Option<Filter>) -> Self {
        Self::over(journal.reader(first.max(1)), first, last, times, filter)
    }

    /// The same over a reader that begins at `first`: one of a journal that is only looked into.
    pub(crate) fn over(reader: Reader, first: u64, last: u64, times: Times, filter: Option<Filter>) -> Self {
        let next = first.max(1);
        Self { reader, block: None, streams: Streams::default(), next, last, times, filter, never_given: None }
    }

    /// Reads from `present` on, and says first that everything from there up to where it was to begin was never given.
    pub(super) fn begin_anew(&mut self, journal: &Journal, present: u64) {
        self.never_given = Some((present, self.next.saturating_sub(1)));
        self.reader = journal.reader(present);
        self.next = present;
    }

    /// Seq of the next record to look at.
    pub(crate) fn position(&self) -> u64 {
        self.next
    }

    /// Goes to a seq, if it is not there.
    pub(super) fn go_to(&mut self, journal: &Journal, seq: u64) {
        if self.next != seq {
            (self.reader, self.block, self.next) = (journal.reader(seq), None, seq);
        }
    }

    /// Like [`Scan::step`], but looks at nothing behind `bound`.
    pub(super) fn step_up_to(
        &mut self,
        bound: u64,
        each: impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> Result<Step, ReadError> {
        let last = self.last;
        self.last = last.min(bound);
        let step = self.step(each);
        self.last = last;
        step.map(|step| if step == Step::Done && self.next <= last { Step::More } else { step })
    }

    /// Reads on for a bounded while and hands over what is found. `each` breaks to end the step after it.
    pub(crate) fn step(&mut self, mut each: impl FnMut(Found<'_>) -> ControlFlow<()>) -> Result<Step, ReadError> {
        let (mut blocks, mut records) = (STEP_BLOCKS, STEP_RECORDS);
        if let Some((first, last)) = self.never_given.take()
            && each(Found::Gap { first, last, reason: "never_given" }).is_break()
        {
            return Ok(Step::More);
        }
        loop {
            if self.next > self.last {
                return Ok(Step::Done);
            }
            if blocks == 0 || records == 0 {
                return Ok(Step::More);
            }
            blocks -= 1;
            let block = match self.block.take().map_or_else(|| self.reader.next_block(), |block| Ok(Some(block))) {
                Ok(Some(block)) => block,
                Ok(None) => return Ok(Step::AtEnd),
                Err(ReadError::Gap { first, last, reason }) => {
                    if self.gap(first, last, reason, &mut each).is_break() {
                        return Ok(Step::More);
                    }
                    continue;
                }
                Err(error @ ReadError::Io { .. }) => return Err(error),
            };
            if block.first_seq > self.last {
                return Ok(Step::Done);
            }
            if self.read(&block, &mut records, &mut each).is_break() {
                self.block = Some(block);
                return Ok(if self.next > self.last { Step::Done } else { Step::More });
            }
        }
    }

    /// Reads the records of a block from `next` on. Breaks when it is not read to its end.
    fn read(
        &mut self,
        block: &Block,
        left: &mut u32,
        each: &mut impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let end = block.first_seq.saturating_add(u64::from(block.count));
        if !self.times.admit(block) {
            self.next = self.next.max(end);
            return ControlFlow::Continue(());
        }
        let records = record::records(&block.payload, block.first_seq, block.count, block.time);
        let (Some(stream), Ok(records)) = (self.streams.of(block), records) else {
            return self.gap(block.first_seq, end - 1, "unreadable", each);
        };
        if records.is_points() && self.filter.as_ref().is_some_and(|filter| excludes_points(filter, &stream)) {
            *left = left.saturating_sub(1);
            self.next = self.next.max(end);
            return ControlFlow::Continue(());
        }
        for record in records {
            let Ok(record) = record else { break };
            if record.seq < self.next {
                continue;
            }
            if record.seq > self.last {
                self.next = record.seq;
                return ControlFlow::Break(());
            }
            self.next = record.seq + 1;
            *left = left.saturating_sub(1);
            let mut event = interpret::sketch(&stream, &record);
            let passes = self.filter.as_ref().is_none_or(|filter| {
                if filter.asks_for_id() {
                    interpret::identify(&stream, &mut event);
                }
                filter.matches(&event)
            });
            if passes {
                interpret::identify(&stream, &mut event);
            }
            if (passes && each(Found::Event(&event)).is_break()) || *left == 0 {
                return ControlFlow::Break(());
            }
        }
        // A run that does not hold what its block says ends early; the rest of it is lost, and that is said.
        self.gap(block.first_seq, end - 1, "unreadable", each)
    }

    /// Reports what of a stretch was still wanted, and goes on behind it.
    fn gap(
        &mut self,
        first: u64,
        last: u64,
        reason: &'static str,
        each: &mut impl FnMut(Found<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let first = first.max(self.next);
        let within = last.min(self.last);
        self.next = self.next.max(last.saturating_add(1));
        if first > within { ControlFlow::Continue(()) } else { each(Found::Gap { first, last: within, reason }) }
    }
}

/// Whether nothing of a run of points of this stream passes, whatever is in them: they are not read then.
fn excludes_points(filter: &Filter, stream: &Stream) -> bool {
    let excludes = |kind| {
        let (task, node) = (stream.task.as_deref(), stream.node.as_deref());
        filter.excludes(&Glance { kind, lane: stream.lane, source: &stream.source, task, node })
    };
    // A frame that is no valid point is opaque.
    stream.alert.is_none() && excludes(Kind::Point) && excludes(Kind::Opaque)
}

/// What the contexts of blocks say, decoded once.
#[derive(Debug, Default)]
struct Streams {
    known: HashMap<u64, (Bytes, Arc<Stream>)>,
}

impl Streams {
    fn of(&mut self, block: &Block) -> Option<Arc<Stream>> {
        if let Some((description, stream)) = self.known.get(&block.context) {
            let same = std::ptr::eq(description.as_ptr(), block.description.as_ptr())
                && description.len() == block.description.len();
            if same || *description == block.description {
                return Some(Arc::clone(stream));
            }
        }
        let stream = Arc::new(Stream::decode(&block.description).ok()?);
        if self.known.len() >= REMEMBERED_STREAMS {
            self.known.clear();
        }
        self.known.insert(block.context, (block.description.clone(), Arc::clone(&stream)));
        Some(stream)
    }
}
