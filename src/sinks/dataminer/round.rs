//! What is sent without an event: the heartbeat, what has changed of other tables, alerts that are too old, and the full
//! state, one request at a time so that deliveries come in between.

use super::super::now;
use super::alert::{ALERTS, Alert};
use super::pages::{Key, MOST_ROWS, Named, Row, Shown};
use super::push::problem;
use super::{Change, Dataminer, body, general, log};
use crate::delivery::sink::Outcome;
use crate::event::id::EventId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Longest wait that the peer can ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What comes next, and what the rows of other tables are on the element.
#[derive(Debug)]
pub(super) struct Round {
    heartbeat: Instant,
    full: Instant,
    /// Rows that the full state has yet to tell. At most as many as there are alerts and slots.
    backlog: VecDeque<Place>,
    /// Rows of other tables as they were told: what they hash to.
    told: BTreeMap<(&'static str, Key), u64>,
    /// Rows of other tables that have to be told, and whether they are still there. At most [`MOST_ROWS`] of each table,
    /// and those that are gone.
    changed: Vec<(Row, bool)>,
    /// Nothing was taken since kaptap began.
    first: bool,
    /// What was told that has a unit, and how much of it the units were told of.
    with_units: BTreeSet<String>,
    units_of: usize,
    /// Tables with too many rows; said once.
    too_many: BTreeSet<&'static str>,
    failing: bool,
}

/// Where a row is.
#[derive(Debug, Clone, Copy)]
enum Place {
    Alert(EventId),
    Slot(u32),
}

/// A row on its way, and why.
enum Why {
    /// Of the backlog.
    Again,
    /// An alert that is too old.
    TooOld(Box<Alert>),
    /// Of another table, and whether it is there.
    Changed(bool),
}

impl Round {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heartbeat: now,
            full: now,
            backlog: VecDeque::new(),
            told: BTreeMap::new(),
            changed: Vec::new(),
            first: true,
            with_units: BTreeSet::new(),
            units_of: 0,
            too_many: BTreeSet::new(),
            failing: false,
        }
    }
}

impl Dataminer {
    /// Sends one request of what is due. How soon there should be another.
    pub(super) async fn go_round(&mut self) -> Duration {
        let clock = Instant::now();
        if self.push.came_back() {
            self.round.full = clock;
        }
        if self.round.full <= clock {
            self.round.full = clock + self.options.full_state;
            self.begin_full_state(clock);
        }
        let (mut values, mut empty) = (Vec::new(), Vec::new());
        let beats = self.round.heartbeat <= clock;
        if beats {
            self.heartbeats += 1;
            let shown = self.pages.shown();
            values = general::values(&self.state, self.heartbeats, now());
            values.extend(shown.values.iter().cloned());
            empty = self.empty_tables(&shown);
            self.look_for_changes(shown);
            self.round.heartbeat = clock + self.options.heartbeat;
        }
        if self.round.first {
            match self.push.send(body::body(&values, &[], &empty)).await {
                Outcome::Delivered => {
                    self.round.first = false;
                    self.round.told_values(&values);
                }
                outcome => return self.failed(&outcome),
            }
            values.clear();
        }
        let ended = self.some_rows(&values).await;
        if let Some(outcome) = ended {
            return self.failed(&outcome);
        }
        if std::mem::take(&mut self.round.failing) {
            tracing::info!(sink = self.name, "DataMiner takes values again");
        }
        self.send_units().await;
        if self.round.backlog.is_empty() && self.round.changed.is_empty() {
            self.round.heartbeat.saturating_duration_since(Instant::now())
        } else {
            // Deliveries have their turn first.
            self.options.interval.max(Duration::from_millis(1))
        }
    }

    fn begin_full_state(&mut self, clock: Instant) {
        let alerts = self.state.alerts().map(|alert| Place::Alert(alert.identity()));
        let slots = self.state.log.slots().map(Place::Slot);
        self.round.backlog = alerts.chain(slots).collect();
        self.round.told.clear();
        self.round.heartbeat = clock;
    }

