//! Typed columns.

use crate::event::{Cell, ColumnType, Series};
use crate::kapacitor::{row, time};

/// Integers up to here are exact as doubles.
const EXACT: u64 = 1 << 53;

/// Which kinds of cells each column has.
pub(super) struct ColumnKinds(Vec<Kinds>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const TIME: u8 = 1;
    const INT: u8 = 2;
    const FLOAT: u8 = 4;
    const BOOL: u8 = 8;
    const TEXT: u8 = 16;
    const NUMBER: u8 = 32;
    const JSON: u8 = 64;
    /// An integer that no double is equal to.
    const LARGE: u8 = 128;

    fn of(cell: &Cell<'_>) -> u8 {
        match cell {
            Cell::Null => 0,
            Cell::Time(_) => Self::TIME,
            Cell::Int(value) if value.unsigned_abs() > EXACT => Self::INT | Self::LARGE,
            Cell::Int(_) => Self::INT,
            Cell::Float(_) => Self::FLOAT,
            Cell::Bool(_) => Self::BOOL,
            Cell::Text(_) => Self::TEXT,
            Cell::Number(_) => Self::NUMBER,
            Cell::Json(_) => Self::JSON,
        }
    }

    /// The type of a column with these kinds beside nulls.
    fn settled(self) -> ColumnType {
        const NUMBERS: u8 = Kinds::INT | Kinds::FLOAT | Kinds::NUMBER;
        match self.0 & !Self::LARGE {
            0 => ColumnType::Null,
            Self::TIME => ColumnType::Time,
            Self::INT => ColumnType::Int,
            Self::FLOAT => ColumnType::Float,
            Self::BOOL => ColumnType::Bool,
            Self::TEXT => ColumnType::Str,
            _ if self.0 == Self::INT | Self::FLOAT => ColumnType::Float,
            kinds if kinds & !NUMBERS == 0 => ColumnType::Number,
            _ => ColumnType::Any,
        }
    }
}

impl ColumnKinds {
    pub(super) fn new(width: usize) -> Self {
        Self(vec![Kinds::default(); width])
    }

    pub(super) fn add(&mut self, row: &[Cell<'_>]) {
        for (kinds, cell) in self.0.iter_mut().zip(row) {
            kinds.0 |= Kinds::of(cell);
        }
    }
}

/// The types of the columns. Where integers and doubles meet, and all integers are exact as doubles, they become
/// doubles; otherwise every cell stays what it is.
pub(super) fn settle(kinds: &ColumnKinds, rows: &mut [Vec<Cell<'_>>]) -> Vec<ColumnType> {
    let types: Vec<ColumnType> = kinds.0.iter().map(|kinds| kinds.settled()).collect();
    for (column, kinds) in kinds.0.iter().enumerate().filter(|(_, kinds)| kinds.0 == Kinds::INT | Kinds::FLOAT) {
        debug_assert_eq!(kinds.settled(), ColumnType::Float);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            if let Cell::Int(value) = *cell {
                #[expect(clippy::cast_precision_loss, reason = "no integer of this column is beyond 2^53")]
                let exact = value as f64;
                *cell = Cell::Float(exact);
            }
        }
    }
    types
}

/// A series as JSON bodies carry it. The second is whether a row has more or fewer values than there are columns,
/// which Kapacitor never sends; such rows stay as they came.
pub(super) fn of_rows(series: row::Series<'_>) -> (Series<'_>, bool) {
    let width = series.columns.len();
    let ragged = series.rows.iter().any(|row| row.len() != width);
    let timed =
        series.columns.first().is_some_and(|name| name == "time") && series.rows.iter().all(|row| is_time(row.first()));
    let mut kinds = ColumnKinds::new(width);
    let rows: Vec<Vec<Cell<'_>>> = series
        .rows
        .into_iter()
        .map(|row| {
            let mut cells: Vec<Cell<'_>> = row.into_iter().map(cell).collect();
            if let Some(first) = cells.first_mut().filter(|_| timed) {
                to_time(first);
            }
            kinds.add(&cells);
            cells
        })
        .collect();
    let types = kinds.0.iter().map(|kinds| kinds.settled()).collect();
    (Series { name: series.name, tags: series.tags, columns: series.columns, types, rows }, ragged)
}

/// The newest time in the first columns.
pub(super) fn newest(series: &[Series<'_>]) -> Option<i64> {
    let first_cells = series.iter().flat_map(|series| &series.rows).filter_map(|row| row.first());
    first_cells.filter_map(|cell| if let Cell::Time(time) = cell { Some(*time) } else { None }).max()
}

fn is_time(value: Option<&row::Value<'_>>) -> bool {
    match value {
        Some(row::Value::Text(value)) => time::parse(value).is_some(),
        Some(row::Value::Null) | None => true,
        Some(_) => false,
    }
}

fn to_time(cell: &mut Cell<'_>) {
    if let Cell::Text(value) = cell
        && let Some(time) = time::parse(value)
    {
        *cell = Cell::Time(time);
    }
}

fn cell(value: row::Value<'_>) -> Cell<'_> {
    match value {
        row::Value::Null => Cell::Null,
        row::Value::Bool(value) => Cell::Bool(value),
        row::Value::Number(digits) => Cell::Number(digits),
        row::Value::Text(value) => Cell::Text(value),
        row::Value::Other(json) => Cell::Json(json),
    }
}
