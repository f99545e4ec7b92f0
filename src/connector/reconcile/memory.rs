//! What the reconciler remembers from look to look, and what of it over a restart of kaptap.

use super::super::Snapshot;
use super::super::changes::run_marks;
use super::super::whole::write_whole;
use super::compare::{Finding, Found};
use super::identity::Learned;
use super::loss::{Count, Told};
use super::{HELD, HELD_BYTES};
use crate::event::id::EventId;
use crate::kapacitor::api::TopicEvent;
use crate::sorted;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

/// How many topics are counted; beyond it those that Kapacitor does not list any more are forgotten.
const COUNTED: usize = 10_000;

/// One topic, as it was compared last.
#[derive(Debug, Default)]
pub(super) struct Topic {
    pub(super) learned: Learned,
    /// Events that are OK and were settled at the last look.
    pub(super) over: HashSet<EventId>,
    /// Alerts in it.
    pub(super) alerts: Vec<EventId>,
    /// Ids of events of which it cannot be told which alert they are.
    pub(super) untold: Vec<String>,
    /// What was compared; it may be gone by now.
    events: Weak<Vec<TopicEvent>>,
    settled: bool,
}

impl Topic {
    /// Whether these very events were compared, and nothing was missing.
    pub(super) fn is_settled(&self, events: &Arc<Vec<TopicEvent>>) -> bool {
        self.settled && std::ptr::eq(self.events.as_ptr(), Arc::as_ptr(events))
    }

    /// Takes in what was found.
    pub(super) fn take(&mut self, events: &Arc<Vec<TopicEvent>>, found: &[Found<'_>]) {
        self.alerts = found.iter().filter_map(|found| found.fingerprint).collect();
        let untold = found.iter().filter(|found| found.finding == Finding::CannotTell);
        self.untold = untold.map(|found| found.event.id.clone()).collect();
        self.settled = !found.iter().any(|found| matches!(found.finding, Finding::Missing { .. }));
        self.events = Arc::downgrade(events);
    }
}

/// A finding that waits for the next look.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Topic to be said with the record; `None` where its POSTs name none.
    pub(super) said: Option<String>,
    /// Task to be said with the record.
    pub(super) task: Option<String>,
    /// Event time.
    pub(super) time: i64,
    /// The event's JSON, as Kapacitor wrote it.
    pub(super) raw: String,
    /// Look at which it was last found missing; [`Memory::hold`] fills it in.
    pub(super) seen: u64,
}

/// A finding's place: its topic and its event id.
type Place = (String, EventId);

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Looks so far, this one included.
    pub(super) looks: u64,
    pub(super) topics: HashMap<String, Topic>,
    held: BTreeMap<Place, (u64, Held)>,
    held_bytes: usize,
    counts: BTreeMap<String, Count>,
    /// What had arrived under each name at the last look.
    pub(super) told: HashMap<String, Told>,
    /// Counts of an earlier run go on.
    is_restored: bool,
    restarted: Option<i64>,
    /// What tells the run of Kapacitor that was counted from others; empty where that is not known.
    run: BTreeSet<String>,
    /// When Kapacitor's counters had been read at the last look.
    vars_read: Option<i64>,
    pub(super) recovered: u64,
    pub(super) expired: u64,
    file: Option<PathBuf>,
    /// What the file says.
    saved: Option<u64>,
    /// It could not be written the last time.
    unwritten: bool,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    restarted: Option<i64>,
    run: BTreeSet<String>,
    recovered: u64,
    expired: u64,
    topics: BTreeMap<String, Count>,
}

