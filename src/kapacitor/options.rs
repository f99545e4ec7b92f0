//! The options of `@kaptap()` in a script: announced in the answer to Info, read from Init.
//!
//! Each call in the script arrives as one Option, also of the same name twice. Kapacitor checks names, counts and types
//! against what was announced when the task is defined; they are checked again here because a task may have been
//! defined against another version of kaptap.

use super::proto::{Option as Call, OptionInfo, OptionValue, ValueType, option_value::Value};
use crate::sorted;
use std::collections::BTreeMap;

/// Most labels that a script may add.
pub const MAX_LABELS: usize = 256;

/// Longest text of an option, bytes.
pub const MAX_TEXT: usize = 4_096;

/// What a script asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `.echo(BOOL)`: whether data goes back to Kapacitor. Default TRUE.
    pub echo: bool,
    /// `.label(STRING, STRING)`, repeatable: added to every event, in the order of first mention; the last value of a
    /// key counts.
    pub labels: Vec<(String, String)>,
    /// `.db(STRING)`: the database, which a batch does not tell.
    pub database: Option<String>,
    /// `.rp(STRING)`: the retention policy, which a batch does not tell.
    pub retention_policy: Option<String>,
    /// `.alert(BOOL)`: whether points are read as alerts. Default FALSE.
    pub alert: bool,
    /// `.idTag(STRING)`: tag with the alert's id. Default `alert_id`.
    pub id_tag: String,
    /// `.levelTag(STRING)`: tag with the level. Default `alert_level`.
    pub level_tag: String,
    /// `.messageField(STRING)`: string field with the message. Default `alert_message`.
    pub message_field: String,
    /// `.durationField(STRING)`: integer field with the duration in nanoseconds. Default `alert_duration`.
    pub duration_field: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            echo: true,
            labels: Vec::new(),
            database: None,
            retention_policy: None,
            alert: false,
            id_tag: "alert_id".to_owned(),
            level_tag: "alert_level".to_owned(),
            message_field: "alert_message".to_owned(),
            duration_field: "alert_duration".to_owned(),
        }
    }
}

/// Why Init is refused. The text goes to whoever enables the task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No option of that name.
    #[error("there is no option {name}; the options are {known}")]
    Unknown {
        /// Name in the script, shortened.
        name: String,
        /// Names there are.
        known: String,
    },
    /// Other arguments than announced.
    #[error("option {name} takes ({expected}), not ({found})")]
    Arguments {
        /// Name of the option.
        name: &'static str,
        /// Types announced.
        expected: String,
        /// Types found.
        found: String,
    },
    /// A text beyond [`MAX_TEXT`].
    #[error("option {name} takes text of at most {MAX_TEXT} bytes")]
    TooLong {
        /// Name of the option.
        name: &'static str,
    },
    /// Labels beyond [`MAX_LABELS`].
    #[error("option label may be given for at most {MAX_LABELS} keys")]
    TooManyLabels,
}

/// Where the argument of an option goes.
enum Slot {
    Flag(fn(&mut Options) -> &mut bool),
    Text(fn(&mut Options) -> &mut String),
    Optional(fn(&mut Options) -> &mut Option<String>),
    Label,
}

/// All options: the one list behind both the announcement and the reading. Sorted by name.
const ALL: &[(&str, Slot)] = &[
    ("alert", Slot::Flag(|options| &mut options.alert)),
    ("db", Slot::Optional(|options| &mut options.database)),
    ("durationField", Slot::Text(|options| &mut options.duration_field)),
    ("echo", Slot::Flag(|options| &mut options.echo)),
    ("idTag", Slot::Text(|options| &mut options.id_tag)),
    ("label", Slot::Label),
    ("levelTag", Slot::Text(|options| &mut options.level_tag)),
    ("messageField", Slot::Text(|options| &mut options.message_field)),
    ("rp", Slot::Optional(|options| &mut options.retention_policy)),
];

impl Slot {
    fn types(&self) -> &'static [ValueType] {
        match self {
            Self::Flag(_) => &[ValueType::Bool],
            Self::Text(_) | Self::Optional(_) => &[ValueType::String],
            Self::Label => &[ValueType::String, ValueType::String],
        }
    }
}

/// The options as the answer to Info announces them.
#[must_use]
pub fn announced() -> BTreeMap<String, OptionInfo> {
    let info = |slot: &Slot| OptionInfo { value_types: slot.types().iter().map(|&kind| i32::from(kind)).collect() };
    sorted::map(ALL.iter().map(|(name, slot)| ((*name).to_owned(), info(slot))))
}

impl Options {
    /// Reads the options of an Init. Of an option given twice the last counts, labels aside.
    ///
    /// # Errors
    /// At the first option that is not one of ours or has other arguments.
    pub fn parse(calls: Vec<Call>) -> Result<Self, OptionError> {
        let mut options = Self::default();
        for call in calls {
            options.apply(call)?;
        }
        Ok(options)
    }

    fn apply(&mut self, call: Call) -> Result<(), OptionError> {
        let Some((name, slot)) = ALL.iter().find(|(name, _)| *name == call.name) else {
            let known = ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(OptionError::Unknown { name: shortened(&call.name), known });
        };
        let too_long =
            |value: &OptionValue| matches!(&value.value, Some(Value::StringValue(text)) if text.len() > MAX_TEXT);
        if call.values.iter().any(too_long) {
            return Err(OptionError::TooLong { name });
        }
        let mut values = call.values.into_iter().map(|value| value.value);
        // The value itself says its type; `type` beside it says the same again and is absent for BOOL.
        match (slot, values.next(), values.next(), values.next()) {
            (Slot::Flag(field), Some(Some(Value::BoolValue(flag))), None, None) => *field(self) = flag,
            (Slot::Text(field), Some(Some(Value::StringValue(text))), None, None) => *field(self) = text,
            (Slot::Optional(field), Some(Some(Value::StringValue(text))), None, None) => *field(self) = Some(text),
            (Slot::Label, Some(Some(Value::StringValue(key))), Some(Some(Value::StringValue(value))), None) => {
                return self.add_label(key, value);
            }
            (slot, first, second, third) => {
                let expected = slot.types().iter().map(ValueType::as_str_name).collect::<Vec<_>>().join(", ");
                let mut found: Vec<_> =
                    [first, second].into_iter().flatten().map(|value| type_name(value.as_ref())).collect();
                found.extend(third.map(|_| "…"));
                return Err(OptionError::Arguments { name, expected, found: found.join(", ") });
            }
        }
        Ok(())
    }

    fn add_label(&mut self, key: String, value: String) -> Result<(), OptionError> {
        if let Some((_, old)) = self.labels.iter_mut().find(|(known, _)| *known == key) {
            *old = value;
        } else if self.labels.len() < MAX_LABELS {
            self.labels.push((key, value));
        } else {
            return Err(OptionError::TooManyLabels);
        }
        Ok(())
    }
}

fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::BoolValue(_)) => ValueType::Bool.as_str_name(),
        Some(Value::IntValue(_)) => ValueType::Int.as_str_name(),
        Some(Value::DoubleValue(_)) => ValueType::Double.as_str_name(),
        Some(Value::StringValue(_)) => ValueType::String.as_str_name(),
        Some(Value::DurationValue(_)) => ValueType::Duration.as_str_name(),
        None => "nothing",
    }
}

/// A name of the script for a sentence: a name is short unless something is wrong.
fn shortened(name: &str) -> String {
    const MOST: usize = 64;
    let mut short: String = name.chars().take(MOST).collect();
    if short.len() < name.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
