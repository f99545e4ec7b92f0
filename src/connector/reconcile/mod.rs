//! What Kapacitor lost on the way to us is found in its topics, and recorded.
//!
//! After every look at topics and events the [`Reconciler`] compares each topic with ours ([`compare`]), says of what is
//! gone that it has expired ([`absent`]) and counts what did not arrive ([`loss`]). The rules are pure and say their
//! reasons; here they are given what they need, and their findings are recorded.
//!
//! *At the second look.* Kapacitor shows an event before its POST has left its queue. So what is missing is held, with the
//! JSON that Kapacitor's API gave of it, until the next look: if it has come by then, the better for it; if not, it is
//! recorded, even if the alert has moved on meanwhile. A POST later than that is a duplicate of what was recorded, by its
//! id.
//!
//! *Nothing twice.* A record is judged like any other alert, so that the next look finds both sides equal. Should the
//! power go before it was written, the next look finds it missing again.
//!
//! Bounds: [`HELD`] findings and [`HELD_BYTES`] are held; what is beyond waits for a later look.

pub mod absent;
pub mod compare;
pub mod identity;
pub mod loss;
mod memory;
mod ours;
mod report;

pub use report::{Report, TopicLoss};

use self::absent::{Absent, Listing, Look, Open, Present, Tasks};
use self::compare::{Carried, Finding, Theirs};
use self::identity::anonymous_task;
use self::memory::{Held, Memory};
use super::repair::Seat;
use super::{Client, Options, Snapshot};
use crate::event::id::EventId;
use crate::intake::{Arrival, Intake, Refused, clock};
use crate::kapacitor::api::{TopicEvent, duration};
use crate::record::{Content, Note};
use crate::telemetry::ReconciledLabels;
use crate::words::{How, Lane, Level};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How many findings are held until the next look.
pub const HELD: usize = 10_000;
/// How many bytes of them.
pub const HELD_BYTES: usize = 32 << 20;

/// Compares one Kapacitor with what was received, and records what is missing.
#[derive(Debug)]
pub struct Reconciler {
    name: String,
    scope: String,
    enabled: bool,
    /// Nanoseconds.
    grace: i64,
    seat: Seat,
    memory: Memory,
    absent: Absent,
    report: Arc<Mutex<Report>>,
}

impl Reconciler {
    /// A reconciler of one Kapacitor. Counts go on where they were, if there is a directory in which they were kept.
    #[must_use]
    pub fn new(options: &Options, seat: Seat, state: Option<&Path>) -> Self {
        let memory = Memory::open(&options.name, state);
        let grace = i64::try_from(options.expire.as_nanos()).unwrap_or(i64::MAX);
        Self {
            name: options.name.clone(),
            scope: options.scope.clone(),
            enabled: options.reconcile,
            grace,
            seat,
            report: Arc::new(Mutex::new(Report::new(&options.name))),
            memory,
            absent: Absent::default(),
        }
    }

    /// What was found, as it is after the last look.
    #[must_use]
    pub fn report(&self) -> Arc<Mutex<Report>> {
        Arc::clone(&self.report)
    }

    /// Looks, after topics and their events were polled.
    pub async fn after_events(&mut self, client: &Client, snapshot: &Snapshot, intake: &Intake) {
        let now = clock::now();
        self.memory.looks += 1;
        if self.enabled {
            let present = self.compare(client, snapshot, intake).await;
            self.record(intake).await;
            self.expire(&present, snapshot, intake, now).await;
        }
        self.count(snapshot, intake, now);
        self.memory.save().await;
    }

    fn labels(&self) -> ReconciledLabels {
        ReconciledLabels { kapacitor: self.name.clone() }
    }

