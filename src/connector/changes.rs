//! What changed between two polls. Pure.

use crate::intake::kapacitor_change::{ChangeKind, KapacitorChange};
use crate::kapacitor::api::{Handler, Statistic, Task, Topic};
use crate::sorted;
use std::collections::{BTreeMap, BTreeSet};

/// What changed about tasks. Without a `before` only those that are dead are told: nothing else is news.
pub(super) fn of_tasks(before: Option<&BTreeMap<String, Task>>, now: &BTreeMap<String, Task>) -> Vec<KapacitorChange> {
    let mut changes = Vec::new();
    for task in now.values() {
        let mut tell = |kind, detail| changes.push(KapacitorChange::of_task(kind, &task.id, detail));
        let died = task.is_dead().then(|| task.error.clone());
        let known = before.and_then(|before| before.get(&task.id));
        match (before, known) {
            (Some(_), None) => tell(ChangeKind::TaskAppeared, None),
            (_, Some(known)) if known.status != task.status && task.status == "enabled" => {
                tell(ChangeKind::TaskEnabled, None);
            }
            (_, Some(known)) if known.status != task.status && task.status == "disabled" => {
                tell(ChangeKind::TaskDisabled, None);
            }
            // Requests alone change the time; one that was enabled anew may be the same, however.
            (_, Some(known)) if known.modified != task.modified && known.last_enabled == task.last_enabled => {
                tell(ChangeKind::TaskChanged, None);
            }
            _ => {}
        }
        if known.is_some_and(Task::is_dead) && task.executing {
            tell(ChangeKind::TaskRevived, None);
        }
        // Dead of something else is another death.
        if let Some(error) = died.filter(|error| !known.is_some_and(|known| known.is_dead() && known.error == *error)) {
            tell(ChangeKind::TaskDied, Some(error));
        }
    }
    let gone = before.into_iter().flat_map(BTreeMap::keys).filter(|id| !now.contains_key(*id));
    changes.extend(gone.map(|id| KapacitorChange::of_task(ChangeKind::TaskVanished, id, None)));
    changes
}

/// Which topics came and went.
pub(super) fn of_topics(before: &BTreeMap<String, Topic>, now: &BTreeMap<String, Topic>) -> Vec<KapacitorChange> {
    let new = now.keys().filter(|id| !before.contains_key(*id));
    let gone = before.keys().filter(|id| !now.contains_key(*id));
    let appeared = new.map(|id| KapacitorChange::of_topic(ChangeKind::TopicAppeared, id));
    appeared.chain(gone.map(|id| KapacitorChange::of_topic(ChangeKind::TopicVanished, id))).collect()
}

/// Handlers by topic.
type Handlers = BTreeMap<String, Vec<Handler>>;

/// What changed about handlers of topics that were there before and are there now.
pub(super) fn of_handlers(before: &Handlers, now: &Handlers) -> Vec<KapacitorChange> {
    let mut changes = Vec::new();
    for (topic, handlers) in now {
        let Some(known) = before.get(topic) else { continue };
        let find = |all: &[Handler], id: &str| all.iter().find(|handler| handler.id == id).cloned();
        let mut tell = |kind, handler: &Handler| {
            changes.push(KapacitorChange::of_handler(kind, topic, &handler.id, Some(handler.kind.clone())));
        };
        for handler in handlers {
            match find(known, &handler.id) {
                None => tell(ChangeKind::HandlerAdded, handler),
                Some(known) if known != *handler => tell(ChangeKind::HandlerChanged, handler),
                Some(_) => {}
            }
        }
        for handler in known.iter().filter(|handler| find(handlers, &handler.id).is_none()) {
            tell(ChangeKind::HandlerRemoved, handler);
        }
    }
    changes
}

/// Whether the statistics are of another run of Kapacitor: each has a UUID of its own run, and some (of the task master,
/// of loading) live as long as the process, so within one run they always share some.
pub(super) fn is_other_run(before: &[Statistic], now: &[Statistic]) -> bool {
    let known: BTreeSet<&str> = before.iter().map(|statistic| statistic.key.as_str()).collect();
    !before.is_empty() && !now.is_empty() && !now.iter().any(|statistic| known.contains(statistic.key.as_str()))
}

/// Most marks of a run.
const MARKS: usize = 64;

/// What tells this run of Kapacitor from others, to be kept: keys of statistics, those first that live longest.
pub(super) fn run_marks(statistics: &[Statistic]) -> BTreeSet<String> {
    let age = |statistic: &Statistic| match statistic.name.as_str() {
        "load" => 0,
        "ingress" => 1,
        "topics" => 2,
        _ => 3,
    };
    let mut marks: Vec<_> = statistics.iter().map(|statistic| (age(statistic), &statistic.key)).collect();
    sorted::sort_by(&mut marks, Ord::cmp);
    marks.into_iter().take(MARKS).map(|(_, key)| key.clone()).collect()
}

/// Whether every count of events has begun again: what a restart looks like to whoever may not read the statistics.
pub(super) fn all_began_again(before: &BTreeMap<String, Topic>, now: &BTreeMap<String, Topic>) -> bool {
    let mut counted = before.values().filter(|topic| topic.collected > 0).peekable();
    let begun = |topic: &Topic| now.get(&topic.id).is_none_or(|now| now.collected < topic.collected);
    counted.peek().is_some() && counted.all(begun)
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
