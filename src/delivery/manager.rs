//! All sinks together: made, started, changed while others run, asked, and stopped.

use super::cursor::{self, Cursor, CursorError, Position};
use super::options::{SinkOptions, Start};
use super::parked::{self, Gone, Parked};
use super::plan::{BoxError, Plan, PlanError, Refused};
use super::reading::Stretch;
use super::report::{Reporter, Tell};
use super::saver::Saver;
use super::sink::Sink;
use super::status::{Replay, SinkReport, Status};
use super::worker::{COMMANDS, Command, Parts, Worker, now};
use crate::journal::Journal;
use crate::telemetry::Metrics;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// All sinks. Cheap to clone.
#[derive(Clone)]
pub struct Delivery(Arc<Shared>);

struct Shared {
    journal: Journal,
    metrics: Metrics,
    cursors: PathBuf,
    parked: PathBuf,
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
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

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
    /// `None` when a worker still runs under this name: what it leaves is taken over.
    begin: Option<Result<Begin, PlanError>>,
}

struct Begin {
    position: Position,
    parked: Arc<Mutex<Parked>>,
    /// Why it does not go on where it was.
    anew: Option<String>,
}

impl Delivery {
    /// Without any sink yet. Cursors and parked events are kept below `data_dir`; a delivery under way may go on for
    /// `grace` after a stop; `tell` makes events of troubles.
    #[must_use]
    pub fn new(journal: Journal, metrics: Metrics, data_dir: &Path, grace: Duration, tell: Tell) -> Self {
        let (running, broken, changing) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::new(()));
        let (cursors, parked) = (data_dir.join("cursors"), data_dir.join("parked"));
        Self(Arc::new(Shared { journal, metrics, cursors, parked, tell, grace, running, broken, changing }))
    }

    /// Makes the sinks of a plan that are new or changed, without starting or stopping anything. Blocking.
    ///
    /// # Errors
    /// All that is wrong. Nothing was changed but for cursors written of sinks that never were.
    pub fn prepare(&self, plans: Vec<Plan>) -> Result<Prepared, Vec<PlanError>> {
        for path in [&self.0.cursors, &self.0.parked] {
            fs::create_dir_all(path)
                .and_then(|()| sync_parent(path))
                .map_err(|source| vec![PlanError::Directory { path: path.clone(), source }])?;
        }
        let names = plans.iter().map(|plan| plan.options.name.clone()).collect();
        let (mut fresh, mut errors) = (Vec::new(), Vec::new());
        for plan in plans {
            let name = plan.options.name.clone();
            let runs = self.running().contains_key(&name);
            if runs && plan.unchanged {
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
            let begin = (!runs).then(|| self.begin(&plan.options));
            fresh.push(Fresh { kind: plan.kind, options: Arc::new(plan.options), sink, begin });
        }
        if errors.is_empty() { Ok(Prepared { fresh, names }) } else { Err(errors) }
    }

    /// Where a sink begins that does not run, made durable, and its parked events.
    fn begin(&self, options: &SinkOptions) -> Result<Begin, PlanError> {
        let name = &options.name;
        let failed = |source| PlanError::Cursor { name: name.clone(), source };
        let (found, anew) = cursor::read_or_set_aside(&self.0.cursors, name).map_err(failed)?;
        let attached = found.as_ref().is_some_and(|cursor| !cursor.detached);
        let position = match (found, options.start) {
            // Nothing is lost; what comes again has the id that it had.
            _ if anew.is_some() => Position::at(self.0.journal.stats().first_seq),
            (Some(cursor), _) if cursor.position.next > self.0.journal.next_seq() => {
                // At-least-once: what the journal has now comes, rather than waiting for a place it may never reach.
                let first = self.0.journal.stats().first_seq;
                tracing::warn!(
                    sink = name,
                    next = cursor.position.next,
                    first,
                    "The cursor is not of this journal; the sink begins with the oldest record"
                );
                Position::at(first)
            }
            (Some(cursor), _) if attached => cursor.position,
            (Some(cursor), Start::Cursor) => cursor.position,
            (None, Start::Cursor) | (_, Start::End) => Position::at(self.0.journal.next_seq()),
            (_, Start::Beginning) => Position::at(self.0.journal.stats().first_seq),
        };
        // A crash must not make it a new sink once more.
        if !attached {
            let cursor = Cursor { position: position.clone(), detached: false };
            cursor::write(&self.0.cursors, name, &cursor).map_err(failed)?;
        }
        let path = self.0.parked.join(name);
        let opened = Parked::open(&path, bounds(options)).and_then(|parked| sync_parent(&path).map(|()| parked));
        let parked = opened.map_err(|source| PlanError::Directory { path, source })?;
        Ok(Begin { position, parked: Arc::new(Mutex::new(parked)), anew })
    }

    /// Starts what was prepared; sinks that are changed or no longer planned are stopped first, with what they have
    /// under way. What a stopped one leaves, its successor goes on with. Returns once all have begun.
    ///
    /// # Errors
    /// When a cursor cannot be read or written of a sink that was changed; the other sinks run. One that did not run before
    /// and cannot begin is reported as broken, and is no error.
    pub async fn start(&self, prepared: Prepared) -> Result<(), Vec<PlanError>> {
        let _turn = self.0.changing.lock().await;
        let Prepared { fresh, names } = prepared;
        let changed: Vec<String> = fresh.iter().map(|sink| sink.options.name.clone()).collect();
        let ending = self.take_out(|name| !names.contains(name) || changed.contains(name));
        let mut left = BTreeMap::new();
        for (name, parked) in end_all(ending).await {
            left.insert(name, parked);
        }
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
        if let Err(source) = self.detach_others(&names) {
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

    fn start_one(&self, fresh: Fresh, left: &mut BTreeMap<String, Arc<Mutex<Parked>>>) -> Result<Running, PlanError> {
        let Fresh { kind, options, sink, begin } = fresh;
        let name = &options.name;
        let begin = match (begin, left.remove(name)) {
            (Some(begin), _) => begin?,
            (None, Some(parked)) => {
                lock(&parked).rebound(bounds(&options));
                let failed = |source| PlanError::Cursor { name: name.clone(), source };
                let cursor = cursor::read(&self.0.cursors, name).map_err(failed)?;
                let position = cursor.map_or_else(|| Position::at(self.0.journal.next_seq()), |found| found.position);
                Begin { position, parked, anew: None }
            }
            (None, None) => self.begin(&options)?,
        };
        let status = Arc::new(Status::default());
        let mut reporter = Reporter::new(name, Arc::clone(&status), &self.0.metrics, Arc::clone(&self.0.tell));
        let size = lock(&begin.parked).size();
        reporter.parked_size(size);
        if let Some(error) = begin.anew {
            reporter.began_anew(error);
        }
        let position = begin.position;
        status.facts().first_open = position.first();
        // A reader that begins at 1 takes the oldest there is without a word.
        let first = self.0.journal.stats().first_seq;
        let mut stretches = position.stretches();
        if let Some((begins, last)) = stretches.first_mut()
            && *begins <= 1
            && first > 1
        {
            reporter.missed(1, first - 1, "retention");
            *begins = first.min(*last);
        }
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let stop = CancellationToken::new();
        let worker = Worker::new(Parts {
            options: Arc::clone(&options),
            sink,
            journal: self.0.journal.clone(),
            parked: Arc::clone(&begin.parked),
            saver: Saver::new(self.0.cursors.clone(), name, position),
            stretches,
            reporter,
            commands: receiver,
            stop: stop.clone(),
            grace: self.0.grace,
        });
        let task = tokio::spawn(worker.run());
        Ok(Running { kind, options, parked: begin.parked, status, commands, stop, task })
    }

    /// Marks the cursors that belong to no sink, so that a sink that comes again can begin as it says.
    fn detach_others(&self, names: &[String]) -> Result<(), CursorError> {
        for name in cursor::names(&self.0.cursors)?.into_iter().filter(|name| !names.contains(name)) {
            // A damaged one is said when somebody wants it.
            if let Ok(Some(found)) = cursor::read(&self.0.cursors, &name)
                && !found.detached
            {
                cursor::write(&self.0.cursors, &name, &Cursor { detached: true, ..found })?;
            }
        }
        Ok(())
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
        all.sort_by(|one, other| one.name.cmp(&other.name));
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
            self.command(name, Command::TryParked(there))?;
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
        sink.commands.try_send(Command::Replay(Box::new(stretch))).map_err(|_| Refused::NotNow)?;
        facts.replay = Some(Replay { seqs, next: seqs.0, delivered: 0, parked: 0, done: false });
        Ok(())
    }

    /// How a sink is fed.
    #[must_use]
    pub fn options(&self, name: &str) -> Option<Arc<SinkOptions>> {
        self.running().get(name).map(|sink| Arc::clone(&sink.options))
    }

    fn command(&self, name: &str, command: Command) -> Result<(), Refused> {
        let running = self.running();
        let sink = running.get(name).ok_or(Refused::NoSink)?;
        sink.commands.try_send(command).map_err(|_| Refused::NotNow)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        lock(&self.0.running)
    }
}

/// Makes a directory's own name durable.
fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}

/// Stops workers together, and gives back what they had parked.
async fn end_all(ending: Vec<Running>) -> Vec<(String, Arc<Mutex<Parked>>)> {
    for sink in &ending {
        sink.stop.cancel();
    }
    let mut left = Vec::new();
    for sink in ending {
        if let Err(error) = sink.task.await {
            tracing::error!(sink = sink.options.name, %error, "The worker of a sink did not end as it should");
        }
        left.push((sink.options.name.clone(), sink.parked));
    }
    left
}

fn bounds(options: &SinkOptions) -> parked::Bounds {
    parked::Bounds { events: options.parked_events.max(1), bytes: options.parked_bytes.max(1) }
}

/// A value behind a mutex stays whole when a thread panics: it is changed last, after everything that can fail.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
