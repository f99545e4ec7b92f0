//! `kaptap journal verify`: reads everything, checks every checksum, and says where something is damaged.

use crate::cli::failure::{Failure, chain, say};
use crate::cli::output::Output;
use crate::journal::inspect::{Inspection, Verified};
use std::io::{self, IsTerminal, Write};

pub(super) fn run(inspection: &Inspection) -> Result<(), Failure> {
    let mut bar = Bar::new();
    let verified = inspection.verify(&mut |done, total| bar.show(done, total));
    bar.clear();
    let verified = verified.map_err(|error| Failure::because(chain(&error)))?;
    let findings = findings(&verified);
    let mut output = Output::new();
    for line in &findings.lines {
        output.line(line)?;
    }
    let records: u64 = verified.iter().map(|verified| verified.records).sum();
    let bytes = verified.iter().map(|verified| verified.segment.bytes).sum();
    output.line(format!("{} read", super::sum(verified.len(), records, bytes)))?;
    output.flush()?;
    let unreadable = inspection.unreadable().len();
    if findings.damaged == 0 && unreadable == 0 {
        return Ok(());
    }
    say(&format!("{} damaged places, {unreadable} unreadable files", findings.damaged));
    Err(Failure::Said)
}

/// What is to be said of what was read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    lines: Vec<String>,
    damaged: usize,
}

fn findings(verified: &[Verified]) -> Findings {
    let mut found = Findings::default();
    for (index, one) in verified.iter().enumerate() {
        let path = one.segment.path.display();
        let next = verified.get(index + 1);
        for &(offset, bytes) in &one.damage {
            // The end of the last segment may be half written: a crash left it so, or kaptap is writing it now. The
            // next start cuts it off, and nothing acknowledged was in it.
            if next.is_none() && !one.closed && offset >= one.segment.bytes {
                found
                    .lines
                    .push(format!("{path}: the last {bytes} bytes are not whole yet, or were cut short by a crash"));
            } else {
                found.lines.push(format!("{path}: damaged at byte {offset}, {bytes} bytes"));
                found.damaged += 1;
            }
        }
        if let Some(next) = next
            && one.segment.last_seq + 1 < next.segment.first_seq
        {
            let (first, last) = (one.segment.last_seq + 1, next.segment.first_seq - 1);
            found
                .lines
                .push(format!("{path}: records {first} to {last} are not there, between it and the next segment"));
        }
    }
    found
}

/// A progress bar on standard error, when that is a terminal.
struct Bar {
    is_shown: bool,
    tenths: Option<u64>,
}

impl Bar {
    fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), tenths: None }
    }

    fn show(&mut self, done: u64, total: u64) {
        let tenths = done.saturating_mul(1000).checked_div(total).unwrap_or(1000).min(1000);
        if !self.is_shown || self.tenths == Some(tenths) {
            return;
        }
        self.tenths = Some(tenths);
        let filled = usize::try_from(tenths / 25).unwrap_or(0);
        let percent = tenths / 10;
        let bar = format!("\r{percent:>3}% [{:<40}] {}", "=".repeat(filled), super::about(total));
        // A bar that cannot be drawn is not missed.
        io::stderr().write_all(bar.as_bytes()).ok();
    }

    fn clear(&self) {
        if self.tenths.is_some() {
            // Nor is one missed that stays: what comes next is written over it.
            io::stderr().write_all(b"\r\x1b[K").ok();
        }
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
