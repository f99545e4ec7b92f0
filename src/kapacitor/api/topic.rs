//! Topics, their events and their handlers.

use super::lenient;
use crate::words::Level;
use serde::{Deserialize, Serialize};

/// `GET /alerts/topics`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Topics {
    /// All topics.
    #[serde(deserialize_with = "lenient::or_default")]
    pub topics: Vec<Topic>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Topic {
    /// Its id: a name, or `main:<task>:alert<n>` for the handlers inside a `TICKscript`.
    #[serde(deserialize_with = "lenient::or_default")]
    pub id: String,
    /// What Kapacitor says its level is; may be wrong (A4).
    #[serde(deserialize_with = "lenient::level")]
    pub level: Level,
    /// Events collected since the topic began in this run of Kapacitor.
    #[serde(deserialize_with = "lenient::or_default")]
    pub collected: i64,
}

impl Default for Topic {
    fn default() -> Self {
        Self { id: String::new(), level: Level::Ok, collected: 0 }
    }
}

/// `GET /alerts/topics/<topic>/events`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Events {
    /// The topic.
    #[serde(deserialize_with = "lenient::or_default")]
    pub topic: String,
    /// Last event of every alert id, in no order.
    #[serde(deserialize_with = "lenient::or_default")]
    pub events: Vec<TopicEvent>,
}

/// Last event of an alert id in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct TopicEvent {
    /// Alert id; may hold anything.
    #[serde(deserialize_with = "lenient::or_default")]
    pub id: String,
    /// Its state.
    #[serde(deserialize_with = "lenient::or_default")]
    pub state: EventState,
}

/// State of an alert id in a topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EventState {
    /// Message.
    #[serde(deserialize_with = "lenient::or_default")]
    pub message: String,
    /// Details, as they were rendered.
    #[serde(deserialize_with = "lenient::or_default")]
    pub details: String,
    /// Event time, nanoseconds since 1970; 0 where there is none.
    #[serde(deserialize_with = "lenient::moment_or_zero")]
    pub time: i64,
    /// Nanoseconds since it was OK (A3).
    #[serde(deserialize_with = "lenient::nanoseconds")]
    pub duration: i64,
    /// Level.
    #[serde(deserialize_with = "lenient::level")]
    pub level: Level,
}

impl Default for EventState {
    fn default() -> Self {
        Self { message: String::new(), details: String::new(), time: 0, duration: 0, level: Level::Ok }
    }
}

/// `GET /alerts/topics/<topic>/handlers`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Handlers {
    /// The topic.
    #[serde(deserialize_with = "lenient::or_default")]
    pub topic: String,
    /// Handlers that were added to it; those inside a `TICKscript` are not listed.
    #[serde(deserialize_with = "lenient::or_default")]
    pub handlers: Vec<Handler>,
}

/// A handler of a topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Handler {
    /// Its id.
    #[serde(deserialize_with = "lenient::or_default")]
    pub id: String,
    /// `post`, `slack`, `aggregate` …
    #[serde(deserialize_with = "lenient::or_default")]
    pub kind: String,
    /// Options of its kind. Durations in it are nanoseconds.
    #[serde(deserialize_with = "lenient::or_default")]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// `match`: lambda expression that an event has to fulfil; empty is every event.
    #[serde(rename = "match", deserialize_with = "lenient::or_default", skip_serializing_if = "String::is_empty")]
    pub matching: String,
}
