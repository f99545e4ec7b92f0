//! `type = "dataminer-webhook"`: `DataMiner`'s connector Generic Webhook Alarm Table, which takes one alarm a request, with a
//! severity.
//!
//! An alarm is found again by its `alarm_id`, and ends with severity `normal`. Of several events of one alert in a
//! delivery, the last one is sent; all of them are delivered with it. Which words for severities the connector takes is
//! not documented beyond its example (`critical`), so they can be changed. What was told is kept in a file, so that an
//! alert keeps its id, and one that will not recover is cleared after `max_age`.

use super::dataminer::{Alert, Change, Fate, Severity, State, Writer, check_column, stage};
use super::http::{HttpPeer, Message, Proxies};
use super::{BuildError, now, options};
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Reason, Sink};
use crate::event::time;
use hyper::header::HeaderValue;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Most events of a delivery.
const EVENTS: usize = 100;
/// Most bytes of records in a delivery.
const BYTES: usize = 1 << 20;
/// How often alerts are looked for that are too old.
const LOOK: Duration = Duration::from_mins(1);
/// Most alerts that are cleared at once.
const CLEARED: usize = 100;
/// Properties that the connector has.
const PROPERTIES: usize = 15;
/// Those that are left to the configuration.
pub const FREE: [&str; 3] = ["Property13", "Property14", "Property15"];

/// The sink.
#[derive(Debug)]
pub struct DataminerWebhook {
    name: String,
    peer: HttpPeer,
    writer: Writer,
    state: State,
    words: BTreeMap<Severity, String>,
    max_age: Duration,
}

impl DataminerWebhook {
    /// Makes the sink; connects to nothing and reads no state yet. Without `state_file` what was told is kept in memory
    /// only.
    ///
    /// # Errors
    /// When the options cannot be used.
    pub fn new(
        name: &str,
        options: &options::DataminerWebhook,
        state_file: Option<PathBuf>,
        proxies: &Proxies,
    ) -> Result<Self, BuildError> {
        for (property, _) in &options.columns {
            if !FREE.contains(&property.as_str()) || check_column(property).is_err() {
                let problem = format!("{property:?} cannot be set; those left to you are {}", FREE.join(", "));
                return Err(BuildError::value("columns", problem));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            peer: HttpPeer::new(&options.http, "POST", "", proxies)?,
            writer: Writer { columns: options.columns.clone(), severities: options.severities.clone() },
            state: State::new(state_file, options.max_rows, 0),
            words: options.severity_words.clone(),
            max_age: options.max_age,
        })
    }

    async fn take(&mut self, batch: &Batch<'_>) -> Vec<Outcome> {
        self.state.load().await;
        let staged = stage(&self.writer, &self.state, batch, now());
        let mut outcomes = Vec::with_capacity(staged.alerts.len());
        for alert in &staged.alerts {
            let outcome = self.peer.send(self.message(alert)).await;
            if matches!(outcome, Outcome::Retry { .. }) {
                outcomes.resize(staged.alerts.len(), outcome);
                break;
            }
            outcomes.push(outcome);
        }
        let taken = staged.alerts.into_iter().zip(&outcomes).filter(|(_, outcome)| **outcome == Outcome::Delivered);
        let change = Change { alerts: taken.map(|(alert, _)| alert).collect(), ..Change::default() };
        self.keep(change).await;
        let unsent = || Outcome::Retry { after: None, reason: Reason::Unreachable, error: "not sent".to_owned() };
        let outcome = |fate: Fate| match fate {
            Fate::Nothing => Outcome::Delivered,
            Fate::With { alert, .. } => outcomes.get(alert).cloned().unwrap_or_else(unsent),
        };
        staged.fates.into_iter().map(outcome).collect()
    }

    /// Clears alerts that will not recover, once they are too old.
    async fn clear_old(&mut self) {
        let mut change = Change::default();
        for alert in self.state.too_old(now(), self.max_age).into_iter().take(CLEARED) {
            match self.peer.send(self.message(&alert)).await {
                Outcome::Delivered | Outcome::Duplicate => change.alerts.push(alert),
                Outcome::Retry { error, .. } => {
                    tracing::warn!(
                        sink = self.name,
                        error,
                        "An alert that is too old could not be cleared; will try again"
                    );
                    break;
                }
                Outcome::Reject { error, .. } => {
                    tracing::warn!(
                        sink = self.name,
                        alert = alert.id,
                        error,
                        "An alert that is too old is not cleared"
                    );
                    change.alerts.push(alert);
                }
            }
        }
        self.keep(change).await;
    }

    async fn keep(&mut self, change: Change) {
        if let Err(error) = self.state.commit(change).await {
            tracing::warn!(sink = self.name, %error, "what DataMiner was told cannot be kept");
        }
    }

    fn message(&self, alert: &Alert) -> Message {
        Message::new(HeaderValue::from_static("application/json"), self.body(alert).to_string())
    }

    /// The object that the connector takes: every property is there, and a text.
    fn body(&self, alert: &Alert) -> Value {
        let severity = Severity::parse(&alert.severity).unwrap_or(Severity::of(alert.level()));
        let word = self.words.get(&severity).cloned().unwrap_or_else(|| severity.as_str().to_ascii_lowercase());
        let (level, previous) = (alert.level().as_str(), alert.previous().as_str());
        let (at, duration) = (time::text(alert.time), (alert.duration / 1_000_000_000).to_string());
        let fixed = [
            &*alert.topic,
            &*alert.task,
            &*alert.measurement,
            &*alert.group,
            &*alert.host,
            level,
            previous,
            &*at,
            &*duration,
            &*alert.message,
            &*alert.source,
            &*alert.fingerprint,
        ];
        let mut properties = Map::new();
        for number in 1..=PROPERTIES {
            let name = format!("Property{number}");
            let chosen = || alert.columns.iter().find(|(column, _)| *column == name).map(|(_, text)| text.as_str());
            let text = fixed.get(number - 1).copied().or_else(chosen).unwrap_or_default();
            properties.insert(name, text.into());
        }
        let value = if alert.message.is_empty() { level } else { &alert.message };
        json!({
            "alarm_id": alert.key,
            "severity": word,
            "value": value,
            // A number has to be there; without one of the data it is that of the level.
            "numericValue": alert.value.unwrap_or_else(|| f64::from(alert.level)),
            "alarm_properties": properties,
        })
    }
}

impl Sink for DataminerWebhook {
    fn limits(&self) -> Limits {
        Limits { events: EVENTS, bytes: BYTES }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.take(batch))
    }

    fn tick(&mut self) -> BoxFuture<'_, Option<Duration>> {
        Box::pin(async move {
            self.state.load().await;
            self.clear_old().await;
            Some(LOOK.min(self.max_age.max(Duration::from_millis(10))))
        })
    }

    fn forgotten(&self) -> u64 {
        self.state.forgotten()
    }

    /// The requests of a batch by itself.
    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        let observed = batch.events.iter().map(|event| event.observed).max().unwrap_or_default();
        let staged = stage(&self.writer, &self.state, batch, observed);
        if staged.alerts.is_empty() {
            return Ok("nothing is sent: these events do not change what DataMiner knows\n".to_owned());
        }
        Ok(staged.alerts.iter().map(|alert| self.peer.preview(&self.message(alert))).collect::<Vec<_>>().join("\n"))
    }
}
