//! All Kapacitors that are watched: one task each, started, changed and stopped together.

use super::hooks::MakeHooks;
use super::poller::{LONGEST_ROUND, Poller, Refresh};
use super::{Client, Last, Options, Snapshot};
use crate::http::{BuildError, Proxies};
use crate::intake::Intake;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Refreshes that wait for the round under way; whoever comes beyond that is told that it is being polled.
const REFRESHES: usize = 16;

/// Why a Kapacitor cannot be watched as it is configured.
#[derive(Debug, thiserror::Error)]
#[error("kapacitor {name}")]
pub struct ConnectorError {
    /// Its name.
    pub name: String,
    /// Why.
    #[source]
    pub source: BuildError,
}

/// What became of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// Everything was polled.
    Done,
    /// It goes on.
    UnderWay,
}

/// Watches Kapacitors. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    intake: Intake,
    proxies: Proxies,
    hooks: MakeHooks,
    watched: Mutex<BTreeMap<String, Watched>>,
}

struct Watched {
    options: Options,
    client: Client,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    refreshes: mpsc::Sender<Refresh>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Clients of the Kapacitors that are to be watched; making them was all that could fail.
pub struct Prepared(Vec<(Options, Client)>);

impl Connector {
    /// Watches nothing yet.
    #[must_use]
    pub fn new(intake: Intake, proxies: Proxies, hooks: MakeHooks) -> Self {
        Self(Arc::new(Inner { intake, proxies, hooks, watched: Mutex::default() }))
    }

    /// Makes what is needed to watch these, and changes nothing.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn prepare(&self, all: Vec<Options>) -> Result<Prepared, Vec<ConnectorError>> {
        let (mut good, mut errors) = (Vec::new(), Vec::new());
        for options in all {
            match Client::new(&options, &self.0.proxies) {
                Ok(client) => good.push((options, client)),
                Err(source) => errors.push(ConnectorError { name: options.name, source }),
            }
        }
        if errors.is_empty() { Ok(Prepared(good)) } else { Err(errors) }
    }

    /// Watches these and no others. One whose options are the same is left alone, unless `anew` names it. To be called
    /// inside a tokio runtime.
    pub async fn start(&self, prepared: Prepared, anew: &[String]) {
        let ended: Vec<Watched> = {
            let mut watched = self.watched();
            let stays = |name: &String, options: &Options| {
                let same = |(wanted, _): &(Options, Client)| wanted == options;
                prepared.0.iter().any(same) && !anew.contains(name)
            };
            let ends: Vec<String> =
                watched.iter().filter(|(name, one)| !stays(name, &one.options)).map(|(name, _)| name.clone()).collect();
            ends.iter().filter_map(|name| watched.remove(name)).collect()
        };
        end(ended).await;
        let mut watched = self.watched();
        for (options, client) in prepared.0 {
            if !watched.contains_key(&options.name) {
                watched.insert(options.name.clone(), self.watch(options, client));
            }
        }
    }

    fn watch(&self, options: Options, client: Client) -> Watched {
        let hooks = (self.0.hooks)(&options);
        let (poller, snapshot) = Poller::new(&options, client.clone(), self.0.intake.clone(), hooks);
        let (refreshes, asked) = mpsc::channel(REFRESHES);
        let stop = CancellationToken::new();
        let task = tokio::spawn(poller.run(asked, stop.clone()));
        Watched { options, client, snapshot, refreshes, stop, task }
    }

    /// Stops watching. Requests under way are dropped.
    pub async fn stop(&self) {
        let all = std::mem::take(&mut *self.watched());
        end(all.into_values().collect()).await;
    }

    /// What is known now, by name.
    #[must_use]
    pub fn snapshots(&self) -> Vec<Arc<Snapshot>> {
        self.watched().values().map(|one| Arc::clone(&one.snapshot.borrow())).collect()
    }

    /// What is known of one of them, and whatever is learned of it from now on.
    #[must_use]
    pub fn snapshot(&self, name: &str) -> Option<watch::Receiver<Arc<Snapshot>>> {
        self.watched().get(name).map(|one| one.snapshot.clone())
    }

    /// The client of one of them: requests take turns with its polls.
    #[must_use]
    pub fn client(&self, name: &str) -> Option<Client> {
        self.watched().get(name).map(|one| one.client.clone())
    }

    /// The last exchanges of each, by name.
    #[must_use]
    pub fn last(&self) -> Vec<(String, Vec<Last>)> {
        self.watched().iter().map(|(name, one)| (name.clone(), one.client.last())).collect()
    }

    /// Polls one of them, or all, now, and waits for the end of it, but not for long. `None` when there is none of this
    /// name.
    pub async fn refresh(&self, name: Option<&str>) -> Option<Refreshed> {
        let asked: Vec<mpsc::Sender<Refresh>> = {
            let watched = self.watched();
            let chosen = watched.iter().filter(|(known, _)| name.is_none_or(|name| name == *known));
            chosen.map(|(_, one)| one.refreshes.clone()).collect()
        };
        if asked.is_empty() && name.is_some() {
            return None;
        }
        let waiting: Vec<oneshot::Receiver<()>> = asked
            .iter()
            .filter_map(|refreshes| {
                let (done, waiting) = oneshot::channel();
                refreshes.try_send(done).is_ok().then_some(waiting)
            })
            .collect();
        let all = waiting.len() == asked.len();
        let every = async {
            let mut good = true;
            for one in waiting {
                good &= one.await.is_ok();
            }
            good
        };
        let done = tokio::time::timeout(LONGEST_ROUND, every).await.unwrap_or(false);
        Some(if all && done { Refreshed::Done } else { Refreshed::UnderWay })
    }

    fn watched(&self) -> MutexGuard<'_, BTreeMap<String, Watched>> {
        self.0.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn end(all: Vec<Watched>) {
    for one in &all {
        one.stop.cancel();
    }
    for one in all {
        if let Err(error) = one.task.await {
            tracing::error!(kapacitor = one.options.name, %error, "Watching a Kapacitor did not end as it should");
        }
    }
}
