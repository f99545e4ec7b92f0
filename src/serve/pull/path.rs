//! What a path names.
//!
//! Names of topics and ids of events may hold anything, `/` and the words of the path itself included, and come encoded or
//! not. So a path may be read in several ways, and which of them is meant shows when one of them names what is known.

use crate::intake::http::percent_decode;

/// How many places of a path are tried at which the name of a topic may end.
const SPLITS: usize = 16;

/// What a path below `/alerts/topics/` may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// `{topic}`
    Topic(String),
    /// `{topic}/events`
    Events(String),
    /// `{topic}/events/{id}`
    Event(String, String),
    /// `{topic}/handlers`
    Handlers(String),
    /// `{topic}/handlers/{id}`
    Handler(String, String),
}

/// All ways to read what follows `/alerts/topics/`, still encoded; the likeliest first. There is at least one, and the
/// first is how it is spoken of when none of them names anything.
pub(super) fn readings(rest: &str) -> Vec<Named> {
    let mut readings = Vec::new();
    let slashes = rest.match_indices('/').map(|(at, _)| at);
    let splits = slashes.filter_map(|at| {
        let (topic, behind) = rest.split_at_checked(at)?;
        let (word, id) = match behind.get(1..)?.split_once('/') {
            Some((word, id)) => (word, Some(id)),
            None => (behind.get(1..)?, None),
        };
        matches!(word, "events" | "handlers").then_some((topic, word == "events", id))
    });
    for (topic, is_events, id) in splits.take(SPLITS) {
        for topic in spellings(topic) {
            match id {
                None if is_events => readings.push(Named::Events(topic)),
                None => readings.push(Named::Handlers(topic)),
                Some(id) if is_events => {
                    readings.extend(spellings(id).map(|id| Named::Event(topic.clone(), id)));
                }
                Some(id) => readings.extend(spellings(id).map(|id| Named::Handler(topic.clone(), id))),
            }
        }
    }
    // As it stands, and without a slash at its end.
    for topic in [Some(rest), rest.strip_suffix('/')].into_iter().flatten() {
        readings.extend(spellings(topic).map(Named::Topic));
    }
    readings
}

/// A text decoded, and then as it came, if that is something else.
fn spellings(text: &str) -> impl Iterator<Item = String> {
    let decoded = percent_decode(text);
    let plain = (decoded != text).then(|| text.to_owned());
    std::iter::once(decoded).chain(plain)
}

/// The path without empty elements, `.` and `..`, as Go's `path.Clean` makes it but with the slash at its end; `None` if it
/// is clean. `path` is decoded and begins with a slash.
pub(super) fn cleaned(path: &str) -> Option<String> {
    let mut elements: Vec<&str> = Vec::new();
    for element in path.split('/') {
        match element {
            "" | "." => {}
            ".." => drop(elements.pop()),
            _ => elements.push(element),
        }
    }
    let mut clean = String::with_capacity(path.len());
    for element in &elements {
        clean.push('/');
        clean.push_str(element);
    }
    if clean.is_empty() || path.ends_with('/') {
        clean.push('/');
    }
    (clean != path).then_some(clean)
}

/// A path encoded as Go does it.
pub(super) fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'@' => {
                out.push(char::from(byte));
            }
            _ => {
                let digit = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or_default().to_ascii_uppercase();
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use Named::{Event, Events, Handler, Handlers, Topic};

    #[track_caller]
    fn check(rest: &str, expected: &[Named]) {
        assert_eq!(readings(rest), expected, "{rest}");
    }

    fn s(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn what_a_path_may_name() {
        check("cpu", &[Topic(s("cpu"))]);
        check("cpu/", &[Topic(s("cpu/")), Topic(s("cpu"))]);
        check("", &[Topic(s(""))]);
        check("cpu/events", &[Events(s("cpu")), Topic(s("cpu/events"))]);
        check(
            "a%2Fb/handlers",
            &[Handlers(s("a/b")), Handlers(s("a%2Fb")), Topic(s("a/b/handlers")), Topic(s("a%2Fb/handlers"))],
        );
        check("cpu/events/disk:/var/x", &[Event(s("cpu"), s("disk:/var/x")), Topic(s("cpu/events/disk:/var/x"))]);
        check("cpu/handlers/h", &[Handler(s("cpu"), s("h")), Topic(s("cpu/handlers/h"))]);
        check(
            "a/events/b/events/c",
            &[Event(s("a"), s("b/events/c")), Event(s("a/events/b"), s("c")), Topic(s("a/events/b/events/c"))],
        );
        check("t/events/", &[Event(s("t"), s("")), Topic(s("t/events/")), Topic(s("t/events"))]);
        check("eventsx/events2", &[Topic(s("eventsx/events2"))]);
    }

    #[test]
    fn a_path_of_nothing_but_words_is_read_in_few_ways() {
        assert!(readings(&"/events%41".repeat(5000)).len() < 100);
        assert!(readings(&"/events".repeat(9000)).len() < 100);
    }

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, expected) in [
            ("/a/b", None),
            ("/a/b/", None),
            ("/", None),
            ("/a//b", Some("/a/b")),
            ("/a/./b/", Some("/a/b/")),
            ("/a/../b", Some("/b")),
            ("/..", Some("/")),
            ("/a/..", Some("/")),
            ("/a/b/.", Some("/a/b")),
        ] {
            assert_eq!(cleaned(path).as_deref(), expected, "{path}");
        }
        assert_eq!(encoded("/a b/é%<:@*"), "/a%20b/%C3%A9%25%3C:@%2A");
    }
}
