//! The task that watches one Kapacitor.
//!
//! It works in rounds: a ping, then whatever is due, one after the other. When the ping fails, nothing else is asked and
//! all that is due counts as failed; when it goes well again, all that failed is due at once.

use super::error::Spared;
use super::held::Held;
use super::hooks::AfterPoll;
use super::schedule::{KINDS, Schedule};
use super::{ApiError, Client, Options, PollKind, Snapshot, TASK_FIELDS, changes};
use crate::intake::kapacitor_change::{ChangeKind, KapacitorChange};
use crate::intake::{Intake, Notice, clock};
use crate::sorted;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Pings that fail in a row before an event says so: one may be lost in a restart or on the way.
const PINGS: u64 = 2;

/// Watches one Kapacitor.
pub(super) struct Poller {
    name: String,
    client: Client,
    intake: Intake,
    hooks: Vec<Box<dyn AfterPoll>>,
    schedule: Schedule,
    known: Snapshot,
    published: watch::Sender<Arc<Snapshot>>,
    held: Held,
    /// Polls of topics so far.
    topic_polls: u64,
    /// Whether an event has said that it can be asked; `None` before any did.
    said_up: Option<bool>,
    /// Polls that failed last because the ping did.
    ping_failed: BTreeSet<PollKind>,
}

/// Asks for a round now; told when it is over.
pub(super) type Refresh = oneshot::Sender<()>;

impl Poller {
    pub(super) fn new(
        options: &Options,
        client: Client,
        intake: Intake,
        hooks: Vec<Box<dyn AfterPoll>>,
    ) -> (Self, watch::Receiver<Arc<Snapshot>>) {
        let known = Snapshot {
            name: options.name.clone(),
            scope: options.scope.clone(),
            url: client.shown().to_owned(),
            ..Snapshot::default()
        };
        client.traffic().show(intake.wire().clone(), &options.name);
        let (published, receiver) = watch::channel(Arc::new(known.clone()));
        let poller = Self {
            name: options.name.clone(),
            client,
            intake,
            hooks,
            schedule: Schedule::new(options, Instant::now()),
            known,
            published,
            held: Held::default(),
            topic_polls: 0,
            said_up: None,
            ping_failed: BTreeSet::new(),
        };
        (poller, receiver)
    }

