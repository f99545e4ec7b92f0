//! `kaptap doctor`: what is wrong between Kapacitor and kaptap, each with a sentence and a remedy.
//!
//! [`collect`] reads both sides into [`Facts`] and changes nothing; [`examine`] judges them and is pure. What cannot be
//! told is said to be so, never guessed.

mod collect;
mod config;
mod facts;
mod machine;
mod own_side;
mod reach;
mod scripts;
mod tasks;
mod tickscript;
mod topics;

pub use collect::{Looked, collect};
pub use config::Section;
pub use facts::{Account, Clock, Directory, Facts, OwnFacts, Ping, SocketFacts, SocketState, TopicFacts, Way};

use crate::sorted;
use serde::Serialize;

/// How bad a finding is. The worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Fine,
    /// It could not be found out.
    CannotTell,
    /// It works, and something may be lost or misread.
    Warning,
    /// Something does not work now.
    Broken,
}

impl Severity {
    /// All, the worst first.
    pub const ALL: [Self; 4] = [Self::Broken, Self::Warning, Self::CannotTell, Self::Fine];

    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::CannotTell => "cannot tell",
            Self::Warning => "warning",
            Self::Broken => "broken",
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// kaptap reaches Kapacitor.
    KapacitorReachable,
    /// Kapacitor reaches kaptap.
    KaptapReachable,
    /// Kapacitor's version.
    Version,
    /// The clocks of both.
    Clock,
    /// kaptap itself answers.
    KaptapAnswers,
    /// The socket files.
    Socket,
    /// Time limits of UDFs.
    UdfTimeout,
    /// Tasks with `@kaptap()` are connected.
    UdfConnected,
    /// Tasks that are enabled execute.
    DeadTask,
    /// `.post()` has a time limit.
    PostTimeout,
    /// `|httpPost()` has a time limit.
    HttpPostTimeout,
    /// Alert ids are different in different tasks.
    AlertId,
    /// Alerts judge groups.
    GroupBy,
    /// Global handlers leave alerts as their tasks have them.
    StateChangesOnly,
    /// Handlers that point at kaptap can deliver.
    Handler,
    /// Time limits of handlers are nanoseconds.
    HandlerTimeout,
    /// Handlers on anonymous topics have a node that publishes.
    TapLeft,
    /// Alert nodes count no errors.
    NodeErrors,
    /// Kapacitor's level of a topic is that of its worst event.
    TopicLevel,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at.
    pub check: Check,
    /// Where: a task and line, a topic, a path, an address.
    pub place: String,
    /// What is so, a sentence.
    pub sentence: String,
    /// What to do about it; empty where there is nothing to do.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub remedy: String,
}

/// Judges what was collected: the worst first, then by what was looked at, then by place.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings::default();
    reach::kapacitor(facts, &mut findings);
    reach::ways(facts, &mut findings);
    own_side::examine(facts, &mut findings);
    tasks::examine(facts, &mut findings);
    scripts::examine(facts, &mut findings);
    config::examine(facts, &mut findings);
    topics::examine(facts, &mut findings);
    let mut findings = findings.0;
    sorted::sort_by(&mut findings, |a, b| {
        b.severity.cmp(&a.severity).then(a.check.cmp(&b.check)).then(a.place.cmp(&b.place))
    });
    findings
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        severity: Severity,
        check: Check,
        place: impl Into<String>,
        said: impl Into<String>,
        remedy: &str,
    ) {
        let (place, sentence, remedy) = (place.into(), said.into(), remedy.to_owned());
        self.0.push(Finding { severity, check, place, sentence, remedy });
    }

    fn fine(&mut self, check: Check, place: impl Into<String>, said: impl Into<String>) {
        self.add(Severity::Fine, check, place, said, "");
    }

    /// Whether nothing worse than fine was found in a check.
    fn is_clean(&self, check: Check) -> bool {
        self.0.iter().all(|finding| finding.check != check || finding.severity == Severity::Fine)
    }

    /// Says that a check found nothing, if it did.
    fn clean(&mut self, check: Check, place: &str, said: impl Into<String>) {
        if self.is_clean(check) {
            self.fine(check, place, said);
        }
    }
}

#[cfg(test)]
mod doctor_tests;
