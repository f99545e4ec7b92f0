//! All sinks together: made, started, changed while others run, asked, and stopped.

use super::begin::{Begin, Places, bounds};
use super::cursor::Position;
use super::mailbox::{Command, Mailbox};
use super::options::SinkOptions;
use super::outside::now;
use super::parked::{Gone, Parked};
use super::plan::{BoxError, Build, Plan, PlanError, Refused};
use super::reading::Stretch;
use super::report::Tell;
use super::sink::Sink;
use super::status::{CircuitState, Replay, SinkReport, Status};
use super::supervisor::Supervisor;
use crate::journal::Journal;
use crate::sorted;
use crate::telemetry::Metrics;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// All sinks. Cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Shared>);

struct Shared {
    journal: Journal,
    metrics: Metrics,
    places: Places,
    tell: Tell,
    grace: Duration,
    running: Mutex<BTreeMap<String, Running>>,
    /// Sinks that could not be started.
    broken: Mutex<BTreeMap<String, SinkReport>>,
    /// One change at a time.
    changing: tokio::sync::Mutex<()>,
}

/// A sink that runs.
struct Running {
    kind: &'static str,
    options: Arc<SinkOptions>,
    parked: Arc<Mutex<Parked>>,
    status: Arc<Status>,
    mailbox: Arc<Mailbox>,
    stop: CancellationToken,
    task: JoinHandle<Option<Position>>,
}

/// What a sink leaves to its successor: its parked events, and where it was, if it could say so.
type Left = (Arc<Mutex<Parked>>, Option<Position>);

/// Sinks that are ready to be started.
pub struct Prepared {
    fresh: Vec<Fresh>,
    /// Names of all sinks that there are to be.
    names: Vec<String>,
}

/// One sink that is ready to be started.
struct Fresh {
    kind: &'static str,
    options: Arc<SinkOptions>,
    sink: Box<dyn Sink>,
    build: Build,
    /// `None` when a worker still runs under this name: what it leaves is taken over.
    begin: Option<Result<Begin, PlanError>>,
}

