//! UDF frames for people: each field by its name in `udf.proto`, with its value and the bytes it took.
//!
//! For looking at traffic, not for working with it: nothing is refused, what cannot be read is shown as such.

use super::frame;
use super::point::WireError;
use super::wire::{DEPTH, LENGTH_DELIMITED, Scanner, VARINT};
use std::borrow::Cow;
use std::ops::Range;

/// Most of a text that is shown, in characters.
const SHOWN: usize = 200;
/// How deep messages may lie in one another to be looked into; `udf.proto` needs four.
const DEEPEST: usize = 8;

/// Which of the two a frame is: that is not to be seen in its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// From Kapacitor: a Request.
    Request,
    /// To Kapacitor: a Response.
    Response,
}

/// A frame, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The message in it, such as `point`; `frame` when that cannot be said.
    pub title: Cow<'static, str>,
    /// Where it is in the bytes given, with its length prefix.
    pub range: Range<usize>,
    /// Its fields, in the order of the bytes.
    pub fields: Vec<DescribedField>,
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedField {
    /// Its path, such as `tags["host"]`.
    pub name: String,
    /// Its value; texts are quoted.
    pub value: String,
    /// Nanoseconds since 1970, where it is a time.
    pub time: Option<i64>,
    /// Where it is in the bytes given, with its key.
    pub range: Range<usize>,
}

/// What a field is.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Bytes,
    Integer,
    Time,
    Boolean,
    Double,
    Edge,
    Value,
    Message(Schema),
    /// From text to this.
    Map(&'static Kind),
}

/// Number, name and kind of each field.
type Schema = &'static [(u32, &'static str, Kind)];

const ERROR: Schema = &[(1, "success", Kind::Boolean), (2, "error", Kind::Text)];
const SNAPSHOT: Schema = &[(1, "snapshot", Kind::Bytes)];
const KEEPALIVE: Schema = &[(1, "time", Kind::Time)];
const BEGIN: Schema = &[
    (1, "name", Kind::Text),
    (2, "group", Kind::Text),
    (3, "tags", Kind::Map(&Kind::Text)),
    (4, "size", Kind::Integer),
    (5, "byName", Kind::Boolean),
];
const POINT: Schema = &[
    (1, "time", Kind::Time),
    (2, "name", Kind::Text),
    (3, "database", Kind::Text),
    (4, "retentionPolicy", Kind::Text),
    (5, "group", Kind::Text),
    (6, "dimensions", Kind::Text),
    (7, "tags", Kind::Map(&Kind::Text)),
    (8, "fieldsDouble", Kind::Map(&Kind::Double)),
    (9, "fieldsInt", Kind::Map(&Kind::Integer)),
    (10, "fieldsString", Kind::Map(&Kind::Text)),
    (11, "byName", Kind::Boolean),
    (12, "fieldsBool", Kind::Map(&Kind::Boolean)),
];
const END: Schema = &[
    (1, "name", Kind::Text),
    (2, "group", Kind::Text),
    (3, "tmax", Kind::Time),
    (4, "tags", Kind::Map(&Kind::Text)),
    (5, "byName", Kind::Boolean),
];
const OPTION_VALUE: Schema = &[
    (1, "type", Kind::Value),
    (2, "boolValue", Kind::Boolean),
    (3, "intValue", Kind::Integer),
    (4, "doubleValue", Kind::Double),
    (5, "stringValue", Kind::Text),
    (6, "durationValue", Kind::Integer),
];
const OPTION: Schema = &[(1, "name", Kind::Text), (2, "values", Kind::Message(OPTION_VALUE))];
const INIT: Schema = &[(1, "options", Kind::Message(OPTION)), (2, "taskID", Kind::Text), (3, "nodeID", Kind::Text)];
const OPTION_INFO: Schema = &[(1, "valueTypes", Kind::Value)];
const INFO: Schema =
    &[(1, "wants", Kind::Edge), (2, "provides", Kind::Edge), (3, "options", Kind::Map(&Kind::Message(OPTION_INFO)))];
