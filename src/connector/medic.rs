//! Starting tasks again that died of their UDF connection to us.
//!
//! Kapacitor never reconnects a UDF: a task that lost it stays `enabled`, does not execute, and says why in its error.
//! Seen on a kapacitord 1.8 (the node's name comes first):
//!
//! | what happened | error of the task |
//! |---|---|
//! | the connection was closed | `kaptap2: stopping UDF server: write error: … write: broken pipe` |
//! | it was reset | `kaptap2: stopping UDF server: read error: … connection reset by peer` |
//! | nothing was answered in time | `kaptap2: stopping UDF server: keepalive timedout, last keepalive received was: …` |
//!
//! Enabling an enabled task does nothing, not even an error; disabling it first and enabling it then starts it.
//!
//! A task is touched only if all of this holds: it is enabled and does not execute; its error is one of these; that very
//! node of that very task was once connected to us; its script, read now, still has that UDF. Each try is a system
//! notice, they become rarer ([`MedicOptions`]), and after so many within a window none is made until it is over.
//!
//! A task that was disabled and could not be enabled again is owed: it is tried at each look, whatever the limits, because
//! it was us who disabled it. One that somebody has changed since is theirs, and stays as it is.
//!
//! What is owed and what was tried is remembered over a restart of kaptap.

use super::whole::write_whole;
use super::{ApiError, Client, MedicOptions, Options, Snapshot};
use crate::intake::{Intake, Notice, clock};
use crate::kapacitor::api::Task;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// Whose connection was lost, as the error of a task says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LostConnection<'a> {
    /// Node: the name of the UDF and a number.
    pub node: &'a str,
    /// What happened to its connection.
    pub cause: &'a str,
}

impl<'a> LostConnection<'a> {
    /// Reads the error of a task; `None` when it is of something else. An error that the UDF itself answered stands in the
    /// same place, but does not begin like these: trying again would only bring it again.
    #[must_use]
    pub fn of(error: &'a str) -> Option<Self> {
        const CAUSES: [&str; 3] = ["write error: ", "read error: ", "keepalive timedout"];
        let (node, cause) = error.split_once(": stopping UDF server: ")?;
        let is_lost = CAUSES.iter().any(|known| cause.starts_with(known));
        (is_lost && !node.is_empty() && !node.contains(' ')).then_some(Self { node, cause })
    }

    /// Name of the UDF: the node without its number.
    #[must_use]
    pub fn function(&self) -> &'a str {
        self.node.trim_end_matches(|digit: char| digit.is_ascii_digit())
    }

    /// Whether a script has this UDF.
    #[must_use]
    pub fn is_in(&self, script: &str) -> bool {
        let function = self.function();
        // Comments do not count, and one name may begin with another.
        let code = script.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
        !function.is_empty()
            && code
                .flat_map(|line| line.split('@').skip(1))
                .any(|after| after.strip_prefix(function).is_some_and(|rest| rest.trim_start().starts_with('(')))
    }
}

/// What was tried for one task, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Chart {
    tries: Vec<i64>,
}

impl Chart {
    /// Takes down a try, if it is time for one: fewer than `attempts` within the window, and the wait after the last is
    /// over. Gives its number within the window, from 1. Times are nanoseconds.
    pub fn admit(&mut self, options: &MedicOptions, now: i64) -> Option<usize> {
        let nanoseconds = |length: std::time::Duration| i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        let window = nanoseconds(options.window);
        // One in the future was made before a clock was put back: it would count for ever.
        self.tries.retain(|tried| (0..window).contains(&now.saturating_sub(*tried)));
        let count = self.tries.len();
        if count >= options.attempts {
            return None;
        }
        if let Some(last) = self.tries.last() {
            let doubled = u32::try_from(count - 1).unwrap_or(u32::MAX).min(32);
            let wait = nanoseconds(options.backoff).saturating_mul(1_i64 << doubled);
            if now.saturating_sub(*last) < wait.min(nanoseconds(options.backoff_max)) {
                return None;
            }
        }
        self.tries.push(now);
        Some(count + 1)
    }

