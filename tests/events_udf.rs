//! Recorded UDF connections through record and event, compared with the generated decoder value by value and type by
//! type; and the ids of the alert lane beside those of the same alerts posted.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: a panic is a failure")]

mod events_support;

use events_support::{alert_stream, batches, json, only, points, posts, stored, stream};
use kaptap::event::id::EventId;
use kaptap::event::{Cell, ColumnType, Event, Series};
use kaptap::interpret::event;
use kaptap::kapacitor::proto;
use kaptap::record::{Content, Edge, Note};
use kaptap::words::{Kind, Lane, Level};
use std::collections::{BTreeMap, BTreeSet};

/// The values of a point by name, as the generated decoder has them.
fn values(point: &proto::Point) -> BTreeMap<String, Cell<'static>> {
    let mut values = BTreeMap::new();
    values.extend(point.fields_int.iter().map(|(key, value)| (key.clone(), Cell::Int(*value))));
    values.extend(point.fields_double.iter().map(|(key, value)| (key.clone(), Cell::Float(*value))));
    values.extend(point.fields_string.iter().map(|(key, value)| (key.clone(), Cell::Text(value.clone().into()))));
    values.extend(point.fields_bool.iter().map(|(key, value)| (key.clone(), Cell::Bool(*value))));
    values
}

fn tags(series: &Series<'_>) -> BTreeMap<String, String> {
    series.tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

fn kind_of(cell: &Cell<'_>) -> Option<ColumnType> {
    Some(match cell {
        Cell::Time(_) => ColumnType::Time,
        Cell::Int(_) => ColumnType::Int,
        Cell::Float(_) => ColumnType::Float,
        Cell::Bool(_) => ColumnType::Bool,
        Cell::Text(_) => ColumnType::Str,
        _ => return None,
    })
}

/// Compares one row with a point. A cell must be of the value's own type; doubles are compared by their bits.
#[track_caller]
fn check_row(series: &Series<'_>, row: &[Cell<'_>], point: &proto::Point, group: &BTreeMap<String, String>) {
    assert_eq!((row.len(), series.types.len()), (series.columns.len(), series.columns.len()));
    assert_eq!((&row[0], &*series.columns[0]), (&Cell::Time(point.time), "time"));
    let mut expected = values(point);
    let own_tags = point.tags.iter().filter(|(key, _)| !group.contains_key(*key));
    expected.extend(own_tags.map(|(key, value)| (key.clone(), Cell::Text(value.clone().into()))));
    for ((name, kind), cell) in series.columns.iter().zip(&series.types).zip(row).skip(1) {
        match (expected.remove(&**name), cell) {
            (None, Cell::Null) => {}
            (Some(Cell::Float(sent)), Cell::Float(cell)) => assert_eq!(sent.to_bits(), cell.to_bits()),
            (sent, cell) => assert_eq!(sent.as_ref(), Some(cell)),
        }
        assert!(kind_of(cell).is_none_or(|cell| cell == *kind), "{name}");
    }
    assert!(expected.is_empty(), "not in the event: {expected:?}");
}

/// Every value of the JSON, read back by an independent reader, beside the cells.
#[track_caller]
fn check_json(event: &Event<'_>) {
    let value: serde_json::Value = serde_json::from_str(&json(event)).unwrap();
    for (series, written) in event.series.iter().zip(value["series"].as_array().unwrap()) {
        for (row, written) in series.rows.iter().zip(written["rows"].as_array().unwrap()) {
            for (cell, written) in row.iter().zip(written.as_array().unwrap()) {
                let equal = match cell {
                    Cell::Null => written.is_null(),
                    Cell::Time(time) => written.as_str().and_then(events_support::nanoseconds) == Some(*time),
                    Cell::Int(value) => written.as_i64() == Some(*value),
                    Cell::Float(value) => {
                        written.is_f64() && written.as_f64().map(f64::to_bits) == Some(value.to_bits())
                    }
                    Cell::Bool(value) => written.as_bool() == Some(*value),
                    Cell::Text(value) => written.as_str() == Some(value),
                    Cell::Number(_) | Cell::Json(_) => false,
                };
                assert!(equal, "{cell:?} written as {written}");
            }
        }
    }
}

#[test]
fn points_value_by_value() {
    for (name, task) in [("stream-a", "stream_all"), ("stream-b", "stream_byname"), ("stream-restored", "stream_all")] {
        let stream = stream(Lane::Udf, Some(Edge::Stream), Some(task));
        let points = points(name);
        assert!(points.len() > 50, "{name}: {}", points.len());
        for (frame, point) in &points {
            let payload = stored(Content::Point, 1, &Note::default(), frame);
            let record = only(&payload);
            let event = event(&stream, &record);
            assert_eq!((event.kind, event.time, event.series.len()), (Kind::Point, point.time, 1));
            let origin = &event.origin;
            assert_eq!(origin.database.as_deref().unwrap_or_default(), point.database);
            assert_eq!(origin.retention_policy.as_deref().unwrap_or_default(), point.retention_policy);
            assert_eq!(origin.measurement.as_deref().unwrap_or_default(), point.name);
            assert_eq!(origin.group.as_deref().unwrap_or_default(), point.group);
            assert_eq!(origin.dimensions, point.dimensions);
            let series = &event.series[0];
            assert_eq!((&*series.name, tags(series)), (&*point.name, point.tags.clone().into_iter().collect()));
            let group = point.tags.clone().into_iter().collect();
            check_row(series, &series.rows[0], point, &group);
            check_json(&event);
        }
    }
}

