//! `kaptap journal`: looks into the journal without opening it, so also while kaptap runs.

mod export;
mod list;
mod verify;

use super::arguments::{JournalCommand, SettingsArguments};
use super::failure::{Failure, say};
use crate::journal::Disk;
use crate::journal::inspect::Inspection;
use std::sync::Arc;

/// `3 segments, 1200 records, 64.0 MiB`
fn sum(segments: usize, records: u64, bytes: u64) -> String {
    let [segments_end, records_end] = [segments == 1, records == 1].map(|is_one| if is_one { "" } else { "s" });
    format!("{segments} segment{segments_end}, {records} record{records_end}, {}", about(bytes))
}

/// A size to be read by a person, with one decimal: `64.0 MiB`.
fn about(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, length)| bytes >= *length) {
        Some((name, length)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*length);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{bytes} bytes"),
    }
}

pub(super) fn run(settings: &SettingsArguments, command: &JournalCommand) -> Result<(), Failure> {
    let directory = super::configuration(settings)?.journal.directory;
    if !directory.is_dir() {
        return Err(Failure::because(format!("there is no journal in {}", directory.display())));
    }
    let inspection = Inspection::open(&directory, Arc::new(Disk::default()))
        .map_err(|error| Failure::caused("cannot look into the journal", error))?;
    for (path, reason) in inspection.unreadable() {
        say(&format!("{} is not readable as a segment: {reason}", path.display()));
    }
    match command {
        JournalCommand::Ls => list::run(&inspection),
        JournalCommand::Verify => verify::run(&inspection),
        JournalCommand::Export(arguments) => export::run(&inspection, arguments),
    }
}
