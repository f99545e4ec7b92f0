//! Kapacitor's configuration, as far as it shows it: global handlers that change what every alert sends.

use super::facts::Facts;
use super::{Check, Findings, Severity};
use crate::connector::ApiError;
use serde_json::Value;

/// One element of a section that can be a global handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `slack`, `smtp` …
    pub name: String,
    /// `global`: every alert without such a handler gets one.
    pub global: bool,
    /// `state-changes-only`.
    pub state_changes_only: bool,
}

impl Section {
    /// Those of an answer of `GET /config`. Of a section with several elements the default one counts, as for Kapacitor.
    #[must_use]
    pub fn all(config: &Value) -> Vec<Self> {
        let sections = config.get("sections").and_then(Value::as_object);
        sections.into_iter().flatten().filter_map(|(name, section)| Self::of(name, section)).collect()
    }

    fn of(name: &str, section: &Value) -> Option<Self> {
        let elements = section.get("elements")?.as_array()?;
        let flag = |options: &Value, key: &str| options.get(key).and_then(Value::as_bool);
        let mut options = elements.iter().filter_map(|element| element.get("options"));
        let options = match elements.len() {
            1 => options.next(),
            _ => options.find(|options| flag(options, "default") == Some(true)),
        }?;
        Some(Self {
            name: name.to_owned(),
            global: flag(options, "global")?,
            state_changes_only: flag(options, "state-changes-only")?,
        })
    }

    /// Whether it switches `stateChangesOnly` on for every alert node.
    fn changes_all(&self) -> bool {
        // Discord's answer to whether it wants only changes is whether it is global (`services/discord/service.go`).
        self.global && (self.state_changes_only || self.name == "discord")
    }
}

pub(super) fn examine(facts: &Facts, findings: &mut Findings) {
    let sections = match &facts.config {
        Ok(sections) => sections,
        Err(_) if facts.ping.is_err() => return,
        Err(error) => {
            let why = match error {
                ApiError::Denied { .. } => "it does not show its configuration (config-override may be off)".to_owned(),
                error => error.to_string(),
            };
            let said = format!("Whether a global handler switches stateChangesOnly on cannot be told: {why}.");
            let remedy = "Look into kapacitor.conf for global = true with state-changes-only = true.";
            findings.add(Severity::CannotTell, Check::StateChangesOnly, &facts.kapacitor, said, remedy);
            return;
        }
    };
    for section in sections.iter().filter(|section| section.changes_all()) {
        let name = &section.name;
        let cause = if section.state_changes_only { "global with state-changes-only" } else { "global" };
        let said = format!(
            "{name} is {cause}: so every |alert() of every task sends changes only, to kaptap too, even where the script does not say .stateChangesOnly()."
        );
        let remedy = if name == "discord" {
            "Set global = false in [[discord]] and write .discord() where it is wanted, if repeated alerts are wanted elsewhere."
        } else {
            "Set state-changes-only = false in that section, if repeated alerts are wanted elsewhere."
        };
        findings.add(Severity::Warning, Check::StateChangesOnly, format!("[{name}]"), said, remedy);
    }
    let said = "No global handler switches stateChangesOnly on.";
    findings.clean(Check::StateChangesOnly, &facts.kapacitor, said);
}
