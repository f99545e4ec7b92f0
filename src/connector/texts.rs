//! Events of a topic with their JSON, byte for byte as Kapacitor wrote it.

use super::client::get;
use super::paths::topic_path;
use super::{ApiError, Client};
use crate::kapacitor::api::TopicEvent;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Events of a topic, not looked into.
#[derive(Deserialize)]
struct Texts {
    events: Option<Vec<Box<RawValue>>>,
}

impl Client {
    /// All events of a topic, each with its JSON as Kapacitor wrote it.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn event_texts(&self, topic: &str) -> Result<Vec<(TopicEvent, String)>, ApiError> {
        let Texts { events } = self.json(get("events", &topic_path(topic, "/events"))).await?;
        let understood = |raw: Box<RawValue>| {
            let event = serde_json::from_str(raw.get());
            event.map(|event| (event, String::from(Box::<str>::from(raw))))
        };
        let events: Result<_, _> = events.unwrap_or_default().into_iter().map(understood).collect();
        events.map_err(|error| ApiError::NotUnderstood(error.to_string()))
    }
}
