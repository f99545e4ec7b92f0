//! Watches over the worker of one sink: one that panicked or cannot go on is seen from outside, and started again.

use super::backoff::Backoff;
use super::begin::{Begin, Places};
use super::cursor::Position;
use super::lane::why_it_ended;
use super::mailbox::{Command, Mailbox};
use super::options::SinkOptions;
use super::outside::{now, random};
use super::parked::Parked;
use super::plan::{Build, PlanError};
use super::report::{Reporter, Tell};
use super::saver::Saver;
use super::sink::{Reason, Sink};
use super::status::{CircuitState, LastError, Status, chain};
use super::worker::{Died, Parts, Worker};
use crate::journal::Journal;
use crate::telemetry::{Metrics, SinkLabels};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A worker that ran for so long was well; the next wait begins with the shortest again.
const STEADY: Duration = Duration::from_mins(1);

/// What the workers of one sink have in common, from the first to the last.
pub(super) struct Supervisor {
    pub(super) options: Arc<SinkOptions>,
    pub(super) build: Build,
    pub(super) journal: Journal,
    pub(super) metrics: Metrics,
    pub(super) places: Places,
    pub(super) tell: Tell,
    pub(super) parked: Arc<Mutex<Parked>>,
    pub(super) status: Arc<Status>,
    pub(super) mailbox: Arc<Mailbox>,
    /// Held while the cursor is written.
    pub(super) writing: Arc<Mutex<()>>,
    pub(super) stop: CancellationToken,
    pub(super) grace: Duration,
}

impl Supervisor {
    /// Runs workers until stopped, beginning with this one. Where a successor goes on, if the last one could say so.
    pub(super) async fn run(self, first: Worker) -> Option<Position> {
        let this = Arc::new(self);
        let (mut worker, mut backoff) = (first, Backoff::default());
        loop {
            let begun = Instant::now();
            let died = match tokio::spawn(worker.run()).await {
                Ok(Ok(position)) => return Some(position),
                Ok(Err(Died(why))) => why,
                Err(error) => why_it_ended(error),
            };
            if begun.elapsed() > STEADY {
                backoff.succeed();
            }
            worker = this.again(format!("its worker ended: {died}"), &mut backoff).await?;
        }
    }

    /// Waits, and makes another worker. `None` when it was stopped.
    async fn again(self: &Arc<Self>, mut why: String, backoff: &mut Backoff) -> Option<Worker> {
        loop {
            let wait = backoff.fail(self.options.retry, None, random());
            self.broke(&why, wait);
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = tokio::time::sleep(wait) => {}
            }
            let this = Arc::clone(self);
            why = match tokio::task::spawn_blocking(move || this.make_again()).await {
                Ok(Ok(worker)) => return Some(worker),
                Ok(Err(error)) => chain(&error),
                Err(error) => why_it_ended(error),
            };
        }
    }

    fn make_again(&self) -> Result<Worker, PlanError> {
        let name = &self.options.name;
        let sink = (self.build)().map_err(|source| PlanError::Build { name: name.clone(), source })?;
        let turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (position, anew) = self.places.position(&self.journal, &self.options)?;
        drop(turn);
        let begin = Begin { position, parked: Arc::clone(&self.parked), anew };
        self.metrics.sink_restarts.get_or_create(&SinkLabels { sink: name.clone() }).inc();
        let mut facts = self.status.facts();
        facts.restarts += 1;
        // Whether it is well is seen by what it does; what it was asked for is gone, before it can be asked again.
        (facts.circuit, facts.next_try, facts.replay) = (CircuitState::Probing, None, None);
        drop(facts);
        let worker = self.worker(sink, begin, self.mailbox.renew());
        tracing::info!(sink = name, "The worker of the sink was started again");
        Ok(worker)
    }

    /// A worker that is ready to run.
    pub(super) fn worker(&self, sink: Box<dyn Sink>, begin: Begin, commands: mpsc::Receiver<Command>) -> Worker {
        let Begin { position, parked, anew } = begin;
        let (name, status) = (&self.options.name, Arc::clone(&self.status));
        let reporter = Reporter::new(name, status, &self.metrics, Arc::clone(&self.tell));
        reporter.parked_size(parked.lock().unwrap_or_else(PoisonError::into_inner).size());
        if let Some(error) = anew {
            reporter.began_anew(error);
        }
        self.status.facts().first_open = position.first();
        // A reader that begins at 1 takes the oldest there is without a word.
        let first = self.journal.stats().first_seq;
        let (mut stretches, mut missed) = (position.stretches(), None);
        if stretches.first().is_some_and(|(begins, _)| *begins <= 1) && first > 1 {
            missed = Some((1, first - 1));
            stretches.retain(|(_, last)| *last >= first);
            for (begins, _) in &mut stretches {
                *begins = first.max(*begins);
            }
        }
        let writing = Arc::clone(&self.writing);
        Worker::new(Parts {
            options: Arc::clone(&self.options),
            sink,
            journal: self.journal.clone(),
            parked,
            saver: Saver::new(self.places.cursors.clone(), name, position, writing),
            stretches,
            missed,
            reporter,
            commands,
            stop: self.stop.clone(),
            grace: self.grace,
        })
    }

    fn broke(&self, error: &str, wait: Duration) {
        tracing::error!(sink = self.options.name, error, again_in = ?wait, "The sink is broken; it will be started again");
        let clock = now();
        let wait = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        let mut facts = self.status.facts();
        facts.circuit = CircuitState::Broken;
        facts.next_try = Some(clock.saturating_add(wait));
        facts.last_error = Some(LastError { time: clock, reason: Reason::Local.as_str(), error: error.to_owned() });
    }
}
