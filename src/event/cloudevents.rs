//! The event as a `CloudEvents` 1.0 event: structured, batched, and in HTTP headers (binary).
//!
//! Attributes, the same in all modes:
//!
//! | attribute | value |
//! |---|---|
//! | `specversion` | `1.0` |
//! | `id` | the event's id |
//! | `source` | `/kaptap/<task>`, without a task `/kaptap/<source>`; percent-encoded as one path segment |
//! | `type` | `io.kaptap.<kind>`; of an alert whose transition is known `io.kaptap.alert.<transition>` |
//! | `time`, `recordedtime` | the event's `time` and `observed` |
//! | `subject` | id of the alert, else the measurement; absent without either |
//! | `datacontenttype`, `dataschema` | `application/json`, `urn:kaptap:event:v1` |
//! | `severitynumber`, `severitytext` | of alerts: OpenTelemetry's number, and the severity in capitals |
//! | `partitionkey` | the alert's fingerprint, else the stream |
//! | `sequence` | `seq`, 20 digits, so that it sorts as text |
//!
//! The data is the event itself ([`super::json`]).
//!
//! `CloudEvents` strings hold neither control characters nor Unicode's noncharacters; those become U+FFFD, and what
//! is longer than [`LONGEST`] is cut. The exact text is in the data.

use super::{Event, json, time};
use crate::words::Kind;
use std::borrow::Cow;

/// Media type of one structured event.
pub const STRUCTURED: &str = "application/cloudevents+json; charset=UTF-8";
/// Media type of a batch.
pub const BATCH: &str = "application/cloudevents-batch+json; charset=UTF-8";
/// Media type of the data: `Content-Type` of the binary mode.
pub const DATA: &str = "application/json";
/// Names the shape of the data.
pub const DATA_SCHEMA: &str = "urn:kaptap:event:v1";
/// Longest subject and longest part of the source in bytes, so that they fit into a header.
pub const LONGEST: usize = 1024;

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// String, URI, URI reference or timestamp in its canonical form.
    Text(Cow<'a, str>),
    /// Integer.
    Integer(u8),
}

/// The attributes of an event, without `datacontenttype`. Names are lower case letters and digits.
#[must_use]
pub fn attributes<'a>(event: &'a Event<'_>) -> Vec<(&'static str, Value<'a>)> {
    let mut list = Vec::with_capacity(12);
    let mut add = |name, value: Cow<'a, str>| list.push((name, Value::Text(value)));
    add("specversion", "1.0".into());
    add("id", event.id.to_string().into());
    add("source", source(event).into());
    add("type", kind(event).into());
    add("time", time::text(event.time).into());
    add("recordedtime", time::text(event.observed).into());
    if let Some(subject) = subject(event) {
        add("subject", subject);
    }
    add("dataschema", DATA_SCHEMA.into());
    let key =
        event.alert.as_ref().map_or_else(|| format!("{:016x}", event.origin.stream), |a| a.fingerprint.to_string());
    add("partitionkey", key.into());
    add("sequence", format!("{:020}", event.seq).into());
    if let Some(alert) = &event.alert {
        if !alert.severity.is_empty() {
            add("severitytext", clean(&alert.severity).to_uppercase().into());
        }
        list.push(("severitynumber", Value::Integer(alert.severity_number)));
    }
    list
}

/// Appends the event in structured mode: one JSON object, without a line end.
pub fn write(event: &Event<'_>, with_raw: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    for (name, value) in attributes(event) {
        string(name, out);
        out.push(b':');
        match value {
            Value::Text(text) => string(&text, out),
            Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        }
        out.push(b',');
    }
    out.extend_from_slice(br#""datacontenttype":""#);
    out.extend_from_slice(DATA.as_bytes());
    out.extend_from_slice(br#"","data":"#);
    json::write(event, with_raw, out);
    out.push(b'}');
}

/// Name and value of each header of the binary mode, without `Content-Type`.
///
/// Values are percent-encoded as the HTTP binding says (3.1.3.2): space, `"`, `%` and whatever is not printable ASCII.
pub fn headers<'a>(event: &'a Event<'_>) -> impl Iterator<Item = (String, String)> + 'a {
    attributes(event).into_iter().map(|(name, value)| {
        let value = match value {
            Value::Text(text) => percent_encoded(&text, |byte| matches!(byte, 0x21..=0x7e) && !b"\"%".contains(&byte)),
            Value::Integer(number) => number.to_string(),
        };
        (format!("ce-{name}"), value)
    })
}

fn source(event: &Event<'_>) -> String {
    let origin = &event.origin;
    let name = origin.task.as_ref().map_or(&origin.source, |(task, _)| task);
    let name = if name.is_empty() { origin.lane.as_str() } else { name };
    format!("/kaptap/{}", percent_encoded(clip(name), unreserved))
}

fn kind(event: &Event<'_>) -> String {
    let transition = event.alert.as_ref().and_then(|alert| alert.transition);
    match transition.filter(|_| event.kind == Kind::Alert) {
        Some(transition) => format!("io.kaptap.alert.{transition}"),
        None => format!("io.kaptap.{}", event.kind),
    }
}

fn subject<'a>(event: &'a Event<'_>) -> Option<Cow<'a, str>> {
    let alert = event.alert.as_ref().map(|alert| &alert.id);
    let measurement = || event.origin.measurement.as_ref().or_else(|| event.series.first().map(|series| &series.name));
    let subject = alert.or_else(measurement)?;
    (!subject.is_empty()).then(|| clean(clip(subject)))
}

fn clip(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

/// The text without what a `CloudEvents` string must not hold.
fn clean(text: &str) -> Cow<'_, str> {
    let banned = |c: char| c.is_control() || matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe;
    if text.contains(banned) { text.replace(banned, "\u{fffd}").into() } else { text.into() }
}

/// RFC 3986's unreserved characters.
pub(crate) fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// The text with `%XY` for each byte that is not `kept`.
pub(crate) fn percent_encoded(text: &str, kept: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if kept(byte) {
            encoded.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
            encoded.push('%');
            encoded.extend(digits.map(|digit| digit.to_ascii_uppercase()));
        }
    }
    encoded
}

fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a text into memory does not fail; should it ever, the object is still JSON.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"null");
    }
}
