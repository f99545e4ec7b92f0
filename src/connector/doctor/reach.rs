//! Whether the two reach each other, and whether their versions and clocks fit.

use super::facts::{Clock, Facts, Way};
use super::{Check, Findings, Severity};
use crate::connector::ApiError;
use crate::connector::setup::Probed;

/// Versions of Kapacitor that kaptap is made for: oldest and newest minor version of 1.
const VERSIONS: (u32, u32) = (5, 8);

/// Clocks that differ by less are taken for the same, in nanoseconds.
const SAME_CLOCK: i64 = 2_000_000_000;

/// From kaptap to Kapacitor: reachability, version, clock.
pub(super) fn kapacitor(facts: &Facts, findings: &mut Findings) {
    let place = &facts.kapacitor;
    match &facts.ping {
        Err(error) => {
            let remedy = match error {
                ApiError::Denied { .. } => "Give credentials that Kapacitor takes: in [[kapacitor]], or in the URL.",
                ApiError::NotUnderstood(_) | ApiError::NotFound(_) | ApiError::Status { .. } => {
                    "Check the URL: something else seems to listen there."
                }
                _ => "Start kapacitord, or correct the address; a firewall may be between.",
            };
            let said = format!("Kapacitor cannot be asked: {error}.");
            findings.add(Severity::Broken, Check::KapacitorReachable, place, said, remedy);
        }
        Ok(ping) => {
            findings.fine(Check::KapacitorReachable, place, "Kapacitor answers.");
            version(place, &ping.version, findings);
            clock(place, ping.clock, findings);
        }
    }
    // Ping needs no lock of Kapacitor's, the list of tasks does.
    if facts.ping.is_ok()
        && let Err(error) = &facts.tasks
    {
        let (severity, remedy) = match error {
            ApiError::TimedOut(_) => (
                Severity::Broken,
                "Kapacitor stands still behind a handler, a UDF or |httpPost() that does not answer: find and stop that one; then restart kapacitord.",
            ),
            ApiError::Denied { .. } => (Severity::CannotTell, "Give a user who may read the API."),
            _ => (Severity::Broken, "Look into kapacitord's log."),
        };
        let said = format!("Kapacitor answers ping but not the question for its tasks: {error}.");
        findings.add(severity, Check::KapacitorReachable, place, said, remedy);
    }
}

fn version(place: &str, version: &str, findings: &mut Findings) {
    let (oldest, newest) = VERSIONS;
    let range = format!("1.{oldest} to 1.{newest}");
    match parsed(version) {
        Some((1, minor)) if (oldest..=newest).contains(&minor) => {
            findings.fine(Check::Version, place, format!("Kapacitor {version} is one that kaptap is made for."));
        }
        Some(parts) => {
            let said = if parts < (1, oldest) {
                format!("Kapacitor {version} is older than {range}, which kaptap is made for: its alerts lack keys.")
            } else {
                format!("Kapacitor {version} is newer than {range}, which kaptap is made for.")
            };
            findings.add(Severity::Warning, Check::Version, place, said, &format!("Use Kapacitor {range}."));
        }
        None => {
            let said = "Kapacitor does not say its version: it was not built by its makers' script.";
            findings.add(Severity::CannotTell, Check::Version, place, said, &format!("Use Kapacitor {range}."));
        }
    }
}

/// Major and minor number of a version such as `1.8.3`.
fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches(['v', 'V']).split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn clock(place: &str, clock: Option<Clock>, findings: &mut Findings) {
    let Some(clock) = clock else {
        let said = "Kapacitor's answer has no readable Date, so the clocks could not be compared.";
        findings.add(Severity::CannotTell, Check::Clock, place, said, "Compare the clocks of both machines.");
        return;
    };
    // Between these bounds is how far its clock is ahead of ours: its Date is cut to the second, and it was made at some
    // time between our question and its answer.
    let said = clock.said.saturating_mul(1_000_000_000);
    let (least, most) =
        (said.saturating_sub(clock.answered), said.saturating_add(1_000_000_000).saturating_sub(clock.asked));
    let (off, word) = if least > SAME_CLOCK {
        (least, "ahead of")
    } else if most < -SAME_CLOCK {
        (-most, "behind")
    } else {
        findings.fine(Check::Clock, place, "The clocks agree to within 2 s.");
        return;
    };
    let said = format!("Kapacitor's clock is at least {} s {word} kaptap's.", off / 1_000_000_000);
    let remedy = "Have both machines set their clocks by NTP: times of events and of arrival do not fit together.";
    findings.add(Severity::Warning, Check::Clock, place, said, remedy);
}

/// From Kapacitor to kaptap, by each way that is used.
pub(super) fn ways(facts: &Facts, findings: &mut Findings) {
    if facts.ping.is_err() {
        return;
    }
    for way in &facts.ways {
        let (check, users) = match way.users.as_slice() {
            [] => (Check::KaptapReachable, String::new()),
            users => (Check::Handler, format!(" ({})", listed(users))),
        };
        let address = &way.address;
        match judged(way) {
            (Severity::Fine, said, _) => findings.fine(check, address, format!("{said}{users}.")),
            (severity, said, remedy) => findings.add(severity, check, address, format!("{said}{users}."), remedy),
        }
    }
}

fn judged(way: &Way) -> (Severity, String, &'static str) {
    match &way.probed {
        Probed::Arrived => (Severity::Fine, "Kapacitor reaches kaptap".to_owned(), ""),
        Probed::NoToken => (
            Severity::Broken,
            "Kapacitor reaches kaptap, but its posts have no token that kaptap takes, and are refused".to_owned(),
            "Run kaptap setup again with the token, or add .header('Authorization', 'Bearer TOKEN') to .post().",
        ),
        Probed::Elsewhere if way.expected => (
            Severity::Broken,
            "Kapacitor has an answer from there, but not from this kaptap".to_owned(),
            "Say with --address how Kapacitor reaches kaptap; a proxy in kapacitord's environment may be between.",
        ),
        Probed::Elsewhere => (
            Severity::Warning,
            "Alerts are posted there, and it is not this kaptap that answers".to_owned(),
            "If they are meant for this kaptap, run kaptap setup with --address, or correct .post().",
        ),
        Probed::Answered { why } => (
            Severity::CannotTell,
            format!("Kapacitor has an answer from there; whether it was kaptap's cannot be told: {why}"),
            "Run doctor where kaptap can be asked.",
        ),
        Probed::Failed { message } => (
            Severity::Broken,
            format!("Kapacitor cannot post there: {}", message.trim_end_matches('.')),
            "Start kaptap, have it listen where Kapacitor reaches it ([http] listen), or correct the address (kaptap setup --address).",
        ),
        Probed::CannotTell { why } => (
            Severity::CannotTell,
            format!("Kapacitor could not be asked to post there: {}", why.trim_end_matches('.')),
            "Kapacitor's service-tests need a user with the permission to use the API.",
        ),
    }
}

/// Some names, and how many more.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
