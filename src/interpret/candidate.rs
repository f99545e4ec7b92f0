//! Records as filters see them before an event is made: the run by what its stream says, a plain point by its view.
//!
//! Most readers want little of what there is, and making an event costs several times what it takes to see that nobody
//! wants it.

use super::point::Outline;
use super::sketch;
use crate::event::Event;
use crate::filter::path::{Collection, Member};
use crate::filter::{Filter, Foreknown, Known, Subject, Value};
use crate::kapacitor::point::{FieldValue, PointView};
use crate::record::{Content, Note, Record, Stream};
use crate::words::Kind;
use std::borrow::Cow;

/// The kinds that an event of such a record can have.
#[must_use]
pub fn kinds(stream: &Stream, content: Content) -> &'static [Kind] {
    match content {
        Content::Point if stream.alert.is_some() => &[Kind::Point, Kind::Alert, Kind::Opaque],
        Content::Point => &[Kind::Point, Kind::Opaque],
        Content::Batch if stream.alert.is_some() => &[Kind::Batch, Kind::Alert, Kind::Opaque],
        Content::Batch => &[Kind::Batch, Kind::Opaque],
        Content::Alert => &[Kind::Alert, Kind::Opaque],
        Content::Row => &[Kind::Row, Kind::Opaque],
        Content::System => &[Kind::System, Kind::Opaque],
        Content::Opaque => &[Kind::Opaque],
    }
}

/// Whether no event of such a record, and of the others in its run, can pass the filter.
#[must_use]
pub fn rules_out(filter: &Filter, stream: &Stream, record: &Record<'_>) -> bool {
    let Record { content, note, .. } = record;
    kinds(stream, *content).iter().all(|&kind| filter.rules_out(&Run { stream, content: *content, note, kind }))
}

/// What the records of a run have in common, supposing that their events are of this kind.
struct Run<'a> {
    stream: &'a Stream,
    content: Content,
    note: &'a Note,
    kind: Kind,
}

impl Foreknown for Run<'_> {
    fn member(&self, member: Member) -> Known<'_> {
        let Self { stream, note, .. } = self;
        // Of a body only reading it tells which task and topic it names.
        let says_all = matches!(self.content, Content::Point | Content::Batch | Content::System);
        match member {
            Member::Kind => Known::Value(word(self.kind.as_str())),
            Member::OriginLane => Known::Value(word(stream.lane.as_str())),
            Member::OriginSource => Known::Value(text(&stream.source)),
            Member::OriginStream => Known::Value(Value::Text(format!("{:016x}", stream.id.0).into())),
            Member::OriginNode => Known::of(stream.node.as_deref().map(text)),
            Member::OriginTask if says_all => {
                let task = note.task.as_ref().map(|(task, _)| task).or(stream.task.as_ref());
                Known::of(task.map(|task| text(task)))
            }
            Member::AlertId
            | Member::AlertMessage
            | Member::AlertDetails
            | Member::AlertLevel
            | Member::AlertPreviousLevel
            | Member::AlertDurationNs
            | Member::AlertDuration
            | Member::AlertRecoverable
            | Member::AlertState
            | Member::AlertSeverity
            | Member::AlertSeverityNumber
            | Member::AlertTransition
            | Member::AlertStarted
            | Member::AlertRepeat
            | Member::AlertFingerprint
            | Member::AlertEpisode
                if self.kind != Kind::Alert =>
            {
                Known::Absent
            }
            _ => Known::Unknown,
        }
    }
}

/// The event of a record without its id (see [`sketch`]) and with the labels that the reader adds, if all filters let it pass.
#[must_use]
pub fn passing<'a, 'f>(
    stream: &'a Stream,
    record: &'a Record<'a>,
    filters: impl Iterator<Item = &'f Filter> + Clone,
    labels: &'a [(String, String)],
) -> Option<Event<'a>> {
    let asks_for_id = filters.clone().any(Filter::asks_for_id);
    if record.content == Content::Point
        && !asks_for_id
        && let Ok(view) = PointView::of_frame(record.raw)
    {
        let mut outline = Outline::of(stream, record, view);
        outline.event.add_labels(labels);
        return { filters }.all(|filter| filter.passes(&outline)).then(|| outline.complete());
    }
    let mut event = sketch(stream, record);
    event.add_labels(labels);
    if asks_for_id {
        super::identify(stream, &mut event);
    }
    { filters }.all(|filter| filter.matches(&event)).then_some(event)
}

impl Subject for Outline<'_> {
    fn member(&self, member: Member) -> Option<Value<'_>> {
        self.event.member(member)
    }

    fn entry(&self, collection: Collection, key: &str) -> Option<Value<'_>> {
        match collection {
            Collection::Tags => self.tags.iter().find(|(name, _)| name == key).map(|(_, value)| text(value)),
            // The column of that name is the time of the row.
            Collection::Fields if key == "time" => None,
            Collection::Fields => self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| field(value)),
            Collection::Labels | Collection::Dimensions | Collection::Marks => self.event.entry(collection, key),
        }
    }

    fn contains(&self, collection: Collection, key: &str) -> bool {
        match collection {
            Collection::Tags | Collection::Fields => self.entry(collection, key).is_some(),
            Collection::Labels | Collection::Dimensions | Collection::Marks => self.event.contains(collection, key),
        }
    }

    fn size(&self, collection: Collection) -> usize {
        match collection {
            Collection::Tags => self.tags.len(),
            Collection::Fields => self.fields.len(),
            Collection::Labels | Collection::Dimensions | Collection::Marks => self.event.size(collection),
        }
    }
}

fn field<'a>(value: &'a FieldValue<'_>) -> Value<'a> {
    match value {
        FieldValue::Float(value) => Value::Double(*value),
        FieldValue::Int(value) => Value::Int(*value),
        FieldValue::Bool(value) => Value::Bool(*value),
        FieldValue::Text(value) => text(value),
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn word(word: &'static str) -> Value<'static> {
    text(word)
}
