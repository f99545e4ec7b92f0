//! An event that was read back from its JSON, as something a filter can be asked about.
//!
//! Gives the same values as the event that was written, with one exception: in a column of type `any` a time and a float
//! that JSON cannot write (`NaN`, `Infinity`) are the texts that they became.

use super::path::{Collection, Member};
use super::subject::Subject;
use super::value::Value;
use crate::event::id::EventId;
use crate::event::json::SCHEMA;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

type Text<'a> = Cow<'a, str>;

/// An event's JSON, read.
#[derive(Debug, Deserialize)]
pub struct Parsed<'a> {
    #[serde(borrow)]
    schema: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    seq: Option<u64>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    time: Option<Text<'a>>,
    #[serde(borrow)]
    observed: Option<Text<'a>>,
    #[serde(borrow, default)]
    origin: Origin<'a>,
    #[serde(borrow)]
    alert: Option<Alert<'a>>,
    #[serde(borrow, default)]
    series: Vec<Series<'a>>,
    #[serde(borrow, default)]
    labels: Pairs<'a>,
    duplicate_of: Option<u64>,
    part: Option<u32>,
    parts: Option<u32>,
    #[serde(borrow, default)]
    marks: Vec<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
struct Origin<'a> {
    #[serde(borrow)]
    lane: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    stream: Option<Text<'a>>,
    n: Option<u64>,
    #[serde(borrow)]
    task: Option<Text<'a>>,
    #[serde(borrow)]
    node: Option<Text<'a>>,
    #[serde(borrow)]
    topic: Option<Text<'a>>,
    #[serde(borrow)]
    cluster: Option<Text<'a>>,
    #[serde(borrow)]
    server: Option<Text<'a>>,
    #[serde(borrow)]
    host: Option<Text<'a>>,
    #[serde(borrow)]
    database: Option<Text<'a>>,
    #[serde(borrow)]
    retention_policy: Option<Text<'a>>,
    #[serde(borrow)]
    measurement: Option<Text<'a>>,
    #[serde(borrow)]
    group: Option<Text<'a>>,
    #[serde(borrow, default)]
    dimensions: Vec<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Alert<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Text<'a>>,
    #[serde(borrow)]
    details: Option<Text<'a>>,
    #[serde(borrow)]
    level: Option<Text<'a>>,
    #[serde(borrow)]
    previous_level: Option<Text<'a>>,
    duration_ns: Option<i64>,
    recoverable: Option<bool>,
    #[serde(borrow)]
    state: Option<Text<'a>>,
    #[serde(borrow)]
    severity: Option<Text<'a>>,
    severity_number: Option<i64>,
    #[serde(borrow)]
    transition: Option<Text<'a>>,
    #[serde(borrow)]
    started: Option<Text<'a>>,
    repeat: Option<u64>,
    #[serde(borrow)]
    fingerprint: Option<Text<'a>>,
    #[serde(borrow)]
    episode: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Series<'a> {
    #[serde(borrow, default)]
    tags: Pairs<'a>,
    #[serde(borrow, default)]
    columns: Vec<Text<'a>>,
    #[serde(borrow, default)]
    types: Vec<Text<'a>>,
    #[serde(borrow, default)]
    rows: Vec<Vec<&'a RawValue>>,
}

/// An object of texts, in its order.
#[derive(Debug, Default)]
struct Pairs<'a>(Vec<(Text<'a>, Text<'a>)>);

/// A text that is borrowed where nothing in it is escaped.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Text<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((Borrowed(key), Borrowed(value))) = map.next_entry()? {
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl<'a> Parsed<'a> {
    /// Reads an event; `None` for what is none.
    #[must_use]
    pub fn of(json: &'a [u8]) -> Option<Self> {
        let event: Self = serde_json::from_slice(json).ok()?;
        (event.schema == SCHEMA && EventId::parse(&event.id).is_some()).then_some(event)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> EventId {
        // It was looked at when the event was read.
        EventId::parse(&self.id).unwrap_or(EventId(0))
    }

    /// Its kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    fn of_alert(&self, member: Member) -> Option<Value<'_>> {
        let alert = self.alert.as_ref()?;
        match member {
            Member::AlertId => alert.id.as_ref().map(text),
            Member::AlertMessage => alert.message.as_ref().map(text),
            Member::AlertDetails => alert.details.as_ref().map(text),
            Member::AlertLevel => alert.level.as_ref().map(text),
            Member::AlertPreviousLevel => alert.previous_level.as_ref().map(text),
            Member::AlertDurationNs => alert.duration_ns.map(Value::Int),
            Member::AlertDuration => alert.duration_ns.map(Value::Duration),
            Member::AlertRecoverable => alert.recoverable.map(Value::Bool),
            Member::AlertState => alert.state.as_ref().map(text),
            Member::AlertSeverity => alert.severity.as_ref().map(text),
            Member::AlertSeverityNumber => alert.severity_number.map(Value::Int),
            Member::AlertTransition => alert.transition.as_ref().map(text),
            Member::AlertStarted => alert.started.as_ref().and_then(time),
            // Not written for an alert without a verdict.
            Member::AlertRepeat => Some(int(alert.repeat.unwrap_or(0))),
            Member::AlertFingerprint => alert.fingerprint.as_ref().map(text),
            Member::AlertEpisode => alert.episode.as_ref().map(text),
            _ => None,
        }
    }

    fn of_origin(&self, member: Member) -> Option<Value<'_>> {
        let origin = &self.origin;
        let found = match member {
            Member::OriginLane => &origin.lane,
            Member::OriginSource => &origin.source,
            Member::OriginStream => &origin.stream,
            Member::OriginN => return origin.n.map(int),
            Member::OriginTask => &origin.task,
            Member::OriginNode => &origin.node,
            Member::OriginTopic => &origin.topic,
            Member::OriginCluster => &origin.cluster,
            Member::OriginServer => &origin.server,
            Member::OriginHost => &origin.host,
            Member::OriginDatabase => &origin.database,
            Member::OriginRetentionPolicy => &origin.retention_policy,
            Member::OriginMeasurement => &origin.measurement,
            Member::OriginGroup => &origin.group,
            _ => return None,
        };
        found.as_ref().map(text)
    }
}

