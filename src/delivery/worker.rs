//! The worker of one sink: reads, chooses, delivers, and keeps the cursor. One task; it owns the sink.

use super::cursor::Position;
use super::item::{Item, event};
use super::judging::judge;
use super::lane::{Broken, Lane, Purpose};
use super::mailbox::Command;
use super::options::SinkOptions;
use super::outside::{now, random};
use super::owed::Owed;
use super::parked::Parked;
use super::parking::{park, unpark};
use super::rate::Bucket;
use super::reading::{JournalReading, ParkedReading, Source, Step};
use super::report::{Counts, Reporter};
use super::saver::Saver;
use super::sink::{Batch, CLOSING, Limits, Sink};
use super::turns::{first_step, paused, sleep, sooner, within};
use super::window::{Circuit, Next, Rules};
use crate::event::Event;
use crate::journal::Journal;
use crate::record::Record;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Everything a worker needs.
pub(super) struct Parts {
    pub(super) options: Arc<SinkOptions>,
    pub(super) sink: Box<dyn Sink>,
    pub(super) journal: Journal,
    pub(super) parked: Arc<Mutex<Parked>>,
    pub(super) saver: Saver,
    /// Stretches of the journal to begin with.
    pub(super) stretches: Vec<(u64, u64)>,
    /// Records before them that are gone.
    pub(super) missed: Option<(u64, u64)>,
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
    owed: Owed,
}

/// What a wait ended with.
enum Woken {
    Time,
    Command(Option<Command>),
    Read(Purpose, Result<Step, Broken>),
    Written(bool),
    Told,
}

/// Why a worker cannot go on.
#[derive(Debug)]
pub(super) struct Died(pub(super) String);

