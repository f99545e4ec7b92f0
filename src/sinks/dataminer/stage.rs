//! A delivery, before anything is sent: the last state of each alert in it, and what each event comes to. Pure.

use super::alert::{Alert, Step, Writer};
use super::log::Logged;
use super::names;
use super::state::State;
use crate::delivery::sink::Batch;
use crate::event::id::EventId;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sinks) enum Fate {
    /// It changes nothing.
    Nothing,
    /// That of the alert at this place, and of the entry in the log.
    With { alert: usize, logged: Option<usize> },
}

/// A delivery, before anything is sent.
#[derive(Debug)]
pub(in crate::sinks) struct Staged {
    pub(in crate::sinks) alerts: Vec<Alert>,
    pub(super) logged: Vec<Logged>,
    pub(in crate::sinks) fates: Vec<Fate>,
}

/// Looks at a delivery with what was told before. `now` is in nanoseconds since 1970.
pub(in crate::sinks) fn stage(writer: &Writer, state: &State, batch: &Batch<'_>, now: i64) -> Staged {
    let mut staged = Staged { alerts: Vec::new(), logged: Vec::new(), fates: Vec::with_capacity(batch.events.len()) };
    let mut places: BTreeMap<EventId, usize> = BTreeMap::new();
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for event in batch.events {
        let identity = event.alert.as_ref().map(|alert| alert.fingerprint);
        let place = identity.and_then(|identity| places.get(&identity).copied());
        let known = match place {
            Some(place) => staged.alerts.get(place),
            None => identity.and_then(|identity| state.get(identity)),
        };
        let key = |identity: EventId, id: &str| {
            let is_free = |key: &str| state.is_free(key, identity) && !keys.contains(&key.to_lowercase());
            names::key(id, &identity.to_string(), is_free)
        };
        let (alert, again) = match (writer.step(event, known, batch.replay, key), place) {
            (Step::Nothing, None) => {
                staged.fates.push(Fate::Nothing);
                continue;
            }
            // An older event of an alert that is told in this delivery shares its fate.
            (Step::Nothing, Some(alert)) => {
                staged.fates.push(Fate::With { alert, logged: None });
                continue;
            }
            (Step::Now { alert, again }, _) => (*alert, again),
        };
        let unwanted = batch.replay || again && state.log.has(&alert.event);
        let ahead = staged.logged.len() as u64;
        let entry = if unwanted { None } else { state.log.entry(ahead, &alert, event.observed, now) };
        let logged = entry.as_ref().map(|_| staged.logged.len());
        staged.logged.extend(entry);
        keys.insert(alert.key.to_lowercase());
        let alert = if let Some((place, there)) = place.and_then(|place| Some((place, staged.alerts.get_mut(place)?))) {
            *there = alert;
            place
        } else {
            places.insert(alert.identity(), staged.alerts.len());
            staged.alerts.push(alert);
            staged.alerts.len() - 1
        };
        staged.fates.push(Fate::With { alert, logged });
    }
    staged.keep_last(state.log.size());
    staged
}

impl Staged {
    /// Of more entries than the log has slots, the first would be written over at once.
    fn keep_last(&mut self, slots: usize) {
        let over = self.logged.len().saturating_sub(slots);
        self.logged.drain(..over);
        for fate in &mut self.fates {
            if let Fate::With { logged, .. } = fate {
                *logged = logged.and_then(|at| at.checked_sub(over));
            }
        }
    }
}