    /// Polls until told to stop.
    pub(super) async fn run(mut self, mut refreshes: mpsc::Receiver<Refresh>, stop: CancellationToken) {
        let working = async {
            loop {
                let refresh = tokio::select! {
                    refresh = refreshes.recv() => match refresh {
                        Some(refresh) => Some(refresh),
                        // Nobody can ask any more: kaptap is stopping.
                        None => return,
                    },
                    () = tokio::time::sleep_until(self.schedule.next().into()) => None,
                };
                // Who asked before the round begins is served by it.
                let mut asked: Vec<Refresh> = refresh.into_iter().collect();
                asked.extend(std::iter::from_fn(|| refreshes.try_recv().ok()));
                if !asked.is_empty() {
                    for kind in KINDS {
                        self.schedule.hasten(kind, Instant::now());
                    }
                }
                self.round().await;
                // Whoever asked may have gone.
                for done in asked {
                    done.send(()).ok();
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = working => {}
        }
    }

    async fn round(&mut self) {
        let began = Instant::now();
        let ping = self.client.ping().await;
        let was_failing = self.known.polls.ping.failures > 0;
        self.record(PollKind::Ping, began, ping.as_ref().map(|_| ()));
        match ping {
            Ok(version) => {
                self.is_up(version);
                if was_failing {
                    self.schedule.hasten_failed(Instant::now());
                }
            }
            Err(error) => {
                self.is_down(&error);
                for kind in self.schedule.due(Instant::now()) {
                    self.record(kind, began, Err(&error));
                    self.done(kind, false);
                }
                self.publish();
                return;
            }
        }
        self.publish();
        // A poll may make another due that comes later in the order; what was done is due again only after its wait.
        let mut finished = Vec::new();
        while let Some(kind) = self.schedule.due(Instant::now()).into_iter().find(|kind| !finished.contains(kind)) {
            finished.push(kind);
            let began = Instant::now();
            let result = self.poll(kind).await;
            self.record(kind, began, result.as_ref().copied());
            self.done(kind, result.is_ok());
            self.publish();
            if result.is_ok() {
                self.call_hooks(kind).await;
            }
        }
    }

    async fn poll(&mut self, kind: PollKind) -> Result<(), ApiError> {
        match kind {
            // Every round has begun with it.
            PollKind::Ping => Ok(()),
            PollKind::Tasks => self.poll_tasks().await,
            PollKind::Topics => self.poll_topics().await,
            PollKind::Handlers => self.poll_handlers().await,
            PollKind::Vars => self.poll_vars().await,
        }
    }

    async fn poll_tasks(&mut self) -> Result<(), ApiError> {
        let tasks = self.client.tasks(TASK_FIELDS).await?;
        let tasks = sorted::map(tasks.into_iter().map(|task| (task.id.clone(), task)));
        let before = self.known.polls.tasks.last_success.map(|_| &*self.known.tasks);
        let changes = changes::of_tasks(before, &tasks);
        self.known.tasks = Arc::new(tasks);
        self.tell(changes);
        Ok(())
    }

    async fn poll_topics(&mut self) -> Result<(), ApiError> {
        let listed = self.client.topics().await?;
        let listed = listed.into_iter().filter(|topic| !topic.id.is_empty());
        let topics = sorted::map(listed.map(|topic| (topic.id.clone(), topic)));
        let before = Arc::clone(&self.known.topics);
        let first = self.known.polls.topics.last_success.is_none();
        if self.known.vars.is_none() && changes::all_began_again(&before, &topics) {
            self.has_restarted();
        } else if topics.values().any(|topic| before.get(&topic.id).is_some_and(|was| topic.collected < was.collected))
        {
            // Before anybody is told of the topics: a restart has to be known by then.
            let began = Instant::now();
            let result = self.poll_vars().await;
            self.record(PollKind::Vars, began, result.as_ref().copied());
            self.done(PollKind::Vars, result.is_ok());
        }
        self.held.only(&topics);
        let mut spared = Spared::of(topics.len());
        for topic in topics.values().filter(|topic| self.held.is_due(topic, self.topic_polls)).collect::<Vec<_>>() {
            match self.client.events(&topic.id).await {
                Ok(events) => self.held.keep(topic, Some(events)),
                // Gone since it was listed, or named so that Kapacitor cannot be asked for it.
                Err(ApiError::NotFound(_)) => self.held.keep(topic, None),
                // What was known of it stays, and it is still due.
                Err(error) => spared.spare(&topic.id, error)?,
            }
        }
        self.known.polls.topics.partial = spared.end(&self.name, self.known.polls.topics.partial.as_ref())?;
        // Only now: a topic that was due and could not be asked is still due.
        self.topic_polls += 1;
        let changes = if first { Vec::new() } else { changes::of_topics(&before, &topics) };
        self.known.topics = Arc::new(topics);
        (self.known.events, self.known.left_out) = self.held.events();
        self.tell(changes);
        Ok(())
    }

    async fn poll_handlers(&mut self) -> Result<(), ApiError> {
        // Without topics there is nothing to ask for; they are polled before.
        let topics = Arc::clone(&self.known.topics);
        let mut handlers = BTreeMap::new();
        let mut spared = Spared::of(topics.len());
        for topic in topics.keys() {
            match self.client.handlers(topic).await {
                Ok(found) => {
                    handlers.insert(topic.clone(), found);
                }
                Err(ApiError::NotFound(_)) => {}
                Err(error) => {
                    spared.spare(topic, error)?;
                    // What was known of it stays.
                    if let Some(known) = self.known.handlers.get(topic) {
                        handlers.insert(topic.clone(), known.clone());
                    }
                }
            }
        }
        self.known.polls.handlers.partial = spared.end(&self.name, self.known.polls.handlers.partial.as_ref())?;
        let changes = changes::of_handlers(&self.known.handlers, &handlers);
        self.known.handlers = Arc::new(handlers);
        self.tell(changes);
        Ok(())
    }

    async fn poll_vars(&mut self) -> Result<(), ApiError> {
        let vars = self.client.vars().await?;
        let before = self.known.vars.replace(Arc::new(vars));
        let now = self.known.vars.as_deref();
        if before.zip(now).is_some_and(|(before, now)| changes::is_other_run(&before.statistics, &now.statistics)) {
            self.has_restarted();
            self.schedule.hasten(PollKind::Tasks, Instant::now());
            self.schedule.hasten(PollKind::Topics, Instant::now());
        }
        Ok(())
    }

    async fn call_hooks(&mut self, kind: PollKind) {
        for hook in &mut self.hooks {
            match kind {
                PollKind::Topics => hook.after_events(&self.client, &self.known, &self.intake).await,
                PollKind::Tasks => hook.after_tasks(&self.client, &self.known, &self.intake).await,
                PollKind::Ping | PollKind::Handlers | PollKind::Vars => {}
            }
        }
    }

    fn is_up(&mut self, version: String) {
        if self.said_up != Some(true) {
            self.said_up = Some(true);
            self.tell(vec![KapacitorChange::of(
                ChangeKind::Reachable,
                (!version.is_empty()).then(|| format!("version {version}")),
            )]);
        } else if self.known.version.as_ref().is_some_and(|known| *known != version) {
            self.tell(vec![KapacitorChange::of(ChangeKind::Version, Some(version.clone()))]);
        }
        self.known.version = Some(version);
    }

    fn is_down(&mut self, error: &ApiError) {
        if self.said_up != Some(false) && self.known.polls.ping.failures >= PINGS {
            self.said_up = Some(false);
            self.tell(vec![KapacitorChange::of(ChangeKind::Unreachable, Some(error.to_string()))]);
        }
    }

    fn has_restarted(&mut self) {
        self.known.restarted = Some(clock::now());
        // Its counts say nothing about what was fetched before.
        self.held.clear();
        self.tell(vec![KapacitorChange::of(ChangeKind::Restarted, None)]);
    }

    fn tell(&self, changes: Vec<KapacitorChange>) {
        for change in KapacitorChange::summarized(changes) {
            self.intake.notice(Notice::Kapacitor { name: self.name.clone(), change });
        }
    }

    fn done(&mut self, kind: PollKind, good: bool) {
        let random = RandomState::new().build_hasher().finish();
        self.schedule.done(kind, good, Instant::now(), random);
    }

    /// Writes down how a poll went. What repeats is logged once, and where the ping fails, only that.
    fn record(&mut self, kind: PollKind, began: Instant, result: Result<(), &ApiError>) {
        let now = clock::now();
        let is_said = kind == PollKind::Ping || self.known.polls.ping.failures == 0;
        let was_down = self.ping_failed.remove(&kind);
        let poll = self.known.polls.of_mut(kind);
        poll.last_attempt = Some(now);
        poll.took = began.elapsed();
        poll.attempts += 1;
        match result {
            Ok(()) => {
                if poll.failures > 0 && !was_down {
                    tracing::info!(kapacitor = self.name, poll = kind.as_str(), "Kapacitor answers again");
                }
                poll.last_success = Some(now);
                (poll.error, poll.error_kind, poll.failures) = (None, None, 0);
            }
            Err(error) => {
                if !is_said {
                    self.ping_failed.insert(kind);
                } else if poll.error_kind != Some(error.kind()) || was_down {
                    tracing::warn!(kapacitor = self.name, poll = kind.as_str(), %error, "Kapacitor cannot be polled");
                }
                (poll.error, poll.error_kind) = (Some(error.to_string()), Some(error.kind()));
                poll.failures += 1;
                *poll.failed.entry(error.kind()).or_default() += 1;
            }
        }
    }

    fn publish(&self) {
        self.published.send_replace(Arc::new(self.known.clone()));
    }
}

/// How long a whole round may take at most with an answer to everything, for whoever waits for one.
pub(super) const LONGEST_ROUND: Duration = Duration::from_secs(30);
