//! Alerts that are on here and that Kapacitor does not know any more. Pure.
//!
//! Kapacitor keeps the last event of every alert id in memory, OK or not; after a restart it knows those that were not
//! OK when it stopped, if it keeps topics at all. So what is absent was OK at the last restart, or was deleted, or was
//! lost with a restart that kept nothing. The first would be a recovery that we missed; but nobody can tell it from the
//! last, after which the alert may well be on. Absence is therefore never taken for an OK: no time, no message and no
//! event of Kapacitor's belongs to it. It is what it is, said after a grace in which an alert that is still on would have
//! been raised again: `expired`, Kapacitor does not know it any more.
//!
//! | where the alert was last seen | and now | so |
//! |---|---|---|
//! | in a topic | its id is in some topic of this Kapacitor, under whatever task it may be | it is known |
//! | in a topic whose events were read | it is not among them | absent |
//! | in a topic whose events could not be read | | cannot tell |
//! | in an anonymous topic (`main:TASK:alertN`), not listed now | the task is there and does not execute | cannot tell: stopping a task takes its topic away, and its state is kept |
//! | the same | the task executes, or is gone | absent |
//! | in a named topic, not listed now | | absent: named topics stay while Kapacitor runs, and come back with what they had |
//! | never in a topic of this Kapacitor | it names a topic whose events were read | absent |
//! | the same | anything else | cannot tell: it may be of another Kapacitor, or of no topic |
//!
//! *Cannot tell* begins the grace anew. It is measured between looks that went well, and begins anew when kaptap starts.

use super::identity::anonymous_task;
use crate::event::id::EventId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What can be said of a topic at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Its events were read.
    Read,
    /// It is listed, but its events were not read.
    NotRead,
    /// It is not listed.
    Gone,
}

/// What can be said of a task at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    /// The tasks were not read.
    NotRead,
    /// It executes.
    Executes,
    /// It is there, and does not.
    Rests,
    /// It is not there.
    Gone,
}

/// One look at Kapacitor.
pub trait Look {
    /// What can be said of a topic.
    fn topic(&self, topic: &str) -> Listing;
    /// What can be said of a task.
    fn task(&self, task: &str) -> Tasks;
}

/// An alert that is on here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Its identity.
    pub fingerprint: EventId,
    /// Its id.
    pub id: String,
    /// Topic that it names.
    pub topic: Option<String>,
}

/// What stands in Kapacitor's topics at one look.
#[derive(Debug, Default)]
pub struct Present {
    /// Alerts, and the topic in which each is.
    pub alerts: HashMap<EventId, Arc<str>>,
    /// Ids of events of which it cannot be told which alert they are.
    pub ids: HashSet<String>,
}

/// Where each alert that is on was last seen, and since when it is absent.
#[derive(Debug, Default)]
pub struct Absent {
    watched: HashMap<EventId, Watched>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Watched {
    /// Topic of this Kapacitor in which it was last seen.
    seen_in: Option<Arc<str>>,
    since: Option<i64>,
}

impl Absent {
    /// Looks at all alerts that are on. Gives those that have been absent for `grace`. Both in nanoseconds.
    pub fn look(&mut self, open: &[Open], present: &Present, look: &impl Look, now: i64, grace: i64) -> Vec<EventId> {
        let mut before = std::mem::take(&mut self.watched);
        let mut expired = Vec::new();
        // Only what is on is remembered: the bound is that of the alerts.
        for alert in open {
            let before = before.remove(&alert.fingerprint);
            let known = present.alerts.get(&alert.fingerprint);
            let seen_in = known.cloned().or_else(|| before.as_ref().and_then(|watched| watched.seen_in.clone()));
            let is_known = known.is_some() || present.ids.contains(&alert.id);
            let since = if !is_known && is_absent(seen_in.as_deref(), alert.topic.as_deref(), look) {
                Some(before.and_then(|watched| watched.since).unwrap_or(now))
            } else {
                None
            };
            if since.is_some_and(|since| now.saturating_sub(since) >= grace) {
                expired.push(alert.fingerprint);
            }
            if seen_in.is_some() || since.is_some() {
                self.watched.insert(alert.fingerprint, Watched { seen_in, since });
            }
        }
        expired
    }

    /// How many alerts are absent now.
    #[must_use]
    pub fn absent(&self) -> usize {
        self.watched.values().filter(|watched| watched.since.is_some()).count()
    }
}

fn is_absent(seen_in: Option<&str>, named: Option<&str>, look: &impl Look) -> bool {
    let Some(topic) = seen_in else {
        return named.is_some_and(|topic| look.topic(topic) == Listing::Read);
    };
    match (look.topic(topic), anonymous_task(topic)) {
        (Listing::Read, _) | (Listing::Gone, None) => true,
        (Listing::NotRead, _) => false,
        (Listing::Gone, Some(task)) => matches!(look.task(task), Tasks::Executes | Tasks::Gone),
    }
}

#[cfg(test)]
#[path = "absent_tests.rs"]
mod tests;
