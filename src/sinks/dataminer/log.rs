//! The last alert events, in a ring of slots: a row that is written again is the only way to keep a table bounded. Pure.

use super::alert::Alert;
use super::pages::{Cell, Key, Row, named};
use crate::words::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The table of events.
pub(super) const EVENTS: &str = "Alert Events";

/// An event in its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sinks) struct Logged {
    /// Number of the event in the log; its slot is the rest by the number of slots, plus one.
    pub(super) n: u64,
    /// Id of the event.
    pub(super) event: String,
    time: i64,
    topic: String,
    alert: String,
    from: u8,
    to: u8,
    message: String,
    /// Whether it came long after it had happened.
    late: bool,
}

/// The ring.
#[derive(Debug, Default)]
pub(super) struct Log {
    slots: u32,
    next: u64,
    kept: BTreeMap<u32, Logged>,
}

/// Later than this after it was received, an event counts as delivered late; nanoseconds.
const LATE: i64 = 60_000_000_000;

impl Log {
    /// A ring of so many slots; with none, nothing is logged.
    pub(super) fn new(slots: u32) -> Self {
        Self { slots, next: 0, kept: BTreeMap::new() }
    }

    /// The entry of an event that made an alert what it is, at this distance behind what is kept. `observed` and `now`
    /// are nanoseconds since 1970.
    pub(super) fn entry(&self, ahead: u64, alert: &Alert, observed: i64, now: i64) -> Option<Logged> {
        (self.slots > 0).then(|| Logged {
            n: self.next.wrapping_add(ahead),
            event: alert.event.clone(),
            time: alert.time,
            topic: alert.topic.clone(),
            alert: alert.id.clone(),
            from: alert.previous,
            to: alert.level,
            message: alert.message.clone(),
            late: now.saturating_sub(observed) > LATE,
        })
    }

    /// Whether it is there.
    pub(super) fn has(&self, event: &str) -> bool {
        self.kept.values().any(|logged| logged.event == event)
    }

    /// Keeps an entry.
    pub(super) fn keep(&mut self, logged: Logged) {
        self.next = self.next.max(logged.n.wrapping_add(1));
        if let Some(slot) = self.slot(&logged) {
            // Of a log that had another number of slots, the newest stays.
            if self.kept.get(&slot).is_none_or(|kept| kept.n <= logged.n) {
                self.kept.insert(slot, logged);
            }
        }
    }

    fn slot(&self, logged: &Logged) -> Option<u32> {
        let rest = logged.n.checked_rem(self.slots.into())?;
        u32::try_from(rest).ok().map(|rest| rest + 1)
    }

    /// How many slots there are.
    pub(super) const fn size(&self) -> usize {
        self.slots as usize
    }

    /// The slots that are written.
    pub(super) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.kept.keys().copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Logged> {
        self.kept.values()
    }

    /// The row of a slot.
    pub(super) fn row_of_slot(&self, slot: u32) -> Option<Row> {
        self.kept.get(&slot).and_then(|logged| self.row(logged))
    }

    /// The row of an entry.
    pub(super) fn row(&self, logged: &Logged) -> Option<Row> {
        let level = |number| Cell::text(Level::from_number(number).unwrap_or(Level::Ok).as_str());
        let cells = vec![
            named("Event Time", Cell::time(logged.time)),
            named("Topic", Cell::text(&*logged.topic)),
            named("Alert ID", Cell::text(&*logged.alert)),
            named("Level From", level(logged.from)),
            named("Level To", level(logged.to)),
            named("Message", Cell::text(&*logged.message)),
            named("Delivery Result", Cell::text(if logged.late { "Delivered Late" } else { "Delivered" })),
        ];
        Some(Row { table: EVENTS, key: Key::Number(self.slot(logged)?), cells })
    }
}
