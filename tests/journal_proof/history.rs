//! One journal over several lives: every step is taken, and what the journal says and gives is held against the book.

use crate::book::{Book, Failed, Item, ensure, open, read};
use crate::dice::Dice;
use crate::disk::{Call, Cut, SimDisk};
use crate::run::Run;
use crate::steps::{CONTEXTS, Manner, Step};
use crate::wait_support::try_wait_until;
use kaptap::journal::inspect::Inspection;
use kaptap::journal::{AppendError, Entry, Health, Journal, Options, ReadError, Reader, Share, Storage, Sync};
use std::path::Path;
use std::sync::Arc;

/// What happened in histories: a model that meets nothing proves nothing.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    runs: u64,
    segments: u64,
    failures: u64,
    kills: u64,
    power_losses: u64,
    /// Lives that could not even be begun before they were cut short.
    cut_openings: u64,
    runs_lost: u64,
    damage_told: u64,
    segments_removed: u64,
    /// Closings that said what is lost.
    failed_closings: u64,
    /// How often zeros were written ahead, how often that failed, and lives that began with some.
    fills: u64,
    failed_fills: u64,
    zeros_found: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.segments += other.segments;
        self.failures += other.failures;
        self.kills += other.kills;
        self.power_losses += other.power_losses;
        self.cut_openings += other.cut_openings;
        self.runs_lost += other.runs_lost;
        self.damage_told += other.damage_told;
        self.segments_removed += other.segments_removed;
        self.failed_closings += other.failed_closings;
        self.fills += other.fills;
        self.failed_fills += other.failed_fills;
        self.zeros_found += other.zeros_found;
    }

    /// The least of all numbers.
    pub(crate) fn least(&self) -> u64 {
        let Self { runs, segments, failures, kills, power_losses, .. } = self;
        let Self { cut_openings, runs_lost, damage_told, segments_removed, failed_closings, .. } = self;
        let third = [self.fills, self.failed_fills, self.zeros_found].into_iter().min();
        let first = [runs, segments, failures, kills, power_losses].into_iter().min();
        let second = [cut_openings, runs_lost, damage_told, segments_removed, failed_closings].into_iter().min();
        (*first.min(second).unwrap()).min(third.unwrap())
    }
}

/// A history that is going on.
pub(crate) struct History<'a> {
    directory: &'a Path,
    manner: Manner,
    disk: SimDisk,
    journal: Journal,
    follower: Reader,
    /// Whether the follower begins wherever the beginning is by then, and has not begun.
    from_beginning: bool,
    book: Book,
    descriptions: [Vec<u8>; CONTEXTS as usize],
    time: i64,
    number: u32,
    /// Whether something was appended in this life.
    has_appended: bool,
    /// Whether the last life with something appended ended well, and what there was then is all that can be found.
    closed: bool,
    /// Failed syncs of files before this life.
    failed_syncs: u64,
    boot: u64,
    /// For what happens between lives.
    dice: Dice,
    tally: Tally,
}

impl<'a> History<'a> {
    pub(crate) fn begin(directory: &'a Path, seed: u64, manner: Manner) -> Result<Self, Failed> {
        let disk = SimDisk::new(seed);
        let (journal, _) = open(&options(directory, manner), disk.clone()).map_err(text)?;
        let follower = journal.reader(0);
        let descriptions = Default::default();
        let book = Book::default();
        Ok(Self {
            boot: disk.boot(),
            directory,
            manner,
            disk,
            journal,
            follower,
            from_beginning: true,
            book,
            descriptions,
            time: 1_000,
            number: 0,
            has_appended: false,
            closed: false,
            failed_syncs: 0,
            dice: Dice::new(seed ^ 0x11FE),
            tally: Tally::default(),
        })
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), Failed> {
        match *step {
            Step::Append { context, count, length, sync, share, later } => {
                self.append(context, count, length, sync, share, later)?;
            }
            Step::Describe { context, version } => {
                self.journal.describe(context, &[version, 0, version]);
                self.descriptions[context as usize] = vec![version, 0, version];
            }
            Step::Forget { context } => {
                self.journal.forget(context);
                self.descriptions[context as usize].clear();
            }
            Step::AskSync => self.journal.sync(),
            Step::WaitWritten => self.wait_written()?,
            Step::WaitDurable => self.settle()?,
            Step::Follow { blocks } => self.follow(blocks)?,
            Step::ReadFrom { permille } => self.read_from(permille)?,
            Step::SeekTime { permille } => self.seek_time(permille)?,
            Step::Inspect => self.inspect()?,
            Step::Fault(ref fault) => self.disk.fault(fault.clone()),
            Step::Mend => self.disk.mend(),
            Step::Block(ref calls) => self.disk.block(calls),
            Step::Unblock => self.disk.block(&[]),
            Step::CutSoon { after, cut } => self.disk.cut(Some(after), cut),
            Step::CutNow { written, cut } => {
                if written {
                    self.wait_written()?;
                }
                // What is told before the cut is a promise.
                self.note();
                self.disk.cut(None, cut);
                self.next_life()?;
            }
            Step::Close { then } => self.close(then)?,
        }
        self.note();
        ensure!(self.disk.touched_after_failure() == 0, "a file was touched after it had failed");
        if self.disk.is_off() { self.next_life() } else { Ok(()) }
    }

