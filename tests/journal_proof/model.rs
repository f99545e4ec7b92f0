//! (a) Any history of one journal, over several lives, against a plain list of what was appended.
//!
//! `KAPTAP_JOURNAL_SEED=<n>` runs one history, the one of that seed, as often as `KAPTAP_JOURNAL_HISTORIES` says;
//! without a seed that many are run, each with a seed of its own. The first seed is printed, and that of a history
//! that fails, with its steps.

use crate::book::{Book, Failed, Item, Run, ensure, read};
use crate::dice::{Dice, seed, seed_is_given, setting};
use crate::disk::{CHANGES, Call, Cut, Fault, SimDisk};
use kaptap::journal::inspect::Inspection;
use kaptap::journal::{AppendError, Entry, Health, Journal, Options, Reader, Share, Storage, Sync};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seeds of histories that failed once, and what was wrong.
const REGRESSIONS: &[(u64, &str)] = &[];

/// Longer than any machine needs.
const WATCHDOG: Duration = Duration::from_secs(60);
const CONTEXTS: u64 = 4;

#[derive(Debug, Clone)]
enum Step {
    Append {
        context: u64,
        count: u32,
        length: usize,
        sync: Sync,
        share: Share,
        later: i64,
    },
    Describe {
        context: u64,
        version: u8,
    },
    Forget {
        context: u64,
    },
    AskSync,
    WaitWritten,
    WaitDurable,
    Follow {
        blocks: u64,
    },
    ReadFrom {
        permille: u64,
    },
    SeekTime {
        permille: u64,
    },
    Inspect,
    Fault(Fault),
    Mend,
    Block(Vec<Call>),
    Unblock,
    CutSoon {
        after: u64,
        cut: Cut,
    },
    /// Perhaps when all is written, and not all synced.
    CutNow {
        written: bool,
        cut: Cut,
    },
    Close {
        then: Option<Cut>,
    },
}

/// How the journal of a history is kept.
#[derive(Debug, Clone, Copy)]
struct Manner {
    compression: bool,
    max_bytes: u64,
    buffer_bytes: usize,
    sync_interval: Duration,
}

fn manner(dice: &mut Dice) -> Manner {
    Manner {
        compression: dice.once_in(3),
        max_bytes: dice.pick(&[16 << 10, 32 << 10, 1 << 30]),
        buffer_bytes: dice.pick(&[8 << 10, 64 << 10, 1 << 20]),
        sync_interval: Duration::from_millis(dice.pick(&[0, 1, 3_600_000])),
    }
}

fn steps(dice: &mut Dice) -> Vec<Step> {
    let most = dice.pick(&[8, 20, 50, 150]);
    let number = 1 + dice.below(most);
    // Some histories are of one kind of append only, some without any fault, some have long lives.
    let only = dice.once_in(3).then(|| sync(dice));
    let faults = !dice.once_in(3);
    let calm = dice.pick(&[1, 3, 10]);
    let mut steps = Vec::new();
    for _ in 0..number {
        let step = step(dice, only, faults);
        let ends_life = matches!(step, Step::CutSoon { .. } | Step::CutNow { .. } | Step::Close { .. });
        steps.push(if ends_life && !dice.once_in(calm) { append(dice, only) } else { step });
    }
    steps
}

fn append(dice: &mut Dice, only: Option<Sync>) -> Step {
    Step::Append {
        context: dice.below(CONTEXTS),
        count: u32::try_from(1 + dice.below(4)).unwrap(),
        length: if dice.once_in(8) { 1_000 + dice.index(3_500) } else { dice.index(400) },
        sync: only.unwrap_or_else(|| sync(dice)),
        share: dice.pick(&[Share::Common, Share::Last]),
        later: i64::try_from(dice.below(20)).unwrap() - 5,
    }
}

fn sync(dice: &mut Dice) -> Sync {
    dice.pick(&[Sync::Commit, Sync::Interval, Sync::Os])
}