    /// Whether no try was made within the window.
    #[must_use]
    pub fn is_blank(&self, options: &MedicOptions, now: i64) -> bool {
        let window = i64::try_from(options.window.as_nanos()).unwrap_or(i64::MAX);
        self.tries.iter().all(|tried| now.saturating_sub(*tried) >= window)
    }
}

/// Looks after the tasks of one Kapacitor.
#[derive(Debug)]
pub struct Medic {
    name: String,
    options: MedicOptions,
    kept: Kept,
    /// Dead tasks of which it was said that a medic would help.
    hinted: BTreeSet<String>,
    file: Option<PathBuf>,
}

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    /// Tasks that were disabled by us and are not enabled again yet, and when Kapacitor says that was.
    owed: BTreeMap<String, Option<i64>>,
    tries: BTreeMap<String, Chart>,
}

/// What became of a try.
#[derive(Debug)]
enum Tried {
    /// The script has no such UDF any more, or the task is gone.
    NotOurs,
    /// Nothing was changed.
    NotDisabled(ApiError),
    /// It is disabled now, by us, since then.
    Owed(ApiError, Option<i64>),
    Enabled,
}

impl Medic {
    /// A medic for one Kapacitor. What it owes from before is read from the state directory.
    #[must_use]
    pub fn new(options: &Options, state: Option<&Path>) -> Self {
        let file = state.map(|state| state.join(format!("medic-{}.json", super::escaped(&options.name))));
        let kept = file.as_deref().map_or_else(Kept::default, read);
        Self { name: options.name.clone(), options: options.medic.clone(), kept, hinted: BTreeSet::new(), file }
    }

    /// Looks, after the tasks were polled.
    pub async fn after_tasks(&mut self, client: &Client, snapshot: &Snapshot, intake: &Intake) {
        let now = clock::now();
        self.pay(client, snapshot, intake).await;
        self.hinted.retain(|id| snapshot.tasks.get(id).is_some_and(Task::is_dead));
        self.kept.tries.retain(|id, chart| snapshot.tasks.contains_key(id) && !chart.is_blank(&self.options, now));
        for task in snapshot.tasks.values().filter(|task| task.is_dead()) {
            let Some(lost) = LostConnection::of(&task.error) else { continue };
            if !intake.was_connected(&task.id, lost.node) {
                continue;
            }
            if self.options.enabled {
                self.treat(client, intake, task, lost, now).await;
            } else if self.hinted.insert(task.id.clone()) {
                intake.notice(Notice::MedicHint {
                    kapacitor: self.name.clone(),
                    task: task.id.clone(),
                    error: task.error.clone(),
                });
            }
        }
    }

    async fn treat(&mut self, client: &Client, intake: &Intake, task: &Task, lost: LostConnection<'_>, now: i64) {
        let mut chart = self.kept.tries.get(&task.id).cloned().unwrap_or_default();
        let Some(attempt) = chart.admit(&self.options, now) else { return };
        self.kept.tries.insert(task.id.clone(), chart);
        // Said before it is done: a stop in between must not leave a task disabled that nobody knows of.
        self.kept.owed.insert(task.id.clone(), None);
        self.keep();
        let outcome = try_task(client, &task.id, lost).await;
        match &outcome {
            Tried::Owed(_, since) => self.kept.owed.insert(task.id.clone(), *since),
            Tried::NotOurs | Tried::NotDisabled(_) | Tried::Enabled => self.kept.owed.remove(&task.id),
        };
        self.keep();
        let failure = match outcome {
            Tried::NotOurs => return,
            Tried::Enabled => None,
            Tried::NotDisabled(error) | Tried::Owed(error, _) => Some(error.to_string()),
        };
        let notice = Notice::Medic {
            kapacitor: self.name.clone(),
            task: task.id.clone(),
            attempt,
            attempts: self.options.attempts,
            error: task.error.clone(),
            failure,
        };
        intake.notice(notice);
    }

