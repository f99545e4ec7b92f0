//! `kaptap doctor`: what is wrong between Kapacitor and kaptap.

use super::arguments::SettingsArguments;
use super::failure::Failure;
use super::output::{self, Output};
use super::render::{Look, harmless, paint};
use super::sides::{Sides, SidesArguments};
use crate::connector::doctor::{Finding, Looked, Severity, collect, examine};
use clap::Args;
use serde_json::{Map, Value};
use std::borrow::Cow;

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    sides: SidesArguments,
    /// Print one JSON object a line, what is fine too
    #[arg(long)]
    json: bool,
    /// Also print what is fine
    #[arg(long, short)]
    verbose: bool,
    /// Exit code 1 for warnings too
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(settings: &SettingsArguments, arguments: &DoctorArguments) -> Result<(), Failure> {
    let findings = super::runtime(super::Threads::One)?.block_on(async {
        let sides = Sides::new(settings, &arguments.sides)?;
        let token = sides.token.iter().map(|token| ("Authorization".to_owned(), format!("Bearer {token}").into()));
        let looked = Looked {
            kapacitor: &sides.kapacitor,
            local: sides.local,
            own: &sides.own,
            address: sides.address.as_ref().map(|address| address.as_str().to_owned()),
            headers: token.collect::<Map<String, Value>>(),
            sockets: sides.sockets.to_vec(),
        };
        Ok::<_, Failure>(examine(&collect(&looked).await))
    })?;
    let mut output = Output::new();
    let lines = if arguments.json { json(&findings)? } else { text(&findings, arguments.verbose, output::colour()) };
    for line in lines {
        output.line(line)?;
    }
    output.flush()?;
    let failing = if arguments.strict { Severity::Warning } else { Severity::Broken };
    if findings.iter().any(|finding| finding.severity >= failing) { Err(Failure::Said) } else { Ok(()) }
}

fn json(findings: &[Finding]) -> Result<Vec<String>, Failure> {
    let line = |finding| serde_json::to_string(finding).map_err(|error| Failure::caused("cannot write it", error));
    findings.iter().map(line).collect()
}

/// The findings for people: the worst first, each with what to do, then how many of each there are.
fn text(findings: &[Finding], verbose: bool, colour: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut counts = Vec::new();
    for severity in Severity::ALL {
        let of_it: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == severity).collect();
        counts.push(format!("{} {}", of_it.len(), severity.as_str()));
        if of_it.is_empty() || (severity == Severity::Fine && !verbose) {
            continue;
        }
        let (look, mark) = match severity {
            Severity::Broken => (Look::Critical, "✗"),
            Severity::Warning => (Look::Warning, "!"),
            Severity::CannotTell => (Look::Info, "?"),
            Severity::Fine => (Look::Good, "✓"),
        };
        let painted = |spans: &[(Look, Cow<'_, str>)]| paint(spans, colour, None);
        lines.push(painted(&[(Look::Bold, severity.as_str().into())]));
        for finding in of_it {
            let place = harmless(&finding.place);
            let head =
                [("  ".into(), Look::Plain), (mark.into(), look), (" ".into(), Look::Plain), (place, Look::Bold)];
            let mut spans: Vec<(Look, Cow<'_, str>)> = head.into_iter().map(|(text, look)| (look, text)).collect();
            if severity == Severity::Fine {
                spans.push((Look::Plain, ": ".into()));
                spans.push((Look::Plain, harmless(&finding.sentence)));
                lines.push(painted(&spans));
                continue;
            }
            lines.push(painted(&spans));
            lines.push(painted(&[(Look::Plain, "    ".into()), (Look::Plain, harmless(&finding.sentence))]));
            if !finding.remedy.is_empty() {
                lines.push(painted(&[(Look::Dim, "    → ".into()), (Look::Plain, harmless(&finding.remedy))]));
            }
        }
        lines.push(String::new());
    }
    lines.push(counts.join(", "));
    lines
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
