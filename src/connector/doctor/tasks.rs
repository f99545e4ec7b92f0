//! Tasks: those that do not run though they should, and alert nodes that count errors.

use super::facts::Facts;
use super::{Check, Findings, Severity};
use crate::connector::setup::alert_nodes;
use crate::kapacitor::api::Task;

pub(super) fn examine(facts: &Facts, findings: &mut Findings) {
    let Ok(tasks) = &facts.tasks else { return };
    for task in tasks.iter().filter(|task| task.is_dead()) {
        dead(task, findings);
    }
    let executing = tasks.iter().filter(|task| task.executing).count();
    findings.clean(Check::DeadTask, &facts.kapacitor, format!("All enabled tasks execute ({executing})."));
    for task in tasks {
        let later = facts.tasks_later.iter().find(|later| later.id == task.id);
        errors(task, later, findings);
    }
    findings.clean(Check::NodeErrors, &facts.kapacitor, "No alert node counts errors.");
}

fn dead(task: &Task, findings: &mut Findings) {
    let place = format!("task {}", task.id);
    let why = task.error.trim().trim_end_matches('.');
    let why = if why.is_empty() { "Kapacitor does not say why".to_owned() } else { format!("\"{why}\"") };
    let said = format!("It is enabled but does not execute: {why}. Kapacitor does not start it again by itself.");
    // As Kapacitor words it when a UDF's connection breaks or its process ends (`udf/server.go`).
    let of_udf = ["UDF", "keepalive", "broken pipe", ".sock"].iter().any(|word| task.error.contains(word));
    let remedy = if of_udf {
        format!("Have kaptap run, then: kapacitor reload {}", task.id)
    } else {
        format!("Repair what the error names, then: kapacitor reload {}", task.id)
    };
    findings.add(Severity::Broken, Check::DeadTask, place, said, &remedy);
}

/// An event that a full queue drops, and an expression that fails, are counted as errors of the alert node; nothing
/// else of what becomes of alerts is (`alert.go`: `events_dropped` is made and never shown).
fn errors(task: &Task, later: Option<&Task>, findings: &mut Findings) {
    let count = |task: &Task, node: &str| {
        let node = task.stats.as_ref().and_then(|stats| stats.nodes.get(node));
        node.and_then(|node| node.get("errors").copied()).unwrap_or_default()
    };
    for node in alert_nodes(task).into_iter().flatten() {
        let before = count(task, node);
        let after = later.map_or(before, |later| count(later, node)).max(before);
        if after > 0.0 {
            let rising = if after > before { ", and rising" } else { "" };
            let said = format!(
                "The node counts {after} errors since the task was started{rising}: alerts that a full queue dropped, or expressions that failed."
            );
            let remedy =
                "kapacitord's log names each (\"encountered error collecting event\", \"failed to deliver event\").";
            findings.add(Severity::Warning, Check::NodeErrors, format!("task {}, {node}", task.id), said, remedy);
        }
    }
}
