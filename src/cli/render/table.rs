//! Tables for people: a head, rows, columns as wide as their widest cell. Pure.

use super::paint::{Look, paint};
use super::text::{columns, harmless};
use std::borrow::Cow;

/// A cell: what it says, made harmless, and how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Cell {
    look: Look,
    text: String,
}

impl Cell {
    /// A cell of text from anywhere. Nothing to say is a dash, so that columns can be counted.
    pub(in crate::cli) fn new(look: Look, text: &str) -> Self {
        let text = if text.is_empty() { "-".to_owned() } else { harmless(text).into_owned() };
        Self { look, text }
    }

    /// A cell without a look of its own.
    pub(in crate::cli) fn plain(text: &str) -> Self {
        Self::new(Look::Plain, text)
    }
}

/// How a column is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Side {
    /// Text begins at the left.
    Left,
    /// Numbers end at the right.
    Right,
}

/// A table of `N` columns.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Table<const N: usize> {
    sides: [Side; N],
    /// The head, then the rows.
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with these heads.
    pub(in crate::cli) fn new(heads: [(Side, &str); N]) -> Self {
        Self { sides: heads.map(|(side, _)| side), rows: vec![heads.map(|(_, head)| Cell::new(Look::Dim, head))] }
    }

    /// Adds a row.
    pub(in crate::cli) fn push(&mut self, row: [Cell; N]) {
        self.rows.push(row);
    }

    /// The lines, the head first; two spaces between the columns. What goes beyond `width` is cut.
    pub(in crate::cli) fn lines(&self, colour: bool, width: Option<usize>) -> Vec<String> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = columns(&cell.text).max(*width);
            }
        }
        self.rows.iter().map(|row| paint(&self.spans(row, widths), colour, width)).collect()
    }

    fn spans<'a>(&self, row: &'a [Cell; N], widths: [usize; N]) -> Vec<(Look, Cow<'a, str>)> {
        let mut spans = Vec::with_capacity(2 * N);
        let mut gap = 0;
        for ((cell, width), side) in row.iter().zip(widths).zip(self.sides) {
            let fill = width - columns(&cell.text);
            let (before, after) = if side == Side::Right { (fill, 0) } else { (0, fill) };
            spans.push((Look::Plain, Cow::Owned(" ".repeat(gap + before))));
            spans.push((cell.look, Cow::Borrowed(cell.text.as_str())));
            gap = after + 2;
        }
        spans
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
