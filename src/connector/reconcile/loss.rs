//! How many events Kapacitor collected in a topic, and how many of them arrived here. Pure.
//!
//! Kapacitor counts what it collected in a topic since the topic began in this run of Kapacitor; we count the alerts that
//! came by POST, TCP or exec under the topic's name, each event once however many handlers sent it. What is missing was
//! lost on the way, or is still on it. What was filtered before the topic (`stateChangesOnly`, `noRecoveries`, inhibited)
//! was never collected, and is no loss.
//!
//! A topic that begins anew counts from 0; what it collected between our last look and its end is not known, so that the
//! count is then *at least*: [`Count::restarts`] says how often.

use super::handlers::{LeftOut, ToUs};
use super::identity::anonymous_task;
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

    /// Of a topic with these handlers that send to us (`None`: not read), of which this much has arrived under its name.
    #[must_use]
    pub fn of(topic: &str, to_us: Option<&ToUs<'_>>, arrived: bool) -> Self {
        let Some(to_us) = to_us else { return Self::HandlersUnknown };
        if to_us.left_out() != LeftOut::Nothing {
            return Self::Matching;
        }
        match (to_us.is_empty(), arrived) {
            // Without a handler that is listed: one in the TICKscript.
            (_, true) => Self::Told,
            (true, false) => Self::NotApplicable,
            (false, false) if to_us.names(topic) => Self::Told,
            (false, false) => Self::Unnamed,
        }
    }
}

/// Under which name the events of a topic have arrived here: its own, or its task's if it is the only anonymous topic of
/// that task and nothing has arrived under its own.
pub fn arrives_as<'a>(
    topic: &'a str,
    anonymous: &BTreeMap<&str, usize>,
    has_arrived: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    if has_arrived(topic) {
        return Some(topic);
    }
    sole_task(topic, anonymous).filter(|task| has_arrived(task))
}

/// The task of which a topic is the only anonymous one.
#[must_use]
pub fn sole_task<'a>(topic: &'a str, anonymous: &BTreeMap<&str, usize>) -> Option<&'a str> {
    anonymous_task(topic).filter(|task| anonymous.get(task) == Some(&1))
}

#[cfg(test)]
#[path = "loss_tests.rs"]
mod tests;