    /// Compares every topic; holds what is missing. Gives what stands in the topics.
    async fn compare(&mut self, client: &Client, snapshot: &Snapshot, intake: &Intake) -> Present {
        let names = self.names(snapshot, intake);
        let (mut present, mut found_before) = (Present::default(), HashSet::new());
        let tasked = ours::Tasked::new();
        // What is OK is forgotten here after this time; Kapacitor keeps it for longer.
        let over_before = clock::now().saturating_sub(crate::interpret::topics::Bounds::default().resolved);
        self.memory.topics.retain(|topic, _| snapshot.topics.contains_key(topic));
        for (topic, arrives_as) in names {
            let Some(events) = snapshot.events.get(&topic) else { continue };
            let name: Arc<str> = topic.as_str().into();
            let mut known = self.memory.topics.remove(&topic).unwrap_or_default();
            if !known.is_settled(events) {
                let header = snapshot.handlers.get(&topic).and_then(|handlers| loss::task_of_handlers(handlers));
                let theirs = Theirs {
                    topic: &topic,
                    arrives_as: &arrives_as,
                    events,
                    header,
                    looked_before: self.memory.looks > 1,
                    over_before,
                };
                let found = intake.alerts(|fold| {
                    let topics = intake.topics();
                    let ours = ours::Held { scope: &self.scope, fold, topics: &topics, tasked: &tasked };
                    let carried =
                        Carried { learned: &mut known.learned, over: &mut known.over, found: &mut found_before };
                    compare::compare(theirs, &ours, carried)
                });
                known.take(events, &found);
                let missing = found.iter().filter_map(|found| match &found.finding {
                    Finding::Missing { event, task } => Some((found.event, *event, task.clone())),
                    Finding::Settled | Finding::CannotTell => None,
                });
                let missing: Vec<_> = missing.collect();
                self.hold(client, &topic, (topic == arrives_as).then_some(&*name), missing).await;
            }
            present.ids.extend(known.untold.iter().cloned());
            present.alerts.extend(known.alerts.iter().map(|alert| (*alert, Arc::clone(&name))));
            self.memory.topics.insert(topic, known);
        }
        present
    }

    /// The topics in the order in which they are compared, each with the name under which its events arrive.
    fn names(&self, snapshot: &Snapshot, intake: &Intake) -> Vec<(String, String)> {
        let anonymous = anonymous(snapshot);
        intake.alerts(|fold| {
            let topics = intake.topics();
            let ours = ours::Held { scope: &self.scope, fold, topics: &topics, tasked: &ours::Tasked::new() };
            let mut names: Vec<_> = snapshot
                .events
                .keys()
                .map(|topic| {
                    let posted = |name: &str| compare::Ours::is_posted(&ours, name);
                    let arrives_as = loss::arrives_as(topic, &anonymous, posted).unwrap_or(topic);
                    (compare::order(topic, arrives_as, &ours), topic.clone(), arrives_as.to_owned())
                })
                .collect();
            names.sort();
            names.into_iter().map(|(_, topic, arrives_as)| (topic, arrives_as)).collect()
        })
    }

    /// Holds what is missing until the next look, with its JSON. What is held already is seen again.
    async fn hold(
        &mut self,
        client: &Client,
        topic: &str,
        said: Option<&str>,
        missing: Vec<(&TopicEvent, EventId, Option<String>)>,
    ) {
        let fresh: Vec<_> = missing.into_iter().filter(|(_, event, _)| !self.memory.see_again(topic, *event)).collect();
        if fresh.is_empty() || self.memory.is_full() {
            return;
        }
        let texts = match client.event_texts(topic).await {
            Ok(texts) => texts,
            Err(error) => {
                tracing::debug!(topic, %error, "Cannot read again what is missing; the next look will");
                return;
            }
        };
        let mut texts: BTreeMap<String, (TopicEvent, String)> =
            texts.into_iter().map(|(event, text)| (event.id.clone(), (event, text))).collect();
        for (event, id, task) in fresh {
            // An event that moved on between the two readings is left to the next look.
            if let Some((again, raw)) = texts.remove(&event.id)
                && (again.state.time, again.state.level) == (event.state.time, event.state.level)
            {
                self.memory.hold(
                    topic,
                    id,
                    Held { said: said.map(str::to_owned), task, time: event.state.time, raw, seen: 0 },
                );
            }
        }
    }

