//! Rows and values into bodies of requests that the Data API takes. Pure.

use super::pages::{Named, Row, write_cells};
use crate::sorted;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most bytes of a body. The Data API refuses 1 MB.
pub(super) const BYTES: usize = 512 << 10;
/// Most rows of a request (guideline for setting tables).
pub(super) const ROWS: usize = 1000;
/// Most cells of a request (the same).
pub(super) const CELLS: usize = 20_000;

/// How many of these rows go into one request, and at least one. `values` go with them.
pub(super) fn fitting(values: &[Named], rows: &[Row]) -> usize {
    // Names of tables, brackets, commas: far less than this.
    let mut bytes = 4096 + written(values);
    let mut cells = values.len();
    let mut count = 0;
    for row in rows.iter().take(ROWS) {
        bytes += row.json().to_string().len() + 1;
        cells += row.cells.len() + 1;
        if count > 0 && (bytes > BYTES || cells > CELLS) {
            break;
        }
        count += 1;
    }
    count
}

fn written(values: &[Named]) -> usize {
    let mut object = Map::new();
    write_cells(values, &mut object);
    Value::Object(object).to_string().len()
}

/// The body: values, rows under the names of their tables, and `empty` tables, of which the Data API learns the names.
pub(super) fn body(values: &[Named], rows: &[Row], empty: &[&'static str]) -> Vec<u8> {
    let mut object = Map::new();
    write_cells(values, &mut object);
    let mut tables: BTreeMap<&str, Vec<Value>> = sorted::map(empty.iter().map(|table| (*table, Vec::new())));
    for row in rows {
        tables.entry(row.table).or_default().push(row.json());
    }
    object.extend(tables.into_iter().map(|(name, rows)| (name.to_owned(), Value::Array(rows))));
    Value::Object(object).to_string().into_bytes()
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
