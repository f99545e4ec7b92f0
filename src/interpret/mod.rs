//! Record to event, and the fold that knows which alerts are open. Pure: no I/O, no clock.
//!
//! An event is a function of its record and of what the stream said of itself, and of nothing else: it can be made
//! again at any time, and gets the same id each time. What cannot be understood becomes an event of kind `opaque`,
//! with the bytes still in the record.
//!
//! * [`event`] is for readers, [`alert_facts`] for intake; both find an alert by the same code (`alert`).
//! * `point`, `batch` and `body` know one shape each; `series` makes typed columns.
//! * [`passing`] and [`rules_out`] are for readers that want little of what there is.
//! * [`fold`] is the state of each alert over time, [`topics`] that of each event of each topic.

mod alert;
mod batch;
mod body;
mod candidate;
pub mod fold;
mod point;
mod series;
pub mod topics;

pub use candidate::{kinds, passing, rules_out};

use crate::event::id::{self, EventId};
use crate::event::{Event, Origin, Raw, Text};
use crate::kapacitor::alert::AlertBody;
use crate::kapacitor::batch::BatchView;
use crate::kapacitor::details::Details;
use crate::kapacitor::glance;
use crate::kapacitor::point::PointView;
use crate::record::{Content, Note, Record, Stream};
use crate::words::{How, Kind, Lane, Level};
use std::borrow::Cow;

/// Media type of records that are UDF frames.
pub const FRAMES_MEDIA: &str = "application/vnd.kapacitor.udf";

/// Makes the event of a record. Never fails: what is not understood becomes an event of kind `opaque`.
#[must_use]
pub fn event<'a>(stream: &'a Stream, record: &'a Record<'a>) -> Event<'a> {
    let mut event = sketch(stream, record);
    identify(stream, &mut event);
    event
}

/// Gives a [`sketch`] its id. Does nothing to an event that has one.
pub fn identify(stream: &Stream, event: &mut Event<'_>) {
    if event.id == UNIDENTIFIED
        && let Some(id) = point::identity(stream, event)
    {
        event.id = id;
    }
}

/// The id of a sketch.
const UNIDENTIFIED: EventId = EventId(0);

/// The event of a record as far as a filter looks at it: a plain point is without its id, half the cost of its event,
/// until [`identify`] makes it. For readers that pass most of what they see.
#[must_use]
pub fn sketch<'a>(stream: &'a Stream, record: &'a Record<'a>) -> Event<'a> {
    let understood = match record.content {
        Content::Point => PointView::of_frame(record.raw).ok().map(|view| point::event(stream, record, view)),
        Content::Batch => BatchView::of_frames(record.raw).ok().and_then(|view| batch::event(stream, record, view)),
        Content::Alert => AlertBody::parse(record.raw).ok().map(|body| body::alert(stream, record, body)),
        Content::Row => body::rows(stream, record),
        Content::System => notice(stream, record),
        Content::Opaque => None,
    };
    understood.unwrap_or_else(|| unnamed(stream, record, Kind::Opaque, record.observed))
}

/// What the fold needs to know of an alert, found at intake.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertFacts<'a> {
    /// Id of the event.
    pub event_id: EventId,
    /// Identity of the alert over time.
    pub fingerprint: EventId,
    /// Task, or empty.
    pub task: Cow<'a, str>,
    /// Topic, where known.
    pub topic: Option<Cow<'a, str>>,
    /// Alert id.
    pub id: Cow<'a, str>,
    /// Message.
    pub message: Cow<'a, str>,
    /// Level; OK when it says that the alert has expired.
    pub level: Level,
    /// Level before, as Kapacitor said.
    pub previous_level: Option<Level>,
    /// Event time.
    pub time: i64,
    /// Duration of the episode, nanoseconds.
    pub duration: Option<i64>,
    /// Whether it says only that Kapacitor does not know the alert any more.
    pub expired: bool,
    /// Details, as sent; empty where there are none.
    pub details: Details<'a>,
}

