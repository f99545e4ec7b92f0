//! The alert body that `.post()`, `.tcp()`, `.exec()` and `.log()` send, and the event of a topic that the HTTP API tells.
//!
//! The latter is another shape of the same: `{"id", "state": {"message", "details", "time", "duration", "level"}}`, with
//! the duration as Go's text (`1m30s`), without `data`, `previousLevel` and `recoverable`. What expired is said in the
//! same shape by ourselves, with `"expired": true`.

use super::api::duration;
use super::details::Details;
use super::json::{self, Scalar, Tolerant};
use super::row::{Data, Series};
use super::time;
use crate::words::Level;
use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess};
use std::borrow::Cow;

/// An alert body, read tolerantly over Kapacitor 1.0 to 1.8. Borrowed where nothing is escaped.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertBody<'a> {
    /// The alert's id.
    pub id: Cow<'a, str>,
    /// Rendered message.
    pub message: Cow<'a, str>,
    /// Rendered details, as sent (HTML-escaped by Kapacitor).
    pub details: Details<'a>,
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
    /// Whether it only says that Kapacitor does not know the alert any more; said by ourselves.
    pub expired: bool,
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
    /// A body that says nothing but its level.
    pub(super) fn new(level: Level) -> Self {
        Self {
            id: Cow::default(),
            message: Cow::default(),
            details: Details::default(),
            time: None,
            duration: 0,
            level,
            previous_level: None,
            recoverable: None,
            series: Vec::new(),
            expired: false,
        }
    }

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

/// The `state` of a topic's event.
struct State<'a>(Wire<'a>);

impl<'de: 'a, 'a> Tolerant<'de> for State<'a> {
    fn other() -> Self {
        Self(Wire::other())
    }

    fn object<A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Wire::object(object).map(Self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for State<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

/// An alert body of which it is not yet known whether it has a level.
struct Wire<'a> {
    alert: AlertBody<'a>,
    level: Option<Level>,
}

impl<'de: 'a, 'a> Tolerant<'de> for Wire<'a> {
    fn other() -> Self {
        Self { alert: AlertBody::new(Level::Ok), level: None }
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let Self { mut alert, mut level } = Self::other();
        let mut state = None;
        while let Some(key) = object.next_key::<Scalar<'de>>()? {
            let key = key.text().unwrap_or_default();
            if key == "data" {
                alert.series = object.next_value::<Data<'a>>()?.0.unwrap_or_default();
                continue;
            }
            if key == "state" {
                state = Some(object.next_value::<State<'a>>()?.0);
                continue;
            }
            if !KEYS.contains(&key.as_ref()) {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = object.next_value::<Scalar<'a>>()?;
            match key.as_ref() {
                "recoverable" => alert.recoverable = value.bool(),
                "expired" => alert.expired = value.bool().unwrap_or_default(),
                "duration" => {
                    alert.duration = match value {
                        Scalar::Text(text) => duration::parse(&text).unwrap_or_default(),
                        other => other.integer().unwrap_or_default(),
                    };
                }
                "id" => alert.id = value.text().unwrap_or_default(),
                "message" => alert.message = value.text().unwrap_or_default(),
                "details" => alert.details = value.text().unwrap_or_default().into(),
                "time" => alert.time = value.text().and_then(|text| time::parse(&text)),
                "level" => level = value.text().and_then(|word| Level::parse(&word)),
                _ => alert.previous_level = value.text().and_then(|word| Level::parse(&word)),
            }
        }
        // A level beside it says that it is a body as it is posted, whatever `state` may be.
        if level.is_none()
            && let Some(Self { alert: inner, level: Some(found) }) = state
        {
            return Ok(Self { alert: AlertBody { id: alert.id, expired: alert.expired, ..inner }, level: Some(found) });
        }
        Ok(Self { alert, level })
    }
}

/// The keys that have a scalar value.
const KEYS: [&str; 9] =
    ["id", "message", "details", "time", "duration", "level", "previousLevel", "recoverable", "expired"];
