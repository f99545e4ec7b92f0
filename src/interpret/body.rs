//! The JSON bodies: alerts and rows.

use super::{alert, bare, said, series, text, unnamed};
use crate::event::{Event, Origin, Text};
use crate::kapacitor::alert::AlertBody;
use crate::kapacitor::row::parse_rows;
use crate::kapacitor::{details, row};
use crate::record::{Record, Stream};
use crate::words::{How, Kind};

/// Mark of an event with a row of more or fewer values than there are columns.
const RAGGED: &str = "ragged_rows";

/// What Kapacitor's template calls the group of what is not grouped.
const NO_GROUP: &str = "nil";

/// The event of an alert body.
pub(super) fn alert<'a>(stream: &'a Stream, record: &'a Record<'a>, mut body: AlertBody<'a>) -> Event<'a> {
    let (series, recoverable) = (std::mem::take(&mut body.series), body.recoverable);
    let details = std::mem::take(&mut body.details).into_text();
    let mut provenance = details::parse(&details).unwrap_or_default();
    let found = alert::of_body(stream, &record.note, record.observed, body, provenance.task.take());
    let (event_id, fingerprint) = found.ids(&stream.scope);
    let (time, task) = (found.time, found.task.clone());
    let mut alert = found.into_alert(fingerprint, record.note.verdict.as_ref());
    alert.details = Some(details);
    alert.recoverable = recoverable;
    let mut event = Event { alert: Some(alert), ..bare(stream, record, Kind::Alert, event_id, time) };
    add_series(&mut event, series);
    let by_details = |text: Option<Text<'a>>| text.and_then(said).map(|text| (text, How::Details));
    event.origin = Origin {
        task,
        cluster: by_details(provenance.cluster),
        server: by_details(provenance.server),
        host: by_details(provenance.host),
        measurement: measurement(&event).or_else(|| provenance.name.and_then(said)),
        group: provenance.group.and_then(said).filter(|group| group != NO_GROUP),
        ..event.origin
    };
    event
}

/// The event of posted rows; `None` when the body is not rows.
pub(super) fn rows<'a>(stream: &'a Stream, record: &'a Record<'a>) -> Option<Event<'a>> {
    let mut event = unnamed(stream, record, Kind::Row, record.observed);
    add_series(&mut event, parse_rows(record.raw).ok()?);
    event.time = series::newest(&event.series).unwrap_or(record.observed);
    event.origin.measurement = measurement(&event);
    Some(event)
}

fn add_series<'a>(event: &mut Event<'a>, found: Vec<row::Series<'a>>) {
    let mut any_ragged = false;
    event.series = found
        .into_iter()
        .map(|found| {
            let (series, ragged) = series::of_rows(found);
            any_ragged |= ragged;
            series
        })
        .collect();
    if any_ragged {
        event.marks.push(text(RAGGED));
    }
}

fn measurement<'a>(event: &Event<'a>) -> Option<Text<'a>> {
    event.series.first().map(|series| series.name.clone()).and_then(said)
}
