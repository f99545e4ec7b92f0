//! What `GET /v1/kapacitor/{name}/loss` says.

use super::loss::{Count, Verdict};
use serde_json::{Value, json};

/// What reconciliation has found of one Kapacitor, as of its last look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// `name` of the Kapacitor.
    pub kapacitor: String,
    /// When it was last looked at, nanoseconds since 1970.
    pub looked: Option<i64>,
    /// Events that were recorded because Kapacitor's API told of them; counted on over restarts.
    pub recovered: u64,
    /// Alerts that expired; counted on over restarts.
    pub expired: u64,
    /// Missing events that are recorded at the next look, unless they come.
    pub waiting: usize,
    /// Events of which it cannot be told which alert they are.
    pub untold: usize,
    /// Alerts that Kapacitor does not know, within their grace.
    pub absent: usize,
    /// What is missing, by topic.
    pub topics: Vec<TopicLoss>,
}

/// What is missing of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicLoss {
    /// The topic.
    pub topic: String,
    /// What can be said.
    pub verdict: Verdict,
    /// The counts.
    pub count: Count,
}

impl Report {
    pub(super) fn new(kapacitor: &str) -> Self {
        Self { kapacitor: kapacitor.to_owned(), ..Self::default() }
    }

    /// As JSON. `arrived` and `missing` are there only where they can be told.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "kapacitor": self.kapacitor,
            "looked": self.looked.map(super::expiry::time_text),
            "recovered": self.recovered,
            "expired": self.expired,
            "waiting": self.waiting,
            "cannot_tell": self.untold,
            "absent": self.absent,
            "topics": self.topics.iter().map(TopicLoss::json).collect::<Vec<_>>(),
        })
    }
}

impl TopicLoss {
    fn json(&self) -> Value {
        let count = &self.count;
        let told = self.verdict == Verdict::Told;
        let mut value = json!({
            "topic": self.topic,
            "verdict": self.verdict.as_str(),
            "reason": self.verdict.reason(),
            "since": super::expiry::time_text(count.since),
            "collected": count.collected(),
            "arrived": told.then(|| count.arrived()),
            "recovered": count.recovered(),
            "missing": told.then(|| count.missing()),
            "restarts": count.restarts,
        });
        if let Value::Object(map) = &mut value {
            map.retain(|_, value| !value.is_null());
        }
        value
    }
}
