//! The event as JSON, one object a line.
//!
//! Written straight into a buffer, in the order of the table in `docs/event.md`, without a tree of values in between.
//! Numbers are exact: integers as they are, doubles in the shortest form that reads back to the same double, numbers
//! that came as JSON digit for digit. A key that does not apply is absent, never `null`.

mod scalar;

use super::{Alert, Cell, ColumnType, Event, Origin, Raw, Series, Text, time};
use crate::words::How;
use scalar::{base64, float, hex, integer, one_line, string};

/// The version of the shape. Changes within it only add keys.
pub const SCHEMA: &str = "kaptap.event/v1";

/// Appends the event as one JSON object, without a line end. `with_raw` adds the record's bytes.
pub fn write(event: &Event<'_>, with_raw: bool, out: &mut Vec<u8>) {
    put(out, r#"{"schema":"kaptap.event/v1","id":""#);
    hex(event.id.0, out);
    put(out, r#"","seq":"#);
    integer(event.seq, out);
    put(out, r#","kind":""#);
    put(out, event.kind.as_str());
    put(out, r#"","time":""#);
    time::write(event.time, out);
    put(out, r#"","observed":""#);
    time::write(event.observed, out);
    put(out, r#"","origin":"#);
    origin(&event.origin, out);
    if let Some(found) = &event.alert {
        put(out, r#","alert":"#);
        alert(found, out);
    }
    if let Some(notice) = &event.system {
        put(out, r#","system":"#);
        one_line(notice, out);
    }
    if !event.series.is_empty() {
        put(out, r#","series":"#);
        array(&event.series, out, series);
    }
    if !event.labels.is_empty() {
        put(out, r#","labels":"#);
        object(&event.labels, out);
    }
    number(r#","duplicate_of":"#, event.duplicate_of, out);
    if let Some((part, parts)) = event.part {
        number(r#","part":"#, Some(part), out);
        number(r#","parts":"#, parts, out);
    }
    texts(r#","marks":"#, &event.marks, out);
    if with_raw {
        put(out, r#","raw":"#);
        raw(&event.raw, out);
    }
    out.push(b'}');
}

fn origin(origin: &Origin<'_>, out: &mut Vec<u8>) {
    put(out, r#"{"lane":""#);
    put(out, origin.lane.as_str());
    put(out, r#"","source":"#);
    string(&origin.source, out);
    put(out, r#","stream":""#);
    scalar::hex64(origin.stream, out);
    put(out, r#"","n":"#);
    integer(origin.n, out);
    said(r#","task":"#, origin.task.as_ref(), out);
    text(r#","node":"#, origin.node.as_ref(), out);
    said(r#","topic":"#, origin.topic.as_ref(), out);
    said(r#","cluster":"#, origin.cluster.as_ref(), out);
    said(r#","server":"#, origin.server.as_ref(), out);
    said(r#","host":"#, origin.host.as_ref(), out);
    text(r#","database":"#, origin.database.as_ref(), out);
    text(r#","retention_policy":"#, origin.retention_policy.as_ref(), out);
    text(r#","measurement":"#, origin.measurement.as_ref(), out);
    text(r#","group":"#, origin.group.as_ref(), out);
    texts(r#","dimensions":"#, &origin.dimensions, out);
    how(origin, out);
    out.push(b'}');
}

fn how(origin: &Origin<'_>, out: &mut Vec<u8>) {
    let learned = [
        (r#""task":""#, origin.task.as_ref()),
        (r#""topic":""#, origin.topic.as_ref()),
        (r#""cluster":""#, origin.cluster.as_ref()),
        (r#""server":""#, origin.server.as_ref()),
        (r#""host":""#, origin.host.as_ref()),
    ];
    let mut before = r#","how":{"#;
    for (key, said) in learned {
        let Some((_, how)) = said else { continue };
        put(out, before);
        put(out, key);
        put(out, how.as_str());
        out.push(b'"');
        before = ",";
    }
    if before == "," {
        out.push(b'}');
    }
}

fn alert(alert: &Alert<'_>, out: &mut Vec<u8>) {
    put(out, r#"{"id":"#);
    string(&alert.id, out);
    text(r#","message":"#, alert.message.as_ref(), out);
    text(r#","details":"#, alert.details.as_ref(), out);
    word(r#","level":""#, Some(alert.level.as_str()), out);
    word(r#","previous_level":""#, alert.previous_level.map(crate::words::Level::as_str), out);
    number(r#","duration_ns":"#, alert.duration_ns, out);
    if let Some(recoverable) = alert.recoverable {
        put(out, r#","recoverable":"#);
        boolean(recoverable, out);
    }
    word(r#","state":""#, Some(alert.state.as_str()), out);
    text(r#","severity":"#, Some(&alert.severity), out);
    number(r#","severity_number":"#, Some(alert.severity_number), out);
    if let Some(transition) = alert.transition {
        word(r#","transition":""#, Some(transition.as_str()), out);
    }
    if let Some(started) = alert.started {
        put(out, r#","started":""#);
        time::write(started, out);
        out.push(b'"');
    }
    if alert.transition.is_some() {
        number(r#","repeat":"#, Some(alert.repeat), out);
    }
    put(out, r#","fingerprint":""#);
    hex(alert.fingerprint.0, out);
    if let Some(episode) = alert.episode {
        put(out, r#"","episode":""#);
        hex(episode.0, out);
    }
    put(out, r#""}"#);
}

fn series(series: &Series<'_>, out: &mut Vec<u8>) {
    put(out, r#"{"name":"#);
    string(&series.name, out);
    put(out, r#","tags":"#);
    object(&series.tags, out);
    put(out, r#","columns":"#);
    array(&series.columns, out, |column, out| string(column, out));
    put(out, r#","types":"#);
    array(&series.types, out, |kind: &ColumnType, out| {
        out.push(b'"');
        put(out, kind.as_str());
        out.push(b'"');
    });
    put(out, r#","rows":"#);
    array(&series.rows, out, |row, out| array(row, out, cell));
    out.push(b'}');
}

fn cell(cell: &Cell<'_>, out: &mut Vec<u8>) {
    match cell {
        Cell::Null => put(out, "null"),
        Cell::Time(value) => {
            out.push(b'"');
            time::write(*value, out);
            out.push(b'"');
        }
        Cell::Int(value) => integer(*value, out),
        Cell::Float(value) => float(*value, out),
        Cell::Bool(value) => boolean(*value, out),
        Cell::Text(value) => string(value, out),
        Cell::Number(digits) => put(out, digits),
        Cell::Json(json) => one_line(json, out),
    }
}

fn raw(raw: &Raw<'_>, out: &mut Vec<u8>) {
    put(out, r#"{"media":"#);
    string(&raw.media, out);
    if let Ok(data) = std::str::from_utf8(raw.data) {
        put(out, r#","data":"#);
        string(data, out);
        out.push(b'}');
    } else {
        put(out, r#","base64":""#);
        base64(raw.data, out);
        put(out, r#""}"#);
    }
}

// Small parts. A `key` brings its comma, quotes and colon with it.

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn text(key: &str, text: Option<&Text<'_>>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        put(out, key);
        string(text, out);
    }
}

fn said(key: &str, said: Option<&(Text<'_>, How)>, out: &mut Vec<u8>) {
    text(key, said.map(|(text, _)| text), out);
}

/// A word that needs no escaping; its `key` also brings the opening quote.
fn word(key: &str, word: Option<&str>, out: &mut Vec<u8>) {
    if let Some(word) = word {
        put(out, key);
        put(out, word);
        out.push(b'"');
    }
}

fn number(key: &str, number: Option<impl serde::Serialize>, out: &mut Vec<u8>) {
    if let Some(number) = number {
        put(out, key);
        integer(number, out);
    }
}

fn boolean(value: bool, out: &mut Vec<u8>) {
    put(out, if value { "true" } else { "false" });
}

fn texts(key: &str, texts: &[Text<'_>], out: &mut Vec<u8>) {
    if !texts.is_empty() {
        put(out, key);
        array(texts, out, |text, out| string(text, out));
    }
}

fn object(pairs: &[(Text<'_>, Text<'_>)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        string(value, out);
    }
    out.push(b'}');
}

/// A JSON array of what `write` writes for each item.
pub(crate) fn array<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