impl Subject for Parsed<'_> {
    fn member(&self, member: Member) -> Option<Value<'_>> {
        match member {
            Member::Kind => Some(text(&self.kind)),
            Member::Id => Some(text(&self.id)),
            Member::Seq => self.seq.map(int),
            Member::Time => self.time.as_ref().and_then(time),
            Member::Observed => self.observed.as_ref().and_then(time),
            Member::DuplicateOf => self.duplicate_of.map(int),
            Member::Part => self.part.map(|part| Value::Int(part.into())),
            Member::Parts => self.parts.map(|parts| Value::Int(parts.into())),
            _ => self.of_origin(member).or_else(|| self.of_alert(member)),
        }
    }

    fn entry(&self, collection: Collection, key: &str) -> Option<Value<'_>> {
        match collection {
            Collection::Tags => self.series.first()?.tags.get(key),
            Collection::Labels => self.labels.get(key),
            Collection::Fields => self.series.first()?.field(key),
            Collection::Dimensions | Collection::Marks => None,
        }
    }

    fn contains(&self, collection: Collection, key: &str) -> bool {
        match collection {
            Collection::Dimensions => self.origin.dimensions.iter().any(|dimension| dimension == key),
            Collection::Marks => self.marks.iter().any(|mark| mark == key),
            Collection::Tags | Collection::Fields | Collection::Labels => self.entry(collection, key).is_some(),
        }
    }

    fn size(&self, collection: Collection) -> usize {
        let series = self.series.first();
        match collection {
            Collection::Tags => series.map_or(0, |series| series.tags.0.len()),
            Collection::Fields => series.map_or(0, |series| {
                let row = series.rows.last().map_or(0, Vec::len);
                row - usize::from(row > 0 && series.has_time())
            }),
            Collection::Labels => self.labels.0.len(),
            Collection::Dimensions => self.origin.dimensions.len(),
            Collection::Marks => self.marks.len(),
        }
    }
}

impl Pairs<'_> {
    fn get(&self, key: &str) -> Option<Value<'_>> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| text(value))
    }
}

impl Series<'_> {
    /// Whether the first column is the rows' time, which is no field.
    fn has_time(&self) -> bool {
        self.types.first().is_some_and(|kind| kind == "time") && self.columns.first().is_some_and(|name| name == "time")
    }

    fn field(&self, name: &str) -> Option<Value<'_>> {
        let column = self.columns.iter().position(|column| column == name)?;
        if column == 0 && self.has_time() {
            return None;
        }
        let cell = self.rows.last()?.get(column)?.get();
        Some(value(self.types.get(column).map_or("any", |kind| kind), cell))
    }
}

/// A cell, by the type of its column.
fn value<'a>(kind: &str, cell: &'a str) -> Value<'a> {
    let is_text = cell.starts_with('"');
    match (kind, cell) {
        (_, "null") => Value::Null,
        (_, "true") => Value::Bool(true),
        (_, "false") => Value::Bool(false),
        ("time", _) if is_text => string(cell).as_ref().and_then(time).unwrap_or(Value::Other),
        ("f64", r#""NaN""#) => Value::Double(f64::NAN),
        ("f64", r#""Infinity""#) => Value::Double(f64::INFINITY),
        ("f64", r#""-Infinity""#) => Value::Double(f64::NEG_INFINITY),
        ("f64", _) => cell.parse().map_or(Value::Other, Value::Double),
        _ if is_text => string(cell).map_or(Value::Other, Value::Text),
        _ => Value::of_number(cell),
    }
}

fn string(cell: &str) -> Option<Text<'_>> {
    serde_json::from_str(cell).ok().map(|Borrowed(text)| text)
}

fn text<'a>(text: &'a Text<'_>) -> Value<'a> {
    Value::Text(Cow::Borrowed(text))
}

fn time(text: &Text<'_>) -> Option<Value<'static>> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(Value::Timestamp)
}

/// Counts stay far below the largest int.
fn int(value: u64) -> Value<'static> {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[path = "parsed_tests.rs"]
mod tests;
