//! `TICKscripts`: posts without a time limit, alerts without groups, ids that are the same in different tasks.

use super::facts::Facts;
use super::tickscript::{Grouping, Node, Script};
use super::{Check, Findings, Severity};
use crate::kapacitor::api::Task;
use crate::sorted;
use std::collections::BTreeMap;

/// Functions that kapacitor.conf has for kaptap, as set-up prints them.
const OUR_UDFS: [&str; 2] = ["kaptap", "kaptap_batch"];

/// Properties of `.post()`.
const OF_POST: [&str; 5] = ["header", "endpoint", "captureResponse", "timeout", "skipSSLVerification"];

/// The id of an alert when its script says none (`pipeline/alert.go`).
const DEFAULT_ID: &str = "{{ .Name }}:{{ .Group }}";

/// Whether a task has `@kaptap()` in it.
pub(super) fn uses_kaptap(task: &Task) -> bool {
    let Some(script) = &task.script else { return false };
    Script::parse(script).udfs().any(|udf| OUR_UDFS.contains(&udf.name()))
}

/// URLs that a task posts to, with the lines that say so.
pub(super) fn posts_to(task: &Task) -> Vec<(usize, String)> {
    let Some(text) = &task.script else { return Vec::new() };
    let script = Script::parse(text).with_vars(&task.vars);
    let alerts = script.nodes("alert").flat_map(|alert| alert.handlers("post", &OF_POST));
    let mut found: Vec<_> = alerts.filter_map(|post| Some((post.line, post.argument?.to_owned()))).collect();
    let rows = script.nodes("httpPost").filter_map(|node| Some((node.line(), node.argument()?.to_owned())));
    found.extend(rows);
    found
}

pub(super) fn examine(facts: &Facts, findings: &mut Findings) {
    let Ok(tasks) = &facts.tasks else { return };
    let mut ids: BTreeMap<Identity, Vec<String>> = BTreeMap::new();
    for task in tasks {
        let Some(text) = &task.script else { continue };
        let script = Script::parse(text).with_vars(&task.vars);
        posts(task, &script, findings);
        for alert in script.nodes("alert") {
            groups(task, &alert, findings);
            let by = ids.entry(Identity::of(&alert)).or_default();
            if !by.contains(&task.id) {
                by.push(task.id.clone());
            }
        }
    }
    for (identity, tasks) in ids.iter().filter(|(_, tasks)| tasks.len() > 1) {
        shared(identity, tasks, findings);
    }
    seen_twice(facts, findings);
    let place = &facts.kapacitor;
    findings.clean(Check::PostTimeout, place, "Every .post() has a time limit.");
    findings.clean(Check::HttpPostTimeout, place, "Every |httpPost() has a time limit.");
    findings.clean(Check::GroupBy, place, "Every |alert() judges groups.");
    findings.clean(Check::AlertId, place, "No two tasks use the same alert ids.");
}

fn posts(task: &Task, script: &Script<'_>, findings: &mut Findings) {
    for alert in script.nodes("alert") {
        for post in alert.handlers("post", &OF_POST).iter().filter(|post| !post.has.contains(&"timeout")) {
            let said = "This .post() has no time limit: a receiver that stands still holds each alert for 30 s (before 1.6.1 for ever), and meanwhile the task cannot be stopped.";
            let place = format!("task {}, line {}", task.id, post.line);
            findings.add(Severity::Warning, Check::PostTimeout, place, said, "Add .timeout(10s) behind .post().");
        }
    }
    for node in script.nodes("httpPost").filter(|node| !node.has("timeout")) {
        let said = "This |httpPost() has no time limit: a receiver that stands still stops all stream tasks of this Kapacitor.";
        let place = format!("task {}, line {}", task.id, node.line());
        findings.add(Severity::Warning, Check::HttpPostTimeout, place, said, "Add .timeout(5s) to it.");
    }
}

fn groups(task: &Task, alert: &Node<'_, '_>, findings: &mut Findings) {
    if alert.grouping().0 == Grouping::Ungrouped {
        let said = "This |alert() judges everything as one: nothing above it groups, so an OK of one host ends the alert of another.";
        let place = format!("task {}, line {}", task.id, alert.line());
        let remedy =
            "Add .groupBy('host') (or whatever tells the series apart) above it, if there is more than one series.";
        findings.add(Severity::Warning, Check::GroupBy, place, said, remedy);
    }
}

/// What an alert's id is made of, and the named topic it goes to. Equal ones can give equal ids on one topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    /// `.topic()`; without one, the id is in a topic that no other task uses.
    topic: Option<String>,
    id: String,
    /// Only where the id has `.Name` in it.
    measurement: Option<String>,
    /// Only where the id has `.Group` in it.
    groups: Vec<String>,
}

impl Identity {
    fn of(alert: &Node<'_, '_>) -> Self {
        let id = alert.property("id").unwrap_or(DEFAULT_ID);
        let mut groups: Vec<String> = alert.grouping().1.into_iter().map(str::to_owned).collect();
        sorted::sort_by(&mut groups, Ord::cmp);
        Self {
            topic: alert.property("topic").map(str::to_owned),
            measurement: alert.measurement().filter(|_| id.contains(".Name")).map(str::to_owned),
            groups: if id.contains(".Group") { groups } else { Vec::new() },
            id: id.to_owned(),
        }
    }
}

fn shared(identity: &Identity, tasks: &[String], findings: &mut Findings) {
    let Some(topic) = &identity.topic else { return };
    if identity.id.contains("TaskName") {
        return;
    }
    let said = format!(
        "The tasks {} publish to this topic with ids made alike ({:?}): where both see the same series, each ends and reopens the alerts of the other.",
        tasks.join(", "),
        identity.id
    );
    let remedy = "Add {{ .TaskName }} to .id(), or give each task a topic of its own.";
    findings.add(Severity::Warning, Check::AlertId, format!("topic {topic}"), said, remedy);
}

/// Ids that are in the anonymous topics of several tasks now.
fn seen_twice(facts: &Facts, findings: &mut Findings) {
    let mut by_id: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for topic in facts.topics.iter().flatten() {
        let Some((task, _)) = crate::connector::setup::anonymous(&topic.topic.id) else { continue };
        for event in topic.events.iter().flatten() {
            let tasks = by_id.entry(&event.id).or_default();
            if !tasks.contains(&task) {
                tasks.push(task);
            }
        }
    }
    let mut by_tasks: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (id, mut tasks) in by_id.into_iter().filter(|(_, tasks)| tasks.len() > 1) {
        tasks.sort_unstable();
        by_tasks.entry(tasks).or_default().push(id);
    }
    for (tasks, ids) in by_tasks {
        let [first, more @ ..] = &*ids else { continue };
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let said = format!(
            "Alert id {first:?}{more} is in use by each of these tasks: only a receiver that knows the task can tell them apart."
        );
        let remedy = "Add {{ .TaskName }} to .id(), or see to it that kaptap learns the task: default .details(), or kaptap setup --task.";
        findings.add(Severity::Warning, Check::AlertId, format!("tasks {}", tasks.join(", ")), said, remedy);
    }
}