    /// Tables without a row: they are named once, so that the element has its pages.
    fn empty_tables(&self, shown: &Shown) -> Vec<&'static str> {
        let alerts = (ALERTS, self.state.alerts().next().is_none());
        let events = (log::EVENTS, self.options.event_slots > 0 && self.state.log.slots().next().is_none());
        let others = shown.tables.iter().map(|table| (table.name, table.rows.is_empty()));
        [alerts, events].into_iter().chain(others).filter_map(|(name, empty)| empty.then_some(name)).collect()
    }

    /// Sends as many rows as go into one request. What has to be tried again.
    async fn some_rows(&mut self, values: &[Named]) -> Option<Outcome> {
        let (mut rows, mut why) = (Vec::new(), Vec::new());
        for alert in self.state.too_old(now(), self.options.max_age).into_iter().take(body::ROWS) {
            rows.push(alert.row());
            why.push(Why::TooOld(Box::new(alert)));
        }
        let mut taken = 0;
        // Those that are too old first, and alone: in the backlog they are as they were.
        let alone = !rows.is_empty();
        while !alone
            && rows.len() < body::ROWS
            && let Some(place) = self.round.backlog.get(taken)
        {
            // Told as it is now; what was forgotten meanwhile is not told.
            let row = match place {
                Place::Alert(identity) => self.state.get(*identity).map(Alert::row),
                Place::Slot(slot) => self.state.log.row_of_slot(*slot),
            };
            if let Some(row) = row {
                rows.push(row);
                why.push(Why::Again);
                taken += 1;
            } else {
                self.round.backlog.remove(taken);
            }
        }
        for (row, there) in self.round.changed.iter().filter(|_| !alone).take(body::ROWS.saturating_sub(rows.len())) {
            rows.push(row.clone());
            why.push(Why::Changed(*there));
        }
        let count = body::fitting(values, &rows);
        rows.truncate(count);
        if rows.is_empty() && values.is_empty() {
            return None;
        }
        let control = general::control(self.heartbeats, now());
        let outcomes = self.push.rows(values, &rows, &control).await;
        if outcomes.first() == Some(&Outcome::Delivered) {
            self.round.told_values(values);
        }
        if rows.is_empty() {
            return outcomes.into_iter().next().filter(|outcome| *outcome != Outcome::Delivered);
        }
        self.settle(rows, why, outcomes).await
    }

    async fn settle(&mut self, rows: Vec<Row>, why: Vec<Why>, outcomes: Vec<Outcome>) -> Option<Outcome> {
        let mut change = Change::default();
        let (mut again, mut changed) = (0, 0);
        let mut ended = None;
        for ((row, why), outcome) in rows.into_iter().zip(why).zip(outcomes) {
            match &outcome {
                Outcome::Retry { .. } => {
                    ended = Some(outcome);
                    break;
                }
                Outcome::Reject { error, .. } => {
                    let (table, key) = (row.table, text(&row.key));
                    tracing::warn!(
                        sink = self.name,
                        table,
                        key,
                        error,
                        "DataMiner refuses a row; it is left as it is there"
                    );
                }
                Outcome::Delivered | Outcome::Duplicate => self.round.told_row(&row),
            }
            match why {
                Why::Again => again += 1,
                // Also if it was refused: it would be again.
                Why::TooOld(alert) => change.alerts.push(*alert),
                Why::Changed(there) => {
                    changed += 1;
                    change.rows.push((row.table.to_owned(), text(&row.key), there));
                    self.round.told.insert((row.table, row.key.clone()), row.hash());
                }
            }
        }
        self.round.backlog.drain(..again);
        self.round.changed.drain(..changed);
        self.keep(change).await;
        ended
    }

    /// Finds the rows of other tables that are new, different or gone.
    fn look_for_changes(&mut self, shown: Shown) {
        self.round.changed.clear();
        for table in shown.tables {
            let name = table.name;
            if table.rows.len() > MOST_ROWS && self.round.too_many.insert(name) {
                tracing::warn!(
                    sink = self.name,
                    table = name,
                    rows = table.rows.len(),
                    most = MOST_ROWS,
                    "not all rows are shown"
                );
            }
            let mut there = BTreeSet::new();
            for row in table.rows.into_iter().take(MOST_ROWS) {
                let told = self.round.told.get(&(name, row.key.clone())) == Some(&row.hash());
                there.insert(text(&row.key));
                if !told {
                    self.round.changed.push((row, true));
                }
            }
            let gone: Vec<String> =
                self.state.rows_of(name).filter(|key| !there.contains(*key)).map(str::to_owned).collect();
            for key in gone {
                self.round.changed.push((Row { table: name, key: Key::Text(key), cells: table.gone.clone() }, false));
            }
        }
    }

    fn failed(&mut self, outcome: &Outcome) -> Duration {
        let after = match outcome {
            Outcome::Retry { after, .. } => after.unwrap_or_default().min(LONGEST_WAIT),
            Outcome::Delivered | Outcome::Duplicate | Outcome::Reject { .. } => Duration::ZERO,
        };
        if let Some((reason, error)) = problem(outcome)
            && !std::mem::replace(&mut self.round.failing, true)
        {
            tracing::warn!(
                sink = self.name,
                reason = reason.as_str(),
                error,
                "DataMiner takes no values; will try again"
            );
        }
        self.options.heartbeat.max(after)
    }

    /// Tells units and decimals of what is there, when something is new among it. Whether columns may have them is not
    /// documented, so a refusal is only said.
    async fn send_units(&mut self) {
        if self.round.with_units.len() == self.round.units_of {
            return;
        }
        self.round.units_of = self.round.with_units.len();
        for body in general::units(&self.round.with_units) {
            let outcome = self.push.configure(body).await;
            if let Some((_, error)) = problem(&outcome) {
                tracing::info!(sink = self.name, error, "DataMiner does not take units; values are shown without");
            }
        }
    }
}

impl Round {
    /// Remembers what was told that has a unit.
    fn told_values(&mut self, values: &[Named]) {
        for (name, _) in values.iter().filter(|(name, cell)| cell.is_some() && general::has_unit(None, name)) {
            self.with_units.insert(name.to_string());
        }
    }

    fn told_row(&mut self, row: &Row) {
        for (name, _) in
            row.cells.iter().filter(|(name, cell)| cell.is_some() && general::has_unit(Some(row.table), name))
        {
            self.with_units.insert(format!("{}/{name}", row.table));
        }
    }
}

fn text(key: &Key) -> String {
    match key {
        Key::Text(text) => text.clone(),
        Key::Number(number) => number.to_string(),
    }
}
