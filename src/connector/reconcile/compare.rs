//! Kapacitor's last state of each event of a topic, held against ours. Pure.
//!
//! | theirs and ours | so |
//! |---|---|
//! | the same event id was seen here, or the same time and level are known | equal: nothing |
//! | theirs is newer, or of the same time with another level | missing |
//! | we do not know the alert, theirs is not OK | missing |
//! | we do not know the alert, theirs is OK | missing if it came while we looked on; else nothing: it is over, and Kapacitor keeps such events for months. The same where we knew it, and forgot it as what is OK is forgotten |
//! | ours is newer | nothing: a POST overtook the look |
//! | theirs would be missing, but all handlers that post it to us have a `match` | `changed() == TRUE`: nothing, if the level is the one we know; any other: cannot tell, for it may have been left out on purpose |
//!
//! An event that was seen, by whatever lane and in whatever topic, is not recorded again. Beyond that a topic that is
//! *posted* to us (records that name it have arrived) is held against what was told of that topic, if anything was of the
//! alert: a missing event is one whose POST would have been the next record of the topic. Everything else is held against
//! the alerts, whatever topic they came by: an alert with handlers of its own on a topic stands in two of Kapacitor's
//! topics, and one record of it is enough. That is why posted topics are compared first, and anonymous ones last.
//!
//! Nothing is ever concluded from a level that Kapacitor gives for a topic, from `min-level` or from an order.

use super::handlers::LeftOut;
use super::identity::{Identity, Learned};
use crate::event::id::{self, EventId};
use crate::kapacitor::api::TopicEvent;
use crate::kapacitor::details;
use crate::words::Level;
use std::collections::HashSet;

/// How many events are compared while our side is held: posts wait for it meanwhile.
const AT_ONCE: usize = 64;

/// What we know of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Task, or empty.
    pub task: String,
    /// Last level.
    pub level: Level,
    /// Event time of the last event, nanoseconds since 1970.
    pub time: i64,
}

/// Our side: the state of the topics and of the alerts of one scope.
pub trait Ours {
    /// The scope.
    fn scope(&self) -> &str;
    /// Whether records that name this topic have arrived.
    fn is_posted(&self, topic: &str) -> bool;
    /// Last state of an alert id in a topic.
    fn of_topic(&self, topic: &str, id: &str) -> Option<Known>;
    /// Last level and event time of an alert.
    fn of_alert(&self, task: &str, id: &str) -> Option<(Level, i64)>;
    /// Whether an event with this id was seen.
    fn seen(&self, event: EventId) -> bool;
    /// Whether an alert with this id is known under any task (not under none).
    fn has_task(&self, id: &str) -> bool;
}

/// One topic as it was told.
#[derive(Debug, Clone, Copy)]
pub struct Theirs<'a> {
    /// Its id.
    pub topic: &'a str,
    /// The name under which its events arrive here: its id, or the task of an anonymous topic (`loss::arrives_as`).
    pub arrives_as: &'a str,
    /// Its events.
    pub events: &'a [TopicEvent],
    /// Task that its handlers to us put into their header.
    pub header: Option<&'a str>,
    /// Whether an earlier look saw this Kapacitor.
    pub looked_before: bool,
    /// What the handlers that post it to us leave out on purpose.
    pub left_out: LeftOut,
    /// An event that is OK and older than this is over, nanoseconds since 1970: we may have forgotten it.
    pub over_before: i64,
}

/// What is carried from one topic, and from one look, to the next.
#[derive(Debug)]
pub struct Carried<'a> {
    /// Under which task the topic's events are known.
    pub learned: &'a mut Learned,
    /// Events of the topic that are OK and were settled at the last look: over before the first, or known then.
    pub over: &'a mut HashSet<EventId>,
    /// Events found missing in topics before this one of the same look.
    pub found: &'a mut HashSet<EventId>,
}

/// What was found of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Nothing to do; the alert is there.
    Settled,
    /// We never had it.
    Missing {
        /// Id that its POST would have had.
        event: EventId,
        /// Task to be said with the record; `None` where the details say it.
        task: Option<String>,
    },
    /// Not like ours, but it cannot be told which alert it is, or when it was.
    CannotTell,
}

/// An event of a topic, found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// The event.
    pub event: &'a TopicEvent,
    /// Identity of its alert, where it can be told.
    pub fingerprint: Option<EventId>,
    /// What was found.
    pub finding: Finding,
}

/// Lends our side to whoever asks, and has it back when they are done.
pub trait Lend {
    /// Runs `look` on our side.
    fn lend<T>(&self, look: impl FnOnce(&dyn Ours) -> T) -> T;
}

