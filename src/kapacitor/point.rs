//! A borrowed view of a point frame.

use std::borrow::Cow;

/// Text of a frame: borrowed where it is valid UTF-8, otherwise with U+FFFD in place of what is not.
pub type Text<'a> = Cow<'a, str>;

/// One point as Kapacitor sent it. Maps are sorted by key; of a repeated key the last value counts, as in prost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PointView<'a> {
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Measurement; empty inside a batch.
    pub name: Text<'a>,
    /// Database; empty inside a batch.
    pub database: Text<'a>,
    /// Retention policy; empty inside a batch.
    pub retention_policy: Text<'a>,
    /// Group id, for example `host=web-1`.
    pub group: Text<'a>,
    /// Names of the tags grouped by.
    pub dimensions: Vec<Text<'a>>,
    /// Whether the measurement is part of the group.
    pub by_name: bool,
    /// Tags by key.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
    /// Fields by key, over all types together, sorted by key.
    pub fields: Vec<(Text<'a>, FieldValue<'a>)>,
}

/// A field's value with the type Kapacitor gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue<'a> {
    /// `fieldsDouble`
    Float(f64),
    /// `fieldsInt`
    Int(i64),
    /// `fieldsString`
    Text(Text<'a>),
    /// `fieldsBool`
    Bool(bool),
}

/// Why a frame is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid protobuf message: {what} at byte {at}")]
pub struct WireError {
    /// What was found.
    pub what: &'static str,
    /// Offset in the frame.
    pub at: usize,
}

impl<'a> PointView<'a> {
    /// Reads a whole Request frame that holds a point (without its length prefix).
    ///
    /// # Errors
    /// When the frame is not the schema.
    pub fn of_frame(_frame: &'a [u8]) -> Result<Self, WireError> {
        Err(WireError { what: "unread", at: 0 })
    }
}
