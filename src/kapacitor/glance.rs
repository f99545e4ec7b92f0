//! A look at an alert body that reads no more of it than must be known when it arrives.
//!
//! The same as [`AlertBody::parse`] finds, at a fraction of the cost: one pass, nothing built of the data, nothing decoded
//! of the details. Whatever is unusual is left to that one; what is found is what it would find, which `tests/glance.rs`
//! proves on recordings and on bodies made up.

use super::alert::AlertBody;
use super::api::duration;
use super::details::Details;
use super::scan::{Cursor, Passed};
use super::time;
use crate::words::Level;

/// Looks at a body; without its data. `None` when it has to be read with care. That does not say that it is no alert.
#[must_use]
pub fn alert(body: &[u8]) -> Option<AlertBody<'_>> {
    let mut cursor = Cursor::new(std::str::from_utf8(body).ok()?);
    let (mut alert, mut level) = (AlertBody::new(Level::Ok), None);
    let word = |value: Passed<'_>| value.text().and_then(|word| Level::parse(&word));
    cursor.object(|cursor, key| {
        match key {
            "id" => alert.id = cursor.value()?.text().unwrap_or_default(),
            "message" => alert.message = cursor.value()?.text().unwrap_or_default(),
            "details" => {
                alert.details = match cursor.next()? {
                    b'"' => Details::literal(cursor.literal()?),
                    _ => cursor.skip().map(|()| Details::default())?,
                };
            }
            "time" => alert.time = cursor.value()?.text().and_then(|text| time::parse(&text)),
            "duration" => {
                alert.duration = match cursor.value()? {
                    Passed::Text(text) => duration::parse(&text).unwrap_or_default(),
                    Passed::Integer(integer) => integer,
                    Passed::Bool(_) | Passed::Other => 0,
                };
            }
            "level" => level = word(cursor.value()?),
            "previousLevel" => alert.previous_level = word(cursor.value()?),
            "recoverable" => alert.recoverable = cursor.value()?.bool(),
            "expired" => alert.expired = cursor.value()?.bool().unwrap_or_default(),
            // An event of a topic, which has the level in there.
            "state" => return None,
            _ => cursor.skip()?,
        }
        Some(())
    })?;
    let level = level.filter(|_| cursor.is_at_end())?;
    Some(AlertBody { level, ..alert })
}
