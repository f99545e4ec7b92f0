//! Reading what may be missing, `null`, or written in one of two ways.

use super::super::time;
use super::duration;
use crate::sorted;
use crate::words::Level;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// `null` is the default.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Nanoseconds since 1970; Go's zero time and what is no time are none.
pub(super) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let text: Option<Cow<'de, str>> = Option::deserialize(from)?;
    Ok(text.and_then(|text| time::parse(&text)))
}

/// As [`moment`], with 0 for none.
pub(super) fn moment_or_zero<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    Ok(moment(from)?.unwrap_or(0))
}

/// Nanoseconds of Go's text, or of a number.
pub(super) fn nanoseconds<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    match Value::deserialize(from)? {
        Value::Null => Ok(0),
        Value::String(text) => duration::parse(&text).ok_or_else(|| D::Error::custom("no duration")),
        Value::Number(number) => number.as_i64().ok_or_else(|| D::Error::custom("no duration")),
        _ => Err(D::Error::custom("no duration")),
    }
}

/// A level by its word, in any case; missing is OK.
pub(super) fn level<'de, D: Deserializer<'de>>(from: D) -> Result<Level, D::Error> {
    let word: Option<Cow<'de, str>> = Option::deserialize(from)?;
    let Some(word) = word else { return Ok(Level::Ok) };
    Level::parse(&word.to_ascii_uppercase()).ok_or_else(|| D::Error::custom("no level"))
}

/// The numbers of a map; texts and whatever else is in it are left out (A7).
pub(super) fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let all: Option<BTreeMap<String, Value>> = Option::deserialize(from)?;
    Ok(only_numbers(all.unwrap_or_default()))
}

/// As [`numbers`], one map deeper.
pub(super) fn numbers_by_name<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, BTreeMap<String, f64>>, D::Error> {
    let all: Option<BTreeMap<String, Option<BTreeMap<String, Value>>>> = Option::deserialize(from)?;
    let named = all.unwrap_or_default().into_iter();
    Ok(sorted::map(named.map(|(name, numbers)| (name, only_numbers(numbers.unwrap_or_default())))))
}

fn only_numbers(all: BTreeMap<String, Value>) -> BTreeMap<String, f64> {
    sorted::map(all.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))))
}