impl From<Broken> for Died {
    fn from(Broken(why): Broken) -> Self {
        Self(format!("reading ended unexpectedly: {why}"))
    }
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { options, mut sink, journal, parked, saver, stretches, mut reporter, commands, stop, grace, missed } =
            parts;
        let mut owed = Owed::default();
        if let Some((first, last)) = missed
            && let Some(told) = reporter.missed(first, last, "retention")
        {
            owed.add((first, last), told);
        }
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
            owed,
        }
    }

    /// Runs until stopped; where its successor goes on.
    ///
    /// # Errors
    /// When it cannot go on.
    pub(super) async fn run(mut self) -> Result<Position, Died> {
        let mut written = self.journal.written();
        while !self.stop.is_cancelled() {
            let now = Instant::now();
            self.collect(now, &mut written).await?;
            if self.tick_due().is_some_and(|due| due <= now) {
                let sink = &mut self.sink;
                let Some(next) = within(&self.stop, self.grace, sink.tick()).await else { break };
                self.tick = next.map(|wait| Instant::now() + wait);
                self.reporter.forgotten(self.sink.forgotten());
            }
            match self.choose(now) {
                (Next::Batch(seqs), purpose) => {
                    if !self.deliver(purpose, &seqs).await {
                        break;
                    }
                }
                (Next::Wait(until), _) => self.wait(Some(until), &mut written).await?,
                (Next::Idle, _) => self.wait(None, &mut written).await?,
            }
        }
        self.owed.settle().await;
        let position = self.position();
        self.saver.want(position.clone(), true);
        self.saver.save_now().await;
        self.notice_trouble();
        if tokio::time::timeout(CLOSING, self.sink.close()).await.is_err() {
            // Everything that counts as delivered is with the peer.
            tracing::info!(sink = self.options.name, "The peer did not let go in time and was left");
        }
        Ok(position)
    }

    /// How far the cursor may be: not past what is open, nor past what is lost and not yet told.
    fn position(&self) -> Position {
        let position = self.live.position();
        if self.owed.is_empty() { position } else { position.and(self.owed.stretches()) }
    }

    /// When the sink wants to do something without an event. A peer that takes nothing now is spared it for a while.
    fn tick_due(&self) -> Option<Instant> {
        self.tick.map(|due| paused(due, self.live.window.circuit()))
    }

    fn notice_trouble(&mut self) {
        if let Some(error) = self.saver.trouble() {
            self.reporter.trouble("Cannot write the cursor, will try again; a start would repeat events", &error);
        }
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
        self.owed.settle().await;
        if !self.owed.is_full() {
            // Seen before the read begins: what is written after that wakes us.
            self.live.read_on(now, || written.mark_unchanged());
        }
        for (_, lane) in &mut self.asked {
            lane.read_on(now, || ());
        }
        Ok(())
    }

    fn take_step(&mut self, purpose: Purpose, step: Step) {
        if let Some(error) = &step.failed {
            self.reporter.trouble("Cannot read the journal, will try again", error);
        }
        match purpose {
            Purpose::Live => {
                for (first, last, reason) in step.gaps {
                    if let Some(told) = self.reporter.missed(first, last, reason) {
                        self.owed.add((first, last), told);
                    }
                }
                self.reporter.passed(step.passed);
                let position = self.position();
                self.reporter.look_at(&self.live, position.first(), step.observed);
                self.saver.want(position, false);
            }
            Purpose::Replay => {
                if let Some((_, lane)) = self.asked.iter().find(|(of, _)| *of == purpose) {
                    self.reporter.replay_at(lane.next_read());
                }
            }
            Purpose::Parked => {
                for (seq, error) in step.unreadable {
                    self.reporter.trouble(&format!("The parked event {seq} cannot be read, and stays"), &error);
                }
            }
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

    async fn wait(&mut self, until: Option<Instant>, written: &mut watch::Receiver<u64>) -> Result<(), Died> {
        self.reporter.waits(&self.live.window);
        let lanes = self.asked.iter().map(|(_, lane)| lane.wake());
        let wake = lanes.chain([until, self.tick_due(), self.live.wake()]).flatten().min();
        let Self { live, asked, saver, commands, stop, owed, .. } = self;
        let at_end = live.is_at_end();
        let woken = tokio::select! {
            () = stop.cancelled() => Woken::Time,
            () = sleep(wake) => Woken::Time,
            command = commands.recv(), if !commands.is_closed() || !commands.is_empty() => Woken::Command(command),
            step = live.step() => Woken::Read(Purpose::Live, step),
            (purpose, step) = first_step(asked) => Woken::Read(purpose, step),
            changed = written.changed(), if at_end => Woken::Written(changed.is_ok()),
            () = saver.drive() => Woken::Time,
            () = owed.next() => Woken::Told,
        };
        match woken {
            Woken::Time => self.notice_trouble(),
            Woken::Command(None) => {}
            Woken::Command(Some(command)) => self.command(command),
            Woken::Read(purpose, step) => self.take_step(purpose, step?),
            Woken::Written(true) => self.live.look_again(),
            // The journal is closed, so kaptap is stopping.
            Woken::Written(false) => self.stop.cancelled().await,
            Woken::Told => self.saver.want(self.position(), true),
        }
        Ok(())
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
            items.iter().zip(&records).map(|(item, record)| event(item, record, options)).collect();
        let batch = Batch { events: &events, replay: purpose == Purpose::Replay };
        let beside = async {
            loop {
                saver.drive().await;
                if let Some(error) = saver.trouble() {
                    reporter.trouble("Cannot write the cursor, will try again; a start would repeat events", &error);
                }
            }
        };
        let outcomes = tokio::select! {
            outcomes = within(stop, *grace, sink.deliver(&batch)) => outcomes,
            () = beside => None,
        };
        let Some(outcomes) = outcomes else { return false };
        drop(events);
        drop(records);

        let clock = now();
        let mut judged = judge(&mut lane.window, seqs, outcomes, options.give_up_after, clock);
        for (reason, error) in &judged.retried {
            reporter.retried(*reason, error, clock);
        }
        let refused = std::mem::take(&mut judged.refused);
        let mut counts = Counts {
            delivered: judged.delivered.len() as u64,
            duplicates: judged.duplicates,
            parked: refused.len() as u64,
        };
        if !park(parked, options, refused, reporter, stop, clock).await {
            judged.not_parked();
            counts.parked = 0;
        }
        // Whichever way it came: what the peer has now is no longer to be tried.
        if counts.delivered > 0 && reporter.has_parked() {
            unpark(parked, judged.delivered, reporter).await;
        }
        drop(lane.window.settle(&judged.verdicts, Instant::now(), clock, random));
        reporter.settled(purpose, counts, &lane.window, clock);
        reporter.forgotten(sink.forgotten());
        if purpose == Purpose::Live {
            let position = self.position();
            self.reporter.look_at(&self.live, position.first(), None);
            self.saver.want(position, true);
        }
        true
    }
}