fn step(dice: &mut Dice, only: Option<Sync>, faults: bool) -> Step {
    let permille = |dice: &mut Dice| dice.below(1001);
    let cut = |dice: &mut Dice| dice.pick(&[Cut::Kill, Cut::Power, Cut::Power]);
    match dice.below(100) {
        0..=44 => append(dice, only),
        45..=52 => Step::Describe { context: dice.below(CONTEXTS), version: dice.pick(&[1, 2, 3]) },
        53..=56 => Step::Forget { context: dice.below(CONTEXTS) },
        57..=58 => Step::AskSync,
        59..=64 => Step::WaitWritten,
        65..=70 => Step::WaitDurable,
        71..=74 => Step::Follow { blocks: dice.below(8) },
        75..=77 => Step::ReadFrom { permille: permille(dice) },
        78..=79 => Step::SeekTime { permille: permille(dice) },
        80 => Step::Inspect,
        81..=85 if faults => {
            let calls = if dice.once_in(3) { CHANGES.to_vec() } else { vec![dice.pick(CHANGES)] };
            let error = dice.pick(&[ErrorKind::StorageFull, ErrorKind::Other]);
            Step::Fault(Fault { calls, after: dice.below(6), times: 1 + dice.below(2), error })
        }
        86 if faults => Step::Fault(Fault { calls: vec![Call::Read], after: 0, times: 1, error: ErrorKind::Other }),
        87 if faults => Step::Block(vec![dice.pick(&[Call::Write, Call::Sync, Call::Rename, Call::SyncDirectory])]),
        81..=88 => Step::Mend,
        89 => Step::Unblock,
        90..=93 => Step::CutSoon { after: dice.below(12), cut: cut(dice) },
        94..=96 => Step::CutNow { written: !dice.once_in(3), cut: cut(dice) },
        _ => Step::Close { then: dice.pick(&[None, Some(Cut::Kill), Some(Cut::Power)]) },
    }
}

/// What happened in histories: a model that meets nothing proves nothing.
#[derive(Debug, Default)]
struct Tally {
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
}

impl Tally {
    fn add(&mut self, other: &Self) {
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
    }

    /// The least of all numbers.
    fn least(&self) -> u64 {
        let Self { runs, segments, failures, kills, power_losses, .. } = self;
        let Self { cut_openings, runs_lost, damage_told, segments_removed, failed_closings, .. } = self;
        let first = [runs, segments, failures, kills, power_losses].into_iter().min();
        let second = [cut_openings, runs_lost, damage_told, segments_removed, failed_closings].into_iter().min();
        *first.min(second).unwrap()
    }
}

/// A history that is going on.
struct History<'a> {
    directory: &'a Path,
    manner: Manner,
    disk: SimDisk,
    journal: Journal,
    follower: Reader,
    book: Book,
    descriptions: [Vec<u8>; CONTEXTS as usize],
    time: i64,
    number: u32,
    /// Failed syncs of files before this life.
    failed_syncs: u64,
    boot: u64,
    /// For what happens between lives.
    dice: Dice,
    tally: Tally,
}

impl<'a> History<'a> {
    fn begin(directory: &'a Path, seed: u64, manner: Manner) -> Result<Self, Failed> {
        let disk = SimDisk::new(seed);
        let (journal, _) = Journal::open(options(directory, manner), Arc::new(disk.clone())).map_err(text)?;
        let follower = journal.reader(0);
        let descriptions = Default::default();
        let book = Book::default();
        let boot = disk.boot();
        Ok(Self {
            directory,
            manner,
            disk,
            journal,
            follower,
            book,
            descriptions,
            time: 1_000,
            number: 0,
            failed_syncs: 0,
            boot,
            dice: Dice::new(seed ^ 0x11FE),
            tally: Tally::default(),
        })
    }

