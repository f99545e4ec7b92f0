//! Reading one key by its type and bounds; a fault becomes a sentence that says what to write instead.

use super::settings::{Setting, Settings, Value};
use super::value::{Period, Size};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Reading keys by type. Each returns `None` after reporting a fault.
impl Settings {
    /// The value of a key that may be absent: outer `None` is a fault, inner `None` is absent.
    #[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
    pub(super) fn take<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let Some(Setting { value, place }) = self.get(key) else { return Some(None) };
        match read(&value) {
            Ok(value) => Some(Some(value)),
            Err(problem) => {
                self.report(place, key, problem);
                None
            }
        }
    }

    pub(super) fn period(&mut self, key: &'static str, bounds: RangeInclusive<Duration>) -> Option<Duration> {
        self.take(key, |value| period(value, &bounds))?
    }

    #[expect(clippy::option_option, reason = "a fault and forever are different things here")]
    pub(super) fn period_or_forever(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Option<Duration>> {
        self.take(key, |value| match value {
            Value::Bare(word) | Value::Text(word) if word == "forever" => Ok(None),
            other => period(other, &bounds).map(Some).map_err(|problem| format!("{problem}, or \"forever\"")),
        })?
    }

    pub(super) fn size(&mut self, key: &'static str, bounds: RangeInclusive<u64>) -> Option<u64> {
        self.take(key, |value| size(value, &bounds))?
    }

    pub(super) fn count(&mut self, key: &'static str, bounds: RangeInclusive<usize>) -> Option<usize> {
        self.take(key, |value| count(value, &bounds))?
    }

    pub(super) fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.take(key, switch)?
    }

    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.take(key, |value| word(value, words))?
    }

    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.take(key, path)?
    }

    /// A name that goes into events and labels.
    pub(super) fn name(&mut self, key: &'static str) -> Option<String> {
        self.take(key, |value| {
            let name = text(value, "a name")?;
            if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
                return Err("must have 1 to 256 bytes and no control characters".to_owned());
            }
            Ok(name.to_owned())
        })?
    }

    pub(super) fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.take(key, |value| address(text(value, "an address, such as \"127.0.0.1:9192\"")?))?
    }
}

pub(super) fn size(value: &Value, bounds: &RangeInclusive<u64>) -> Result<u64, String> {
    let written = number_or_text(value, "a size, such as \"64MiB\"")?;
    let size = written.parse::<Size>().map_err(|error| error.to_string())?;
    let (low, high) = (Size(*bounds.start()), Size(*bounds.end()));
    if bounds.contains(&size.0) { Ok(size.0) } else { Err(out_of_bounds(size, low, high)) }
}

pub(super) fn count(value: &Value, bounds: &RangeInclusive<usize>) -> Result<usize, String> {
    let written = number_or_text(value, "a number")?;
    let count = written.parse::<usize>().map_err(|_| format!("{written:?} is not a number"))?;
    if bounds.contains(&count) { Ok(count) } else { Err(out_of_bounds(count, bounds.start(), bounds.end())) }
}

pub(super) fn switch(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(yes) => Ok(*yes),
        Value::Bare(word) if word == "true" => Ok(true),
        Value::Bare(word) if word == "false" => Ok(false),
        other => Err(format!("{}; write true or false", is(other))),
    }
}

pub(super) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let names: Vec<String> = words.iter().map(|(name, _)| format!("{name:?}")).collect();
    let wanted = format!("one of {}", names.join(", "));
    let written = text(value, &wanted)?;
    let found = words.iter().find(|(name, _)| *name == written).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| format!("{written:?} is not {wanted}"))
}

pub(super) fn path(value: &Value) -> Result<PathBuf, String> {
    match text(value, "a path")? {
        "" => Err("is empty; write a path".to_owned()),
        path => Ok(PathBuf::from(path)),
    }
}

pub(super) fn period(value: &Value, bounds: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let written = match value {
        Value::Integer(number) if number != "0" => {
            return Err(format!("{number} has no unit; write a unit in quotes, such as \"{number}s\""));
        }
        other => number_or_text(other, "a length of time, such as \"20s\"")?,
    };
    let period = written.parse::<Period>().map_err(|error| error.to_string())?;
    let (low, high) = (Period(*bounds.start()), Period(*bounds.end()));
    if bounds.contains(&period.0) { Ok(period.0) } else { Err(out_of_bounds(period, low, high)) }
}

/// `ip:port`, or `localhost:port` for 127.0.0.1. Other names are not looked up: they could mean several addresses.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let problem = || format!("{text:?} is not an address: write IP:PORT, such as \"127.0.0.1:9192\" or \"[::1]:9192\"");
    if let Some(port) = text.strip_prefix("localhost:") {
        return port.parse().map(|port| SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port)).map_err(|_| problem());
    }
    text.parse().map_err(|_| problem())
}

fn out_of_bounds(value: impl std::fmt::Display, low: impl std::fmt::Display, high: impl std::fmt::Display) -> String {
    format!("{value} is out of bounds; write {low} to {high}")
}

pub(super) fn text<'a>(value: &'a Value, wanted: &str) -> Result<&'a str, String> {
    match value {
        Value::Bare(text) | Value::Text(text) => Ok(text),
        other => Err(format!("{}; write {wanted}", is(other))),
    }
}

fn number_or_text<'a>(value: &'a Value, wanted: &str) -> Result<&'a str, String> {
    match value {
        Value::Integer(number) => Ok(number),
        other => text(other, wanted),
    }
}

pub(super) fn is(value: &Value) -> String {
    match value {
        Value::Bare(text) | Value::Text(text) => format!("is the text {text:?}"),
        Value::Integer(number) => format!("is the number {number}"),
        Value::Bool(yes) => format!("is {yes}"),
        Value::List(_) => "is a list".to_owned(),
        Value::Map(_) => "is a table".to_owned(),
        Value::Other(kind) => format!("is a TOML {kind}"),
    }
}