    fn append(
        &mut self,
        context: u64,
        count: u32,
        length: usize,
        sync: Sync,
        share: Share,
        later: i64,
    ) -> Result<(), Failed> {
        self.number += 1;
        let time = self.time + later;
        let mut payload = self.number.to_le_bytes().to_vec();
        payload.extend((0..length).map(|at| (at as u32 ^ self.number.wrapping_mul(31)) as u8));
        let (front, back) = payload.split_at(payload.len() / 3);
        let failures = self.disk.failures();
        let first_seq = match self.journal.append(Entry { context, count, time, payload: &[front, back] }, sync, share)
        {
            Ok(first_seq) => first_seq,
            Err(AppendError::Full) => return Ok(()),
            Err(AppendError::TooLarge { bytes }) => {
                let quarter = if share == Share::Common { self.manner.buffer_bytes / 4 } else { 0 };
                ensure!(bytes + 40 > self.manner.buffer_bytes - quarter, "{bytes} bytes are too large for {share:?}");
                return Ok(());
            }
            Err(AppendError::Closed) => return Err("closed".to_owned()),
        };
        self.time = time;
        self.has_appended = true;
        let description = self.descriptions[context as usize].clone();
        let run = Run { first_seq, count, time, context, description, payload };
        self.book.append(run, sync, failures)
    }

    /// Notes what the journal has said so far.
    fn note(&mut self) {
        let durable = *self.journal.durable().borrow();
        // What a reader has seen is written, even if it was quicker than the news of it.
        let written = self.journal.stats().written_seq;
        self.book.note(written, durable, self.disk.failures());
        self.book.first_seq = self.book.first_seq.max(self.journal.stats().first_seq);
        self.book.seen = self.book.seen.max(self.follower.position() - 1);
    }

    /// Waits for something, or for the end of this life.
    fn wait(&self, what: &str, good: impl Fn(&Journal, u64) -> bool) -> Result<(), Failed> {
        let last = self.journal.next_seq() - 1;
        let over = || (good(&self.journal, last) || self.disk.is_off()).then_some(());
        try_wait_until(over).map_err(|_| format!("waited in vain for {what}: {:?}", self.journal))
    }

    fn wait_written(&self) -> Result<(), Failed> {
        self.disk.block(&[]);
        self.wait("written", |journal, last| *journal.written().borrow() >= last)
    }

    fn settle(&mut self) -> Result<(), Failed> {
        self.disk.block(&[]);
        self.journal.sync();
        self.wait("durable", |journal, last| *journal.durable().borrow() >= last)?;
        self.wait("well", |journal, _| *journal.health().borrow() == Health::Well)?;
        // The newest may be larger than it should: it takes over all that was held.
        let most = self.manner.max_bytes + self.manner.buffer_bytes as u64;
        self.wait("retention", |journal, _| journal.stats().bytes <= most)?;
        if !self.disk.is_off() {
            let stats = self.journal.stats();
            let contexts = 60 * 30;
            ensure!(stats.buffered_bytes <= contexts, "{stats:?}: something is held for ever");
        }
        Ok(())
    }