impl Memory {
    /// Reads what was kept of this Kapacitor. A file that cannot be read means that counting begins anew.
    pub(super) fn open(name: &str, state: Option<&Path>) -> Self {
        let file = state.map(|state| state.join(format!("kapacitor-{}.json", super::super::escaped(name))));
        let kept = file.as_deref().and_then(|file| match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .inspect_err(|error| {
                    tracing::warn!(file = %file.display(), %error, "Losses are counted anew");
                })
                .ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "Losses are counted anew");
                None
            }
        });
        let is_restored = kept.is_some();
        let Kept { restarted, run, recovered, expired, topics } = kept.unwrap_or_default();
        Self { counts: topics, is_restored, restarted, run, recovered, expired, file, ..Self::default() }
    }

    /// Writes what is kept, if it has changed. Without it the next start counts on from what was written last: said once.
    pub(super) async fn save(&mut self) {
        let Some(file) = self.file.clone() else { return };
        let kept = Kept {
            restarted: self.restarted,
            run: self.run.clone(),
            recovered: self.recovered,
            expired: self.expired,
            topics: self.counts.clone(),
        };
        let result = match serde_json::to_vec(&kept) {
            Ok(bytes) => {
                let hash = Some(xxhash_rust::xxh3::xxh3_64(&bytes));
                if hash == self.saved {
                    return;
                }
                let written = tokio::task::spawn_blocking(move || write_whole(&file, &bytes));
                written.await.map_err(io::Error::other).flatten().map(|()| self.saved = hash)
            }
            Err(error) => Err(error.into()),
        };
        let failed = result.is_err();
        if let Err(error) = result
            && !self.unwritten
        {
            tracing::warn!(%error, "Cannot keep the counts of what was lost; a restart counts on from older ones");
        }
        self.unwritten = failed;
    }

    /// How many findings are held.
    pub(super) fn waiting(&self) -> usize {
        self.held.len()
    }

    /// Whether no more can be held.
    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= HELD || self.held_bytes >= HELD_BYTES
    }

    /// Says that a finding was found again; `false` if it is not held.
    pub(super) fn see_again(&mut self, topic: &str, event: EventId) -> bool {
        let held = self.held.get_mut(&(topic.to_owned(), event));
        held.map(|(_, held)| held.seen = self.looks).is_some()
    }

    /// Holds a finding, if there is room.
    pub(super) fn hold(&mut self, topic: &str, event: EventId, held: Held) {
        if !self.is_full() {
            self.held_bytes += held.raw.len();
            self.held.insert((topic.to_owned(), event), (self.looks, Held { seen: self.looks, ..held }));
        }
    }

    /// What was held before this look and has not come since, by event time. What has come by now, by `has_come`, is let
    /// go, also when this look still found it missing.
    pub(super) fn due(&mut self, has_come: impl Fn(EventId) -> bool) -> Vec<Place> {
        let old = self.held.iter().filter(|(_, (since, _))| *since < self.looks);
        let mut due: Vec<(i64, Place)> = Vec::new();
        let mut come: Vec<Place> = Vec::new();
        for (place, (_, held)) in old {
            if has_come(place.1) {
                come.push(place.clone());
            } else {
                due.push((held.time, place.clone()));
            }
        }
        for (topic, event) in come {
            self.release(&topic, event);
        }
        sorted::sort_by(&mut due, Ord::cmp);
        due.into_iter().map(|(_, place)| place).collect()
    }

    /// A finding that is held.
    pub(super) fn held(&self, topic: &str, event: EventId) -> Option<&Held> {
        self.held.get(&(topic.to_owned(), event)).map(|(_, held)| held)
    }

    /// Lets a finding go.
    pub(super) fn release(&mut self, topic: &str, event: EventId) {
        if let Some((_, held)) = self.held.remove(&(topic.to_owned(), event)) {
            self.held_bytes = self.held_bytes.saturating_sub(held.raw.len());
        }
    }

    /// Takes in when Kapacitor was last started anew, and which run of it this is; whether it was started anew since the
    /// last look, be it that of an earlier run of kaptap.
    pub(super) fn note_restart(&mut self, snapshot: &Snapshot) -> bool {
        let vars_read = snapshot.polls.vars.last_success;
        let mut anew = snapshot.restarted.is_some_and(|at| self.restarted.is_none_or(|before| at > before));
        self.restarted = self.restarted.max(snapshot.restarted);
        match &snapshot.vars {
            Some(vars) => {
                let run = run_marks(&vars.statistics);
                anew |= !self.run.is_empty() && !run.is_empty() && self.run.is_disjoint(&run);
                self.run = run;
            }
            // What is counted now may be of another run: what was known says nothing about the next look.
            None => self.run.clear(),
        }
        if !anew && vars_read > self.vars_read {
            self.counts.values_mut().for_each(Count::was_no_restart);
        }
        self.vars_read = vars_read;
        anew
    }

    /// Counts a topic on.
    pub(super) fn count(&mut self, topic: &str, collected: u64, ours: Told, anew: bool, now: i64) -> Count {
        if let Some(count) = self.counts.get_mut(topic) {
            count.step(collected, ours, anew);
            return *count;
        }
        let mut count = if self.looks > 1 || self.is_restored {
            // It came up since an earlier look, so that it began at 0; and we had of its name what we had then.
            Count::begin(0, self.told.get(topic).copied().unwrap_or_default(), now)
        } else {
            Count::begin(collected, ours, now)
        };
        count.step(collected, ours, false);
        self.counts.insert(topic.to_owned(), count);
        count
    }

    /// Forgets the counts of topics that are not listed, if there are too many.
    pub(super) fn forget(&mut self, is_listed: impl Fn(&str) -> bool) {
        if self.counts.len() > COUNTED {
            self.counts.retain(|topic, _| is_listed(topic));
        }
    }
}
