//! Topics: levels that Kapacitor says wrongly, and handlers that cannot work.

use super::facts::{Facts, TopicFacts};
use super::{Check, Findings, Severity};
use crate::connector::ApiError;
use crate::connector::setup::{alert_nodes, anonymous};
use crate::kapacitor::api::{Handler, Task};
use crate::words::Level;
use serde_json::Value;

/// A time limit below this was meant to be in seconds or milliseconds, in nanoseconds.
const TOO_SHORT: i64 = 1_000_000;

pub(super) fn examine(facts: &Facts, findings: &mut Findings) {
    let topics = match &facts.topics {
        Ok(topics) => topics,
        Err(_) if facts.ping.is_err() => return,
        Err(error) => {
            let said = format!("The topics could not be read: {error}.");
            findings.add(
                Severity::CannotTell,
                Check::TopicLevel,
                &facts.kapacitor,
                said,
                "Give a user who may read the API.",
            );
            return;
        }
    };
    for topic in topics {
        level(topic, findings);
        let handlers = match &topic.handlers {
            Ok(handlers) => handlers.as_slice(),
            Err(error) => {
                unread(topic, "handlers", Check::Handler, error, findings);
                &[]
            }
        };
        for handler in handlers {
            time_limits(&topic.topic.id, handler, findings);
            if let (Ok(tasks), true) = (&facts.tasks, points_at_kaptap(handler)) {
                left_behind(&topic.topic.id, handler, tasks, findings);
            }
        }
    }
    let place = &facts.kapacitor;
    findings.clean(
        Check::TopicLevel,
        place,
        format!("Kapacitor's levels of its {} topics are right now.", topics.len()),
    );
    findings.clean(Check::HandlerTimeout, place, "The time limits of all handlers make sense.");
    findings.clean(Check::TapLeft, place, "Every handler on a task's own topic has a node that publishes there.");
}

fn unread(topic: &TopicFacts, what: &str, check: Check, error: &ApiError, findings: &mut Findings) {
    let said = format!("Its {what} could not be read: {error}.");
    findings.add(Severity::CannotTell, check, format!("topic {}", topic.topic.id), said, "Run doctor again.");
}

/// Kapacitor sorts a topic's events by a comparison that is no order, and takes the first (`alert/topics.go`).
fn level(facts: &TopicFacts, findings: &mut Findings) {
    let events = match &facts.events {
        Ok(events) => events,
        // It went away while we looked.
        Err(ApiError::NotFound(_)) => return,
        Err(error) => return unread(facts, "events", Check::TopicLevel, error, findings),
    };
    let topic = &facts.topic;
    // Events that came while we looked may have changed it.
    if facts.later.as_ref().is_none_or(|later| later.collected != topic.collected || later.level != topic.level) {
        return;
    }
    let worst = events.iter().max_by_key(|event| event.state.level);
    let level = worst.map_or(Level::Ok, |event| event.state.level);
    if level == topic.level {
        return;
    }
    let id = worst.map(|event| event.id.as_str()).unwrap_or_default();
    let said = format!(
        "Kapacitor says it is {}, but its worst event {id:?} is {} (a fault of Kapacitor, influxdata/kapacitor#1382); its lists by min-level are wrong too.",
        topic.level.as_str(),
        level.as_str()
    );
    let remedy = "Read levels from kaptap, not from Kapacitor, and never ask Kapacitor with min-level.";
    findings.add(Severity::Warning, Check::TopicLevel, format!("topic {}", topic.id), said, remedy);
}

/// Options of handlers are nanoseconds; who writes 10 for ten seconds has every post fail.
fn time_limits(topic: &str, handler: &Handler, findings: &mut Findings) {
    let place = format!("topic {topic}, handler {}", handler.id);
    let number = |key: &str| handler.options.get(key).and_then(Value::as_i64);
    let option = match handler.kind.as_str() {
        "post" => "timeout",
        "aggregate" => "interval",
        _ => return,
    };
    match number(option) {
        Some(value) if value > 0 && value < TOO_SHORT => {
            let said = format!(
                "Its {option} is {value} ns: Kapacitor counts nanoseconds here, so nothing can be done in time."
            );
            let remedy = "Write nanoseconds: 10 s is 10000000000.";
            findings.add(Severity::Broken, Check::HandlerTimeout, place, said, remedy);
        }
        None | Some(..=0) if option == "timeout" => {
            let said = "It posts without a time limit of its own: a receiver that stands still holds each alert for 30 s (before 1.6.1 for ever).";
            let remedy = "Add \"timeout\": 10000000000 (nanoseconds) to its options; kaptap setup does.";
            findings.add(Severity::Warning, Check::HandlerTimeout, place, said, remedy);
        }
        _ => {}
    }
}

/// Whether a handler posts to a path that is kaptap's.
pub(super) fn points_at_kaptap(handler: &Handler) -> bool {
    let url = handler.options.get("url").and_then(Value::as_str);
    handler.kind == "post" && url.is_some_and(|url| address_of(url).is_some())
}

/// The address of kaptap in a URL that posts to it: what is before `/v1/alerts` or `/v1/rows`.
pub(super) fn address_of(url: &str) -> Option<&str> {
    let at = ["/v1/alerts", "/v1/rows"].iter().find_map(|path| {
        let at = url.find(path)?;
        matches!(url.as_bytes().get(at + path.len()), None | Some(b'/' | b'?')).then_some(at)
    })?;
    url.get(..at).filter(|address| address.starts_with("http") && !address.contains("{{"))
}

/// A handler on `main:TASK:alertN` where there is no such node any more.
fn left_behind(topic: &str, handler: &Handler, tasks: &[Task], findings: &mut Findings) {
    let Some((task, node)) = anonymous(topic) else { return };
    let said = match tasks.iter().find(|known| known.id == task) {
        None => format!("There is no task {task} any more, so this handler gets nothing."),
        Some(known) if alert_nodes(known).is_some_and(|nodes| !nodes.contains(&node)) => {
            format!("Task {task} has no node {node} any more, so this handler gets nothing: its script has changed.")
        }
        Some(_) => return,
    };
    let remedy = format!("kaptap setup --task {task} --remove, then, if the task is there, kaptap setup --task {task}");
    findings.add(Severity::Warning, Check::TapLeft, format!("topic {topic}, handler {}", handler.id), said, &remedy);
}