    /// Reads on with the reader that follows: every run once, in order, as it was appended.
    fn follow(&mut self, blocks: u64) -> Result<(), Failed> {
        for _ in 0..blocks {
            let position = self.follower.position();
            match self.follower.next_block() {
                Ok(Some(block)) => {
                    let run = Run::from(block);
                    ensure!(self.book.find(run.first_seq) == Some(&run), "{run:?} was not appended");
                    let next = run.first_seq <= position && run.last() >= position;
                    ensure!(next || self.from_beginning, "{run:?} at {position}");
                    self.from_beginning = false;
                }
                Ok(None) => break,
                Err(error) => self.check_read_error(&error)?,
            }
            self.book.seen = self.book.seen.max(self.follower.position() - 1);
        }
        let position = self.follower.position();
        ensure!(position <= self.journal.stats().written_seq + 1, "it read {position}, which is not written");
        Ok(())
    }

    /// A gap may be told only where nothing needs to be.
    fn check_read_error(&self, error: &ReadError) -> Result<(), Failed> {
        match *error {
            ReadError::Gap { last, reason: "retention", .. } => {
                let first_seq = self.journal.stats().first_seq;
                ensure!(last < first_seq, "{error}, and the first is {first_seq}");
            }
            ReadError::Gap { first, last, .. } => {
                let lost = self.book.runs().find(|run| run.first_seq <= last && run.last() >= first);
                let lost = lost.filter(|run| run.first_seq >= self.book.first_seq);
                ensure!(lost.is_none(), "{error}, but {lost:?} is known");
            }
            // The disk failed, or the journal did and has not yet written elsewhere what it holds.
            ReadError::Io { .. } => {}
        }
        Ok(())
    }

    fn read_from(&mut self, permille: u64) -> Result<(), Failed> {
        let written = *self.journal.written().borrow();
        let seq = (written + 2) * permille / 1000;
        let mut reader = self.journal.reader(seq);
        let mut next = None;
        for _ in 0..6 {
            match reader.next_block() {
                Ok(Some(block)) => {
                    let run = Run::from(block);
                    ensure!(self.book.find(run.first_seq) == Some(&run), "{run:?} was not appended");
                    ensure!(run.last() >= seq, "{run:?} is before {seq}");
                    ensure!(next.is_none_or(|next| next == run.first_seq), "{run:?} at {next:?}");
                    next = Some(run.last() + 1);
                }
                Ok(None) => break,
                Err(error) => {
                    self.check_read_error(&error)?;
                    next = next.and(Some(reader.position()));
                }
            }
        }
        Ok(())
    }

    fn seek_time(&mut self, permille: u64) -> Result<(), Failed> {
        self.settle()?;
        if self.disk.is_off() {
            return Ok(());
        }
        let time = 990 + (self.time - 980) * i64::try_from(permille).unwrap() / 1000;
        self.disk.mend();
        let found = self.journal.seek_time(time);
        let items = read(&mut self.journal.reader(0));
        if self.disk.is_off() {
            return Ok(());
        }
        let (found, items) = (found.map_err(text)?, items?);
        let expected = items.iter().find_map(|item| match item {
            Item::Run(run) if run.time >= time => Some(run.first_seq),
            _ => None,
        });
        let expected = expected.unwrap_or(*self.journal.written().borrow() + 1);
        // Retention may come between the two.
        let gone = found < self.journal.stats().first_seq;
        ensure!(found == expected || gone, "{time} is at {expected}, not {found}: {items:?}");
        Ok(())
    }

