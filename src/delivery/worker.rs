//! The worker of one sink: reads, chooses, delivers, and keeps the cursor. One task; it owns the sink.

use super::item::{Item, event};
use super::lane::{Broken, Lane, Purpose};
use super::options::SinkOptions;
use super::parked::{Parked, Why};
use super::parking::{park, unpark};
use super::rate::Bucket;
use super::reading::{JournalReading, ParkedReading, Source, Step, Stretch};
use super::report::Reporter;
use super::saver::Saver;
use super::sink::{Batch, Limits, Outcome, Reason, Sink};
use super::turns::{first_step, sleep, sooner, within};
use super::window::{Circuit, Next, Rules, Tries, Verdict};
use crate::event::Event;
use crate::journal::Journal;
use crate::record::Record;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Commands that wait for a worker at most.
pub const COMMANDS: usize = 8;

/// How long a sink may take to let its peer go.
const CLOSING: Duration = Duration::from_secs(1);

/// What a person asked of a worker.
#[derive(Debug)]
pub(super) enum Command {
    /// Deliver a stretch again.
    Replay(Box<Stretch>),
    /// Try these parked events again.
    TryParked(Vec<u64>),
}

/// Everything a worker needs.
pub(super) struct Parts {
    pub(super) options: Arc<SinkOptions>,
    pub(super) sink: Box<dyn Sink>,
    pub(super) journal: Journal,
    pub(super) parked: Arc<Mutex<Parked>>,
    pub(super) saver: Saver,
    /// Stretches of the journal to begin with.
    pub(super) stretches: Vec<(u64, u64)>,
    pub(super) reporter: Reporter,
    pub(super) commands: mpsc::Receiver<Command>,
    /// Ends it, once what is under way has ended or the grace time is over.
    pub(super) stop: CancellationToken,
    pub(super) grace: Duration,
}

/// The worker of one sink.
pub(super) struct Worker {
    options: Arc<SinkOptions>,
    rules: Rules,
    sink: Box<dyn Sink>,
    journal: Journal,
    parked: Arc<Mutex<Parked>>,
    saver: Saver,
    reporter: Reporter,
    commands: mpsc::Receiver<Command>,
    stop: CancellationToken,
    grace: Duration,
    live: Lane,
    /// Those that a person asked for; one of each purpose at most.
    asked: Vec<(Purpose, Lane)>,
    /// Parked events that a person asked for while their lane was reading; no more than are parked.
    to_try: BTreeSet<u64>,
    /// Whether the live lane had the last turn.
    live_last: bool,
    bucket: Option<Bucket>,
    tick: Option<Instant>,
}

