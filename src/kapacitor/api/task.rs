//! Tasks.

use super::lenient;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A page of `GET /tasks`. One that is shorter than the limit is the last.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Tasks {
    /// The tasks, by id.
    #[serde(deserialize_with = "lenient::or_default")]
    pub tasks: Vec<Task>,
}

/// A task. What was not asked for has its default.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Task {
    /// Its id.
    #[serde(deserialize_with = "lenient::or_default")]
    pub id: String,
    /// `type`: `stream`, `batch` or `invalid`.
    #[serde(rename = "type", deserialize_with = "lenient::or_default")]
    pub kind: String,
    /// `enabled` or `disabled`: what somebody wants of it.
    #[serde(deserialize_with = "lenient::or_default")]
    pub status: String,
    /// Whether it runs.
    #[serde(deserialize_with = "lenient::or_default")]
    pub executing: bool,
    /// Why it does not, where that is known.
    #[serde(deserialize_with = "lenient::or_default")]
    pub error: String,
    /// Its counters, while it runs (A2).
    pub stats: Option<TaskStats>,
    /// When it was defined, nanoseconds since 1970.
    #[serde(deserialize_with = "lenient::moment")]
    pub created: Option<i64>,
    /// When it was changed last, nanoseconds since 1970.
    #[serde(deserialize_with = "lenient::moment")]
    pub modified: Option<i64>,
    /// When it was enabled last, nanoseconds since 1970.
    #[serde(deserialize_with = "lenient::moment")]
    pub last_enabled: Option<i64>,
    /// Databases and retention policies that it reads.
    #[serde(deserialize_with = "lenient::or_default")]
    pub dbrps: Vec<Dbrp>,
    /// Its `TICKscript`; it may be newer than what runs.
    pub script: Option<String>,
    /// The template that it was made of.
    pub template_id: Option<String>,
    /// Variables of the template.
    pub vars: serde_json::Value,
}

impl Task {
    /// Enabled, but not running: Kapacitor will not start it again by itself.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.status == "enabled" && !self.executing
    }

    /// One word for its state: `executing`, `dead`, `disabled`, or what Kapacitor calls it.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match (self.status.as_str(), self.executing) {
            ("enabled", true) => "executing",
            ("enabled", false) => "dead",
            _ => "disabled",
        }
    }
}

/// A database and a retention policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Dbrp {
    /// Database.
    #[serde(deserialize_with = "lenient::or_default")]
    pub db: String,
    /// Retention policy.
    #[serde(deserialize_with = "lenient::or_default")]
    pub rp: String,
}

/// Counters of a task, since it was started.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct TaskStats {
    /// Of the whole: `throughput`, points a second.
    #[serde(rename = "task-stats", deserialize_with = "lenient::numbers")]
    pub task: BTreeMap<String, f64>,
    /// Of each node: `collected`, `emitted`, `errors`, `alerts_triggered` …
    #[serde(rename = "node-stats", deserialize_with = "lenient::numbers_by_name")]
    pub nodes: BTreeMap<String, BTreeMap<String, f64>>,
}

impl TaskStats {
    /// Sum of one counter over the nodes.
    #[must_use]
    pub fn sum(&self, counter: &str) -> f64 {
        self.nodes.values().filter_map(|node| node.get(counter)).sum()
    }
}
