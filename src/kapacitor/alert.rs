//! The alert body that `.post()`, `.tcp()`, `.exec()` and `.log()` send.

use super::json::{self, Scalar, Tolerant};
use super::row::{Data, Series};
use super::time;
use crate::words::Level;
use serde::de::{IgnoredAny, MapAccess};
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
    /// Reads a body: an object with a level. Of a repeated key the last value counts; a key that is absent, or has a
    /// value of another type, leaves an empty text, a duration of 0 or `None`. Space around the object is allowed.
    ///
    /// # Errors
    /// When it is not an alert; it is then kept as it is, as an opaque record.
    pub fn parse(body: &'a [u8]) -> Result<Self, BodyError> {
        let Wire { alert, level } = json::document(json::text(body)?)?;
        Ok(Self { level: level.ok_or(BodyError::Level)?, ..alert })
    }
}

/// An alert body of which it is not yet known whether it has a level.
struct Wire<'a> {
    alert: AlertBody<'a>,
    level: Option<Level>,
}

impl<'de: 'a, 'a> Tolerant<'de> for Wire<'a> {
    fn other() -> Self {
        let alert = AlertBody {
            id: Cow::default(),
            message: Cow::default(),
            details: Cow::default(),
            time: None,
            duration: 0,
            level: Level::Ok,
            previous_level: None,
            recoverable: None,
            series: Vec::new(),
        };
        Self { alert, level: None }
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let Self { mut alert, mut level } = Self::other();
        while let Some(key) = object.next_key::<Scalar<'de>>()? {
            let key = key.text().unwrap_or_default();
            if key == "data" {
                alert.series = object.next_value::<Data<'a>>()?.0.unwrap_or_default();
                continue;
            }
            if !KEYS.contains(&key.as_ref()) {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = object.next_value::<Scalar<'a>>()?;
            match key.as_ref() {
                "recoverable" => alert.recoverable = value.bool(),
                "duration" => alert.duration = value.integer().unwrap_or_default(),
                "id" => alert.id = value.text().unwrap_or_default(),
                "message" => alert.message = value.text().unwrap_or_default(),
                "details" => alert.details = value.text().unwrap_or_default(),
                "time" => alert.time = value.text().and_then(|text| time::parse(&text)),
                "level" => level = value.text().and_then(|word| Level::parse(&word)),
                _ => alert.previous_level = value.text().and_then(|word| Level::parse(&word)),
            }
        }
        Ok(Self { alert, level })
    }
}

/// The keys that have a scalar value.
const KEYS: [&str; 8] = ["id", "message", "details", "time", "duration", "level", "previousLevel", "recoverable"];
