//! Under which task a topic's event would have been posted. Pure.
//!
//! An alert's identity is (scope, task, alert id), and a topic's event names no task. A POST has it from a header, else
//! from Kapacitor's default details. The poll has to come to the same answer, or it would make a second alert of one that
//! is known. In this order:
//!
//! 1. the task that a handler of the topic puts into its header, if it points at us;
//! 2. the task under which events of this topic with such details are known to have been posted, if it is always the
//!    same: learned from every event that both sides have alike;
//! 3. the task that the default details name;
//! 4. for details of the author's own: the task that this alert of this topic was last known under;
//! 5. the task in the name of an anonymous topic (`main:TASK:alertN`), but only if that alert, or another of the topic,
//!    is known under it;
//! 6. none, which is what a POST without header and details gives; but if the alert's id is known under some task, it
//!    cannot be told which one is meant, and then nothing is recorded ([`Identity::CannotTell`]).

use super::compare::Ours;
use std::collections::BTreeMap;

/// How many pairs are learned of one topic; more than a few would be strange.
const LEARNED: usize = 64;

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The task that the details name: nothing else needs to be said.
    Details,
    /// The task, or empty for none.
    Task(String),
    /// More than one is possible.
    CannotTell,
}

/// What was learned of one topic: which task the details name, and under which the event was known. `None` where it was
/// not always the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Learned {
    pairs: BTreeMap<Option<String>, Option<String>>,
    /// Something of the topic is known under the task in its name.
    by_name: bool,
}

impl Learned {
    /// Takes in that an event whose details name `details` is known under `task`.
    pub fn note(&mut self, topic: &str, details: Option<&str>, task: &str) {
        self.by_name |= anonymous_task(topic).is_some_and(|named| named == task);
        let key = details.map(str::to_owned);
        if let Some(known) = self.pairs.get_mut(&key) {
            if known.as_deref().is_some_and(|known| known != task) {
                *known = None;
            }
        } else if self.pairs.len() < LEARNED {
            self.pairs.insert(key, Some(task.to_owned()));
        }
    }

    /// The task of an event. `header` is what the topic's handlers say, `details` what its details name.
    pub fn task(
        &self,
        topic: &str,
        id: &str,
        header: Option<&str>,
        details: Option<&str>,
        ours: &dyn Ours,
    ) -> Identity {
        if let Some(task) = header {
            return Identity::Task(task.to_owned());
        }
        if let Some(Some(task)) = self.pairs.get(&details.map(str::to_owned)) {
            return if details == Some(task) { Identity::Details } else { Identity::Task(task.clone()) };
        }
        let known = ours.of_topic(topic, id).map(|known| known.task);
        if let Some(named) = details {
            // Known here under another task, and not at all under this one: headers said otherwise.
            return match known {
                Some(task) if task != named && ours.of_alert(named, id).is_none() => Identity::Task(task),
                _ => Identity::Details,
            };
        }
        if let Some(task) = known {
            return Identity::Task(task);
        }
        if let Some(task) = anonymous_task(topic)
            && (self.by_name || ours.of_alert(task, id).is_some())
        {
            return Identity::Task(task.to_owned());
        }
        if ours.of_alert("", id).is_none() && ours.has_task(id) {
            return Identity::CannotTell;
        }
        Identity::Task(String::new())
    }
}

/// The task of an anonymous topic: `main:TASK:alertN` (`alert.go`; a task's id has no colon).
#[must_use]
pub fn anonymous_task(topic: &str) -> Option<&str> {
    let (task, node) = topic.strip_prefix("main:")?.rsplit_once(':')?;
    let digits = node.strip_prefix("alert")?;
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    (is_number && !task.is_empty() && !task.contains(':')).then_some(task)
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
