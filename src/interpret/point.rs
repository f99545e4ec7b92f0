//! One point of a stream.

use super::{alert, bare, said};
use crate::event::id::{self, FieldPart, PointParts};
use crate::event::{Cell, ColumnType, Event, Origin, Series, Text};
use crate::kapacitor::point::{FieldValue, PointView};
use crate::record::{Record, Stream};
use crate::words::Kind;

/// The event of a point: kind `alert` when `|alert()` decorated it and the stream says so.
pub(super) fn event<'a>(stream: &'a Stream, record: &'a Record<'a>, view: PointView<'a>) -> Event<'a> {
    let found = alert::of_point(stream, &record.note, &view);
    let time = view.time;
    let mut event = match found {
        Some(found) => {
            let (event_id, fingerprint) = found.ids(&stream.scope);
            let alert = found.into_alert(fingerprint, record.note.verdict.as_ref());
            Event { alert: Some(alert), ..bare(stream, record, Kind::Alert, event_id, time) }
        }
        None => bare(stream, record, Kind::Point, identity(stream, &view), time),
    };
    event.origin = Origin {
        database: said(view.database).or(event.origin.database),
        retention_policy: said(view.retention_policy).or(event.origin.retention_policy),
        measurement: said(view.name.clone()),
        group: said(view.group),
        dimensions: view.dimensions,
        ..event.origin
    };
    event.series = vec![series(view.name, view.tags, view.time, view.fields)];
    event
}

fn identity(stream: &Stream, view: &PointView<'_>) -> id::EventId {
    let parts = PointParts {
        scope: &stream.scope,
        database: or_option(&view.database, stream.database.as_deref()),
        retention_policy: or_option(&view.retention_policy, stream.retention_policy.as_deref()),
        name: &view.name,
        tags: &view.tags,
        time: view.time,
    };
    id::point(&parts, fields(&view.fields))
}

fn or_option<'a>(said: &'a str, option: Option<&'a str>) -> &'a str {
    if said.is_empty() { option.unwrap_or_default() } else { said }
}

/// The fields as they take part in an identity.
pub(super) fn fields<'v>(
    fields: &'v [(Text<'_>, FieldValue<'_>)],
) -> impl ExactSizeIterator<Item = (&'v str, FieldPart<'v>)> {
    fields.iter().map(|(key, value)| {
        let part = match value {
            FieldValue::Float(value) => FieldPart::Float(*value),
            FieldValue::Int(value) => FieldPart::Int(*value),
            FieldValue::Text(value) => FieldPart::Text(value),
            FieldValue::Bool(value) => FieldPart::Bool(*value),
        };
        (&**key, part)
    })
}

/// A field's value as a cell.
pub(super) fn cell(value: FieldValue<'_>) -> Cell<'_> {
    match value {
        FieldValue::Float(value) => Cell::Float(value),
        FieldValue::Int(value) => Cell::Int(value),
        FieldValue::Text(value) => Cell::Text(value),
        FieldValue::Bool(value) => Cell::Bool(value),
    }
}

fn series<'a>(
    name: Text<'a>,
    tags: Vec<(Text<'a>, Text<'a>)>,
    time: i64,
    fields: Vec<(Text<'a>, FieldValue<'a>)>,
) -> Series<'a> {
    let mut columns = Vec::with_capacity(1 + fields.len());
    let mut types = Vec::with_capacity(1 + fields.len());
    let mut row = Vec::with_capacity(1 + fields.len());
    columns.push(Text::Borrowed("time"));
    types.push(ColumnType::Time);
    row.push(Cell::Time(time));
    for (key, value) in fields {
        columns.push(key);
        types.push(match value {
            FieldValue::Float(_) => ColumnType::Float,
            FieldValue::Int(_) => ColumnType::Int,
            FieldValue::Text(_) => ColumnType::Str,
            FieldValue::Bool(_) => ColumnType::Bool,
        });
        row.push(cell(value));
    }
    Series { name, tags, columns, types, rows: vec![row] }
}