/// What a wait ended with.
enum Woken {
    Time,
    Command(Option<Command>),
    Read(Purpose, Result<Step, Broken>),
    Written(bool),
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { options, mut sink, journal, parked, saver, stretches, reporter, commands, stop, grace } = parts;
        let of_sink = sink.limits();
        let limits = Limits {
            events: options.batch_events.min(of_sink.events).max(1),
            bytes: options.batch_bytes.min(of_sink.bytes).max(1),
        };
        sink.order_by(&options.correlation);
        let several_of_a_key = sink.keeps_order();
        let rules = Rules { limits, age: options.batch_age, backoff: options.retry, several_of_a_key };
        let reading = JournalReading::new(&journal, &options, stretches);
        let now = Instant::now();
        Self {
            live: Lane::new(rules, Source::Journal(Box::new(reading))),
            bucket: options.max_rate.map(|rate| Bucket::new(rate, now)),
            options,
            rules,
            sink,
            journal,
            parked,
            saver,
            reporter,
            commands,
            stop,
            grace,
            asked: Vec::new(),
            to_try: BTreeSet::new(),
            live_last: false,
            tick: Some(now),
        }
    }

    /// Runs until stopped.
    pub(super) async fn run(mut self) {
        let mut written = self.journal.written();
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            if self.collect(now, &mut written).await.is_err() {
                self.reporter.broke(Reason::Local, "reading ended unexpectedly; restart kaptap");
                break;
            }
            if self.tick.is_some_and(|due| due <= now) {
                let sink = &mut self.sink;
                let Some(next) = within(&self.stop, self.grace, sink.tick()).await else { break };
                self.tick = next.map(|wait| Instant::now() + wait);
            }
            match self.choose(now) {
                (Next::Batch(seqs), purpose) => {
                    if !self.deliver(purpose, &seqs).await {
                        break;
                    }
                }
                (Next::Wait(until), _) => self.wait(Some(until), &mut written).await,
                (Next::Idle, _) => self.wait(None, &mut written).await,
            }
        }
        self.saver.save_now().await;
        // A peer that does not let go is left.
        let _in_time = tokio::time::timeout(CLOSING, self.sink.close()).await.is_ok();
    }

    /// Takes in reads that have ended, and begins others.
    async fn collect(&mut self, now: Instant, written: &mut watch::Receiver<u64>) -> Result<(), Broken> {
        if self.live.has_read() {
            let step = self.live.step().await;
            self.take_step(Purpose::Live, step?);
        }
        for place in 0..self.asked.len() {
            if let Some((purpose, lane)) = self.asked.get_mut(place)
                && lane.has_read()
            {
                let (purpose, step) = (*purpose, lane.step().await?);
                self.take_step(purpose, step);
            }
        }
        self.asked.retain(|(purpose, lane)| {
            let is_done = lane.is_done();
            if is_done && *purpose == Purpose::Replay {
                self.reporter.replay_done();
            }
            !is_done
        });
        self.hand_over();
        // Seen before the read begins: what is written after that wakes us.
        self.live.read_on(now, || written.mark_unchanged());
        for (_, lane) in &mut self.asked {
            lane.read_on(now, || ());
        }
        Ok(())
    }

    fn take_step(&mut self, purpose: Purpose, step: Step) {
        match purpose {
            Purpose::Live => {
                for (first, last, reason) in step.gaps {
                    self.reporter.missed(first, last, reason);
                }
                self.reporter.passed(step.passed);
                self.saver.want(self.live.position(), false);
                self.reporter.look_at(&self.live, step.observed);
            }
            Purpose::Replay => {
                if let Some((_, lane)) = self.asked.iter().find(|(of, _)| *of == purpose) {
                    self.reporter.replay_at(lane.next_read());
                }
            }
            Purpose::Parked => {}
        }
    }

    /// What to do now, and for which lane. The live lane and those that were asked for take turns.
    fn choose(&mut self, now: Instant) -> (Next, Purpose) {
        let allowance = self.bucket.as_mut().map_or(usize::MAX, |bucket| bucket.allowance(now));
        let live = self.live.window.next(now, allowance, false);
        let live_waits = matches!(live, Next::Wait(_)) && self.live.window.circuit() != Circuit::Closed;
        let mut next = (Next::Idle, Purpose::Live);
        if !live_waits {
            // While the peer does not take what comes, it is not asked for more.
            for (purpose, lane) in &self.asked {
                next = sooner(next, (lane.window.next(now, allowance, true), *purpose));
            }
        }
        let next = match (&live, &next.0) {
            (Next::Batch(_), Next::Batch(_)) if self.live_last => next,
            (Next::Batch(_), _) => (live, Purpose::Live),
            _ => sooner((live, Purpose::Live), next),
        };
        if let (Next::Batch(_), 0, Some(bucket)) = (&next.0, allowance, &self.bucket) {
            return (Next::Wait(bucket.ready_at()), next.1);
        }
        self.live_last = next.1 == Purpose::Live;
        next
    }

    async fn wait(&mut self, until: Option<Instant>, written: &mut watch::Receiver<u64>) {
        let lanes = self.asked.iter().map(|(_, lane)| lane.wake());
        let wake = lanes.chain([until, self.tick, self.live.wake()]).flatten().min();
        let Self { live, asked, saver, commands, stop, .. } = self;
        let at_end = live.is_at_end();
        let woken = tokio::select! {
            () = stop.cancelled() => Woken::Time,
            () = sleep(wake) => Woken::Time,
            command = commands.recv(), if !commands.is_closed() || !commands.is_empty() => Woken::Command(command),
            step = live.step() => Woken::Read(Purpose::Live, step),
            (purpose, step) = first_step(asked) => Woken::Read(purpose, step),
            changed = written.changed(), if at_end => Woken::Written(changed.is_ok()),
            () = saver.drive() => Woken::Time,
        };
        match woken {
            Woken::Time | Woken::Command(None) => {}
            Woken::Command(Some(command)) => self.command(command),
            Woken::Read(purpose, Ok(step)) => self.take_step(purpose, step),
            Woken::Read(_, Err(Broken)) => {
                self.reporter.broke(Reason::Local, "reading ended unexpectedly; restart kaptap");
                self.stop.cancel();
            }
            Woken::Written(true) => self.live.look_again(),
            // The journal is closed, so kaptap is stopping.
            Woken::Written(false) => self.stop.cancelled().await,
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Replay(stretch) => {
                let reading = JournalReading::again(&self.journal, &self.options, *stretch);
                self.asked.push((Purpose::Replay, Lane::new(self.rules, Source::Journal(Box::new(reading)))));
            }
            Command::TryParked(seqs) => {
                self.to_try.extend(seqs);
            }
        }
    }

    /// Gives the parked events that were asked for to their lane, once it is not reading.
    fn hand_over(&mut self) {
        if self.to_try.is_empty() {
            return;
        }
        if let Some((_, lane)) = self.asked.iter_mut().find(|(purpose, _)| *purpose == Purpose::Parked) {
            if let Some(Source::Parked(reading)) = lane.source() {
                reading.add(std::mem::take(&mut self.to_try));
                lane.look_again();
            }
        } else {
            let mut reading = ParkedReading::new(&self.parked, &self.options);
            reading.add(std::mem::take(&mut self.to_try));
            self.asked.push((Purpose::Parked, Lane::new(self.rules, Source::Parked(reading))));
        }
    }

    /// Delivers a batch and takes in what came of it. False when the grace time was over before.
    async fn deliver(&mut self, purpose: Purpose, seqs: &[u64]) -> bool {
        let Self { live, asked, sink, options, stop, grace, saver, bucket, reporter, parked, .. } = self;
        let lane = match asked.iter_mut().find(|(of, _)| *of == purpose) {
            Some((_, lane)) => lane,
            None => live,
        };
        reporter.trying(&lane.window);
        if let Some(bucket) = bucket {
            bucket.take(seqs.len());
        }
        let items: Vec<&Item> = seqs.iter().filter_map(|seq| lane.window.get(*seq)).collect();
        let records: Vec<Record<'_>> = items.iter().map(|item| item.record()).collect();
        let events: Vec<Event<'_>> =
            items.iter().zip(&records).map(|(item, record)| event(&item.stream, record, options)).collect();
        let batch = Batch { events: &events, replay: purpose == Purpose::Replay };
        let outcomes = tokio::select! {
            outcomes = within(stop, *grace, sink.deliver(&batch)) => outcomes,
            () = saver.drive() => None,
        };
        let Some(mut outcomes) = outcomes else { return false };
        drop(events);
        let silent = || Outcome::Retry {
            after: None,
            reason: Reason::Garbage,
            error: "the sink did not say what became of it".to_owned(),
        };
        outcomes.resize_with(items.len(), silent);

        let clock = now();
        let (mut verdicts, mut refused, mut delivered) = (Vec::with_capacity(items.len()), Vec::new(), Vec::new());
        for (item, outcome) in items.into_iter().zip(outcomes) {
            let verdict = match outcome {
                Outcome::Delivered => {
                    delivered.push(item.seq);
                    Verdict::Done
                }
                Outcome::Retry { after, reason, error } => {
                    reporter.retried(reason, &error, clock);
                    Verdict::Again(after)
                }
                Outcome::Reject { reason, error, response } => {
                    let Tries { attempts, first } = lane.window.tries(item.seq, clock);
                    let reason_word = reason.as_str();
                    let why = Why { reason: reason_word, error, response, attempts, tried: (first, clock) };
                    refused.push((item.clone(), reason, why));
                    Verdict::Done
                }
            };
            verdicts.push((item.seq, verdict));
        }
        drop(records);
        let refused_count = refused.len();
        if !park(parked, options, refused, reporter, clock).await {
            for (seq, verdict) in &mut verdicts {
                if *verdict == Verdict::Done && !delivered.contains(seq) {
                    *verdict = Verdict::Again(None);
                }
            }
        }
        if purpose == Purpose::Parked && !delivered.is_empty() {
            unpark(parked, delivered.clone(), reporter).await;
        }
        drop(lane.window.settle(&verdicts, Instant::now(), clock, random));
        reporter.settled(purpose, delivered.len(), refused_count, &lane.window, clock);
        if purpose == Purpose::Live {
            saver.want(lane.position(), true);
            reporter.look_at(lane, None);
        }
        true
    }
}

/// Any number: the standard library's own source of randomness.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
