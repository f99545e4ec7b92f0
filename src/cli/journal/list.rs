//! `kaptap journal ls`: one line per segment.

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::journal::inspect::{Inspection, SegmentReport};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(super) fn run(inspection: &Inspection) -> Result<(), Failure> {
    let mut output = Output::new();
    for line in table(&inspection.segments(), &TimeZone::system()) {
        output.line(line)?;
    }
    output.flush()
}

/// The lines of the table: a head, the segments, and their sum.
fn table(segments: &[SegmentReport], zone: &TimeZone) -> Vec<String> {
    let head = ["SEGMENT", "FIRST", "LAST", "RECORDS", "BYTES", "BEGUN", "NEWEST"].map(str::to_owned);
    let mut rows = vec![head];
    let mut records = 0;
    for segment in segments {
        let count = (segment.last_seq + 1).saturating_sub(segment.first_seq);
        records += count;
        rows.push([
            segment.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            segment.first_seq.to_string(),
            if count == 0 { "-".to_owned() } else { segment.last_seq.to_string() },
            count.to_string(),
            segment.bytes.to_string(),
            moment(Some(segment.created).filter(|created| *created != 0), zone),
            moment(segment.newest, zone),
        ]);
    }
    let mut lines = align(&rows);
    let bytes = segments.iter().map(|segment| segment.bytes).sum();
    lines.push(super::sum(segments.len(), records, bytes));
    lines
}

/// Numbers to the right, the rest to the left; two spaces between the columns.
fn align(rows: &[[String; 7]]) -> Vec<String> {
    const IS_NUMBER: [bool; 7] = [false, true, true, true, true, false, false];
    let mut widths = [0; 7];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(widths).zip(IS_NUMBER).map(|((cell, width), is_number)| {
                if is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}

fn moment(time: Option<i64>, zone: &TimeZone) -> String {
    let time = time.and_then(|time| Timestamp::from_nanosecond(i128::from(time)).ok());
    time.map_or_else(|| "-".to_owned(), |time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
