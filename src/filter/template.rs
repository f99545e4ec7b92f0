//! Templates: text with `{{ path }}` in it, filled from an event. The paths are those of the filter language.
//!
//! ```text
//! {"text": "{{ alert.id }} is {{ alert.level }}", "load": {{ fields.load }}}
//! ```
//!
//! [`Template::render`] writes JSON: inside a JSON string the value's text is escaped, outside of one the value is
//! written as a JSON value of its own, with quotes where it needs them and `null` where there is none. So the result is
//! JSON whenever the template is, whatever the event holds. [`Template::render_text`] writes the values as they are.
//!
//! A path that no event can have is refused when the template is compiled; a tag, field or label that an event lacks is
//! empty (or `null`). Two braces that are meant are written `{{ "{{" }}`.

use super::error::{Fault, FilterError};
use super::expression::Operand;
use super::path::Path;
use super::resolve::{operand, root, step};
use super::subject::Subject;
use super::token::{Token, Tokens};
use super::value::Value;
use crate::event::time;

/// The longest template, in bytes.
pub const LONGEST: usize = 64 << 10;

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// Compiled from the same text, they are the same.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// A path, and whether it stands inside a JSON string.
    Path(Path, bool),
}

impl Template {
    /// Compiles a template.
    ///
    /// # Errors
    /// When it names a path that no event has, or braces are left open.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        parse(text).map(|parts| Self { text: text.to_owned(), parts })
    }

    /// Appends the template filled from an event, as JSON.
    pub fn render(&self, subject: &impl Subject, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Path(path, true) => {
                    let start = out.len();
                    string(&text_of(look_up(path, subject)), out);
                    // Without the quotes around it: those of the template are there already.
                    out.pop();
                    out.remove(start);
                }
                Part::Path(path, false) => json(look_up(path, subject), out),
            }
        }
    }

    /// Appends the template filled from an event, the values as they are.
    pub fn render_text(&self, subject: &impl Subject, out: &mut Vec<u8>) {
        self.render_with(subject, out, |text, out| out.extend_from_slice(text.as_bytes()));
    }

    /// Appends the template filled from an event, each value by way of `write`: for what has rules of its own, such as
    /// subjects and URLs. An absent value is an empty text.
    pub fn render_with(&self, subject: &impl Subject, out: &mut Vec<u8>, mut write: impl FnMut(&str, &mut Vec<u8>)) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Path(path, _) => write(&text_of(look_up(path, subject)), out),
            }
        }
    }

    /// The template, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl std::str::FromStr for Template {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::compile(text)
    }
}

/// One path by itself, such as `tags.host`.
#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    path: Path,
}

impl Lookup {
    /// Compiles a path.
    ///
    /// # Errors
    /// When no event has it, or there is more than a path.
    pub fn compile(text: &str) -> Result<Self, FilterError> {
        let mut reading = Reading::begin(text, 0)?;
        match reading.place()? {
            Place::Path(path) if reading.token == Token::End => Ok(Self { path }),
            _ => Err(Fault::new(reading.at, "a path ends here, such as tags.host").of(text)),
        }
    }

    /// The text of the value; `None` when the subject has none.
    #[must_use]
    pub fn text(&self, subject: &impl Subject) -> Option<String> {
        look_up(&self.path, subject).map(|value| text_of(Some(value)))
    }
}

fn parse(text: &str) -> Result<Vec<Part>, FilterError> {
    if text.len() > LONGEST {
        return Err(Fault::new(0, format!("longer than {LONGEST} bytes")).of(text));
    }
    let (mut parts, mut at, mut quoted) = (Vec::new(), 0, false);
    while let Some(braces) = text.get(at..).and_then(|rest| rest.find("{{")) {
        add_text(&mut parts, text.get(at..at + braces).unwrap_or_default(), &mut quoted);
        let start = at + braces;
        let mut reading = Reading::begin(text, start + 2)?;
        match reading.place()? {
            Place::Path(path) => parts.push(Part::Path(path, quoted)),
            Place::Literal(literal) => add_text(&mut parts, &literal, &mut quoted),
        }
        at = reading.end(start)?;
    }
    add_text(&mut parts, text.get(at..).unwrap_or_default(), &mut quoted);
    Ok(parts)
}

/// Adds text of the template's own, and follows whether a JSON string is open behind it.
fn add_text(parts: &mut Vec<Part>, text: &str, quoted: &mut bool) {
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if *quoted => escaped = true,
            b'"' => *quoted = !*quoted,
            _ => {}
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// What stands between braces.
enum Place {
    Path(Path),
    Literal(String),
}

/// Reads what stands between braces, token by token. Offsets are those of the whole text.
struct Reading<'t> {
    text: &'t str,
    offset: usize,
    tokens: Tokens<'t>,
    token: Token<'t>,
    at: usize,
}