const REQUEST: Schema = &[
    (1, "info", Kind::Message(&[])),
    (2, "init", Kind::Message(INIT)),
    (3, "keepalive", Kind::Message(KEEPALIVE)),
    (4, "snapshot", Kind::Message(&[])),
    (5, "restore", Kind::Message(SNAPSHOT)),
    (16, "begin", Kind::Message(BEGIN)),
    (17, "point", Kind::Message(POINT)),
    (18, "end", Kind::Message(END)),
];
const RESPONSE: Schema = &[
    (1, "info", Kind::Message(INFO)),
    (2, "init", Kind::Message(ERROR)),
    (3, "keepalive", Kind::Message(KEEPALIVE)),
    (4, "snapshot", Kind::Message(SNAPSHOT)),
    (5, "restore", Kind::Message(ERROR)),
    (6, "error", Kind::Message(&[(1, "error", Kind::Text)])),
    (16, "begin", Kind::Message(BEGIN)),
    (17, "point", Kind::Message(POINT)),
    (18, "end", Kind::Message(END)),
];

/// The frames in `bytes`, which begin at the beginning of one. The last may be cut: bytes that were not kept.
#[must_use]
pub fn describe(side: Side, bytes: &[u8]) -> Vec<Described> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Ok(Some((whole, body))) = frame::split(rest, usize::MAX) else {
            let range = at..bytes.len();
            let rest = unreadable("", "the beginning of a frame, or no frame", range.clone());
            found.push(Described { title: Cow::Borrowed("frame"), range, fields: vec![rest] });
            break;
        };
        found.push(message(side, body, at..at + whole));
        at += whole;
    }
    found
}

/// One frame: its body, and where it is with its prefix.
fn message(side: Side, body: &[u8], range: Range<usize>) -> Described {
    let schema = if side == Side::Request { REQUEST } else { RESPONSE };
    let mut walk = Walk { scanner: Scanner::new(body), base: range.end - body.len(), fields: Vec::new() };
    // The message inside is the title; a frame with none, or with more than one, is shown with its fields as they are.
    let inside = frame::only_field(body).and_then(|(number, _)| {
        schema.iter().find(|(known, ..)| u64::from(*known) == number).map(|(_, name, kind)| (*name, *kind))
    });
    let done = match inside {
        Some((_, Kind::Message(inner))) => walk.scanner.key().and_then(|_| walk.inner("", inner, 0)),
        _ => walk.message("", schema, 0),
    };
    if let Err(error) = done {
        let from = walk.base + error.at.min(body.len());
        walk.fields.push(unreadable("", &error.to_string(), from..range.end));
    }
    let title = inside.map_or("frame", |(name, _)| name);
    Described { title: Cow::Borrowed(title), range, fields: walk.fields }
}

fn unreadable(path: &str, why: &str, range: Range<usize>) -> DescribedField {
    DescribedField { name: format!("{path}?"), value: format!("cannot be read: {why}"), time: None, range }
}

struct Walk<'a> {
    scanner: Scanner<'a>,
    /// Where the scanner's bytes begin in the bytes given.
    base: usize,
    fields: Vec<DescribedField>,
}