#[test]
fn batches_value_by_value() {
    let (mut all_batches, mut all_points) = (0, 0);
    for (name, task) in [("batch-a", "batch_all"), ("batch-restored", "batch_all")] {
        let stream = stream(Lane::Udf, Some(Edge::Batch), Some(task));
        for batch in batches(name) {
            let payload = stored(Content::Batch, 1, &Note::default(), &batch.frames);
            let record = only(&payload);
            let event = event(&stream, &record);
            assert_eq!((event.kind, event.time, event.series.len()), (Kind::Batch, batch.end.tmax, 1));
            let group: BTreeMap<String, String> = batch.begin.tags.clone().into_iter().collect();
            let series = &event.series[0];
            assert_eq!((&*series.name, tags(series)), (&*batch.begin.name, group.clone()));
            assert_eq!(series.rows.len(), batch.points.len());
            for (row, point) in series.rows.iter().zip(&batch.points) {
                check_row(series, row, point, &group);
            }
            check_json(&event);
            if name == "batch-a" {
                all_batches += 1;
                all_points += batch.points.len();
            }
        }
    }
    assert_eq!((all_batches, all_points), (71, 967));
}

/// The events of the alert points of both recordings of the task.
fn lane_ids() -> BTreeSet<EventId> {
    let stream = alert_stream(Edge::Stream, "alert_lane");
    let frames = ["stream-alert", "stream-alert-restored"].into_iter().flat_map(points);
    let mut ids = BTreeSet::new();
    for (frame, point) in frames {
        let payload = stored(Content::Point, 1, &Note::default(), &frame);
        let record = only(&payload);
        let event = event(&stream, &record);
        let alert = event.alert.as_ref().unwrap();
        assert_eq!((event.kind, event.time), (Kind::Alert, point.time));
        assert_eq!((&*alert.id, alert.level.as_str()), (&*point.tags["alert_id"], &*point.tags["alert_level"]));
        assert_eq!(alert.message.as_deref(), Some(&*point.fields_string["alert_message"]));
        assert_eq!(alert.duration_ns, Some(point.fields_int["alert_duration"]));
        ids.insert(event.id);
    }
    ids
}

#[test]
fn the_alert_lane_and_the_posts_of_the_same_alerts_have_the_same_ids() {
    let stream = stream(Lane::Post, None, None);
    let posted: BTreeSet<EventId> = posts("alert_lane")
        .iter()
        .map(|post| {
            let payload = stored(Content::Alert, 1, &post.note(), post.body.as_bytes());
            event(&stream, &only(&payload)).id
        })
        .collect();
    let by_udf = lane_ids();
    assert_eq!((posted.len(), by_udf.len()), (123, 127));
    assert_eq!(posted.intersection(&by_udf).count(), 123);
}

#[test]
fn alert_batches_agree_with_the_posts_except_for_the_time() {
    let stream = alert_stream(Edge::Batch, "batch_alert");
    let mut posted: Vec<serde_json::Value> =
        posts("batch").iter().map(|post| serde_json::from_str(&post.body).unwrap()).collect();
    let batches = batches("batch-alert");
    let mut found = 0;
    for batch in &batches {
        let payload = stored(Content::Batch, 1, &Note::default(), &batch.frames);
        let record = only(&payload);
        let event = event(&stream, &record);
        let alert = event.alert.as_ref().unwrap();
        assert_eq!(event.kind, Kind::Alert);
        // The post of the same evaluation has the same rows; the receiver was down for some of them.
        let times: Vec<i64> = batch.points.iter().map(|point| point.time).collect();
        let Some(at) = posted.iter().position(|body| {
            let rows = body["data"]["series"][0]["values"].as_array().unwrap();
            let rows = rows.iter().filter_map(|row| row[0].as_str().and_then(events_support::nanoseconds));
            body["id"] == *alert.id && rows.eq(times.iter().copied())
        }) else {
            continue;
        };
        let posted = posted.remove(at);
        found += 1;
        assert_eq!(alert.level.as_str(), posted["level"]);
        assert_eq!(alert.message.as_deref(), posted["message"].as_str());
        assert_eq!(alert.duration_ns, posted["duration"].as_i64());
        let posted_time = posted["time"].as_str().and_then(events_support::nanoseconds).unwrap();
        if alert.level == Level::Ok || batch.points.len() == 1 {
            assert_eq!(event.time, posted_time);
        } else {
            assert_eq!(event.time, batch.end.tmax);
            assert!(posted_time <= event.time);
        }
    }
    assert_eq!((batches.len(), found), (55, 53));
}
