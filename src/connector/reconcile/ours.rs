//! Our side of a comparison: the fold of the alerts and the topics, as they are while both are held.

use super::compare::{Known, Lend, Ours};
use crate::event::id::{self, EventId};
use crate::intake::Intake;
use crate::interpret::fold::Fold;
use crate::interpret::topics::Topics;
use crate::words::Level;
use std::collections::HashSet;
use std::sync::OnceLock;
use xxhash_rust::xxh3::xxh3_64;

/// Hashes of the ids of all alerts that are known under a task; made when first asked for, once a look.
pub(super) type Tasked = OnceLock<HashSet<u64>>;

/// Both, of one scope, where they can be had.
pub(super) struct Kept<'a> {
    pub(super) scope: &'a str,
    pub(super) intake: &'a Intake,
    pub(super) tasked: &'a Tasked,
}

impl Lend for Kept<'_> {
    fn lend<T>(&self, look: impl FnOnce(&dyn Ours) -> T) -> T {
        self.intake
            .alerts(|fold| look(&Held { scope: self.scope, fold, topics: &self.intake.topics(), tasked: self.tasked }))
    }
}

/// Both, while they are held.
struct Held<'a> {
    scope: &'a str,
    fold: &'a Fold,
    topics: &'a Topics,
    tasked: &'a Tasked,
}

impl Ours for Held<'_> {
    fn scope(&self) -> &str {
        self.scope
    }

    fn is_posted(&self, topic: &str) -> bool {
        self.topics.topic(self.scope, topic).is_some_and(|state| state.posted > 0)
    }

    fn of_topic(&self, topic: &str, id: &str) -> Option<Known> {
        let state = self.topics.event(self.scope, topic, id)?;
        Some(Known { task: state.task.clone(), level: state.level, time: state.time })
    }

    fn of_alert(&self, task: &str, id: &str) -> Option<(Level, i64)> {
        let state = self.fold.alert(id::fingerprint(self.scope, task, id))?;
        Some((state.level, state.time))
    }

    fn seen(&self, event: EventId) -> bool {
        self.fold.seen(event).is_some()
    }

    fn has_task(&self, id: &str) -> bool {
        let hashes = self.tasked.get_or_init(|| {
            let tasked = self.fold.known().filter(|state| state.scope == self.scope && !state.task.is_empty());
            tasked.map(|state| xxh3_64(state.id.as_bytes())).collect()
        });
        hashes.contains(&xxh3_64(id.as_bytes()))
    }
}