/// Finds the alert in a record about to be written; `None` when it is not one.
///
/// Costs nothing for the points and batches of a stream without `.alert(TRUE)`.
#[must_use]
pub fn alert_facts<'a>(
    stream: &'a Stream,
    content: Content,
    note: &'a Note,
    observed: i64,
    raw: &'a [u8],
) -> Option<AlertFacts<'a>> {
    let mut told = Details::default();
    let said = match content {
        Content::Point if stream.alert.is_some() => alert::of_point(stream, note, &PointView::of_frame(raw).ok()?),
        Content::Batch if stream.alert.is_some() => alert::of_batch(stream, note, &BatchView::of_frames(raw).ok()?),
        Content::Alert => {
            let mut body = glance::alert(raw).or_else(|| AlertBody::parse(raw).ok())?;
            told = std::mem::take(&mut body.details);
            // Of the details only the task counts here, and only if the request does not say it.
            let task = note.task.is_none().then(|| told.task()).flatten();
            Some(alert::of_body(stream, note, observed, body, task))
        }
        Content::Point | Content::Batch | Content::Row | Content::System | Content::Opaque => None,
    };
    said.map(|said| AlertFacts { details: told, ..said.into_facts(&stream.scope) })
}

/// A notice of our own: a JSON object.
fn notice<'a>(stream: &'a Stream, record: &'a Record<'a>) -> Option<Event<'a>> {
    let json: &serde_json::value::RawValue = serde_json::from_slice(record.raw).ok()?;
    let object = json.get().starts_with('{').then(|| json.get())?;
    Some(Event { system: Some(object.into()), ..unnamed(stream, record, Kind::System, record.observed) })
}

/// An event that has no identity but its place in its stream.
fn unnamed<'a>(stream: &'a Stream, record: &'a Record<'a>, kind: Kind, time: i64) -> Event<'a> {
    bare(stream, record, kind, id::other(stream.lane, stream.id.0, record.n), time)
}

/// An event with all that can be said without looking at the bytes.
fn bare<'a>(stream: &'a Stream, record: &'a Record<'a>, kind: Kind, id: EventId, time: i64) -> Event<'a> {
    let note = &record.note;
    let origin = Origin {
        task: task(stream, note, None),
        node: stream.node.as_deref().map(text),
        topic: topic(note),
        database: stream.database.as_deref().map(text),
        retention_policy: stream.retention_policy.as_deref().map(text),
        ..Origin::new(stream.lane, text(&stream.source), stream.id.0, record.n)
    };
    let raw = Raw { media: media(stream, record), data: record.raw };
    Event {
        observed: record.observed,
        labels: labels(stream),
        duplicate_of: note.verdict.and_then(|verdict| verdict.duplicate_of),
        part: note.part,
        marks: note.marks.iter().map(|mark| text(mark)).collect(),
        ..Event::new(id, record.seq, kind, time, origin, raw)
    }
}

/// The task: what the request said wins over what the details tell, and that over Init.
fn task<'a>(stream: &'a Stream, note: &'a Note, details: Option<Text<'a>>) -> Option<(Text<'a>, How)> {
    let requested = note.task.as_ref().map(|(task, how)| (text(task), *how));
    requested
        .or_else(|| details.map(|task| (task, How::Details)))
        .or_else(|| stream.task.as_deref().map(|task| (text(task), How::Init)))
}

fn topic(note: &Note) -> Option<(Text<'_>, How)> {
    note.topic.as_ref().map(|(topic, how)| (text(topic), *how))
}

/// The labels; of a repeated key the last value counts.
fn labels(stream: &Stream) -> Vec<(Text<'_>, Text<'_>)> {
    let mut labels: Vec<(Text<'_>, Text<'_>)> = Vec::with_capacity(stream.labels.len());
    for (key, value) in &stream.labels {
        match labels.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = text(value),
            None => labels.push((text(key), text(value))),
        }
    }
    labels
}

fn media<'a>(stream: &Stream, record: &'a Record<'a>) -> Text<'a> {
    match (record.note.media.as_deref(), record.content) {
        (Some(media), _) => text(media),
        (None, Content::Point | Content::Batch) => text(FRAMES_MEDIA),
        (None, Content::Opaque) if stream.lane == Lane::Udf => text(FRAMES_MEDIA),
        (None, Content::System) => text("application/json"),
        (None, Content::Alert | Content::Row | Content::Opaque) => text("application/octet-stream"),
    }
}

fn text(text: &str) -> Text<'_> {
    Cow::Borrowed(text)
}

/// What Kapacitor leaves empty when there is nothing to say.
fn said(text: Text<'_>) -> Option<Text<'_>> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
