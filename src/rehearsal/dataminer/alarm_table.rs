//! The connector Generic Webhook Alarm Table: one JSON object a request, a row for each `alarm_id`.

use super::{Answer, Request};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Keys that an object has.
const KEYS: [&str; 5] = ["alarm_id", "severity", "value", "numericValue", "alarm_properties"];
/// Severities, in small letters. Which spellings the connector takes is not documented; its example has small letters.
const SEVERITIES: [&str; 7] = ["normal", "warning", "minor", "major", "critical", "timeout", "information"];

/// When rows are removed by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    /// Those that are normal.
    pub normal: bool,
    /// The oldest beyond so many.
    pub rows: usize,
    /// Those that are older, milliseconds.
    pub age: i64,
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Severity, as sent.
    pub severity: String,
    /// Text of the value.
    pub value: String,
    /// Its number.
    pub number: f64,
    /// `Property1` and so on.
    pub properties: BTreeMap<String, String>,
    /// When it came, milliseconds since 1970.
    pub at: i64,
}

/// The table.
#[derive(Debug, Clone)]
pub struct AlarmTable {
    /// Path that it listens at.
    pub path: String,
    /// Rows by `alarm_id`.
    pub rows: BTreeMap<String, Alarm>,
    /// When rows go.
    pub removal: Option<Removal>,
}

impl AlarmTable {
    /// An empty table that listens at a path.
    #[must_use]
    pub fn new(path: &str, removal: Option<Removal>) -> Self {
        Self { path: path.to_owned(), rows: BTreeMap::new(), removal }
    }

    /// Takes a request.
    pub fn take(&mut self, request: &Request) -> Answer {
        if request.path != self.path {
            return Answer::new(404, "nothing listens here");
        }
        if request.method != "POST" {
            return Answer::new(405, "only POST");
        }
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(object)) => match alarm(&object, request.now) {
                Ok((id, alarm)) => {
                    self.rows.insert(id, alarm);
                    self.remove(request.now);
                    Answer::new(200, "")
                }
                Err(problem) => Answer::new(400, problem),
            },
            Ok(_) => Answer::new(400, "one alarm a request: the body has to be an object"),
            Err(error) => Answer::new(400, format!("the body is no JSON: {error}")),
        }
    }

    fn remove(&mut self, now: i64) {
        let Some(Removal { normal, rows, age }) = self.removal else { return };
        self.rows
            .retain(|_, alarm| now - alarm.at <= age && !(normal && alarm.severity.eq_ignore_ascii_case("normal")));
        while self.rows.len() > rows {
            let oldest = self.rows.iter().min_by_key(|(_, alarm)| alarm.at).map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { return };
            self.rows.remove(&oldest);
        }
    }

    /// The rows, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("# Generic Webhook Alarm Table at {}: {} rows\n\n", self.path, self.rows.len());
        for (id, alarm) in &self.rows {
            let properties = alarm.properties.iter().filter(|(_, text)| !text.is_empty());
            let properties: Vec<String> = properties.map(|(name, text)| format!("{name}={text}")).collect();
            let line =
                format!("{id}: {}, {} ({}), {}\n", alarm.severity, alarm.value, alarm.number, properties.join(", "));
            text.push_str(&line);
        }
        text
    }
}

fn alarm(object: &Map<String, Value>, at: i64) -> Result<(String, Alarm), String> {
    if let Some(other) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{other} is none of {}", KEYS.join(", ")));
    }
    let text =
        |key: &str| object.get(key).and_then(Value::as_str).ok_or_else(|| format!("{key} is no text, or missing"));
    let id = text("alarm_id")?;
    if id.is_empty() || id.len() > 100 || id.contains('\\') || id.trim() != id {
        return Err(format!("{id:?} cannot be a key: 1 to 100 bytes, no backslash, no blanks around it"));
    }
    let severity = text("severity")?;
    if !SEVERITIES.contains(&severity) {
        return Err(format!("{severity:?} is none of {}", SEVERITIES.join(", ")));
    }
    let number = object.get("numericValue").and_then(Value::as_f64).ok_or("numericValue is no number, or missing")?;
    let given = object.get("alarm_properties").and_then(Value::as_object).ok_or("alarm_properties is no object")?;
    let mut properties = BTreeMap::new();
    for (name, value) in given {
        let number = name.strip_prefix("Property").and_then(|number| number.parse::<u32>().ok());
        if !number.is_some_and(|number| (1..=15).contains(&number)) {
            return Err(format!("{name} is none of Property1 to Property15"));
        }
        let value = value.as_str().ok_or_else(|| format!("{name} is no text"))?;
        properties.insert(name.clone(), value.to_owned());
    }
    Ok((
        id.to_owned(),
        Alarm { severity: severity.to_owned(), value: text("value")?.to_owned(), number, properties, at },
    ))
}
