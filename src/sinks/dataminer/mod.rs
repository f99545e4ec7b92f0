//! `type = "dataminer"`: an element in `DataMiner`, written by its Data API, on the agent itself or through a
//! User-Defined API.
//!
//! The Data API knows the state of now and no events, rows cannot be removed, and it says little about what it refuses.
//! So this sink tells states:
//!
//! * Each alert has one row. Of several events of one alert in a delivery, the last one is sent; all of them are
//!   delivered with it. An alert that is over stays as a row that says so.
//! * The last events are in a ring of slots.
//! * Every `heartbeat` the values that stand alone are sent, with what has changed of the other tables ([`Pages`]).
//! * At the start, after a streak of failures and every `full_state` everything is sent again, a request at a time, in
//!   between deliveries.
//! * One request at a time, no sooner than `interval` after the one before, far below the bounds of the Data API.
//! * What is refused is parked only if it is about a row (`push`); otherwise it is tried again.
//! * What was told is kept in a file, before the cursor passes it.
//!
//! `alert`, `body`, `log`, `names`, `severity` and `stage` are pure; `state` and `kept` are what was told; `push` sends.

mod alert;
mod body;
mod general;
mod kept;
mod log;
mod names;
mod pages;
mod push;
mod round;
mod severity;
mod stage;
mod state;

pub(super) use alert::{Alert, Writer};
pub use names::{check_column, check_type, element};
pub use pages::{Cell, Key, MOST_ROWS, Named, NoPages, Pages, Row, Shown, Table, named};
pub use severity::{Severities, Severity};
pub(super) use stage::{Fate, stage};
pub(super) use state::{Change, State};

use super::http::Proxies;
use super::{BuildError, now, options};
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Reason, Sink};
use push::Push;
use round::Round;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Most events of a delivery: with their entries in the log they fit into one request.
const EVENTS: usize = 500;
/// Most bytes of records in a delivery.
const BYTES: usize = 1 << 20;

/// The sink.
pub struct Dataminer {
    name: String,
    push: Push,
    writer: Writer,
    state: State,
    pages: Arc<dyn Pages>,
    options: options::Dataminer,
    round: Round,
    /// How often the values were sent.
    heartbeats: u64,
}

impl std::fmt::Debug for Dataminer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataminer").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Dataminer {
    /// Makes the sink; connects to nothing and reads no state yet. Without `state_file` what was told is kept in memory
    /// only.
    ///
    /// # Errors
    /// When the options cannot be used.
    pub fn new(
        name: &str,
        options: &options::Dataminer,
        state_file: Option<PathBuf>,
        proxies: &Proxies,
        pages: Arc<dyn Pages>,
    ) -> Result<Self, BuildError> {
        check_columns(&options.columns)?;
        check_type(&options.element_type).map_err(|problem| BuildError::value("element_type", problem))?;
        if options.identifier.is_empty() || element(&options.identifier) != options.identifier {
            return Err(BuildError::value("identifier", "is no name that an element can have"));
        }
        Ok(Self {
            name: name.to_owned(),
            push: Push::new(options, proxies)?,
            writer: Writer { columns: options.columns.clone(), severities: options.severities.clone() },
            state: State::new(state_file, options.max_rows, options.event_slots),
            pages,
            options: options.clone(),
            round: Round::new(Instant::now()),
            heartbeats: 0,
        })
    }

    async fn take(&mut self, batch: &Batch<'_>) -> Vec<Outcome> {
        self.state.load().await;
        let staged = stage(&self.writer, &self.state, batch, now());
        if staged.alerts.is_empty() {
            return staged.fates.iter().map(|_| Outcome::Delivered).collect();
        }
        let mut rows: Vec<Row> = staged.alerts.iter().map(Alert::row).collect();
        rows.extend(staged.logged.iter().filter_map(|logged| self.state.log.row(logged)));
        let outcomes = self.push.rows(&[], &rows, &general::control(self.heartbeats, now())).await;
        let of_alert = |at: usize| outcomes.get(at).cloned().unwrap_or_else(unsent);
        let of_logged = |at: usize| of_alert(staged.alerts.len() + at);
        let result: Vec<Outcome> = staged
            .fates
            .iter()
            .map(|fate| match *fate {
                Fate::Nothing => Outcome::Delivered,
                Fate::With { alert, logged } => worse(of_alert(alert), logged.map(of_logged)),
            })
            .collect();
        let taken = |at: usize| outcomes.get(at) == Some(&Outcome::Delivered);
        let count = staged.alerts.len();
        let change = Change {
            events: staged
                .logged
                .into_iter()
                .enumerate()
                .filter(|(at, _)| taken(count + at))
                .map(|(_, it)| it)
                .collect(),
            alerts: staged.alerts.into_iter().enumerate().filter(|(at, _)| taken(*at)).map(|(_, it)| it).collect(),
            rows: Vec::new(),
        };
        self.keep(change).await;
        result
    }

    /// Keeps what was told. An error is no reason to hold alerts back: it is tried again with the next delivery, and
    /// until then a restart would forget.
    async fn keep(&mut self, change: Change) {
        if let Err(error) = self.state.commit(change).await {
            tracing::warn!(sink = self.name, %error, "what DataMiner was told cannot be kept");
        }
    }
}

/// Checks the names of the columns of the configuration, against what `DataMiner` keeps and what is there already.
fn check_columns(columns: &[(String, crate::filter::template::Lookup)]) -> Result<(), BuildError> {
    for (place, (name, _)) in columns.iter().enumerate() {
        check_column(name).map_err(|problem| BuildError::value("columns", problem))?;
        let twice = columns.iter().take(place).any(|(other, _)| other.eq_ignore_ascii_case(name));
        if twice || general::COLUMNS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(BuildError::value("columns", format!("{name:?} is a column already; choose another name")));
        }
    }
    if columns.len() > options::MOST_COLUMNS {
        let problem = format!("{} columns, at most {} are shown", columns.len(), options::MOST_COLUMNS);
        return Err(BuildError::value("columns", problem));
    }
    Ok(())
}

fn unsent() -> Outcome {
    Outcome::Retry { after: None, reason: Reason::Unreachable, error: "not sent".to_owned() }
}

/// Of two outcomes, the one that keeps the event from being delivered.
fn worse(one: Outcome, other: Option<Outcome>) -> Outcome {
    let rank = |outcome: &Outcome| match outcome {
        Outcome::Delivered | Outcome::Duplicate => 0,
        Outcome::Reject { .. } => 1,
        Outcome::Retry { .. } => 2,
    };
    match other {
        Some(other) if rank(&other) > rank(&one) => other,
        _ => one,
    }
}

impl Sink for Dataminer {
    fn limits(&self) -> Limits {
        Limits { events: EVENTS, bytes: BYTES }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.take(batch))
    }

    fn tick(&mut self) -> BoxFuture<'_, Option<Duration>> {
        Box::pin(async move {
            self.state.load().await;
            Some(self.go_round().await)
        })
    }

    fn forgotten(&self) -> u64 {
        self.state.forgotten()
    }

    /// The request of a batch by itself.
    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        let observed = batch.events.iter().map(|event| event.observed).max().unwrap_or_default();
        let staged = stage(&self.writer, &self.state, batch, observed);
        if staged.alerts.is_empty() {
            return Ok("nothing is sent: these events do not change what DataMiner knows\n".to_owned());
        }
        let mut rows: Vec<Row> = staged.alerts.iter().map(Alert::row).collect();
        rows.extend(staged.logged.iter().filter_map(|logged| self.state.log.row(logged)));
        Ok(self.push.preview(body::body(&[], &rows, &[])))
    }
}