impl<'t> Reading<'t> {
    fn begin(text: &'t str, offset: usize) -> Result<Self, FilterError> {
        let tokens = Tokens::new(text.get(offset..).unwrap_or_default());
        let mut reading = Self { text, offset, tokens, token: Token::End, at: offset };
        reading.advance()?;
        Ok(reading)
    }

    fn advance(&mut self) -> Result<Token<'t>, FilterError> {
        let (at, token) = self.tokens.next().map_err(|fault| self.moved(fault))?;
        self.at = self.offset + at;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// A fault of the part being read, as one of the whole text.
    fn moved(&self, fault: Fault) -> FilterError {
        let error = fault.of("");
        FilterError { at: self.offset + error.at, expression: self.text.to_owned(), ..error }
    }

    fn fail<T>(&self, at: usize, message: &str) -> Result<T, FilterError> {
        Err(Fault::new(at, message).of(self.text))
    }

    fn place(&mut self) -> Result<Place, FilterError> {
        let start = self.at;
        let in_text = |fault: Fault| fault.of(self.text);
        let mut node = match self.token.clone() {
            Token::Text(literal) => {
                self.advance()?;
                return Ok(Place::Literal(literal));
            }
            Token::Name(name) => root(name, start).map_err(in_text)?,
            _ => return self.fail(start, "a path is needed here, such as alert.id"),
        };
        self.advance()?;
        loop {
            let bracket = match self.token {
                Token::Symbol(".") => false,
                Token::Symbol("[") => true,
                _ => break,
            };
            self.advance()?;
            let at = self.at;
            let name = match (self.advance()?, bracket) {
                (Token::Name(name), false) => name.to_owned(),
                (Token::Text(key), true) => key,
                (_, false) => {
                    let usage = "a name after the dot; a name with other characters is written tags[\"a b\"]";
                    return self.fail(at, usage);
                }
                (_, true) => return self.fail(at, "a key is written as a string, such as tags[\"a b\"]"),
            };
            if bracket && self.advance()? != Token::Symbol("]") {
                return self.fail(at, "the bracket is not closed");
            }
            node = step(&node, start, &name, at).map_err(|fault| fault.of(self.text))?;
        }
        match operand(node, start).map_err(|fault| fault.of(self.text))? {
            Operand::Path(path) => Ok(Place::Path(path)),
            _ => self.fail(start, "a path is needed here, such as alert.id"),
        }
    }

    /// Where the text goes on behind the closing braces.
    fn end(&mut self, start: usize) -> Result<usize, FilterError> {
        let at = self.at;
        match self.token {
            Token::Symbol("}") if self.text.get(at..).is_some_and(|rest| rest.starts_with("}}")) => Ok(at + 2),
            Token::End => self.fail(start, "these braces are not closed by }}"),
            _ => self.fail(at, "}} is needed here: there are only paths in templates"),
        }
    }
}

fn look_up<'a>(path: &'a Path, subject: &'a impl Subject) -> Option<Value<'a>> {
    match path {
        Path::Member(member) => subject.member(*member),
        Path::Entry(collection, key) => subject.entry(*collection, key),
    }
}

/// A value as people read it.
fn text_of(value: Option<Value<'_>>) -> String {
    match value {
        None | Some(Value::Null | Value::Other) => String::new(),
        Some(Value::Text(text)) => text.into_owned(),
        Some(Value::Timestamp(nanoseconds)) => time::text(nanoseconds),
        Some(Value::Duration(nanoseconds)) => duration(nanoseconds),
        Some(Value::Bool(value)) => value.to_string(),
        Some(Value::Int(value)) => value.to_string(),
        Some(Value::Double(value)) if value.is_finite() => {
            serde_json::to_string(&value).unwrap_or_else(|_| value.to_string())
        }
        Some(Value::Double(value)) if value.is_nan() => "NaN".to_owned(),
        Some(Value::Double(value)) => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
    }
}

/// A value as JSON.
fn json(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    match value {
        None | Some(Value::Null | Value::Other) => out.extend_from_slice(b"null"),
        Some(value @ (Value::Bool(_) | Value::Int(_))) => out.extend_from_slice(text_of(Some(value)).as_bytes()),
        Some(Value::Double(double)) if double.is_finite() => {
            out.extend_from_slice(text_of(Some(Value::Double(double))).as_bytes());
        }
        value => string(&text_of(value), out),
    }
}

/// Appends a JSON string with its quotes.
fn string(text: &str, out: &mut Vec<u8>) {
    // Writing a text into memory does not fail; should it ever, there is a string all the same.
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.extend_from_slice(b"\"\"");
    }
}

/// Seconds with as many digits as are needed, as CEL writes a duration: `95s`, `0.25s`.
fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let (seconds, rest) = (nanoseconds.unsigned_abs() / 1_000_000_000, nanoseconds.unsigned_abs() % 1_000_000_000);
    let fraction = format!("{rest:09}");
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{seconds}s"),
        digits => format!("{sign}{seconds}.{digits}s"),
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
