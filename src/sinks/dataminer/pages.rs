//! What is shown on an element: values, and tables of rows.
//!
//! What the sink cannot know from events (tasks, topics, handlers, statistics, kaptap itself) is given to it by whoever
//! builds it, as [`Pages`].

use serde_json::{Map, Number, Value};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Longest text of a cell, bytes; longer ones are cut, and end in `…`.
pub(super) const LONGEST_TEXT: usize = 4096;
/// Most rows of one page that are shown; what is beyond is left out and said in the log.
pub const MOST_ROWS: usize = 10_000;

/// A value. The Data API knows no others.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A text.
    Text(String),
    /// A number. One that is not finite is not sent.
    Number(f64),
}

impl Cell {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// `Yes` or `No`: there are no booleans.
    #[must_use]
    pub fn yes(yes: bool) -> Self {
        Self::text(if yes { "Yes" } else { "No" })
    }

    /// A whole number, as exactly as a double can have it.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "DataMiner's numbers are doubles")]
    pub fn count(count: u64) -> Self {
        Self::Number(count as f64)
    }

    /// A time in nanoseconds since 1970, as ISO 8601 with milliseconds.
    #[must_use]
    pub fn time(nanoseconds: i64) -> Self {
        let text = crate::event::time::text(nanoseconds);
        Self::Text(format!("{}Z", text.get(..23).unwrap_or(&text)))
    }

    fn json(&self) -> Option<Value> {
        match self {
            Self::Text(text) => Some(Value::String(bounded(text))),
            Self::Number(number) => Number::from_f64(*number).map(Value::Number),
        }
    }
}

fn bounded(text: &str) -> String {
    // Control characters would be legal JSON, but end up in a table of a window.
    let text: String = text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
    match super::names::cut(&text, LONGEST_TEXT - '…'.len_utf8()) {
        _ if text.len() <= LONGEST_TEXT => text,
        cut => format!("{cut}…"),
    }
}

/// A name and a value; a value of `None` is not sent, so that what `DataMiner` has stays.
pub type Named = (Cow<'static, str>, Option<Cell>);

/// Puts a name and a value together.
pub fn named(name: &'static str, cell: impl Into<Option<Cell>>) -> Named {
    (Cow::Borrowed(name), cell.into())
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The table.
    pub table: &'static str,
    /// Its key: at most 100 bytes, no backslash, no spaces around it.
    pub key: Key,
    /// Its other columns.
    pub cells: Vec<Named>,
}

/// The key of a row. All keys of a table are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A name.
    Text(String),
    /// The number of a place.
    Number(u32),
}

impl Row {
    /// A row whose key is made of a name that may be anything.
    #[must_use]
    pub fn new(table: &'static str, name: &str, cells: Vec<Named>) -> Self {
        Self { table, key: Key::Text(super::names::key(name, name, |_| true)), cells }
    }

    pub(super) fn json(&self) -> Value {
        let mut object = Map::new();
        let key = match &self.key {
            Key::Text(text) => Value::String(text.clone()),
            Key::Number(number) => Value::from(*number),
        };
        object.insert("Id".to_owned(), key);
        write_cells(&self.cells, &mut object);
        Value::Object(object)
    }

    /// Changes when anything in it does.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.json().to_string().hash(&mut hasher);
        hasher.finish()
    }
}

/// Writes cells that have a value.
pub(super) fn write_cells(cells: &[Named], object: &mut Map<String, Value>) {
    for (name, cell) in cells {
        if let Some(json) = cell.as_ref().and_then(Cell::json) {
            object.insert(name.clone().into_owned(), json);
        }
    }
}

/// What whoever builds the sink knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shown {
    /// Values that stand alone. A name is that of one thing on the whole element.
    pub values: Vec<Named>,
    /// Tables, also empty ones.
    pub tables: Vec<Table>,
}

/// A table as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// All its rows.
    pub rows: Vec<Row>,
    /// What is written into a row that is there no longer: rows cannot be removed.
    pub gone: Vec<Named>,
}

/// Gives what the sink cannot know from events. Asked about every `heartbeat`; must not wait.
pub trait Pages: Send + Sync {
    /// What is to be shown now.
    fn shown(&self) -> Shown;
}

/// Nothing but what events say.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPages;

impl Pages for NoPages {
    fn shown(&self) -> Shown {
        Shown::default()
    }
}
