//! What `GET /v1/events` can be asked: the query string, read into one checked request with all errors at once.

use super::moment::{Moment, MomentError};
use crate::filter::{Filter, FilterError};
use crate::intake::http::percent_decode;

/// Most events that `last` may ask for: their positions are held in memory.
pub const MOST_LAST: u64 = 100_000;

/// What was asked of the events.
#[derive(Debug, Default)]
pub struct Query {
    /// Where to begin, inclusive. Absent: the beginning, or with `follow` now.
    pub since: Option<Moment>,
    /// Where to end: a seq is inclusive, a time is not.
    pub until: Option<Moment>,
    /// Which events pass.
    pub filter: Option<Filter>,
    /// End after so many events that passed.
    pub limit: Option<u64>,
    /// Only so many of those that are there already: the last ones.
    pub last: Option<u64>,
    /// Whether to go on with what comes.
    pub follow: bool,
    /// Whether events carry their raw bytes.
    pub raw: bool,
}

/// What is wrong with one parameter.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Of `since` or `until`.
    #[error("{name}: \"{value}\" is {error}")]
    Moment {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        error: MomentError,
    },
    /// Of `filter`.
    #[error("filter:\n{0}")]
    Filter(FilterError),
    /// Of `limit` or `last`.
    #[error("{name}: \"{value}\" is not a number from 1 to {most}")]
    Number {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// Largest value allowed.
        most: u64,
    },
    /// Of `follow` or `raw`.
    #[error("{name}: \"{value}\" is neither 1, true, 0 nor false")]
    Flag {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Given twice.
    #[error("{0}: given more than once")]
    Twice(&'static str),
    /// Not one of ours; most often a filter with an `&` that was not escaped.
    #[error(
        "\"{0}\" is not a parameter; there are since, until, filter, limit, last, follow and raw \
         (inside a value, & is written %26)"
    )]
    Unknown(String),
}

impl Query {
    /// Reads a query string. `now` is in nanoseconds since 1970.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, now: i64) -> Result<Self, Vec<QueryError>> {
        let mut reading = Reading::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            reading.take(&percent_decode(&name.replace('+', " ")), percent_decode(&value.replace('+', " ")));
        }
        reading.check(now)
    }
}

/// Values as given, before they are looked at.
#[derive(Default)]
struct Reading {
    values: [Option<String>; NAMES.len()],
    errors: Vec<QueryError>,
}

const NAMES: [&str; 7] = ["since", "until", "filter", "limit", "last", "follow", "raw"];

impl Reading {
    fn take(&mut self, name: &str, value: String) {
        let place = NAMES.iter().zip(&mut self.values).find(|(known, _)| **known == name);
        match place {
            None => self.errors.push(QueryError::Unknown(name.to_owned())),
            Some((known, Some(_))) => self.errors.push(QueryError::Twice(known)),
            Some((_, free)) => *free = Some(value),
        }
    }

    fn check(self, now: i64) -> Result<Query, Vec<QueryError>> {
        let Self { values: [since, until, filter, limit, last, follow, raw], mut errors } = self;
        let query = Query {
            since: moment("since", since, now, &mut errors),
            until: moment("until", until, now, &mut errors),
            // An empty filter is one that a form left empty: everything passes.
            filter: filter
                .filter(|text| !text.trim().is_empty())
                .and_then(|text| Filter::compile(&text).map_err(|error| errors.push(QueryError::Filter(error))).ok()),
            limit: number("limit", limit, u64::MAX, &mut errors),
            last: number("last", last, MOST_LAST, &mut errors),
            follow: flag("follow", follow, &mut errors),
            raw: flag("raw", raw, &mut errors),
        };
        if errors.is_empty() { Ok(query) } else { Err(errors) }
    }
}

fn moment(name: &'static str, value: Option<String>, now: i64, errors: &mut Vec<QueryError>) -> Option<Moment> {
    let value = value.filter(|value| !value.is_empty())?;
    Moment::parse(&value, now).map_err(|error| errors.push(QueryError::Moment { name, value, error })).ok()
}

fn number(name: &'static str, value: Option<String>, most: u64, errors: &mut Vec<QueryError>) -> Option<u64> {
    let value = value.filter(|value| !value.is_empty())?;
    match value.parse() {
        Ok(number) if (1..=most).contains(&number) => Some(number),
        _ => {
            errors.push(QueryError::Number { name, value, most });
            None
        }
    }
}

/// A flag that is there without a value is set: `?follow`.
fn flag(name: &'static str, value: Option<String>, errors: &mut Vec<QueryError>) -> bool {
    match value.as_deref() {
        None | Some("0" | "false") => false,
        Some("" | "1" | "true") => true,
        Some(_) => {
            errors.push(QueryError::Flag { name, value: value.unwrap_or_default() });
            false
        }
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
