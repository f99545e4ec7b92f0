//! The connector that the Data API makes of a type: its parameters and tables, of which the first push fixes the kinds.

use super::names::{reserved, titled};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Kind of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
}

impl Kind {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(_) => Some(Self::Text),
            Value::Number(_) => Some(Self::Number),
            _ => None,
        }
    }
}

/// A parameter or column.
pub(super) type Parameters = BTreeMap<String, Kind>;

/// A connector.
#[derive(Debug, Clone, Default)]
pub(super) struct Connector {
    pub(super) parameters: Parameters,
    pub(super) tables: BTreeMap<String, Columns>,
    /// How often it was made anew because of something that it did not know.
    pub(super) versions: u32,
}

/// A table of a connector.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    pub(super) key: Option<Kind>,
    pub(super) parameters: Parameters,
    /// The table whose rows its rows belong to.
    pub(super) parent: Option<String>,
}

/// A row that is to be written: its key if it has one, and its cells under the names that are shown.
#[derive(Debug, Clone)]
pub(super) struct NewRow {
    pub(super) key: Option<String>,
    pub(super) cells: BTreeMap<String, Value>,
}

/// What a body comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct Read {
    pub(super) values: BTreeMap<String, Value>,
    pub(super) tables: BTreeMap<String, Vec<NewRow>>,
    rows: usize,
    cells: usize,
}

/// Most rows of a request (a guideline, taken strictly).
const ROWS: usize = 1000;
/// Most cells of a request (the same).
const CELLS: usize = 20_000;

impl Connector {
    /// Reads a body and learns what is new in it.
    ///
    /// # Errors
    /// Why all of it is refused.
    pub(super) fn read(&mut self, body: &Map<String, Value>) -> Result<Read, String> {
        let mut read = Read::default();
        let before = self.known();
        let mut seen = BTreeSet::new();
        for (name, value) in body {
            let shown = name_of(name, &mut seen)?;
            match value {
                Value::Array(rows) => self.table(&shown, rows, None, &mut read)?,
                value => {
                    if self.tables.contains_key(&shown) {
                        return Err(format!("{shown} is a table, and cannot be a value"));
                    }
                    learn(&mut self.parameters, &shown, value)?;
                    read.cells += 1;
                    read.values.insert(shown, value.clone());
                }
            }
        }
        if read.rows > ROWS || read.cells > CELLS {
            return Err(format!(
                "{} rows and {} cells; at most {ROWS} and {CELLS} are set at once",
                read.rows, read.cells
            ));
        }
        self.versions += u32::from(self.known() != before);
        Ok(read)
    }

    fn known(&self) -> usize {
        self.parameters.len() + self.tables.values().map(|table| table.parameters.len() + 1).sum::<usize>()
    }

    fn table(
        &mut self,
        shown: &str,
        rows: &[Value],
        parent: Option<(&str, &str)>,
        read: &mut Read,
    ) -> Result<(), String> {
        if self.parameters.contains_key(shown) {
            return Err(format!("{shown} is a value, and cannot be a table"));
        }
        let known = self.tables.entry(shown.to_owned()).or_default();
        if let Some((parent, _)) = parent
            && *known.parent.get_or_insert_with(|| parent.to_owned()) != parent
        {
            return Err(format!(
                "{shown} belongs to {} already; a table has one parent",
                known.parent.as_deref().unwrap_or("")
            ));
        }
        read.tables.entry(shown.to_owned()).or_default();
        let mut keys = BTreeSet::new();
        for row in rows {
            let Value::Object(row) = row else { return Err(format!("{shown} has a row that is no object")) };
            let new = self.row(shown, row, parent, read)?;
            if let Some(key) = &new.key
                && !keys.insert(key.clone())
            {
                return Err(format!("{shown} has the key {key:?} twice"));
            }
            read.rows += 1;
            read.cells += new.cells.len() + 1;
            read.tables.entry(shown.to_owned()).or_default().push(new);
        }
        Ok(())
    }

    fn row(
        &mut self,
        table: &str,
        row: &Map<String, Value>,
        parent: Option<(&str, &str)>,
        read: &mut Read,
    ) -> Result<NewRow, String> {
        let mut new = NewRow { key: None, cells: BTreeMap::new() };
        let key = row.iter().find(|(name, _)| name.eq_ignore_ascii_case("id"));
        if let Some((_, key)) = key {
            let kind = Kind::of(key).ok_or_else(|| format!("{table}: a key is a text or a number"))?;
            let columns = self.tables.entry(table.to_owned()).or_default();
            if *columns.key.get_or_insert(kind) != kind {
                return Err(format!("{table}: the kind of its keys cannot change"));
            }
            let text = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
            if text.is_empty() || text.len() > 100 || text.contains('\\') || text.trim() != text {
                return Err(format!(
                    "{table}: {text:?} cannot be a key: 1 to 100 bytes, no backslash, no blanks around it"
                ));
            }
            new.key = Some(text);
        }
        if let Some((parent, key)) = parent {
            new.cells.insert(format!("{parent}_Foreign Key"), key.into());
        }
        let mut seen = BTreeSet::new();
        for (name, value) in row {
            let shown = name_of(name, &mut seen)?;
            match value {
                _ if name.eq_ignore_ascii_case("id") => {}
                Value::Array(rows) => {
                    let own = new.key.clone().ok_or_else(|| format!("{table}: rows with tables in them need an Id"))?;
                    self.table(&shown, rows, Some((table, &own)), read)?;
                }
                value => {
                    let columns = self.tables.entry(table.to_owned()).or_default();
                    learn(&mut columns.parameters, &shown, value).map_err(|problem| format!("{table}: {problem}"))?;
                    new.cells.insert(shown, value.clone());
                }
            }
        }
        Ok(new)
    }
}

/// The name as it is shown, if it can be one and none like it was there before.
fn name_of(name: &str, seen: &mut BTreeSet<String>) -> Result<String, String> {
    if name.is_empty() || name.trim() != name {
        return Err(format!("{name:?} cannot be a name"));
    }
    if reserved(name) {
        return Err(format!("{name:?} is a reserved name"));
    }
    let shown = titled(name);
    if seen.insert(shown.to_lowercase()) { Ok(shown) } else { Err(format!("{shown:?} is there twice, in other cases")) }
}

/// Fixes the kind of a parameter, or compares it.
fn learn(parameters: &mut Parameters, shown: &str, value: &Value) -> Result<(), String> {
    let kind = Kind::of(value).ok_or_else(|| format!("{shown} is neither a text nor a number: {value}"))?;
    let known = parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(shown)).map(|(_, kind)| *kind);
    match known {
        Some(known) if known != kind => Err(format!("{shown} is a {known:?} and cannot become a {kind:?}")),
        Some(_) => Ok(()),
        None => {
            parameters.insert(shown.to_owned(), kind);
            Ok(())
        }
    }
}
