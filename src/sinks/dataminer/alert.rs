//! A row of the table of alerts: what is known of one alert, and what an event changes about it. Pure.

use super::names::cut;
use super::pages::{Cell, Key, LONGEST_TEXT, Named, Row, named};
use super::severity::Severities;
use crate::event::id::EventId;
use crate::event::{self, Event};
use crate::filter::template::Lookup;
use crate::words::{Level, State, Transition};
use serde::{Deserialize, Serialize};

/// The table of alerts.
pub(in crate::sinks) const ALERTS: &str = "Alerts";
/// Longest text of a column other than the message, bytes.
const LONGEST_WORD: usize = 512;

/// How an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sinks) enum Status {
    /// It is on.
    Active,
    /// It is over.
    Cleared,
    /// Nothing is heard of it any more: Kapacitor does not know it, or it is too old.
    Missing,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Cleared => "Cleared",
            Self::Missing => "Missing",
        }
    }
}

/// What is known of an alert. Times are nanoseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::sinks) struct Alert {
    /// Key of its row.
    pub(in crate::sinks) key: String,
    /// Identity of the alert, as text.
    pub(in crate::sinks) fingerprint: String,
    /// Id of the last event, as text.
    pub(in crate::sinks) event: String,
    pub(in crate::sinks) id: String,
    pub(in crate::sinks) topic: String,
    pub(in crate::sinks) task: String,
    /// Number of the level; 0 is OK.
    pub(in crate::sinks) level: u8,
    pub(in crate::sinks) previous: u8,
    pub(in crate::sinks) severity: String,
    pub(in crate::sinks) message: String,
    pub(in crate::sinks) measurement: String,
    pub(in crate::sinks) group: String,
    pub(in crate::sinks) host: String,
    pub(in crate::sinks) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sinks) value: Option<f64>,
    pub(in crate::sinks) time: i64,
    pub(in crate::sinks) raised: i64,
    pub(in crate::sinks) duration: i64,
    pub(in crate::sinks) recoverable: bool,
    pub(in crate::sinks) status: Status,
    pub(in crate::sinks) occurrences: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::sinks) missing_since: Option<i64>,
    /// Columns of the configuration.
    #[serde(default)]
    pub(in crate::sinks) columns: Vec<(String, String)>,
}

impl Alert {
    /// Its identity.
    pub(in crate::sinks) fn identity(&self) -> EventId {
        EventId::parse(&self.fingerprint).unwrap_or(EventId(0))
    }

    /// What Kapacitor said of how bad it is.
    pub(in crate::sinks) fn level(&self) -> Level {
        Level::from_number(self.level).unwrap_or(Level::Ok)
    }

    /// The level before.
    pub(in crate::sinks) fn previous(&self) -> Level {
        Level::from_number(self.previous).unwrap_or(Level::Ok)
    }

    /// The same alert with nothing heard of it any more: its alarm ends.
    pub(in crate::sinks) fn missing(mut self, since: i64) -> Self {
        self.previous = self.level;
        self.level = Level::Ok.number();
        "Normal".clone_into(&mut self.severity);
        self.status = Status::Missing;
        self.missing_since = Some(since);
        self
    }