    /// Records what was held since an earlier look and has not come since.
    async fn record(&mut self, intake: &Intake) {
        let due = self.memory.due(|event| intake.alerts(|fold| fold.seen(event).is_some()));
        for (topic, event) in due {
            let Some(held) = self.memory.held(&topic, event) else { continue };
            let note = Note {
                task: held.task.clone().map(|task| (task, How::Known)),
                topic: held.said.clone().map(|topic| (topic, How::Api)),
                media: Some("application/json".to_owned()),
                ..Note::default()
            };
            let raw = held.raw.clone().into_bytes();
            if !self.keep(intake, Lane::Poll, note, &raw).await {
                return;
            }
            self.memory.release(&topic, event);
            self.memory.recovered += 1;
            intake.metrics().recovered.get_or_create(&self.labels()).inc();
        }
    }

    /// Says of what Kapacitor does not know any more that it has expired.
    async fn expire(&mut self, present: &Present, snapshot: &Snapshot, intake: &Intake, now: i64) {
        // Another Kapacitor of the same scope may know what this one forgot.
        if !self.seat.is_alone() {
            return;
        }
        let open: Vec<Open> = intake.alerts(|fold| {
            let ours = fold.open().filter(|alert| alert.scope == self.scope);
            let open = |alert: &crate::interpret::fold::AlertState| Open {
                fingerprint: alert.fingerprint,
                id: alert.id.clone(),
                topic: alert.topic.clone(),
            };
            ours.map(open).collect()
        });
        for alert in self.absent.look(&open, present, &Seen(snapshot), now, self.grace) {
            let Some(records) = intake.alerts(|fold| expiries(fold, intake, &self.scope, alert)) else { continue };
            for (note, raw) in records {
                if !self.keep(intake, Lane::Own, note, &raw).await {
                    return;
                }
            }
            self.memory.expired += 1;
            intake.metrics().expired.get_or_create(&self.labels()).inc();
        }
    }

    /// Keeps a record; whether it is done with.
    async fn keep(&self, intake: &Intake, lane: Lane, note: Note, raw: &[u8]) -> bool {
        let arrival = Arrival { lane, source: &self.name, content: Content::Alert, note, raw };
        match intake.keep_learned(&self.scope, arrival).await {
            // What is too large would not be taken another time either.
            Ok(_) | Err(Refused::TooLarge) => true,
            Err(Refused::Blocked | Refused::Stopping) => false,
        }
    }

    /// Counts what was collected and what arrived.
    fn count(&mut self, snapshot: &Snapshot, intake: &Intake, now: i64) {
        let anonymous = anonymous(snapshot);
        let topics = intake.topics();
        let told = |name: &str| topics.topic(&self.scope, name);
        let anew = self.memory.note_restart(snapshot.restarted, snapshot.polls.vars.last_success);
        let handlers_read = snapshot.polls.handlers.last_success.is_some();
        let mut losses = Vec::with_capacity(snapshot.topics.len());
        for (topic, theirs) in snapshot.topics.iter() {
            let has_arrived = |name: &str| told(name).is_some_and(|state| state.posted > 0);
            let arrives_as = loss::arrives_as(topic, &anonymous, has_arrived);
            let ours = told(arrives_as.unwrap_or(topic))
                .map_or_else(loss::Told::default, |state| loss::Told { posted: state.posted, polled: state.polled });
            let collected = u64::try_from(theirs.collected).unwrap_or(0);
            let count = self.memory.count(topic, collected, ours, anew, now);
            let handlers = snapshot.handlers.get(topic).map(Vec::as_slice);
            let handlers = handlers.or_else(|| handlers_read.then_some(&[]));
            let verdict = loss::Verdict::of(topic, handlers, arrives_as.is_some());
            losses.push(TopicLoss { topic: topic.clone(), verdict, count });
        }
        let ours = topics.topics().filter(|topic| *topic.scope == *self.scope && topic.posted + topic.polled > 0);
        self.memory.told = ours
            .map(|topic| (topic.topic.to_string(), loss::Told { posted: topic.posted, polled: topic.polled }))
            .collect();
        drop(topics);
        self.memory.forget(|topic| snapshot.topics.contains_key(topic));
        let missing = losses.iter().filter(|loss| loss.verdict == loss::Verdict::Told);
        let missing: u64 = missing.map(|loss| loss.count.missing()).sum();
        intake.metrics().missing.get_or_create(&self.labels()).set(i64::try_from(missing).unwrap_or(i64::MAX));
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        report.looked = Some(now);
        report.recovered = self.memory.recovered;
        report.expired = self.memory.expired;
        report.waiting = self.memory.waiting();
        report.untold = self.memory.topics.values().map(|topic| topic.untold.len()).sum();
        report.absent = self.absent.absent();
        report.topics = losses;
    }
}

