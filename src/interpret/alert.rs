//! What an alert says of itself, whichever lane it came by.

use super::{AlertFacts, task, text, topic};
use crate::event::id::{self, EventId};
use crate::event::{Alert, Text, severity};
use crate::kapacitor::alert::AlertBody;
use crate::kapacitor::batch::BatchView;
use crate::kapacitor::details::Details;
use crate::kapacitor::point::{FieldValue, PointView};
use crate::record::{AlertNames, Note, Stream, Verdict};
use crate::words::{How, Lane, Level, State};

/// What an alert says of itself: the one extraction behind facts and events.
pub(super) struct Said<'a> {
    pub(super) task: Option<(Text<'a>, How)>,
    pub(super) topic: Option<(Text<'a>, How)>,
    pub(super) id: Text<'a>,
    pub(super) message: Option<Text<'a>>,
    pub(super) level: Level,
    pub(super) previous_level: Option<Level>,
    pub(super) time: i64,
    pub(super) duration: Option<i64>,
    /// It says only that Kapacitor does not know the alert any more.
    pub(super) expired: bool,
}

impl<'a> Said<'a> {
    /// The facts for the fold.
    pub(super) fn into_facts(self, scope: &str) -> AlertFacts<'a> {
        let (event_id, fingerprint) = self.ids(scope);
        AlertFacts {
            event_id,
            fingerprint,
            task: self.task.map(|(task, _)| task).unwrap_or_default(),
            topic: self.topic.map(|(topic, _)| topic),
            id: self.id,
            message: self.message.unwrap_or_default(),
            // Whatever it was, it is not on any more.
            level: if self.expired { Level::Ok } else { self.level },
            previous_level: self.previous_level,
            time: self.time,
            duration: self.duration,
            expired: self.expired,
            details: Details::default(),
        }
    }

    /// The alert of an event, with what the fold found at arrival.
    pub(super) fn into_alert(self, fingerprint: EventId, verdict: Option<&Verdict>) -> Alert<'a> {
        let started = verdict.and_then(|verdict| verdict.started);
        Alert {
            id: self.id,
            message: self.message,
            details: None,
            level: self.level,
            previous_level: self.previous_level,
            duration_ns: self.duration,
            recoverable: None,
            state: if self.level == Level::Ok || self.expired { State::Resolved } else { State::Firing },
            severity: text(severity::word(self.level)),
            severity_number: severity::number(self.level),
            transition: verdict.map(|verdict| verdict.transition),
            started,
            repeat: verdict.map_or(0, |verdict| verdict.repeat),
            fingerprint,
            episode: started.map(|started| id::episode(fingerprint, started)),
        }
    }

    /// Id of the event, and identity of the alert over time.
    pub(super) fn ids(&self, scope: &str) -> (EventId, EventId) {
        let task = self.task.as_ref().map_or("", |(task, _)| task);
        let event = if self.expired {
            id::expired(scope, task, &self.id, self.time)
        } else {
            id::alert(scope, task, &self.id, self.time, self.level)
        };
        (event, id::fingerprint(scope, task, &self.id))
    }
}

/// The alert of a point that `|alert()` decorated; `None` when it lacks the id or level tag.
pub(super) fn of_point<'a>(stream: &'a Stream, note: &'a Note, view: &PointView<'a>) -> Option<Said<'a>> {
    let names = stream.alert.as_ref()?;
    let (id, level) = named(names, &view.tags)?;
    let (message, duration) = told(names, view);
    Some(Said {
        task: task(stream, note, None),
        topic: topic(note),
        id,
        message,
        level,
        previous_level: None,
        time: view.time,
        duration,
        expired: false,
    })
}

/// The alert of a batch that `|alert()` decorated. Of a batch in parts only the last part is one.
///
/// Kapacitor puts the id and the level on Begin and on all points, and the message and duration on all points, but not
/// the time of the event: see [`batch_time`].
pub(super) fn of_batch<'a>(stream: &'a Stream, note: &'a Note, view: &BatchView<'a>) -> Option<Said<'a>> {
    let names = stream.alert.as_ref()?;
    let is_last = note.part.is_none_or(|(_, parts)| parts.is_some()) || view.end.is_some();
    let begin = view.begin.as_ref().filter(|_| is_last)?;
    let (id, level) = named(names, &begin.tags)?;
    let (message, duration) = view.points.first().map(|point| told(names, point)).unwrap_or_default();
    Some(Said {
        task: task(stream, note, None),
        topic: topic(note),
        id,
        message,
        level,
        previous_level: None,
        time: batch_time(level, note, view)?,
        duration,
        expired: false,
    })
}

/// The event time of a batch alert, as far as the batch tells.
///
/// Kapacitor's own event has the batch's time for OK and for `.all()`, and otherwise the time of the first point with
/// the highest level (`alert.go`, `BufferedBatch`). Which point that is cannot be seen from outside, unless all points
/// have the same time; then the batch's time stands for it.
fn batch_time(level: Level, note: &Note, view: &BatchView<'_>) -> Option<i64> {
    let whole = note.part.is_none_or(|(part, _)| part == 1);
    match view.points.split_first() {
        Some((first, others)) if whole && level != Level::Ok && others.iter().all(|other| other.time == first.time) => {
            Some(first.time)
        }
        _ => super::batch::time(view),
    }
}

/// The alert of a body. `details` is the task that its details name.
pub(super) fn of_body<'a>(
    stream: &'a Stream,
    note: &'a Note,
    observed: i64,
    body: AlertBody<'a>,
    details: Option<Text<'a>>,
) -> Said<'a> {
    Said {
        task: task(stream, note, details),
        topic: topic(note),
        id: body.id,
        message: Some(body.message),
        level: body.level,
        previous_level: body.previous_level,
        time: body.time.unwrap_or(observed),
        duration: Some(body.duration),
        // Nobody else may say so.
        expired: body.expired && stream.lane == Lane::Own,
    }
}

/// Id and level among tags sorted by key.
fn named<'a>(names: &AlertNames, tags: &[(Text<'a>, Text<'a>)]) -> Option<(Text<'a>, Level)> {
    let tag = |name: &str| tags.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    Some((tag(&names.id_tag)?.clone(), Level::parse(tag(&names.level_tag)?)?))
}

/// Message and duration among the fields of a point.
fn told<'a>(names: &AlertNames, view: &PointView<'a>) -> (Option<Text<'a>>, Option<i64>) {
    let field = |name: &str| view.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let message = match field(&names.message_field) {
        Some(FieldValue::Text(message)) => Some(message.clone()),
        _ => None,
    };
    let duration = match field(&names.duration_field) {
        Some(FieldValue::Int(duration)) => Some(*duration),
        _ => None,
    };
    (message, duration)
}