    /// Looks in from outside while all goes on.
    fn inspect(&mut self) -> Result<(), Failed> {
        let looks = Inspection::open(self.directory, Arc::new(self.disk.clone()));
        if let Ok(inspection) = looks {
            for item in read(&mut inspection.reader(0)).unwrap_or_default() {
                if let Item::Run(run) = item {
                    // What was found may be written and not yet told.
                    ensure!(self.book.find(run.first_seq) == Some(&run), "{run:?} was not appended");
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, then: Option<Cut>) -> Result<(), Failed> {
        self.disk.block(&[]);
        let failures = self.disk.failures();
        match self.journal.close() {
            Ok(()) => {
                // What fails at the very end costs nothing but a longer look at the next start.
                self.closed = self.has_appended && self.disk.failures() == failures && !self.disk.is_off();
                let (durable, last) = (*self.journal.durable().borrow(), self.journal.next_seq() - 1);
                ensure!(durable >= last, "closed at {durable}, not {last}");
            }
            Err(error) => {
                let reason = self.disk.failures() > failures || self.disk.is_off();
                ensure!(reason, "closing failed for nothing: {error}");
                self.tally.failed_closings += 1;
            }
        }
        self.note();
        if let Some(cut) = then.filter(|_| !self.disk.is_off()) {
            self.disk.cut(None, cut);
        }
        self.next_life()
    }

    /// Opens it again, after whatever ended the life before; that may end in the middle of opening.
    fn next_life(&mut self) -> Result<(), Failed> {
        // It cannot change anything any more, and has told all it ever will.
        self.note();
        self.disk.block(&[]);
        drop(self.journal.close());
        self.note();
        self.tally.segments += self.journal.stats().segments;
        self.tally.segments_removed += self.journal.stats().removed_segments;
        let (mut power, mut forgetful) = (false, false);
        loop {
            self.disk = self.disk.next_life();
            power |= std::mem::replace(&mut self.boot, self.disk.boot()) != self.boot;
            forgetful |= std::mem::replace(&mut self.failed_syncs, self.disk.failed_syncs()) != self.failed_syncs;
            if self.dice.once_in(6) {
                let cut = self.dice.pick(&[Cut::Kill, Cut::Power]);
                self.disk.cut(Some(self.dice.below(4)), cut);
            }
            let zeros = self.disk.files().values().any(|bytes| bytes.ends_with(&[0; 64]));
            self.tally.zeros_found += u64::from(zeros);
            let opened = open(&options(self.directory, self.manner), self.disk.clone());
            let (journal, recovery) = match opened {
                Ok(opened) => opened,
                Err(_) if self.disk.is_off() => {
                    self.tally.cut_openings += 1;
                    continue;
                }
                Err(error) => return Err(text(error)),
            };
            if std::mem::take(&mut self.closed) {
                let behind = recovery.gaps.iter().any(|gap| gap.1 + 1 == recovery.next_seq && gap.1 > self.book.last());
                ensure!(!behind && recovery.torn_bytes == 0, "it was closed: {recovery:?}");
            }
            self.journal = journal;
            self.follower = self.journal.reader(recovery.next_seq);
            self.from_beginning = recovery.next_seq == 1;
            self.descriptions = Default::default();
            self.has_appended = false;
            if self.disk.is_off() {
                // What it found may be true no more.
                drop(self.journal.close());
                continue;
            }
            let runs = self.book.runs().count();
            let checked = self.book.reconcile(&self.journal, &recovery, power, forgetful);
            let damaged =
                checked.as_ref().is_ok_and(|items| items.iter().any(|item| matches!(item, Item::Gap(.., "damage"))));
            if self.disk.is_off() {
                drop(self.journal.close());
                continue;
            }
            self.tally.kills += u64::from(!power);
            self.tally.power_losses += u64::from(power);
            self.tally.runs_lost += (runs - self.book.runs().count()) as u64;
            self.tally.damage_told += u64::from(damaged);
            return checked.map(|_| ());
        }
    }

    /// All is well at the end, and what is there is there for good.
    pub(crate) fn end(mut self) -> Result<Tally, Failed> {
        self.disk.mend();
        loop {
            self.settle()?;
            let items = read(&mut self.journal.reader(0));
            self.note();
            if !self.disk.is_off() {
                self.book.check_all(&items?, self.journal.next_seq() - 1)?;
                break;
            }
            self.next_life()?;
        }
        self.close(Some(Cut::Power))?;
        self.tally.runs = u64::from(self.number);
        self.tally.failures = self.disk.failures();
        self.tally.fills = self.disk.count(Call::Fill);
        self.tally.failed_fills = self.disk.failed_fills();
        Ok(std::mem::take(&mut self.tally))
    }
}

/// A history that fails does not hang: the journal is closed with it, and that waits for the disk.
impl Drop for History<'_> {
    fn drop(&mut self) {
        self.disk.block(&[]);
    }
}

fn text(error: impl std::error::Error) -> Failed {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

fn options(directory: &Path, manner: Manner) -> Options {
    Options {
        directory: directory.to_owned(),
        segment_bytes: manner.segment_bytes,
        max_bytes: manner.max_bytes,
        max_age: manner.max_age,
        buffer_bytes: manner.buffer_bytes,
        sync_interval: manner.sync_interval,
        compression: manner.compression,
    }
}