impl Delivery {
    /// Without any sink yet. Cursors and parked events are kept below `data_dir`; a delivery under way may go on for
    /// `grace` after a stop; `tell` makes events of troubles.
    #[must_use]
    pub fn new(journal: Journal, metrics: Metrics, data_dir: &Path, grace: Duration, tell: Tell) -> Self {
        let (running, broken, changing) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::new(()));
        let places = Places::new(data_dir);
        Self(Arc::new(Shared { journal, metrics, places, tell, grace, running, broken, changing }))
    }

    /// Makes the sinks of a plan that are new or changed, without starting or stopping anything. Blocking.
    ///
    /// # Errors
    /// All that is wrong. Nothing was changed but for cursors written of sinks that never were.
    pub fn prepare(&self, plans: Vec<Plan>) -> Result<Prepared, Vec<PlanError>> {
        self.0.places.make().map_err(|error| vec![error])?;
        let names = plans.iter().map(|plan| plan.options.name.clone()).collect();
        let (mut fresh, mut errors) = (Vec::new(), Vec::new());
        for plan in plans {
            let name = plan.options.name.clone();
            let (runs, is_broken) =
                self.running().get(&name).map_or((false, false), |running| (true, running.is_broken()));
            if runs && plan.unchanged && !is_broken {
                continue;
            }
            let sink = match (plan.build)() {
                Ok(sink) => sink,
                Err(source) => {
                    errors.push(PlanError::Build { name, source });
                    continue;
                }
            };
            // What fails here is this sink's own trouble: the others and the intake go on without it.
            let begin = (!runs).then(|| self.0.places.begin(&self.0.journal, &plan.options));
            fresh.push(Fresh { kind: plan.kind, options: Arc::new(plan.options), sink, build: plan.build, begin });
        }
        if errors.is_empty() { Ok(Prepared { fresh, names }) } else { Err(errors) }
    }

    /// Starts what was prepared; sinks that are changed or no longer planned are stopped first, with what they have
    /// under way. What a stopped one leaves, its successor goes on with. Returns once all have begun.
    ///
    /// # Errors
    /// When a sink that was changed cannot go on because its worker broke and its cursor cannot be read; the other sinks
    /// run. One that did not run before and cannot begin is reported as broken, and is no error.
    pub async fn start(&self, prepared: Prepared) -> Result<(), Vec<PlanError>> {
        let _turn = self.0.changing.lock().await;
        let Prepared { fresh, names } = prepared;
        let changed: Vec<String> = fresh.iter().map(|sink| sink.options.name.clone()).collect();
        let ending = self.take_out(|name| !names.contains(name) || changed.contains(name));
        let mut left: BTreeMap<String, Left> = end_all(ending).await.into_iter().collect();
        let mut errors = Vec::new();
        for sink in fresh {
            let (name, kind, ran) = (sink.options.name.clone(), sink.kind, sink.begin.is_none());
            lock(&self.0.broken).remove(&name);
            match self.start_one(sink, &mut left) {
                Ok(running) => drop(self.running().insert(name, running)),
                Err(error) => {
                    lock(&self.0.broken).insert(name.clone(), SinkReport::broken(name, kind, &error, now()));
                    errors.extend(ran.then_some(error));
                }
            }
        }
        lock(&self.0.broken).retain(|name, _| names.contains(name));
        if let Err(source) = self.0.places.detach_others(&names) {
            tracing::warn!(error = &source as &dyn Error, "Cannot mark the cursors of sinks that are gone");
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Takes those out of the list whose names are to end.
    fn take_out(&self, ends: impl Fn(&String) -> bool) -> Vec<Running> {
        let mut running = self.running();
        let doomed: Vec<String> = running.keys().filter(|name| ends(name)).cloned().collect();
        doomed.iter().filter_map(|name| running.remove(name)).collect()
    }

    fn start_one(&self, fresh: Fresh, left: &mut BTreeMap<String, Left>) -> Result<Running, PlanError> {
        let Fresh { kind, options, sink, build, begin } = fresh;
        let Shared { journal, metrics, places, tell, grace, .. } = &*self.0;
        let begin = match (begin, left.remove(&options.name)) {
            (Some(begin), _) => begin?,
            (None, Some((parked, position))) => {
                lock(&parked).rebound(bounds(&options));
                let (position, anew) = match position {
                    Some(position) => (position, None),
                    None => places.position(journal, &options)?,
                };
                Begin { position, parked, anew }
            }
            (None, None) => places.begin(journal, &options)?,
        };
        let (mailbox, commands) = Mailbox::new();
        let (mailbox, status, stop) = (Arc::new(mailbox), Arc::new(Status::default()), CancellationToken::new());
        let parked = Arc::clone(&begin.parked);
        let supervisor = Supervisor {
            options: Arc::clone(&options),
            build,
            journal: journal.clone(),
            metrics: metrics.clone(),
            places: places.clone(),
            tell: Arc::clone(tell),
            parked: Arc::clone(&parked),
            status: Arc::clone(&status),
            mailbox: Arc::clone(&mailbox),
            writing: Arc::default(),
            stop: stop.clone(),
            grace: *grace,
        };
        let worker = supervisor.worker(sink, begin, commands);
        let task = tokio::spawn(supervisor.run(worker));
        Ok(Running { kind, options, parked, status, mailbox, stop, task })
    }

    /// Stops all sinks: what is under way may end within the grace time, cursors are written, peers are let go.
    pub async fn stop(&self) {
        let _turn = self.0.changing.lock().await;
        let all = std::mem::take(&mut *self.running());
        end_all(all.into_values().collect()).await;
    }

    /// Every sink, by name.
    #[must_use]
    pub fn report(&self) -> Vec<SinkReport> {
        let (journal, now) = (self.0.journal.stats(), now());
        let running = self.running();
        let report = |(name, sink): (&String, &Running)| {
            let facts = sink.status.facts().clone();
            SinkReport { name: name.clone(), kind: sink.kind, lag: facts.lag(&journal, now), facts }
        };
        let mut all: Vec<_> = running.iter().map(report).chain(lock(&self.0.broken).values().cloned()).collect();
        sorted::sort_by(&mut all, |one, other| one.name.cmp(&other.name));
        all
    }

    /// What a sink has parked. Using it blocks on the disk.
    ///
    /// # Errors
    /// When there is no such sink.
    pub fn parked(&self, name: &str) -> Result<Arc<Mutex<Parked>>, Refused> {
        self.running().get(name).map(|sink| Arc::clone(&sink.parked)).ok_or(Refused::NoSink)
    }

    /// Tries parked events again, these or all. Returns how many. Those that are delivered leave the list. Blocking.
    ///
    /// # Errors
    /// When the sink cannot be asked.
    pub fn try_parked(&self, name: &str, seqs: Option<&[u64]>) -> Result<usize, Refused> {
        let parked = self.parked(name)?;
        let there: Vec<u64> = {
            let parked = lock(&parked);
            parked.seqs().filter(|seq| seqs.is_none_or(|seqs| seqs.contains(seq))).collect()
        };
        let count = there.len();
        if count > 0 {
            self.running().get(name).ok_or(Refused::NoSink)?.mailbox.send(Command::TryParked(there))?;
        }
        Ok(count)
    }

    /// Drops parked events, these or all. Returns how many. Blocking.
    ///
    /// # Errors
    /// When there is no such sink, or the disk fails.
    pub fn drop_parked(&self, name: &str, seqs: Option<Vec<u64>>) -> Result<usize, BoxError> {
        let store = self.parked(name)?;
        let mut parked = lock(&store);
        let seqs = seqs.unwrap_or_else(|| parked.seqs().collect());
        let count = parked.remove(&seqs, Gone::Dropped)?;
        let size = parked.size();
        drop(parked);
        if let Some(sink) = self.running().get(name) {
            let mut facts = sink.status.facts();
            (facts.parked_now, facts.parked_bytes) = size;
        }
        Ok(count)
    }

    /// Delivers a stretch again. It is not remembered over a restart.
    ///
    /// # Errors
    /// When the sink cannot be asked.
    pub fn replay(&self, name: &str, stretch: Stretch) -> Result<(), Refused> {
        let running = self.running();
        let sink = running.get(name).ok_or(Refused::NoSink)?;
        let mut facts = sink.status.facts();
        if facts.replay.is_some_and(|replay| !replay.done) {
            return Err(Refused::Busy);
        }
        let seqs = (stretch.first, stretch.last);
        sink.mailbox.send(Command::Replay(Box::new(stretch)))?;
        facts.replay = Some(Replay { seqs, next: seqs.0, delivered: 0, duplicates: 0, parked: 0, done: false });
        Ok(())
    }

    /// How a sink is fed.
    #[must_use]
    pub fn options(&self, name: &str) -> Option<Arc<SinkOptions>> {
        self.running().get(name).map(|sink| Arc::clone(&sink.options))
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        lock(&self.0.running)
    }
}

impl Running {
    /// Whether it waits to be started again.
    fn is_broken(&self) -> bool {
        self.status.facts().circuit == CircuitState::Broken
    }
}

/// Stops workers together, and gives back what they leave.
async fn end_all(ending: Vec<Running>) -> Vec<(String, Left)> {
    for sink in &ending {
        sink.stop.cancel();
    }
    let mut left = Vec::new();
    for sink in ending {
        let position = sink.task.await.unwrap_or_else(|error| {
            tracing::error!(sink = sink.options.name, %error, "The worker of a sink did not end as it should");
            None
        });
        left.push((sink.options.name.clone(), (sink.parked, position)));
    }
    left
}

/// A value behind a mutex stays whole when a thread panics: it is changed last, after everything that can fail.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
