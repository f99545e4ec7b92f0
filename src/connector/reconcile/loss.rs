//! How many events Kapacitor collected in a topic, and how many of them arrived here. Pure.
//!
//! Kapacitor counts what it collected in a topic since the topic began in this run of Kapacitor; we count the alerts that
//! came by POST, TCP or exec under the topic's name, each event once however many handlers sent it. What is missing was
//! lost on the way, or is still on it. What was filtered before the topic (`stateChangesOnly`, `noRecoveries`, inhibited)
//! was never collected, and is no loss.
//!
//! A topic that begins anew counts from 0; what it collected between our last look and its end is not known, so that the
//! count is then *at least*: [`Count::restarts`] says how often.

use super::identity::anonymous_task;
use crate::kapacitor::api::Handler;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A counter of somebody else's that may begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Following {
    last: u64,
    total: u64,
}

impl Following {
    /// Takes in what it says now. Whether it has begun anew.
    fn step(&mut self, now: u64, anew: bool) -> bool {
        let anew = anew || now < self.last;
        self.total = self.total.saturating_add(if anew { now } else { now - self.last });
        self.last = now;
        anew
    }
}

/// What was counted of one topic since the first look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// When it was first looked at, nanoseconds since 1970.
    pub since: i64,
    collected: Following,
    arrived: Following,
    recovered: Following,
    /// How often the topic began anew.
    pub restarts: u64,
    /// Its count fell, and no restart was known then: if one is learned of later, it is that one.
    #[serde(skip)]
    fell: bool,
}

/// What our side has of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Events that came by POST, TCP or exec.
    pub posted: u64,
    /// Events recorded by the poll.
    pub polled: u64,
}

impl Count {
    /// The first look.
    #[must_use]
    pub fn begin(collected: u64, ours: Told, now: i64) -> Self {
        let at = |last| Following { last, total: 0 };
        Self {
            since: now,
            collected: at(collected),
            arrived: at(ours.posted),
            recovered: at(ours.polled),
            restarts: 0,
            fell: false,
        }
    }

    /// A later look. `anew`: it is known from elsewhere that Kapacitor was started anew since the last.
    pub fn step(&mut self, collected: u64, ours: Told, anew: bool) {
        let falls = collected < self.collected.last;
        let is_counted = self.fell && !falls;
        self.restarts += u64::from(self.collected.step(collected, anew && !is_counted));
        self.fell = !anew && (self.fell || falls);
        self.arrived.step(ours.posted, false);
        self.recovered.step(ours.polled, false);
    }

    /// Kapacitor was asked, and was not started anew: what fell before did so by itself.
    pub const fn was_no_restart(&mut self) {
        self.fell = false;
    }

    /// Events that Kapacitor collected.
    #[must_use]
    pub const fn collected(&self) -> u64 {
        self.collected.total
    }

    /// Events that arrived.
    #[must_use]
    pub const fn arrived(&self) -> u64 {
        self.arrived.total
    }

    /// Events that the poll recovered.
    #[must_use]
    pub const fn recovered(&self) -> u64 {
        self.recovered.total
    }

    /// Events that are neither here nor recovered: lost, or still on the way.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.collected.total.saturating_sub(self.arrived.total).saturating_sub(self.recovered.total)
    }
}

/// What can be said of the loss of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// The counts say it.
    Told,
    /// Nothing of this topic is sent to us.
    NotApplicable,
    /// No handler was read yet.
    HandlersUnknown,
    /// Only handlers with a `match` send to us: they leave events out on purpose.
    Matching,
    /// Handlers send to us, but what arrives does not name the topic.
    Unnamed,
}

impl Verdict {
    /// `told`, `not_applicable` or `cannot_tell`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::NotApplicable => "not_applicable",
            Self::HandlersUnknown | Self::Matching | Self::Unnamed => "cannot_tell",
        }
    }

    /// Why it cannot be told.
    #[must_use]
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Told => None,
            Self::NotApplicable => Some("nothing of this topic is sent to kaptap"),
            Self::HandlersUnknown => Some("the handlers of the topic have not been read yet"),
            Self::Matching => Some("the handlers that send to kaptap have a match expression, which leaves events out"),
            Self::Unnamed => Some("what arrives does not name the topic: give the handler a header X-Kapacitor-Topic"),
        }
    }

    /// Of a topic with these handlers (`None`: not read), of which this much has arrived under its name.
    #[must_use]
    pub fn of(topic: &str, handlers: Option<&[Handler]>, arrived: bool) -> Self {
        let Some(handlers) = handlers else { return Self::HandlersUnknown };
        let ours: Vec<_> = handlers.iter().filter(|handler| sends_to_us(handler)).collect();
        if !ours.is_empty() && ours.iter().all(|handler| !handler.matching.trim().is_empty()) {
            return Self::Matching;
        }
        match (ours.is_empty(), arrived) {
            // Without a handler that is listed: one in the TICKscript.
            (_, true) => Self::Told,
            (true, false) => Self::NotApplicable,
            (false, false) if ours.iter().any(|handler| names_topic(handler, topic)) => Self::Told,
            (false, false) => Self::Unnamed,
        }
    }
}

/// Whether a handler posts alerts to a kaptap: by the path, because the host may be called by any name.
#[must_use]
pub fn sends_to_us(handler: &Handler) -> bool {
    handler.kind == "post" && path(handler).is_some()
}

/// What follows `/v1/alerts` in the URL of a handler.
fn path(handler: &Handler) -> Option<&str> {
    let url = handler.options.get("url")?.as_str()?;
    let (_, rest) = url.split_once("://")?;
    let path = rest.get(rest.find('/')?..)?;
    let path = path.split(['?', '#']).next()?.strip_prefix("/v1/alerts")?;
    (path.is_empty() || path.starts_with('/')).then_some(path)
}

/// Value of a header that a handler adds.
#[must_use]
pub fn header<'a>(handler: &'a Handler, name: &str) -> Option<&'a str> {
    let headers = handler.options.get("headers")?.as_object()?;
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    value.as_str().filter(|value| !value.is_empty())
}

fn names_topic(handler: &Handler, topic: &str) -> bool {
    header(handler, "x-kapacitor-topic").or_else(|| path(handler)?.strip_prefix("/topic/")) == Some(topic)
}

/// The task that all handlers which send to us put into their header, if they agree.
#[must_use]
pub fn task_of_handlers(handlers: &[Handler]) -> Option<&str> {
    let mut ours = handlers.iter().filter(|handler| sends_to_us(handler));
    let task = header(ours.next()?, "x-kapacitor-task")?;
    ours.all(|handler| header(handler, "x-kapacitor-task") == Some(task)).then_some(task)
}

/// Under which name the events of a topic arrive here: its own, or its task's if it is the only anonymous topic of that
/// task and nothing has arrived under its own.
pub fn arrives_as<'a>(
    topic: &'a str,
    anonymous: &BTreeMap<&str, usize>,
    has_arrived: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    if has_arrived(topic) {
        return Some(topic);
    }
    let task = anonymous_task(topic)?;
    (anonymous.get(task) == Some(&1) && has_arrived(task)).then_some(task)
}

#[cfg(test)]
#[path = "loss_tests.rs"]
mod tests;
