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
mod expiry;
pub mod handlers;
pub mod identity;
pub mod loss;
mod memory;
mod ours;
mod report;

pub use report::{Report, TopicLoss};

use self::absent::{Absent, Listing, Look, Open, Present, Tasks};
use self::compare::{Carried, Finding, Theirs};
use self::handlers::Ourselves;
use self::identity::anonymous_task;
use self::loss::Told;
use self::memory::{Held, Memory};
use super::repair::Seat;
use super::{Client, Options, Snapshot};
use crate::event::id::EventId;
use crate::intake::{Arrival, Intake, Refused, clock};
use crate::kapacitor::api::TopicEvent;
use crate::record::{Content, Note};
use crate::sorted;
use crate::telemetry::ReconciledLabels;
use crate::words::{How, Lane};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// How many findings are held until the next look.
pub const HELD: usize = 10_000;
/// How many bytes of them.
pub const HELD_BYTES: usize = 32 << 20;

/// How many topics are looked up while ours are held: posts wait for it meanwhile.
const AT_ONCE: usize = 256;

/// Compares one Kapacitor with what was received, and records what is missing.
#[derive(Debug)]
pub struct Reconciler {
    name: String,
    scope: String,
    enabled: bool,
    /// Nanoseconds.
    grace: i64,
    seat: Seat,
    ourselves: Ourselves,
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
            ourselves: Ourselves::new(options),
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
        let handlers = &snapshot.polls.handlers;
        let handlers_asked = handlers.last_attempt.or(handlers.last_success).is_some();
        // What is OK is forgotten here after this time; Kapacitor keeps it for longer.
        let over_before = clock::now().saturating_sub(crate::interpret::topics::Bounds::default().resolved);
        self.memory.topics.retain(|topic, _| snapshot.events.contains_key(topic));
        for Named { topic, arrives_as, .. } in names {
            let Some(events) = snapshot.events.get(topic) else { continue };
            let name: Arc<str> = topic.into();
            let mut known = self.memory.topics.remove(topic).unwrap_or_default();
            if !known.is_settled(events) {
                let handlers = snapshot.handlers.get(topic).map_or(&[][..], Vec::as_slice);
                let to_us = self.ourselves.among(handlers, false);
                let theirs = Theirs {
                    topic,
                    arrives_as,
                    events,
                    header: to_us.task(),
                    looked_before: self.memory.looks > 1,
                    left_out: to_us.left_out(),
                    over_before,
                };
                let ours = ours::Kept { scope: &self.scope, intake, tasked: &tasked };
                let carried = Carried { learned: &mut known.learned, over: &mut known.over, found: &mut found_before };
                let found = compare::compare(theirs, &ours, carried);
                known.take(events, &found);
                let missing = found.iter().filter_map(|found| match &found.finding {
                    Finding::Missing { event, task } => Some((found.event, *event, task.clone())),
                    Finding::Settled | Finding::CannotTell => None,
                });
                let missing: Vec<_> = missing.collect();
                // Without the handlers it is not known what they leave out, and what they say of the topic.
                if handlers_asked {
                    self.hold(client, topic, arrives_as, missing).await;
                }
            }
            present.ids.extend(known.untold.iter().cloned());
            present.alerts.extend(known.alerts.iter().map(|alert| (*alert, Arc::clone(&name))));
            self.memory.topics.insert(topic.to_owned(), known);
        }
        present
    }

    /// The topics in the order in which they are compared, each with the name under which its events arrive.
    fn names<'s>(&self, snapshot: &'s Snapshot, intake: &Intake) -> Vec<Named<'s>> {
        let anonymous = anonymous(snapshot);
        let arrived = self.arrived(snapshot.events.keys(), &anonymous, intake);
        let named = snapshot.events.keys().zip(arrived).map(|(topic, arrived)| {
            let handlers = snapshot.handlers.get(topic).map_or(&[][..], Vec::as_slice);
            let arrives_as = arrived.arrives_as.unwrap_or_else(|| {
                // Nothing has arrived. A handler inside the script names no topic unless somebody gave it a header.
                let task = loss::sole_task(topic, &anonymous);
                task.filter(|_| self.ourselves.among(handlers, false).is_empty()).unwrap_or(topic)
            });
            Named { order: compare::order(topic, arrived.arrives_as.is_some()), topic, arrives_as }
        });
        let mut named: Vec<_> = named.collect();
        sorted::sort_by(&mut named, Ord::cmp);
        named
    }

    /// What has arrived of each of these topics. Our side is held for no longer than it takes to look them up.
    fn arrived<'s>(
        &self,
        names: impl Iterator<Item = &'s String>,
        anonymous: &BTreeMap<&str, usize>,
        intake: &Intake,
    ) -> Vec<Arrived<'s>> {
        let names: Vec<_> = names.collect();
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(AT_ONCE) {
            let topics = intake.topics();
            all.extend(names.iter().map(|topic| {
                let told = |name: &str| {
                    let state = topics.topic(&self.scope, name);
                    state.map_or_else(Told::default, |state| Told { posted: state.posted, polled: state.polled })
                };
                let arrives_as = loss::arrives_as(topic, anonymous, |name| told(name).posted > 0);
                Arrived { arrives_as, told: told(arrives_as.unwrap_or(topic)) }
            }));
        }
        all
    }

    /// Holds what is missing until the next look, with its JSON. What is held already is seen again.
    async fn hold(
        &mut self,
        client: &Client,
        topic: &str,
        arrives_as: &str,
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
        let mut texts = sorted::map(texts.into_iter().map(|(event, text)| (event.id.clone(), (event, text))));
        for (event, id, task) in fresh {
            // An event that moved on between the two readings is left to the next look.
            if let Some((again, raw)) = texts.remove(&event.id)
                && (again.state.time, again.state.level) == (event.state.time, event.state.level)
            {
                // Where a POST would say the task and no topic, so does the record: both are then the same topic here.
                let by_task = topic != arrives_as && task.as_deref().is_none_or(|task| task == arrives_as);
                let said = (!by_task).then(|| topic.to_owned());
                self.memory.hold(topic, id, Held { said, task, time: event.state.time, raw, seen: 0 });
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
            let open = |alert: &crate::interpret::fold::AlertState| {
                // Of what is there nothing but that is asked, and posts wait for us.
                let is_there = present.alerts.contains_key(&alert.fingerprint);
                let id = if is_there { String::new() } else { alert.id.clone() };
                Open { fingerprint: alert.fingerprint, id, topic: alert.topic.clone().filter(|_| !is_there) }
            };
            ours.map(open).collect()
        });
        for alert in self.absent.look(&open, present, &Seen(snapshot), now, self.grace) {
            let Some(records) = intake.alerts(|fold| expiry::records(fold, intake, &self.scope, alert)) else {
                continue;
            };
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
        let anew = self.memory.note_restart(snapshot);
        let handlers_read = snapshot.polls.handlers.last_success.is_some();
        let mut losses = Vec::with_capacity(snapshot.topics.len());
        let arrived = self.arrived(snapshot.topics.keys(), &anonymous(snapshot), intake);
        for ((topic, theirs), arrived) in snapshot.topics.iter().zip(arrived) {
            let collected = u64::try_from(theirs.collected).unwrap_or(0);
            let count = self.memory.count(topic, collected, arrived.told, anew, now);
            let handlers = snapshot.handlers.get(topic).map(Vec::as_slice);
            let handlers = handlers.or_else(|| handlers_read.then_some(&[]));
            let has_arrived = arrived.arrives_as.is_some();
            let to_us = handlers.map(|handlers| self.ourselves.among(handlers, has_arrived));
            let verdict = loss::Verdict::of(topic, to_us.as_ref(), has_arrived);
            losses.push(TopicLoss { topic: topic.clone(), verdict, count });
        }
        // What came of a topic before Kapacitor lists it is no part of what it collects from then on.
        let ours: Vec<_> = {
            let topics = intake.topics();
            let ours = topics.topics().filter(|topic| *topic.scope == *self.scope && topic.posted + topic.polled > 0);
            ours.collect()
        };
        self.memory.told = ours
            .into_iter()
            .map(|topic| (topic.topic.to_string(), Told { posted: topic.posted, polled: topic.polled }))
            .collect();
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

/// A topic in the order in which topics are compared.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Named<'s> {
    order: u8,
    topic: &'s str,
    arrives_as: &'s str,
}

/// What has arrived of a topic.
struct Arrived<'s> {
    /// Under which name; `None` if nothing has.
    arrives_as: Option<&'s str>,
    told: Told,
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