    /// Its row.
    pub(super) fn row(&self) -> Row {
        let mut cells = vec![
            named("Topic", Cell::text(&*self.topic)),
            named("Task", Cell::text(&*self.task)),
            named("Alert Level", Cell::text(self.level().as_str())),
            named("Alert Level Code", Cell::count(self.level.into())),
            named("Previous Level", Cell::text(self.previous().as_str())),
            named("Alert Severity", Cell::text(&*self.severity)),
            named("Message", Cell::text(&*self.message)),
            named("Measurement", Cell::text(&*self.measurement)),
            named("Group", Cell::text(&*self.group)),
            named("Host", Cell::text(&*self.host)),
            named("Alert Value", self.value.map(Cell::Number)),
            named("Event Time", Cell::time(self.time)),
            named("Raised Time", Cell::time(self.raised)),
            named("Alert Duration", seconds(self.duration)),
            named("Recoverable", Cell::yes(self.recoverable)),
            named("Alert Status", Cell::text(self.status.as_str())),
            named("Occurrences", Cell::count(self.occurrences)),
            // Empty and not absent: what is absent stays as it was.
            named("Missing Since", self.missing_since.map_or_else(|| Cell::text(""), Cell::time)),
        ];
        let more =
            self.columns.iter().map(|(name, text)| -> Named { (name.clone().into(), Some(Cell::text(&**text))) });
        cells.extend(more);
        Row { table: ALERTS, key: Key::Text(self.key.clone()), cells }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a duration to the microsecond is enough")]
fn seconds(nanoseconds: i64) -> Cell {
    Cell::Number(nanoseconds as f64 / 1e9)
}

/// What an event comes to.
#[derive(Debug, PartialEq)]
pub(in crate::sinks) enum Step {
    /// It changes nothing.
    Nothing,
    /// The alert is so now. `again`: the event has come before, and counts no more.
    Now { alert: Box<Alert>, again: bool },
}

/// Knows how alerts are shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::sinks) struct Writer {
    /// More columns, and where in an event their texts are.
    pub(in crate::sinks) columns: Vec<(String, Lookup)>,
    pub(in crate::sinks) severities: Severities,
}

impl Writer {
    /// What an event changes about what is `known` of its alert. `key` makes the key of a new row.
    pub(in crate::sinks) fn step(
        &self,
        event: &Event<'_>,
        known: Option<&Alert>,
        replay: bool,
        key: impl FnOnce(EventId, &str) -> String,
    ) -> Step {
        let Some(said) = &event.alert else { return Step::Nothing };
        if event.duplicate_of.is_some() || said.transition == Some(Transition::Late) {
            return Step::Nothing;
        }
        // The same event again is told again: it may have come, or not. A replayed one has.
        if known.is_some_and(|known| known.time > event.time || (replay && known.time >= event.time)) {
            return Step::Nothing;
        }
        let id = event.id.to_string();
        if let Some(known) = known.filter(|known| known.event == id) {
            return Step::Now { alert: Box::new(known.clone()), again: true };
        }
        let alert = self.alert(event, said, known, key(said.fingerprint, &said.id), id);
        let expired = said.transition == Some(Transition::Expired);
        let alert = if expired {
            Alert { level: known.map_or(alert.level, |k| k.level), ..alert }.missing(event.time)
        } else {
            alert
        };
        Step::Now { alert: Box::new(alert), again: false }
    }

    fn alert(
        &self,
        event: &Event<'_>,
        said: &event::Alert<'_>,
        known: Option<&Alert>,
        key: String,
        id: String,
    ) -> Alert {
        let origin = &event.origin;
        let task = origin.task.as_ref().map_or("", |(task, _)| task);
        let topic = origin.topic.as_ref().map_or("", |(topic, _)| topic);
        let topic = [topic, task, &origin.source].into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        let tags = event.series.first().map(|series| series.tags.as_slice()).unwrap_or_default();
        let host = tags.iter().find(|(name, _)| name == "host").map_or("", |(_, host)| host);
        let word = |text: &str| cut(text, LONGEST_WORD).to_owned();
        let firing = said.state == State::Firing;
        let raised = match known.filter(|known| known.status == Status::Active || !firing) {
            Some(known) => said.started.unwrap_or(known.raised),
            None => said.started.unwrap_or(event.time),
        };
        let previous = known.map(Alert::level).or(said.previous_level).unwrap_or(Level::Ok);
        Alert {
            key: known.map_or(key, |known| known.key.clone()),
            fingerprint: said.fingerprint.to_string(),
            event: id,
            id: word(&said.id),
            topic: word(topic),
            task: word(task),
            level: said.level.number(),
            previous: previous.number(),
            severity: self.severities.of(event, said.level).as_str().to_owned(),
            message: cut(said.message.as_deref().unwrap_or_default(), LONGEST_TEXT).to_owned(),
            measurement: word(
                origin.measurement.as_deref().or(event.series.first().map(|s| &*s.name)).unwrap_or_default(),
            ),
            group: word(origin.group.as_deref().unwrap_or_default()),
            host: word(host),
            source: word(&origin.source),
            value: value(event),
            time: event.time,
            raised,
            duration: said.duration_ns.unwrap_or_else(|| event.time.saturating_sub(raised)).max(0),
            recoverable: said.recoverable.unwrap_or(true),
            status: if firing { Status::Active } else { Status::Cleared },
            occurrences: known.map_or(0, |known| known.occurrences) + 1,
            missing_since: None,
            columns: self
                .columns
                .iter()
                .map(|(name, path)| (name.clone(), word(&path.text(event).unwrap_or_default())))
                .collect(),
        }
    }
}

/// The first number of the last row.
fn value(event: &Event<'_>) -> Option<f64> {
    let row = event.series.first()?.rows.last()?;
    let number = |cell: &event::Cell<'_>| match cell {
        event::Cell::Float(value) => Some(*value),
        #[expect(clippy::cast_precision_loss, reason = "DataMiner's numbers are doubles")]
        event::Cell::Int(value) => Some(*value as f64),
        event::Cell::Number(digits) => digits.parse().ok(),
        _ => None,
    };
    row.iter().find_map(number).filter(|value| value.is_finite())
}
