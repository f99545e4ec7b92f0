//! The rows that `|httpPost()` sends, and that an alert carries in `data`.

use super::alert::BodyError;
use std::borrow::Cow;

/// One series of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series<'a> {
    /// Measurement.
    pub name: Cow<'a, str>,
    /// Tags, sorted by key.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Column names; the first is `time`.
    pub columns: Vec<Cow<'a, str>>,
    /// Rows of values.
    pub rows: Vec<Vec<Value<'a>>>,
}

/// A JSON value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, digit for digit: Kapacitor's JSON hides whether it was an integer.
    Number(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// An array or object, which Kapacitor does not send: its JSON.
    Other(&'a str),
}

/// Reads `{"series":[…]}`.
///
/// # Errors
/// When the body is not that; it is then kept as it is.
pub fn parse_rows(_body: &[u8]) -> Result<Vec<Series<'_>>, BodyError> {
    Err(BodyError::Level)
}
