//! What a request says about its origin: in its path and its headers.

use super::{LONGEST_NAME, Refusal};
use crate::record::Note;
use crate::words::How;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use std::borrow::Cow;

/// Names the task that the alert is of.
const TASK: HeaderName = HeaderName::from_static("x-kapacitor-task");
/// Names the topic that the alert was told of.
const TOPIC: HeaderName = HeaderName::from_static("x-kapacitor-topic");

/// What a request says about its origin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) source: Cow<'a, str>,
    pub(super) note: Note,
}

impl<'a> Said<'a> {
    /// `rest` is what follows `/v1/alerts` or `/v1/rows` in the path, still percent-encoded.
    pub(super) fn of(rest: &'a str, headers: &HeaderMap) -> Result<Self, Refusal> {
        let source = rest.strip_prefix('/').unwrap_or(rest);
        let source = if source.contains('%') { Cow::Owned(percent_decode(source)) } else { Cow::Borrowed(source) };
        let of_path = |word: &str| {
            let name = source.strip_prefix(word)?;
            (!name.is_empty()).then(|| (name.to_owned(), How::Path))
        };
        let note = Note {
            task: header(headers, &TASK)?.map(|task| (task, How::Header)).or_else(|| of_path("task/")),
            topic: header(headers, &TOPIC)?.map(|topic| (topic, How::Header)).or_else(|| of_path("topic/")),
            // A media type too long to be one is not worth keeping with the record.
            media: header(headers, &CONTENT_TYPE).unwrap_or(None),
            marks: headers.get(CONTENT_ENCODING).map(|_| "content_encoding".to_owned()).into_iter().collect(),
            ..Note::default()
        };
        let source = if source.is_empty() { Cow::Borrowed("default") } else { source };
        if source.len() > LONGEST_NAME { Err(Refusal::LongName) } else { Ok(Self { source, note }) }
    }
}

/// Value of a header, if there is one that is not empty. Bytes that are not UTF-8 become U+FFFD.
fn header(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let value = String::from_utf8_lossy(value.as_bytes());
    match value.len() {
        0 => Ok(None),
        1..=LONGEST_NAME => Ok(Some(value.into_owned())),
        _ => Err(Refusal::LongName),
    }
}

/// Undoes percent-encoding. A percent sign without two hex digits stays; bytes that are then not UTF-8 leave the text
/// as it came, because a name that reads badly is better than an alert refused.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = (first == b'%').then(|| tail.split_first_chunk::<2>()).flatten();
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        match escaped.and_then(|([high, low], after)| Some((hex(*high)? << 4 | hex(*low)?, after))) {
            Some((byte, after)) => {
                bytes.push(byte);
                rest = after;
            }
            None => bytes.push(first),
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
