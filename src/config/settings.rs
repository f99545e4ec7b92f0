//! First layer: what was written, key by key, and where. File, then environment, then flags; the later one wins.

use super::error::{ConfigError, Place};
use super::keys::{self, KEYS};
use crate::sorted;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Variables with our prefix that are not configuration keys.
const OTHER_VARIABLES: &[&str] = &["KAPTAP_CONFIG", "KAPTAP_URL", "KAPTAP_TOKEN", "KAPTAP_LOG", "KAPTAP_REQUIRE_PEERS"];

/// How variables for keys of `[[kapacitor]]` tables begin; name and key follow: `KAPTAP_KAPACITOR__MAIN__PASSWORD`.
pub(super) const KAPACITOR_VARIABLES: &str = "KAPTAP_KAPACITOR__";

/// A value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Text of a variable, a flag or a default: its type is what the key wants.
    Bare(String),
    /// TOML string.
    Text(String),
    /// TOML integer, in decimal digits.
    Integer(String),
    /// TOML boolean.
    Bool(bool),
    /// TOML array of strings.
    List(Vec<String>),
    /// TOML table of strings.
    Map(Vec<(String, String)>),
    /// Anything else, by its name in TOML.
    Other(&'static str),
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// One `[[sink]]` or `[[kapacitor]]`, as written.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) place: Place,
    pub(super) found: BTreeMap<String, Setting>,
}

/// What was written. Every name in it is one of [`KEYS`].
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) found: BTreeMap<&'static str, Setting>,
    pub(super) sinks: Vec<Table>,
    pub(super) kapacitors: Vec<Table>,
    /// Variables for keys of `[[kapacitor]]` tables: their name behind [`KAPACITOR_VARIABLES`], and their text.
    pub(super) kapacitor_variables: Vec<(String, String)>,
    pub(super) errors: Vec<ConfigError>,
}

impl Settings {
    /// Takes the text of a configuration file. Text that is not TOML is reported with all its faults and then left
    /// out: what could be guessed from the rest of it would only add misleading errors.
    pub(super) fn add_file(&mut self, text: &str, file_name: &str) {
        let file = File { text, name: file_name.into() };
        let (table, faults) = DeTable::parse_recoverable(text);
        for fault in &faults {
            let at = fault.span().map_or(0, |span| span.start);
            self.report(file.place(at), "", format!("not TOML: {}", fault.message()));
        }
        if faults.is_empty() {
            self.add_table("", table.get_ref(), &file);
        }
    }

    fn add_table(&mut self, section: &str, table: &DeTable<'_>, file: &File<'_>) {
        for (key, value) in table {
            let name = join(section, key.get_ref());
            let place = file.place(key.span().start);
            if let Some(known) = keys::find(&name) {
                self.found.insert(known.name, Setting { value: read_value(value.get_ref()), place });
            } else if name == "sink" {
                let tables = self.tables("sink", value.get_ref(), place, file);
                self.sinks.extend(tables);
            } else if name == "kapacitor" {
                let tables = self.tables("kapacitor", value.get_ref(), place, file);
                self.kapacitors.extend(tables);
            } else if !keys::is_section(&name) {
                self.report(place, &name, unknown(&name, value.get_ref()));
            } else if let Some(inner) = value.get_ref().as_table() {
                self.add_table(&name, inner, file);
            } else {
                self.report(place, &name, format!("is a section: write [{name}] and its keys below it"));
            }
        }
    }

    fn tables(&mut self, name: &str, value: &DeValue<'_>, place: Place, file: &File<'_>) -> Vec<Table> {
        let tables = value.as_array().map(|items| {
            items.iter().map(|item| Some((item.get_ref().as_table()?, file.place(item.span().start)))).collect()
        });
        let Some(Some(tables)): Option<Option<Vec<_>>> = tables else {
            self.report(place, name, format!("there may be several: write [[{name}]] and the keys of one below it"));
            return Vec::new();
        };
        let read = |(table, place): (&DeTable<'_>, Place)| {
            let read = |(key, value): (&toml::Spanned<Cow<'_, str>>, &toml::Spanned<DeValue<'_>>)| {
                let place = file.place(key.span().start);
                (key.get_ref().to_string(), Setting { value: read_value(value.get_ref()), place })
            };
            Table { place, found: sorted::map(table.iter().map(read)) }
        };
        tables.into_iter().map(read).collect()
    }

