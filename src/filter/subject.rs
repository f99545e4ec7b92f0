//! What a filter asks: anything that has values at paths.

use super::path::{Collection, Member};
use super::value::Value;
use crate::event::{Alert, Cell, ColumnType, Event, Origin, Series, Text};
use std::borrow::Cow;

/// Something that can be asked for a path. An [`Event`] is one; whatever else knows the same paths without being an
/// event yet can be one too.
pub trait Subject {
    /// The single value; `None` when the subject has none there.
    fn member(&self, member: Member) -> Option<Value<'_>>;

    /// The value of a key; `None` when the key is absent, and always for a list.
    fn entry(&self, collection: Collection, key: &str) -> Option<Value<'_>>;

    /// Whether the key is there, or the text is in the list.
    fn contains(&self, collection: Collection, key: &str) -> bool;

    /// How many keys or texts there are.
    fn size(&self, collection: Collection) -> usize;
}

impl Subject for Event<'_> {
    fn member(&self, member: Member) -> Option<Value<'_>> {
        let (origin, alert) = (&self.origin, self.alert.as_ref());
        match member {
            Member::Kind => Some(word(self.kind.as_str())),
            Member::Id => Some(owned(self.id.to_string())),
            Member::Seq => Some(int(self.seq)),
            Member::Time => Some(Value::Timestamp(self.time)),
            Member::Observed => Some(Value::Timestamp(self.observed)),
            Member::DuplicateOf => self.duplicate_of.map(int),
            Member::Part => self.part.map(|(part, _)| Value::Int(part.into())),
            Member::Parts => self.part?.1.map(|parts| Value::Int(parts.into())),
            _ => of_origin(origin, member).or_else(|| of_alert(alert?, member)),
        }
    }

    fn entry(&self, collection: Collection, key: &str) -> Option<Value<'_>> {
        match collection {
            Collection::Tags => text_of(&self.series.first()?.tags, key),
            Collection::Labels => text_of(&self.labels, key),
            Collection::Fields => field(self.series.first()?, key),
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
        match collection {
            Collection::Tags => self.series.first().map_or(0, |series| series.tags.len()),
            Collection::Fields => self.series.first().map_or(0, |series| {
                let row = series.rows.last().map_or(0, Vec::len);
                row - usize::from(row > 0 && has_time(series))
            }),
            Collection::Labels => self.labels.len(),
            Collection::Dimensions => self.origin.dimensions.len(),
            Collection::Marks => self.marks.len(),
        }
    }
}

fn of_origin<'a>(origin: &'a Origin<'_>, member: Member) -> Option<Value<'a>> {
    let learned = |part: &'a Option<(Text<'_>, _)>| part.as_ref().map(|(part, _)| text(part));
    match member {
        Member::OriginLane => Some(word(origin.lane.as_str())),
        Member::OriginSource => Some(text(&origin.source)),
        Member::OriginStream => Some(owned(format!("{:016x}", origin.stream))),
        Member::OriginN => Some(int(origin.n)),
        Member::OriginTask => learned(&origin.task),
        Member::OriginNode => origin.node.as_ref().map(text),
        Member::OriginTopic => learned(&origin.topic),
        Member::OriginCluster => learned(&origin.cluster),
        Member::OriginServer => learned(&origin.server),
        Member::OriginHost => learned(&origin.host),
        Member::OriginDatabase => origin.database.as_ref().map(text),
        Member::OriginRetentionPolicy => origin.retention_policy.as_ref().map(text),
        Member::OriginMeasurement => origin.measurement.as_ref().map(text),
        Member::OriginGroup => origin.group.as_ref().map(text),
        _ => None,
    }
}

fn of_alert<'a>(alert: &'a Alert<'_>, member: Member) -> Option<Value<'a>> {
    match member {
        Member::AlertId => Some(text(&alert.id)),
        Member::AlertMessage => alert.message.as_ref().map(text),
        Member::AlertDetails => alert.details.as_ref().map(text),
        Member::AlertLevel => Some(word(alert.level.as_str())),
        Member::AlertPreviousLevel => alert.previous_level.map(|level| word(level.as_str())),
        Member::AlertDurationNs => alert.duration_ns.map(Value::Int),
        Member::AlertDuration => alert.duration_ns.map(Value::Duration),
        Member::AlertRecoverable => alert.recoverable.map(Value::Bool),
        Member::AlertState => Some(word(alert.state.as_str())),
        Member::AlertSeverity => Some(text(&alert.severity)),
        Member::AlertSeverityNumber => Some(Value::Int(alert.severity_number.into())),
        Member::AlertTransition => alert.transition.map(|transition| word(transition.as_str())),
        Member::AlertStarted => alert.started.map(Value::Timestamp),
        Member::AlertRepeat => Some(int(alert.repeat)),
        Member::AlertFingerprint => Some(owned(alert.fingerprint.to_string())),
        Member::AlertEpisode => alert.episode.map(|episode| owned(episode.to_string())),
        _ => None,
    }
}

fn field<'a>(series: &'a Series<'_>, name: &str) -> Option<Value<'a>> {
    let column = series.columns.iter().position(|column| column == name)?;
    if column == 0 && has_time(series) {
        return None;
    }
    Some(match series.rows.last()?.get(column)? {
        Cell::Null => Value::Null,
        Cell::Time(time) => Value::Timestamp(*time),
        Cell::Int(value) => Value::Int(*value),
        Cell::Float(value) => Value::Double(*value),
        Cell::Bool(value) => Value::Bool(*value),
        Cell::Text(value) => text(value),
        Cell::Number(digits) => Value::of_number(digits),
        Cell::Json(_) => Value::Other,
    })
}

/// Whether the first column is the rows' time, which is no field.
fn has_time(series: &Series<'_>) -> bool {
    series.types.first() == Some(&ColumnType::Time) && series.columns.first().is_some_and(|name| name == "time")
}

fn text_of<'a>(pairs: &'a [(Text<'_>, Text<'_>)], key: &str) -> Option<Value<'a>> {
    pairs.iter().find(|(name, _)| name == key).map(|(_, value)| text(value))
}

fn text<'a>(text: &'a Text<'_>) -> Value<'a> {
    Value::Text(Cow::Borrowed(text))
}

fn word(word: &'static str) -> Value<'static> {
    Value::Text(Cow::Borrowed(word))
}

fn owned(text: String) -> Value<'static> {
    Value::Text(Cow::Owned(text))
}

/// Counts stay far below the largest int.
fn int(value: u64) -> Value<'static> {
    Value::Int(i64::try_from(value).unwrap_or(i64::MAX))
}