    /// Enables what is owed.
    async fn pay(&mut self, client: &Client, snapshot: &Snapshot, intake: &Intake) {
        for (id, since) in self.kept.owed.clone() {
            let paid = match snapshot.tasks.get(&id) {
                Some(task) if task.status == "disabled" => enable(client, &id, since).await,
                // Somebody else has seen to it.
                _ => Ok(None),
            };
            match paid {
                Ok(paid) => {
                    if let Some(task) = paid {
                        intake.notice(Notice::MedicPaid {
                            kapacitor: self.name.clone(),
                            task: id.clone(),
                            error: task.error,
                        });
                    }
                    self.kept.owed.remove(&id);
                    self.keep();
                }
                Err(error) => {
                    tracing::warn!(task = id, %error, "A task that was disabled cannot be enabled again; will try again");
                }
            }
        }
    }

    fn keep(&self) {
        let Some(file) = &self.file else { return };
        let kept = serde_json::to_vec(&self.kept).map_err(io::Error::from);
        if let Err(error) = kept.and_then(|bytes| write_whole(file, &bytes)) {
            tracing::warn!(%error, "Cannot remember which tasks are to be enabled again");
        }
    }
}

/// Enables a task that was disabled by us, if it is as we left it: looked at once more, for it may have been changed since
/// the tasks were polled, and while kaptap was away. Gives the task if it did.
async fn enable(client: &Client, id: &str, since: Option<i64>) -> Result<Option<Task>, ApiError> {
    let task = match client.task(id).await {
        Err(ApiError::NotFound(_)) => return Ok(None),
        task => task?,
    };
    if task.status != "disabled" {
        return Ok(None);
    }
    if since.is_some_and(|since| task.modified.is_some_and(|modified| modified != since)) {
        tracing::info!(
            task = id,
            "A task that was disabled to start it anew was changed by somebody else; left disabled"
        );
        return Ok(None);
    }
    match client.set_task_status(id, true).await {
        Ok(_) => Ok(Some(task)),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is remembered from before. A file that cannot be read may leave a task disabled that nobody enables: that is said.
fn read(file: &Path) -> Kept {
    let read = match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Kept::default(),
        Err(error) => Err(error),
    };
    read.unwrap_or_else(|error| {
        tracing::warn!(file = %file.display(), %error, "Cannot read which tasks are to be enabled again; look for disabled ones");
        Kept::default()
    })
}

/// Disables a task and enables it. Goes on when whoever waits for it does not.
async fn try_task(client: &Client, id: &str, lost: LostConnection<'_>) -> Tried {
    match client.task(id).await {
        Ok(task) if task.is_dead() && task.script.as_deref().is_some_and(|script| lost.is_in(script)) => {}
        Ok(_) | Err(ApiError::NotFound(_)) => return Tried::NotOurs,
        Err(error) => return Tried::NotDisabled(error),
    }
    let (client, id) = (client.clone(), id.to_owned());
    let both = tokio::spawn(async move {
        let since = match client.set_task_status(&id, false).await {
            Ok(since) => since,
            // An answer that did not come says nothing of what was done.
            Err(error @ (ApiError::TimedOut(_) | ApiError::Unreachable(_) | ApiError::NotUnderstood(_))) => {
                return Tried::Owed(error, None);
            }
            Err(error) => return Tried::NotDisabled(error),
        };
        match client.set_task_status(&id, true).await {
            Ok(_) => Tried::Enabled,
            Err(error) => Tried::Owed(error, since),
        }
    });
    both.await.unwrap_or(Tried::Owed(ApiError::NotUnderstood("kaptap is stopping".to_owned()), None))
}

#[cfg(test)]
#[path = "medic_tests.rs"]
mod tests;