    /// Takes the variables that begin with `KAPTAP_`. An empty value is an empty value, not an absent one.
    pub(super) fn add_environment(&mut self, environment: &[(String, String)]) {
        for (variable, text) in environment {
            let place = Place::Variable(variable.clone());
            if let Some(key) = KEYS.iter().find(|key| keys::variable(key.name) == *variable) {
                self.found.insert(key.name, Setting { value: Value::Bare(text.clone()), place });
            } else if let Some(rest) = variable.strip_prefix(KAPACITOR_VARIABLES) {
                self.kapacitor_variables.push((rest.to_owned(), text.clone()));
            } else if variable.starts_with("KAPTAP_")
                && !OTHER_VARIABLES.contains(&variable.as_str())
                && !is_service_link(variable)
            {
                let names: Vec<String> = KEYS.iter().map(|key| keys::variable(key.name)).collect();
                let hint = match keys::nearest(variable, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "unset it, or see docs/configuration.md for the variables there are".to_owned(),
                };
                self.report(place, "", format!("no setting has this name; {hint}"));
            }
        }
        // The short name is for the command line of a moment and wins over the long one.
        if let Some((name, text)) = environment.iter().find(|(name, _)| name == "KAPTAP_LOG") {
            let place = Place::Variable(name.clone());
            self.found.insert("log.level", Setting { value: Value::Bare(text.clone()), place });
        }
    }

    /// Takes what a command line flag said.
    pub(super) fn add_flag(&mut self, key: &'static str, flag: &'static str, text: String) {
        self.found.insert(key, Setting { value: Value::Bare(text), place: Place::Flag(flag) });
    }

    /// What was written for a key, or its default.
    pub(super) fn get(&self, key: &'static str) -> Option<Setting> {
        if let Some(setting) = self.found.get(key) {
            return Some(setting.clone());
        }
        let text = keys::find(key)?.default?;
        Some(Setting { value: Value::Bare(text.to_owned()), place: Place::Default })
    }

    /// Where a key was written.
    pub(super) fn place(&self, key: &'static str) -> Place {
        self.found.get(key).map_or(Place::Default, |setting| setting.place.clone())
    }

    pub(super) fn report(&mut self, place: Place, key: &str, problem: impl Into<String>) {
        self.errors.push(ConfigError { place, key: key.to_owned(), problem: problem.into() });
    }
}

/// The file being read, to turn byte offsets into lines.
struct File<'a> {
    text: &'a str,
    name: Arc<str>,
}

impl File<'_> {
    fn place(&self, offset: usize) -> Place {
        let line = 1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        Place::Line { file: self.name.clone(), line }
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

fn unknown(name: &str, value: &DeValue<'_>) -> String {
    let brackets = match value {
        DeValue::Table(_) => Some(("[", "]")),
        DeValue::Array(items) if !items.is_empty() && items.iter().all(|item| item.get_ref().is_table()) => {
            Some(("[[", "]]"))
        }
        _ => None,
    };
    match (brackets, keys::nearest(name, KEYS.iter().map(|key| key.name))) {
        (Some((open, close)), _) => format!("this version has no section {open}{name}{close}; remove it"),
        (None, Some(near)) => format!("no such key; did you mean {near}?"),
        (None, None) => "no such key; remove it, or see docs/configuration.md for the keys there are".to_owned(),
    }
}

fn read_value(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("integer out of range"), |number| Value::Integer(number.to_string())),
        DeValue::Boolean(yes) => Value::Bool(*yes),
        DeValue::Float(_) => Value::Other("float"),
        DeValue::Datetime(_) => Value::Other("date"),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| Some((key.get_ref().to_string(), value.get_ref().as_str()?.to_owned())))
            .collect::<Option<Vec<_>>>()
            .map_or(Value::Other("section"), Value::Map),
        DeValue::Array(items) => items
            .iter()
            .map(|item| item.get_ref().as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .map_or(Value::Other("array of something else than strings"), Value::List),
    }
}

/// Kubernetes gives every container the addresses of the services around it; for a service named `kaptap` they begin
/// with our prefix and must not keep us from starting.
fn is_service_link(variable: &str) -> bool {
    ["KAPTAP_SERVICE_HOST", "KAPTAP_SERVICE_PORT", "KAPTAP_PORT"]
        .iter()
        .any(|name| variable.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
}