impl Walk<'_> {
    fn inner(&mut self, path: &str, schema: Schema, depth: usize) -> Result<(), WireError> {
        if depth >= DEEPEST {
            return Err(self.scanner.error("messages too deep in one another"));
        }
        let outer = self.scanner.enter()?;
        self.message(path, schema, depth + 1)?;
        self.scanner.leave(outer);
        Ok(())
    }

    fn message(&mut self, path: &str, schema: Schema, depth: usize) -> Result<(), WireError> {
        while self.scanner.more() {
            let start = self.scanner.at();
            let (number, wire_type) = self.scanner.key()?;
            let Some((_, name, kind)) = schema.iter().find(|(known, ..)| *known == number) else {
                self.scanner.skip(number, wire_type, DEPTH)?;
                self.push(format!("{path}{number}?"), "a field that Kapacitor's protocol does not have".into(), start);
                continue;
            };
            match kind {
                Kind::Message(inner) => {
                    self.scanner.expect(wire_type, LENGTH_DELIMITED)?;
                    self.inner(&format!("{path}{name}."), inner, depth)?;
                }
                Kind::Map(value) => self.entry(&format!("{path}{name}"), **value, (start, wire_type), depth)?,
                kind => self.scalar(format!("{path}{name}"), *kind, (start, number, wire_type))?,
            }
        }
        Ok(())
    }

    /// An entry of a map: key and value as one field.
    fn entry(
        &mut self,
        path: &str,
        kind: Kind,
        (start, wire_type): (usize, u8),
        depth: usize,
    ) -> Result<(), WireError> {
        self.scanner.expect(wire_type, LENGTH_DELIMITED)?;
        let outer = self.scanner.enter()?;
        let (mut key, before) = (Cow::Borrowed(""), self.fields.len());
        while self.scanner.more() {
            let at = self.scanner.at();
            match (self.scanner.key()?, kind) {
                ((1, wire_type), _) => self.scanner.text(wire_type, &mut key)?,
                ((2, wire_type), Kind::Message(inner)) => {
                    self.scanner.expect(wire_type, LENGTH_DELIMITED)?;
                    self.inner(".", inner, depth)?;
                }
                ((2, wire_type), kind) => self.scalar(String::new(), kind, (at, 2, wire_type))?,
                ((number, wire_type), _) => self.scanner.skip(number, wire_type, DEPTH)?,
            }
        }
        self.scanner.leave(outer);
        let range = self.base + start..self.base + self.scanner.at();
        if self.fields.len() == before {
            // A value that is its type's default is not sent.
            let value = match kind {
                Kind::Text => "\"\"",
                Kind::Boolean => "false",
                Kind::Integer | Kind::Time | Kind::Double => "0",
                Kind::Bytes | Kind::Edge | Kind::Value | Kind::Message(_) | Kind::Map(_) => "nothing",
            };
            let value = value.to_owned();
            self.fields.push(DescribedField { name: String::new(), value, time: None, range: range.clone() });
        }
        for field in self.fields.get_mut(before..).unwrap_or_default() {
            field.name = format!("{path}[{}]{}", quoted(&key), field.name);
            field.range.clone_from(&range);
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        name: String,
        kind: Kind,
        (start, number, wire_type): (usize, u32, u8),
    ) -> Result<(), WireError> {
        let mut time = None;
        let value = match kind {
            Kind::Text => {
                let mut text = Cow::Borrowed("");
                self.scanner.text(wire_type, &mut text)?;
                quoted(&text)
            }
            Kind::Integer => self.scanner.int64(wire_type)?.to_string(),
            Kind::Time => {
                let value = self.scanner.int64(wire_type)?;
                time = Some(value);
                value.to_string()
            }
            Kind::Boolean => self.scanner.bool(wire_type)?.to_string(),
            Kind::Double => format!("{:?}", self.scanner.double(wire_type)?),
            Kind::Edge => word(self.scanner.int64(wire_type)?, &["STREAM", "BATCH"]),
            Kind::Value => self.value_types(wire_type)?,
            Kind::Bytes | Kind::Message(_) | Kind::Map(_) => {
                let before = self.scanner.at();
                self.scanner.skip(number, wire_type, DEPTH)?;
                let whole = self.scanner.since(before);
                let prefix = whole.iter().take_while(|byte| **byte >= 0x80).count() + 1;
                format!("{} bytes", whole.len().saturating_sub(prefix))
            }
        };
        let range = self.base + start..self.base + self.scanner.at();
        self.fields.push(DescribedField { name, value, time, range });
        Ok(())
    }

    /// One, or several in one field: repeated numbers come packed.
    fn value_types(&mut self, wire_type: u8) -> Result<String, WireError> {
        const WORDS: [&str; 5] = ["BOOL", "INT", "DOUBLE", "STRING", "DURATION"];
        if wire_type == VARINT {
            return Ok(word(self.scanner.int64(wire_type)?, &WORDS));
        }
        self.scanner.expect(wire_type, LENGTH_DELIMITED)?;
        let outer = self.scanner.enter()?;
        let mut words = Vec::new();
        while self.scanner.more() {
            words.push(word(self.scanner.varint()?.cast_signed(), &WORDS));
        }
        self.scanner.leave(outer);
        Ok(words.join(", "))
    }

    fn push(&mut self, name: String, value: String, start: usize) {
        let range = self.base + start..self.base + self.scanner.at();
        self.fields.push(DescribedField { name, value, time: None, range });
    }
}

fn word(number: i64, words: &[&str]) -> String {
    let known = usize::try_from(number).ok().and_then(|number| words.get(number));
    known.map_or_else(|| number.to_string(), |word| (*word).to_owned())
}

/// A text in quotes, with what is not to be seen escaped, and cut when it is long.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} bytes)", text.get(..end).unwrap_or_default(), text.len()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
