//! What Kapacitor's HTTP API says, as far as it is looked at. Pure: text in, types out.
//!
//! Read in Kapacitor's source (1.8 line) and held against recordings of 1.8; older versions by their sources.
//!
//! | | fact | so we |
//! |---|---|---|
//! | A1 | Keys were added over the versions (`template-id` 1.6.2, `message` of errors 1.6.0). | Unknown keys are ignored, missing ones and `null` are the type's default. |
//! | A2 | A task that does not execute has `stats: null` in the list and `{}` alone. | Both are no statistics. |
//! | A3 | `duration` of a topic's event is Go's text (`1m30s`), while a posted alert has nanoseconds. | [`duration`] reads it, to the nanosecond. |
//! | A4 | A topic's `level` and `?min-level=` go by a comparison that is no order (`alert/topics.go`): either may be wrong. | Events are asked for without it; the level is read, shown as theirs, and never believed. |
//! | A5 | Links are not escaped, and an event whose id has a `/` cannot be asked for: the answer is then the topic, with 200. | Links are not read; events come from the list. |
//! | A6 | `/debug/vars` keys its statistics by a random UUID, new whenever the statistic begins (`vars/stats.go`). | The UUID is kept in [`Statistic::key`]: another one for the same name and tags is a new beginning. |
//! | A7 | In `/debug/vars` `avg_exec_time_ns` of a node is a text such as `1.2ms`, in a task's statistics a number. | Only numbers are kept. |
//! | A8 | Events of an unknown topic are 500, the topic itself 404; errors are `{"error", "message"}` with one text twice. | The text decides what is unknown ([`ApiFault::names_unknown`]). |

pub mod duration;
mod lenient;
mod task;
mod topic;
mod vars;

pub use task::{Dbrp, Task, TaskStats, Tasks};
pub use topic::{EventState, Events, Handler, Handlers, Topic, TopicEvent, Topics};
pub use vars::{Statistic, Vars};

use serde::Deserialize;

/// Answer of `POST /service-tests/<name>`: whether Kapacitor could do it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServiceTest {
    /// Whether it went well. For `httppost` it says only that there was an answer, whatever its status.
    #[serde(deserialize_with = "lenient::or_default")]
    pub success: bool,
    /// Why it did not.
    #[serde(deserialize_with = "lenient::or_default")]
    pub message: String,
}

/// Body of an answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ApiFault {
    /// The sentence.
    #[serde(deserialize_with = "lenient::or_default")]
    pub error: String,
}

impl ApiFault {
    /// The sentence of an error's body; `None` if it has none.
    #[must_use]
    pub fn sentence(body: &[u8]) -> Option<String> {
        serde_json::from_slice::<Self>(body).ok().map(|fault| fault.error).filter(|error| !error.is_empty())
    }

    /// Whether a sentence says that what was asked for is not there, whatever the status says (A8).
    #[must_use]
    pub fn names_unknown(sentence: &str) -> bool {
        ["unknown topic", "no task exists", "unknown handler"].iter().any(|known| sentence.contains(known))
    }
}

#[cfg(test)]
mod tests;
