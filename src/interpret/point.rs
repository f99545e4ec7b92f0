//! One point of a stream.

use super::{UNIDENTIFIED, alert, bare, said};
use crate::event::id::{self, EventId, FieldPart, PointParts};
use crate::event::{Cell, ColumnType, Event, Origin, Series, Text};
use crate::kapacitor::point::{FieldValue, PointView};
use crate::record::{Record, Stream};
use crate::words::Kind;

/// The event of a point: kind `alert` when `|alert()` decorated it and the stream says so.
pub(super) fn event<'a>(stream: &'a Stream, record: &'a Record<'a>, view: PointView<'a>) -> Event<'a> {
    Outline::of(stream, record, view).complete()
}

/// The event of a point but for its series, and what that will be made of.
pub(super) struct Outline<'a> {
    pub(super) event: Event<'a>,
    name: Text<'a>,
    pub(super) tags: Vec<(Text<'a>, Text<'a>)>,
    pub(super) fields: Vec<(Text<'a>, FieldValue<'a>)>,
}

impl<'a> Outline<'a> {
    pub(super) fn of(stream: &'a Stream, record: &'a Record<'a>, view: PointView<'a>) -> Self {
        let found = alert::of_point(stream, &record.note, &view);
        let time = view.time;
        let mut event = match found {
            Some(found) => {
                let (event_id, fingerprint) = found.ids(&stream.scope);
                let alert = found.into_alert(fingerprint, record.note.verdict.as_ref());
                Event { alert: Some(alert), ..bare(stream, record, Kind::Alert, event_id, time) }
            }
            None => bare(stream, record, Kind::Point, UNIDENTIFIED, time),
        };
        event.origin = Origin {
            database: said(view.database).or(event.origin.database),
            retention_policy: said(view.retention_policy).or(event.origin.retention_policy),
            measurement: said(view.name.clone()),
            group: said(view.group),
            dimensions: view.dimensions,
            ..event.origin
        };
        Self { event, name: view.name, tags: view.tags, fields: view.fields }
    }

    /// The event.
    pub(super) fn complete(self) -> Event<'a> {
        let Self { mut event, name, tags, fields } = self;
        event.series = vec![series(name, tags, event.time, fields)];
        event
    }
}

/// The id of a point, from its event; `None` when it is none.
pub(super) fn identity(stream: &Stream, event: &Event<'_>) -> Option<EventId> {
    let series = event.series.first().filter(|_| event.kind == Kind::Point)?;
    let parts = PointParts {
        scope: &stream.scope,
        database: event.origin.database.as_deref().unwrap_or_default(),
        retention_policy: event.origin.retention_policy.as_deref().unwrap_or_default(),
        name: &series.name,
        tags: &series.tags,
        time: event.time,
    };
    // The first column is the time.
    let cells = series.columns.iter().zip(series.rows.first()?).skip(1);
    Some(id::point(&parts, cells.map(|(key, cell)| (&**key, part(cell)))))
}

/// A cell as it takes part in an identity. A point has the four types of fields and no others.
fn part<'v>(cell: &'v Cell<'_>) -> FieldPart<'v> {
    match cell {
        Cell::Float(value) => FieldPart::Float(*value),
        Cell::Int(value) | Cell::Time(value) => FieldPart::Int(*value),
        Cell::Bool(value) => FieldPart::Bool(*value),
        Cell::Text(value) => FieldPart::Text(value),
        Cell::Null => FieldPart::Text(""),
        Cell::Number(text) | Cell::Json(text) => FieldPart::Text(text),
    }
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
