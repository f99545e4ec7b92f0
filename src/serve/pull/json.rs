//! JSON as Kapacitor writes it: Go's `json.MarshalIndent` with four spaces, keys in the order of its structures, and `<`,
//! `>` and `&` escaped.

use serde_json::Value;
use std::io::Write;

/// Writes an object at this depth, without an indent before it.
pub(super) fn object(out: &mut Vec<u8>, depth: usize, write: impl FnOnce(&mut Fields<'_>)) {
    out.push(b'{');
    let mut fields = Fields { out, depth: depth + 1, is_empty: true };
    write(&mut fields);
    let is_empty = fields.is_empty;
    if !is_empty {
        line(out, depth);
    }
    out.push(b'}');
}

/// The fields of an object.
pub(super) struct Fields<'o> {
    out: &'o mut Vec<u8>,
    depth: usize,
    is_empty: bool,
}

impl Fields<'_> {
    /// A text.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        text(self.out, value);
    }

    /// A number.
    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        // Writing into a vector does not fail.
        write!(self.out, "{value}").ok();
    }

    /// An object.
    pub(super) fn object(&mut self, key: &str, write: impl FnOnce(&mut Fields<'_>)) {
        self.key(key);
        object(self.out, self.depth, write);
    }

    /// Any value.
    pub(super) fn value(&mut self, key: &str, any: &Value) {
        self.key(key);
        value(self.out, self.depth, any);
    }

    /// A list, of which only the bracket is written: what comes behind is for the caller.
    pub(super) fn open_list(&mut self, key: &str) {
        self.key(key);
        self.out.push(b'[');
    }

    fn key(&mut self, key: &str) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        line(self.out, self.depth);
        text(self.out, key);
        self.out.extend_from_slice(b": ");
    }
}

/// A new line at this depth.
pub(super) fn line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 4 * depth, b' ');
}

/// A text in quotes.
pub(super) fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.find(|character: char| is_escaped(character)) {
        let (plain, behind) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        let mut characters = behind.chars();
        match characters.next().unwrap_or_default() {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\u{8}' => out.extend_from_slice(b"\\b"),
            '\u{c}' => out.extend_from_slice(b"\\f"),
            other => drop(write!(out, "\\u{:04x}", u32::from(other))),
        }
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

fn is_escaped(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn value(out: &mut Vec<u8>, depth: usize, any: &Value) {
    match any {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => drop(write!(out, "{value}")),
        Value::Number(value) => drop(write!(out, "{value}")),
        Value::String(value) => text(out, value),
        Value::Array(values) => {
            out.push(b'[');
            for (place, one) in values.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                line(out, depth + 1);
                value(out, depth + 1, one);
            }
            if !values.is_empty() {
                line(out, depth);
            }
            out.push(b']');
        }
        Value::Object(map) => object(out, depth, |fields| {
            for (key, one) in map {
                fields.value(key, one);
            }
        }),
    }
}

/// A text in quotes as Go's `%q` has it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                let escaped = format!("\\x{:02x}", u32::from(character));
                out.push_str(&escaped);
            }
            _ if character.is_control() || character != ' ' && character.is_whitespace() => {
                let escaped = format!("\\u{:04x}", u32::from(character));
                out.push_str(&escaped);
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_go_writes() {
        let any = serde_json::json!({"b": [1, [], {}, {"x": null}], "a": "<&>\u{2028}\u{1}\t\"\\é\u{8}", "c": 5_000_000_000_u64});
        let mut out = Vec::new();
        value(&mut out, 0, &any);
        let expected = r#"{
    "a": "\u003c\u0026\u003e\u2028\u0001\t\"\\é\b",
    "b": [
        1,
        [],
        {},
        {
            "x": null
        }
    ],
    "c": 5000000000
}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
