//! A look at an alert body that reads no more of it than must be known when it arrives.
//!
//! The same as [`AlertBody::parse`] and [`details::parse`] find, at a fraction of the
//! cost: one pass, nothing built of the data, of the details only the task. Whatever is unusual is left to those two; what
//! is found is what they would find, which `tests/glance.rs` proves on recordings and on bodies made up.

use super::alert::AlertBody;
use super::api::duration;
use super::scan::{Cursor, Passed};
use super::{details, time};
use crate::words::Level;
use std::borrow::Cow;

/// What an alert body says, without its data. Each as in [`AlertBody`].
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "named and meant as there")]
pub struct Glance<'a> {
    pub id: Cow<'a, str>,
    pub message: Cow<'a, str>,
    pub details: Cow<'a, str>,
    pub time: Option<i64>,
    pub duration: i64,
    pub level: Level,
    pub previous_level: Option<Level>,
    pub expired: bool,
}

impl<'a> From<AlertBody<'a>> for Glance<'a> {
    fn from(body: AlertBody<'a>) -> Self {
        Self {
            id: body.id,
            message: body.message,
            details: body.details,
            time: body.time,
            duration: body.duration,
            level: body.level,
            previous_level: body.previous_level,
            expired: body.expired,
        }
    }
}

/// Looks at a body; `None` when it has to be read with care. That does not say that it is no alert.
#[must_use]
pub fn alert(body: &[u8]) -> Option<Glance<'_>> {
    let mut cursor = Cursor::new(std::str::from_utf8(body).ok()?);
    let (mut id, mut message, mut details) = Default::default();
    let (mut time, mut duration, mut level, mut previous_level, mut expired) = (None, 0, None, None, false);
    let word = |value: Passed<'_>| value.text().and_then(|word| Level::parse(&word));
    cursor.object(|cursor, key| {
        match key {
            "id" => id = cursor.value()?.text().unwrap_or_default(),
            "message" => message = cursor.value()?.text().unwrap_or_default(),
            "details" => details = cursor.value()?.text().unwrap_or_default(),
            "time" => time = cursor.value()?.text().and_then(|text| time::parse(&text)),
            "duration" => {
                duration = match cursor.value()? {
                    Passed::Text(text) => duration::parse(&text).unwrap_or_default(),
                    Passed::Integer(integer) => integer,
                    Passed::Bool(_) | Passed::Other => 0,
                };
            }
            "level" => level = word(cursor.value()?),
            "previousLevel" => previous_level = word(cursor.value()?),
            "expired" => expired = cursor.value()? == Passed::Bool(true),
            // An event of a topic, which has the level in there.
            "state" => return None,
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    let level = level.filter(|_| cursor.is_at_end())?;
    Some(Glance { id, message, details, time, duration, level, previous_level, expired })
}

/// The task that details name, if they are the default ones.
#[must_use]
pub fn task(details: &str) -> Option<String> {
    let decoded = details::decode(details)?;
    let mut cursor = Cursor::new(&decoded);
    let mut task = None;
    let passed = cursor.object(|cursor, key| {
        if key == "TaskName" {
            task = cursor.value()?.text();
            return Some(());
        }
        cursor.skip()
    });
    if passed.is_some() && cursor.is_at_end() {
        return task.map(Cow::into_owned);
    }
    details::parse(details).and_then(|provenance| provenance.task).map(Cow::into_owned)
}