/// Compares the events of one topic. Our side is asked for a few events at a time, and nothing is parsed meanwhile.
pub fn compare<'a>(theirs: Theirs<'a>, ours: &impl Lend, carried: Carried<'_>) -> Vec<Found<'a>> {
    let Carried { learned, over, found } = carried;
    let events: Vec<_> = theirs.events.iter().map(|event| (event, task_of(event))).collect();
    for events in events.chunks(AT_ONCE) {
        ours.lend(|ours| {
            for (event, task) in events {
                if let Some(known) = ours.of_topic(theirs.arrives_as, &event.id)
                    && (known.time, known.level) == (event.state.time, event.state.level)
                {
                    learned.note(theirs.topic, task.as_deref(), &known.task);
                }
            }
        });
    }
    let mut look = Looking { theirs, learned, over_before: std::mem::take(over), over, found };
    let mut all = Vec::with_capacity(events.len());
    for events in events.chunks(AT_ONCE) {
        ours.lend(|ours| all.extend(events.iter().map(|(event, task)| look.judge(event, task.as_deref(), ours))));
    }
    all
}

/// One topic that is being compared.
struct Looking<'a, 'c> {
    theirs: Theirs<'a>,
    learned: &'c Learned,
    /// What was over at the last look.
    over_before: HashSet<EventId>,
    over: &'c mut HashSet<EventId>,
    found: &'c mut HashSet<EventId>,
}

impl<'a> Looking<'a, '_> {
    /// Judges an event whose details name this task.
    fn judge(&mut self, event: &'a TopicEvent, details: Option<&str>, ours: &dyn Ours) -> Found<'a> {
        let theirs = self.theirs;
        let identity = self.learned.task(theirs.topic, &event.id, theirs.header, details, ours);
        let task = match &identity {
            Identity::Details => details.unwrap_or_default(),
            Identity::Task(task) => task,
            Identity::CannotTell => return Found { event, fingerprint: None, finding: Finding::CannotTell },
        };
        let fingerprint = Some(id::fingerprint(ours.scope(), task, &event.id));
        let event_id = id::alert(ours.scope(), task, &event.id, event.state.time, event.state.level);
        let held = self.held(event, task, event_id, ours);
        let is_over = held == Held::Nothing
            && event.state.level == Level::Ok
            && (!theirs.looked_before || event.state.time < theirs.over_before || self.over_before.contains(&event_id));
        let finding = match (held, theirs.left_out) {
            _ if held == Held::Same || is_over => {
                if event.state.level == Level::Ok {
                    self.over.insert(event_id);
                }
                Finding::Settled
            }
            // Without a time there is no telling which of two events is the newer.
            _ if event.state.time == 0 => Finding::CannotTell,
            (Held::Older(level), LeftOut::Repeats) if level == event.state.level => Finding::Settled,
            (_, LeftOut::Unknown) => Finding::CannotTell,
            _ => {
                self.found.insert(event_id);
                let said = identity != Identity::Details && !task.is_empty();
                Finding::Missing { event: event_id, task: said.then(|| task.to_owned()) }
            }
        };
        Found { event, fingerprint, finding }
    }

    /// What we hold of an event.
    fn held(&self, event: &TopicEvent, task: &str, event_id: EventId, ours: &dyn Ours) -> Held {
        if ours.seen(event_id) || self.found.contains(&event_id) {
            return Held::Same;
        }
        let topic = self.theirs.arrives_as;
        let of_topic = ours.of_topic(topic, &event.id).map(|known| (known.level, known.time));
        let last = if of_topic.is_some() && ours.is_posted(topic) {
            // What came of this alert in another topic must not hide what was lost in this one.
            of_topic
        } else {
            // Of the two the newer: an alert may be forgotten where there are many.
            ours.of_alert(task, &event.id).into_iter().chain(of_topic).max_by_key(|(_, time)| *time)
        };
        let (level, time) = (event.state.level, event.state.time);
        match last {
            Some((known, at)) if time > at || time == at && level != known => Held::Older(known),
            Some(_) => Held::Same,
            None => Held::Nothing,
        }
    }
}

/// What we hold of an event of theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It, or a newer one.
    Same,
    /// An older one, of this level.
    Older(Level),
    /// Nothing.
    Nothing,
}

/// The task that an event's details name, if they are Kapacitor's default ones.
fn task_of(event: &TopicEvent) -> Option<String> {
    details::parse(&event.state.details)?.task.map(std::borrow::Cow::into_owned)
}

/// The order in which topics are compared: posted ones, other named ones, anonymous ones.
#[must_use]
pub fn order(topic: &str, is_posted: bool) -> u8 {
    match (is_posted, topic.starts_with("main:")) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "testing.rs"]
pub(crate) mod testing;
