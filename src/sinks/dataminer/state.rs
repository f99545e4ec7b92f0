//! All that `DataMiner` was told of alerts, in memory and in a file: the table of alerts and the log of events.
//!
//! Both are bounded. Of alerts, those that are over are forgotten first; one that is on is never forgotten: when all
//! places are taken by such, a further one is told once per event, and counted.

use super::alert::{Alert, Status};
use super::kept::Kept;
use super::log::{Log, Logged};
use crate::event::id::EventId;
use crate::words::Level;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Alert(Box<Alert>),
    /// The alert of this identity is forgotten.
    Forgotten(String),
    Event(Logged),
    /// A row of another table was told.
    Told(String, String),
    /// And is there no longer.
    Gone(String, String),
}

/// What a delivery changed, and is kept once it was taken.
#[derive(Debug, Default)]
pub(in crate::sinks) struct Change {
    pub(in crate::sinks) alerts: Vec<Alert>,
    pub(in crate::sinks) events: Vec<Logged>,
    /// Rows of other tables: name of the table, key, and whether they are there.
    pub(in crate::sinks) rows: Vec<(String, String, bool)>,
}

/// What was told.
#[derive(Debug)]
pub(in crate::sinks) struct State {
    kept: Kept,
    loaded: bool,
    /// Lines to be appended.
    waiting: Vec<Line>,
    alerts: BTreeMap<EventId, Alert>,
    /// Whose key it is; in lower case, for it is not known whether `DataMiner` tells the cases apart.
    keys: BTreeMap<String, EventId>,
    most: usize,
    pub(super) log: Log,
    /// Rows of other tables that are on the element.
    rows: BTreeSet<(String, String)>,
    /// Times that an alert that is on found no place.
    forgotten: u64,
}

impl State {
    /// At most so many alerts and so many logged events; kept in a file if there is one.
    pub(in crate::sinks) fn new(path: Option<PathBuf>, most: usize, slots: u32) -> Self {
        Self {
            loaded: path.is_none(),
            kept: Kept::new(path),
            waiting: Vec::new(),
            alerts: BTreeMap::new(),
            keys: BTreeMap::new(),
            most,
            log: Log::new(slots),
            rows: BTreeSet::new(),
            forgotten: 0,
        }
    }

    /// Reads the file, once.
    pub(in crate::sinks) async fn load(&mut self) {
        if self.loaded {
            return;
        }
        for line in self.kept.load().await {
            match line {
                Line::Alert(alert) => self.insert(*alert),
                Line::Forgotten(identity) => {
                    if let Some(identity) = EventId::parse(&identity) {
                        self.remove(identity);
                    }
                }
                Line::Event(logged) => self.log.keep(logged),
                Line::Told(table, key) => drop(self.rows.insert((table, key))),
                Line::Gone(table, key) => drop(self.rows.remove(&(table, key))),
            }
        }
        self.loaded = true;
    }

    pub(in crate::sinks) fn get(&self, identity: EventId) -> Option<&Alert> {
        self.alerts.get(&identity)
    }

    pub(in crate::sinks) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// Times that an alert that is on found no place, so that it is not told again.
    pub(in crate::sinks) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Whether no other alert has this key.
    pub(in crate::sinks) fn is_free(&self, key: &str, identity: EventId) -> bool {
        self.keys.get(&key.to_lowercase()).is_none_or(|of| *of == identity)
    }

    /// Rows of another table that are on the element.
    pub(super) fn rows_of<'t>(&'t self, table: &'t str) -> impl Iterator<Item = &'t str> {
        self.rows.iter().filter(move |(of, _)| of == table).map(|(_, key)| key.as_str())
    }

    /// Alerts that are on, by level, and those that are over: info, warning, critical, over.
    pub(super) fn counts(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        for alert in self.alerts.values() {
            let [info, warning, critical, over] = &mut counts;
            *match alert.level() {
                Level::Info => info,
                Level::Warning => warning,
                Level::Critical => critical,
                Level::Ok => over,
            } += 1;
        }
        counts
    }

    /// Alerts that will not recover and of which nothing was heard for so long, as they are without: missing.
    pub(in crate::sinks) fn too_old(&self, now: i64, age: Duration) -> Vec<Alert> {
        let before = now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
        let is_old = |alert: &&Alert| alert.status == Status::Active && !alert.recoverable && alert.time < before;
        self.alerts.values().filter(is_old).map(|alert| alert.clone().missing(now)).collect()
    }

    /// Takes over what was told, and keeps it in the file.
    ///
    /// # Errors
    /// When the file cannot be written; it is tried again with the next change.
    pub(in crate::sinks) async fn commit(&mut self, change: Change) -> std::io::Result<()> {
        for alert in change.alerts {
            self.remember(alert);
        }
        for logged in change.events {
            self.waiting.push(Line::Event(logged.clone()));
            self.log.keep(logged);
        }
        for (table, key, there) in change.rows {
            let changed = if there {
                self.rows.insert((table.clone(), key.clone()))
            } else {
                self.rows.remove(&(table.clone(), key.clone()))
            };
            if changed {
                self.waiting.push(if there { Line::Told(table, key) } else { Line::Gone(table, key) });
            }
        }
        self.store().await
    }

    fn remember(&mut self, alert: Alert) {
        let identity = alert.identity();
        if !self.alerts.contains_key(&identity) && self.alerts.len() >= self.most {
            let over = self.alerts.values().filter(|alert| alert.status != Status::Active);
            let Some(oldest) = over.min_by_key(|alert| alert.time).map(Alert::identity) else {
                // Said once in a while; the number of them is on the sink.
                if self.forgotten.is_multiple_of(self.most.max(1) as u64) {
                    tracing::warn!(
                        alert = alert.id,
                        most = self.most,
                        "too many alerts are on: some are told once per event, and not again"
                    );
                }
                self.forgotten += 1;
                return;
            };
            self.waiting.push(Line::Forgotten(oldest.to_string()));
            self.remove(oldest);
        }
        if self.alerts.get(&identity) != Some(&alert) {
            self.waiting.push(Line::Alert(Box::new(alert.clone())));
        }
        self.insert(alert);
    }

    fn insert(&mut self, alert: Alert) {
        let identity = alert.identity();
        self.remove(identity);
        self.keys.insert(alert.key.to_lowercase(), identity);
        self.alerts.insert(identity, alert);
    }

    fn remove(&mut self, identity: EventId) {
        if let Some(alert) = self.alerts.remove(&identity) {
            self.keys.remove(&alert.key.to_lowercase());
        }
    }

    async fn store(&mut self) -> std::io::Result<()> {
        let live = self.alerts.len() + self.log.all().count() + self.rows.len();
        if self.kept.wants_rewrite(live) {
            let alerts = self.alerts.values().map(|alert| Line::Alert(Box::new(alert.clone())));
            let events = self.log.all().map(|logged| Line::Event(logged.clone()));
            let rows = self.rows.iter().map(|(table, key)| Line::Told(table.clone(), key.clone()));
            let lines: Vec<Line> = alerts.chain(events).chain(rows).collect();
            self.waiting.clear();
            self.kept.rewrite(&lines).await
        } else {
            // Should it fail, all is written anew with the next change.
            let waiting = std::mem::take(&mut self.waiting);
            self.kept.append(&waiting).await
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