    fn step(&mut self, step: &Step) -> Result<(), Failed> {
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
        let begun = Instant::now();
        while !good(&self.journal, last) && !self.disk.is_off() {
            ensure!(begun.elapsed() < WATCHDOG, "waited in vain for {what}: {:?}", self.journal);
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
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
                    let run = Run::from(&block);
                    ensure!(self.book.find(run.first_seq) == Some(&run), "{run:?} was not appended");
                    let from_beginning = position == 1;
                    ensure!(
                        run.first_seq <= position && run.last() >= position || from_beginning,
                        "{run:?} at {position}"
                    );
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
    fn check_read_error(&self, error: &kaptap::journal::ReadError) -> Result<(), Failed> {
        match *error {
            kaptap::journal::ReadError::Gap { last, reason: "retention", .. } => {
                let first_seq = self.journal.stats().first_seq;
                ensure!(last < first_seq, "{error}, and the first is {first_seq}");
            }
            kaptap::journal::ReadError::Gap { first, last, .. } => {
                let lost = self.book.runs().find(|run| run.first_seq <= last && run.last() >= first);
                let lost = lost.filter(|run| run.first_seq >= self.book.first_seq);
                ensure!(lost.is_none(), "{error}, but {lost:?} is known");
            }
            // The disk failed, or the journal did and has not yet written elsewhere what it holds.
            kaptap::journal::ReadError::Io { .. } => {}
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
                    let run = Run::from(&block);
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
        ensure!(found == expected, "{time} is at {expected}, not {found}: {items:?}");
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
            let opened = Journal::open(options(self.directory, self.manner), Arc::new(self.disk.clone()));
            let (journal, recovery) = match opened {
                Ok(opened) => opened,
                Err(_) if self.disk.is_off() => {
                    self.tally.cut_openings += 1;
                    continue;
                }
                Err(error) => return Err(text(error)),
            };
            self.journal = journal;
            self.follower = self.journal.reader(recovery.next_seq);
            self.descriptions = Default::default();
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
    fn end(mut self) -> Result<Tally, Failed> {
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
        Ok(self.tally)
    }
}

fn text(error: impl std::error::Error) -> Failed {
    let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

fn options(directory: &Path, manner: Manner) -> Options {
    Options {
        directory: directory.to_owned(),
        segment_bytes: 4 << 10,
        max_bytes: manner.max_bytes,
        max_age: None,
        buffer_bytes: manner.buffer_bytes,
        sync_interval: manner.sync_interval,
        compression: manner.compression,
    }
}

/// The history of a seed.
fn run(directory: &Path, seed: u64) -> Result<Tally, (Failed, Vec<Step>)> {
    let mut dice = Dice::new(seed);
    let manner = manner(&mut dice);
    let steps = steps(&mut dice);
    play(directory, seed, manner, &steps).map_err(|failed| {
        let (failed, steps) = shorten(directory, seed, manner, failed, steps);
        (format!("{failed}\n{manner:?}"), steps)
    })
}

fn play(directory: &Path, seed: u64, manner: Manner, steps: &[Step]) -> Result<Tally, Failed> {
    let mut history = History::begin(directory, seed, manner)?;
    for (number, step) in steps.iter().enumerate() {
        history.step(step).map_err(|failed| format!("step {number}, {step:?}: {failed}"))?;
    }
    history.end().map_err(|failed| format!("at the end: {failed}"))
}

/// Leaves out what is not needed to fail, for as long as that is of use to somebody who looks.
fn shorten(directory: &Path, seed: u64, manner: Manner, failed: Failed, steps: Vec<Step>) -> (Failed, Vec<Step>) {
    let begun = Instant::now();
    let (mut failed, mut steps) = (failed, steps);
    let mut size = steps.len() / 2;
    while size > 0 && begun.elapsed() < Duration::from_secs(20) {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            // Threads are not the same twice.
            match (0..5).find_map(|_| play(directory, seed, manner, &fewer).err()) {
                Some(still) => (failed, steps) = (still, fewer),
                None => at += size,
            }
        }
        size /= 2;
    }
    (failed, steps)
}

/// Plays a history for each number that is below `histories`, on several threads: most of the time all of them wait
/// for a pause after a failure to be over.
fn check_histories(histories: u64, seed_of: impl Fn(u64) -> u64 + std::marker::Sync) -> Tally {
    let next = AtomicU64::new(0);
    let tally = std::sync::Mutex::new(Tally::default());
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let directory = tempfile::tempdir().unwrap();
                while failed.lock().unwrap().is_empty() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= histories {
                        break;
                    }
                    let seed = seed_of(number);
                    match run(directory.path(), seed) {
                        Ok(one) => tally.lock().unwrap().add(&one),
                        Err((reason, steps)) => {
                            let steps: Vec<_> = steps.iter().map(|step| format!("\n  {step:?}")).collect();
                            let again = format!("KAPTAP_JOURNAL_SEED={seed}");
                            failed.lock().unwrap().push(format!("{again}: {reason}{}", steps.concat()));
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    tally.into_inner().unwrap()
}

#[test]
fn whatever_happens_nothing_durable_is_missing() {
    let first = seed();
    let histories = setting("KAPTAP_JOURNAL_HISTORIES", 10_000);
    println!("{histories} histories from KAPTAP_JOURNAL_SEED={first}");
    let same = seed_is_given();
    let tally = check_histories(histories, |number| if same { first } else { first.wrapping_add(number) });
    println!("{tally:?}");
    assert!(same || histories < 1_000 || tally.least() > histories / 200, "it meets too little: {tally:?}");
}

#[test]
fn histories_that_failed_once_go_well() {
    let times = 20;
    check_histories(REGRESSIONS.len() as u64 * times, |number| REGRESSIONS[(number / times) as usize].0);
}
