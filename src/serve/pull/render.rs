//! Topics, events and handlers as Kapacitor writes them, field by field.
//!
//! Links are paths that are not encoded, as Kapacitor's are: its own client encodes what it takes out of them.

use super::json::{self, Fields};
use crate::event;
use crate::interpret::topics::TopicEventState;
use crate::kapacitor::api::{Handler, TopicEvent, duration};
use crate::kapacitor::details::Details;
use crate::words::Level;

/// Where the topics are.
pub(super) const TOPICS: &str = "/kapacitor/v1/alerts/topics";

/// How Go writes a time that is none.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// What is said of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic<'a> {
    pub(super) id: &'a str,
    pub(super) level: Level,
    pub(super) collected: u64,
}

/// A topic at this depth.
pub(super) fn topic(out: &mut Vec<u8>, depth: usize, topic: &Topic<'_>) {
    json::object(out, depth, |fields| {
        link(fields, "link", "self", &format!("{TOPICS}/{}", topic.id));
        fields.text("id", topic.id);
        fields.text("level", topic.level.as_str());
        fields.number("collected", topic.collected);
        link(fields, "events-link", "events", &format!("{TOPICS}/{}/events", topic.id));
        link(fields, "handlers-link", "handlers", &format!("{TOPICS}/{}/handlers", topic.id));
    });
}

/// What is said of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event<'a> {
    pub(super) id: &'a str,
    pub(super) level: Level,
    message: &'a str,
    /// Decoded when it is written.
    details: Details<'a>,
    /// Nanoseconds since 1970; `None` where there is none.
    time: Option<i64>,
    /// Nanoseconds.
    duration: i64,
}

impl<'a> From<&'a TopicEventState> for Event<'a> {
    fn from(event: &'a TopicEventState) -> Self {
        Self {
            id: &event.id,
            level: event.level,
            message: &event.message,
            details: event.details.borrowed(),
            time: Some(event.time),
            duration: event.duration,
        }
    }
}

impl<'a> From<&'a TopicEvent> for Event<'a> {
    fn from(event: &'a TopicEvent) -> Self {
        let state = &event.state;
        Self {
            id: &event.id,
            level: state.level,
            message: &state.message,
            details: state.details.as_str().into(),
            time: (state.time != 0).then_some(state.time),
            duration: state.duration,
        }
    }
}

/// An event of a topic at this depth.
pub(super) fn event(out: &mut Vec<u8>, depth: usize, topic: &str, event: &Event<'_>) {
    json::object(out, depth, |fields| {
        link(fields, "link", "self", &format!("{TOPICS}/{topic}/events/{}", event.id));
        fields.text("id", event.id);
        fields.object("state", |fields| {
            fields.text("message", event.message);
            fields.text("details", &event.details.text());
            fields.text("time", &event.time.map_or_else(|| NO_TIME.to_owned(), time));
            fields.text("duration", &duration::format(event.duration));
            fields.text("level", event.level.as_str());
        });
    });
}

/// A handler of a topic at this depth, its secrets masked.
pub(super) fn handler(out: &mut Vec<u8>, depth: usize, topic: &str, handler: &Handler) {
    json::object(out, depth, |fields| {
        link(fields, "link", "self", &format!("{TOPICS}/{topic}/handlers/{}", handler.id));
        fields.text("id", &handler.id);
        fields.text("kind", &handler.kind);
        fields.object("options", |fields| {
            for (key, value) in &crate::connector::masked(&handler.options) {
                fields.value(key, value);
            }
        });
        fields.text("match", &handler.matching);
    });
}

/// The beginning of a list: its link, the topic it belongs to, and the bracket.
pub(super) fn opening(href: &str, topic: Option<&str>, list: &str) -> Vec<u8> {
    let mut out = Vec::new();
    json::object(&mut out, 0, |fields| {
        link(fields, "link", "self", href);
        if let Some(topic) = topic {
            fields.text("topic", topic);
        }
        fields.open_list(list);
    });
    // The list is written next: what closes the object comes after it.
    out.truncate(out.len().saturating_sub("\n}".len()));
    out
}

/// One entry of a list: its place decides what stands before it.
pub(super) fn entry(place: usize, write: impl FnOnce(&mut Vec<u8>, usize)) -> Vec<u8> {
    let mut out = Vec::new();
    if place > 0 {
        out.push(b',');
    }
    json::line(&mut out, 2);
    write(&mut out, 2);
    out
}

/// The end of a list.
pub(super) fn closing(is_empty: bool) -> Vec<u8> {
    if is_empty { b"]\n}".to_vec() } else { b"\n    ]\n}".to_vec() }
}

fn link(fields: &mut Fields<'_>, key: &str, rel: &str, href: &str) {
    fields.object(key, |fields| {
        fields.text("rel", rel);
        fields.text("href", href);
    });
}

/// A time as Go writes it: without zeros at the end of the fraction.
fn time(nanoseconds: i64) -> String {
    let text = event::time::text(nanoseconds);
    let short = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{short}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_go_writes_them() {
        for (nanoseconds, expected) in [
            (1_772_359_230_500_000_000, "2026-03-01T10:00:30.5Z"),
            (1_772_359_230_000_000_000, "2026-03-01T10:00:30Z"),
            (1_772_359_200_000_000_000, "2026-03-01T10:00:00Z"),
            (1_772_359_230_000_000_020, "2026-03-01T10:00:30.00000002Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(time(nanoseconds), expected);
        }
    }

    #[test]
    fn a_list_with_and_without_entries() {
        let list = |entries: &[&str]| {
            let mut out = opening("/x?a&b", Some("t"), "events");
            for (place, id) in entries.iter().enumerate() {
                out.extend(entry(place, |out, depth| json::object(out, depth, |fields| fields.text("id", id))));
            }
            out.extend(closing(entries.is_empty()));
            String::from_utf8(out).unwrap()
        };
        let head = "{\n    \"link\": {\n        \"rel\": \"self\",\n        \"href\": \"/x?a\\u0026b\"\n    },\n    \"topic\": \"t\",\n    \
                    \"events\": [";
        assert_eq!(list(&[]), format!("{head}]\n}}"));
        let entries = "\n        {\n            \"id\": \"a\"\n        },\n        {\n            \"id\": \"b\"\n        }\n    ]\n}";
        assert_eq!(list(&["a", "b"]), format!("{head}{entries}"));
    }
}
