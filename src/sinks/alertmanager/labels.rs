//! Labels and annotations of an alert.
//!
//! Labels are the identity of an alert in Alertmanager, so nothing that changes while an alert is on may be among them:
//! no level, no severity, no value.

use super::super::BuildError;
use crate::event::{Alert, Cell, Event, time};
use crate::http::text::clip;
use crate::sorted;
use crate::words::Level;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most labels of an alert. Alertmanager itself names no bound; these keep one odd alert from weighing on all.
pub(super) const MOST_LABELS: usize = 64;
/// Longest name of a label, bytes.
pub(super) const LONGEST_NAME: usize = 256;
/// Longest value of a label, bytes.
pub(super) const LONGEST_VALUE: usize = 4096;
/// Longest text of an annotation, bytes; longer ones are cut.
pub(super) const LONGEST_TEXT: usize = 8192;

/// The labels that are always ours.
const OWN: [&str; 3] = ["alertname", "alert_id", "task"];

/// Checks the labels of the configuration.
pub(super) fn check(added: &BTreeMap<String, String>) -> Result<(), BuildError> {
    for (name, value) in added {
        let problem = if name != &label_name(name) {
            "is no name of a label: letters, digits and _, no digit at the front"
        } else if name == "alert_id" {
            "is what tells alerts apart, and cannot be set"
        } else if name.len() > LONGEST_NAME || value.len() > LONGEST_VALUE {
            "is too long"
        } else {
            continue;
        };
        return Err(BuildError::value("labels", format!("{name:?} {problem}")));
    }
    Ok(())
}

/// The labels of an alert: ours, its tags, those added by the `TICKscript`, those of the configuration.
///
/// # Errors
/// When a bound is passed: a sentence that names it.
pub(super) fn labels(
    event: &Event<'_>,
    alert: &Alert<'_>,
    added: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let task = event.origin.task.as_ref().map(|(task, _)| &**task);
    let name = task.or(event.origin.measurement.as_deref()).filter(|name| !name.is_empty()).unwrap_or("kapacitor");
    let mut labels = sorted::map([("alertname".to_owned(), name.to_owned())]);
    labels.insert("alert_id".to_owned(), alert.id.clone().into_owned());
    if let Some(task) = task {
        labels.insert("task".to_owned(), task.to_owned());
    }
    let tags = event.series.first().map(|series| series.tags.as_slice()).unwrap_or_default();
    // `.levelTag()` puts the level among the tags, under a name of the user's choice.
    for (tag, value) in tags.iter().filter(|(_, value)| Level::parse(value).is_none()) {
        add(&mut labels, tag, value);
    }
    for (name, value) in event.labels.iter().filter(|(name, _)| !added.contains_key(&**name)) {
        add(&mut labels, name, value);
    }
    labels.extend(added.clone());
    // Alertmanager takes an empty label for a missing one.
    labels.retain(|_, value| !value.is_empty());
    bounded(labels)
}

fn bounded(labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    if labels.len() > MOST_LABELS {
        return Err(format!("{} labels, at most {MOST_LABELS} are sent", labels.len()));
    }
    for (name, value) in &labels {
        if name.len() > LONGEST_NAME {
            return Err(format!("a label's name has {} bytes, at most {LONGEST_NAME} are sent", name.len()));
        }
        if value.len() > LONGEST_VALUE {
            return Err(format!("the label {name} has {} bytes, at most {LONGEST_VALUE} are sent", value.len()));
        }
    }
    Ok(labels)
}

/// Adds a label under a name that Alertmanager takes and that is not taken yet. The order of tags is that of their
/// names, so an alert gets the same names each time.
fn add(labels: &mut BTreeMap<String, String>, name: &str, value: &str) {
    let name = label_name(name);
    if labels.get(&name).is_some_and(|known| known == value) {
        return;
    }
    let name = if OWN.contains(&name.as_str()) { format!("tag_{name}") } else { name };
    // As many names as there are labels, and one more: one of them is free.
    let numbered = (2..labels.len() + 3).map(|n| format!("{name}_{n}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !labels.contains_key(name));
    if let Some(free) = free {
        labels.insert(free, value.to_owned());
    }
}

/// A name as Prometheus takes it: letters, digits and `_`, no digit at the front, not empty.
fn label_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut text: String = name.chars().map(plain).collect();
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) {
        text.insert(0, '_');
    }
    text
}

/// What people read of an alert. Changes from event to event.
pub(super) fn annotations(event: &Event<'_>, alert: &Alert<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut put = |name: &str, text: &str| {
        if !text.is_empty() {
            found.insert(name.to_owned(), clipped(text));
        }
    };
    put("summary", alert.message.as_deref().filter(|message| !message.is_empty()).unwrap_or(&alert.id));
    // Kapacitor's default details are the whole event as JSON: nothing for people.
    put("description", alert.details.as_deref().filter(|text| !text.trim_start().starts_with('{')).unwrap_or_default());
    put("level", alert.level.as_str());
    put("severity", &alert.severity);
    put("values", &values(event));
    put("event_id", &event.id.to_string());
    found
}

/// The fields of the last row.
fn values(event: &Event<'_>) -> String {
    let Some(series) = event.series.first() else { return String::new() };
    let Some(row) = series.rows.last() else { return String::new() };
    let mut text = String::new();
    for (column, cell) in series.columns.iter().zip(row).filter(|(column, _)| *column != "time") {
        let before = if text.is_empty() { "" } else { ", " };
        let written = match cell {
            Cell::Null => continue,
            Cell::Time(at) => write!(text, "{before}{column}={}", time::text(*at)),
            Cell::Int(value) => write!(text, "{before}{column}={value}"),
            Cell::Float(value) => write!(text, "{before}{column}={value}"),
            Cell::Bool(value) => write!(text, "{before}{column}={value}"),
            Cell::Text(value) => write!(text, "{before}{column}={value}"),
            Cell::Number(value) | Cell::Json(value) => write!(text, "{before}{column}={value}"),
        };
        // Writing into a text does not fail; what is too long is cut anyway.
        if written.is_err() || text.len() > LONGEST_TEXT {
            break;
        }
    }
    text
}

fn clipped(text: &str) -> String {
    if text.len() <= LONGEST_TEXT {
        return text.to_owned();
    }
    format!("{}…", clip(text, LONGEST_TEXT - '…'.len_utf8()))
}
