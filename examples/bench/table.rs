//! Rows of a table: what was measured, beside its baseline and its bound; and the tables of `docs/performance.md`.

use super::{Result, machine};
use std::fmt::Write as _;
use std::fs;

/// Where the tables are.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");

/// One figure.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// The figure, with its unit.
    pub figure: String,
    /// The baseline of the same run, with its unit; empty where there is none.
    pub baseline: String,
    /// The figure by the baseline; empty where there is none.
    pub ratio: String,
    /// What is asked for; empty where nothing is.
    pub bound: String,
    /// Whether it is reached; `None` where nothing is asked for.
    pub reached: Option<bool>,
}

impl Row {
    /// A figure without baseline and bound.
    pub fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        let (baseline, ratio, bound) = (String::new(), String::new(), String::new());
        Self { what: what.into(), figure: figure.into(), baseline, ratio, bound, reached: None }
    }

    /// Sets it beside a baseline.
    pub fn beside(mut self, baseline: impl Into<String>, ratio: f64) -> Self {
        self.baseline = baseline.into();
        self.ratio = format!("{ratio:.2}");
        self
    }

    /// Says what is asked for, and whether it is reached.
    pub fn bound(mut self, bound: impl Into<String>, reached: bool) -> Self {
        self.bound = bound.into();
        self.reached = Some(self.reached.unwrap_or(true) && reached);
        self
    }
}

fn mark(reached: Option<bool>) -> &'static str {
    match reached {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "",
    }
}

/// Prints a row for a person.
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
pub fn print(row: &Row) {
    let mut line = format!("{:<62} {:>18}", row.what, row.figure);
    if !row.baseline.is_empty() {
        let _written = write!(line, "  beside {} = {}", row.baseline, row.ratio).is_ok();
    }
    if !row.bound.is_empty() {
        let _written = write!(line, "  (asked: {}) {}", row.bound, mark(row.reached)).is_ok();
    }
    println!("{line}");
}

/// The rows as a table in Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let mut text =
        String::from("| what | figure | baseline, same run | ratio | asked for | |\n|---|---|---|---|---|---|\n");
    for Row { what, figure, baseline, ratio, bound, reached } in rows {
        let mark = mark(*reached);
        let _written = writeln!(text, "| {what} | {figure} | {baseline} | {ratio} | {bound} | {mark} |").is_ok();
    }
    text
}

/// Puts the table of this bench into the document, if the first argument is `--write`.
///
/// # Errors
/// When the document has no place for it, or cannot be written.
pub fn write_if_asked(bench: &str, rows: &[Row]) -> Result<()> {
    if std::env::args().nth(1).is_none_or(|word| word != "--write") {
        return Ok(());
    }
    let text = fs::read_to_string(DOCUMENT)?;
    let (begin, end) = (format!("<!-- table of {bench} -->\n"), "<!-- end of the table -->");
    let (before, rest) = text.split_once(&begin).ok_or("the document has no place for the table")?;
    let (_, after) = rest.split_once(end).ok_or("the table has no end")?;
    let (machine, table) = (machine::describe(), markdown(rows));
    fs::write(DOCUMENT, format!("{before}{begin}\n{machine}\n\n{table}\n{end}{after}"))?;
    Ok(())
}
