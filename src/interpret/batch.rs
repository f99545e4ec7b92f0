//! A batch, or a part of one.

use super::point::{cell, fields};
use super::series::{ColumnKinds, settle};
use super::{alert, bare, said, text};
use crate::event::id::{self, BatchParts, PointsHash};
use crate::event::{Cell, Event, Origin, Series, Text};
use crate::kapacitor::batch::BatchView;
use crate::kapacitor::point::PointView;
use crate::record::{Record, Stream};
use crate::words::Kind;

/// A table may have this many cells, however few of them hold a value.
const CELLS: usize = 100_000;
/// Beyond that, one in so many cells must hold a value.
const SPARSE: usize = 8;

/// What Begin says of all points, or End when Begin is missing.
struct Head<'a> {
    name: Text<'a>,
    group: Text<'a>,
    tags: Vec<(Text<'a>, Text<'a>)>,
}

/// The event of a batch; `None` when there is nothing in it at all.
pub(super) fn event<'a>(stream: &'a Stream, record: &'a Record<'a>, view: BatchView<'a>) -> Option<Event<'a>> {
    if view == BatchView::default() {
        return None;
    }
    let mut event = match alert::of_batch(stream, &record.note, &view) {
        Some(found) => {
            let (event_id, fingerprint) = found.ids(&stream.scope);
            let time = found.time;
            let alert = found.into_alert(fingerprint, record.note.verdict.as_ref());
            Event { alert: Some(alert), ..bare(stream, record, Kind::Alert, event_id, time) }
        }
        None => {
            bare(stream, record, Kind::Batch, identity(stream, record, &view), time(&view).unwrap_or(record.observed))
        }
    };
    let head = match (view.begin, view.end) {
        (Some(begin), _) => Head { name: begin.name, group: begin.group, tags: begin.tags },
        (None, Some(end)) => Head { name: end.name, group: end.group, tags: end.tags },
        (None, None) => Head { name: text(""), group: text(""), tags: Vec::new() },
    };
    event.origin = Origin {
        measurement: said(head.name.clone()),
        group: said(head.group.clone()),
        // The tags of Begin are those of the group, so their keys are what was grouped by.
        dimensions: head.tags.iter().map(|(key, _)| key.clone()).collect(),
        ..event.origin
    };
    tables(&head, view.points, &mut event.series);
    Some(event)
}

/// The time of a batch: the bound that End says, else the time of its newest point.
pub(super) fn time(view: &BatchView<'_>) -> Option<i64> {
    view.end.as_ref().map(|end| end.tmax).or_else(|| view.points.iter().map(|point| point.time).max())
}

fn identity(stream: &Stream, record: &Record<'_>, view: &BatchView<'_>) -> id::EventId {
    let (name, group) = match (&view.begin, &view.end) {
        (Some(begin), _) => (&*begin.name, &*begin.group),
        (None, Some(end)) => (&*end.name, &*end.group),
        (None, None) => ("", ""),
    };
    let mut points = PointsHash::new();
    for point in &view.points {
        points.add(point.time, &point.tags, fields(&point.fields));
    }
    let parts = BatchParts {
        scope: &stream.scope,
        task: stream.task.as_deref().unwrap_or_default(),
        node: stream.node.as_deref().unwrap_or_default(),
        name,
        group,
        tmax: time(view).unwrap_or_default(),
        part: record.note.part.map(|(part, _)| part),
    };
    id::batch(&parts, &points)
}

/// Makes one series of the points, or several where one would be nearly all nulls: the memory for a table must not be
/// the product of what a peer may send of points and of names.
fn tables<'a>(head: &Head<'a>, mut points: Vec<PointView<'a>>, out: &mut Vec<Series<'a>>) {
    let names = Names::of(&head.tags, &points);
    let values: usize = points.iter().map(|point| 1 + point.fields.len() + point.tags.len()).sum();
    let cells = points.len().saturating_mul(1 + names.fields.len() + names.tags.len());
    if points.len() > 1 && cells > CELLS && cells > values.saturating_mul(SPARSE) {
        let later = points.split_off(points.len() / 2);
        drop(names);
        tables(head, points, out);
        tables(head, later, out);
    } else {
        out.push(table(head, names, points));
    }
}

/// Column names behind `time`: fields, then tags of points that are not tags of the group; each sorted. A tag may have
/// the name of a field: then the name occurs twice, first for the field.
struct Names<'a> {
    fields: Vec<Text<'a>>,
    tags: Vec<Text<'a>>,
}

impl<'a> Names<'a> {
    fn of(group: &[(Text<'a>, Text<'a>)], points: &[PointView<'a>]) -> Self {
        let mut names = Self { fields: Vec::new(), tags: Vec::new() };
        for point in points {
            if !names.fields.iter().eq(point.fields.iter().map(|(key, _)| key)) {
                unite(&mut names.fields, point.fields.iter().map(|(key, _)| key));
            }
            if point.tags != group {
                let own = point.tags.iter().filter(|tag| group.binary_search(tag).is_err());
                unite(&mut names.tags, own.map(|(key, _)| key));
            }
        }
        names
    }
}

/// Adds names to sorted names.
fn unite<'n, 'a: 'n>(names: &mut Vec<Text<'a>>, more: impl Iterator<Item = &'n Text<'a>>) {
    let known = names.len();
    for name in more {
        if names.get(..known).is_some_and(|names| names.binary_search(name).is_err()) {
            names.push(name.clone());
        }
    }
    if names.len() > known {
        names.sort();
        names.dedup();
    }
}

fn table<'a>(head: &Head<'a>, names: Names<'a>, points: Vec<PointView<'a>>) -> Series<'a> {
    let width = 1 + names.fields.len() + names.tags.len();
    let mut kinds = ColumnKinds::new(width);
    let mut rows = Vec::with_capacity(points.len());
    for point in points {
        let mut row = Vec::with_capacity(width);
        row.push(Cell::Time(point.time));
        spread(&names.fields, point.fields, cell, &mut row);
        spread(&names.tags, point.tags, Cell::Text, &mut row);
        kinds.add(&row);
        rows.push(row);
    }
    let types = settle(&kinds, &mut rows);
    let mut columns = Vec::with_capacity(width);
    columns.push(text("time"));
    columns.extend(names.fields);
    columns.extend(names.tags);
    Series { name: head.name.clone(), tags: head.tags.clone(), columns, types, rows }
}

/// Puts values under their names; both are sorted, and a value without a column is left out.
fn spread<'a, V>(
    names: &[Text<'a>],
    values: Vec<(Text<'a>, V)>,
    cell: impl Fn(V) -> Cell<'a>,
    row: &mut Vec<Cell<'a>>,
) {
    let mut values = values.into_iter().peekable();
    for name in names {
        while values.next_if(|(key, _)| key < name).is_some() {}
        let value = values.next_if(|(key, _)| key == name);
        row.push(value.map_or(Cell::Null, |(_, value)| cell(value)));
    }
}