/// The records that say that an alert has expired: one for each topic in which it is on, one at least.
fn expiries(
    fold: &crate::interpret::fold::Fold,
    intake: &Intake,
    scope: &str,
    alert: EventId,
) -> Option<Vec<(Note, Vec<u8>)>> {
    let state = fold.alert(alert)?;
    // The text of a very long id is cut: it is not this alert's any more.
    if crate::event::id::fingerprint(scope, &state.task, &state.id) != alert {
        return None;
    }
    let topics = intake.topics();
    let is_on = |topic: &str| {
        let event = topics.event(scope, topic, &state.id);
        event.is_some_and(|event| event.level != Level::Ok && event.task == state.task && event.time <= state.time)
    };
    let mut names: Vec<Option<String>> = topics
        .topics()
        .filter(|topic| &*topic.scope == scope && is_on(&topic.topic))
        .map(|topic| Some(topic.topic.to_string()))
        .collect();
    if names.is_empty() {
        names.push(state.topic.clone());
    }
    let raw = serde_json::json!({
        "id": state.id,
        "expired": true,
        "state": {
            "message": state.message,
            "details": "",
            "time": time_text(state.time),
            "duration": duration::format(state.duration.unwrap_or_default()),
            "level": state.level.as_str(),
        },
    });
    let raw = raw.to_string().into_bytes();
    let note = |topic: Option<String>| Note {
        task: (!state.task.is_empty()).then(|| (state.task.clone(), How::Known)),
        // Where no topic was named, the task stands for it.
        topic: topic.filter(|topic| *topic != state.task).map(|topic| (topic, How::Known)),
        media: Some("application/json".to_owned()),
        ..Note::default()
    };
    Some(names.into_iter().map(|topic| (note(topic), raw.clone())).collect())
}

fn time_text(time: i64) -> String {
    let mut text = Vec::new();
    crate::event::time::write(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// How many anonymous topics each task has.
fn anonymous(snapshot: &Snapshot) -> BTreeMap<&str, usize> {
    let mut anonymous = BTreeMap::new();
    for task in snapshot.topics.keys().filter_map(|topic| anonymous_task(topic)) {
        *anonymous.entry(task).or_default() += 1;
    }
    anonymous
}

/// A snapshot, as one look.
struct Seen<'a>(&'a Snapshot);

impl Look for Seen<'_> {
    fn topic(&self, topic: &str) -> Listing {
        match (self.0.events.contains_key(topic), self.0.topics.contains_key(topic)) {
            (true, _) => Listing::Read,
            (false, true) => Listing::NotRead,
            (false, false) => Listing::Gone,
        }
    }

    fn task(&self, task: &str) -> Tasks {
        if self.0.polls.tasks.is_stale() {
            return Tasks::NotRead;
        }
        match self.0.tasks.get(task) {
            Some(task) if task.executing => Tasks::Executes,
            Some(_) => Tasks::Rests,
            None => Tasks::Gone,
        }
    }
}
