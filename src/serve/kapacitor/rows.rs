//! The parts of a snapshot as rows of JSON.

use super::super::state::Time;
use super::worst;
use crate::connector::Snapshot;
use crate::kapacitor::api::{TopicEvent, duration};
use serde_json::{Value, json};

/// Tasks, by id.
pub(super) fn tasks(known: &Snapshot) -> Value {
    let row = |task: &crate::kapacitor::api::Task| {
        let dbrps: Vec<Value> = task.dbrps.iter().map(|dbrp| json!({ "db": dbrp.db, "rp": dbrp.rp })).collect();
        let stats = task.stats.as_ref();
        json!({
            "id": task.id, "type": task.kind, "status": task.status, "executing": task.executing,
            "state": task.state(), "error": task.error, "dbrps": dbrps,
            "created": task.created.map(Time), "modified": task.modified.map(Time),
            "last_enabled": task.last_enabled.map(Time),
            "throughput": stats.and_then(|stats| stats.task.get("throughput")),
            "nodes": stats.map(|stats| &stats.nodes),
        })
    };
    known.tasks.values().map(row).collect()
}

/// Topics, by id. `level` is the worst of the events, `their_level` what Kapacitor says.
pub(super) fn topics(known: &Snapshot) -> Value {
    let row = |topic: &crate::kapacitor::api::Topic| {
        json!({
            "id": topic.id, "level": worst(known, &topic.id).map(crate::words::Level::as_str),
            "their_level": topic.level.as_str(), "collected": topic.collected,
            "events": known.events.get(&topic.id).map(|events| events.len()),
            "handlers": known.handlers.get(&topic.id).map(Vec::len),
        })
    };
    known.topics.values().map(row).collect()
}

/// How much text an event has.
fn text(event: &TopicEvent) -> usize {
    event.id.len() + event.state.message.len() + event.state.details.len()
}

/// Whether the events of all topics are too much for one answer, which is made in memory.
pub(super) fn is_too_much(known: &Snapshot, most: usize) -> bool {
    known.events.values().flat_map(|events| events.iter()).map(text).sum::<usize>() > most
}

/// Events, by topic, without the first `from`, until they have more than so much text; and where to go on.
pub(super) fn events(known: &Snapshot, of: Option<&str>, from: usize, most: usize) -> (Value, Option<usize>) {
    let topics = known.events.iter().filter(|(topic, _)| of.is_none_or(|of| of == topic.as_str()));
    let all = topics.flat_map(|(topic, events)| events.iter().map(move |event| (topic, event)));
    let (mut rows, mut length) = (Vec::new(), 0);
    for (number, (topic, event)) in all.enumerate().skip(from) {
        // One at least, however long it is.
        if !rows.is_empty() && length + text(event) > most {
            return (rows.into(), Some(number));
        }
        length += text(event);
        let state = &event.state;
        rows.push(json!({
            "topic": topic, "id": event.id, "level": state.level.as_str(),
            "time": (state.time != 0).then_some(Time(state.time)),
            "duration": duration::format(state.duration), "duration_ns": state.duration,
            "message": state.message, "details": state.details,
        }));
    }
    (rows.into(), None)
}

/// Handlers, by topic.
pub(super) fn handlers(known: &Snapshot) -> Value {
    let rows = known.handlers.iter().flat_map(|(topic, handlers)| {
        handlers.iter().map(move |handler| {
            json!({
                "topic": topic, "id": handler.id, "kind": handler.kind, "match": handler.matching,
                "options": crate::connector::masked(&handler.options),
            })
        })
    });
    rows.collect()
}

/// What Kapacitor is, and its counters; `null` when they were never had.
pub(super) fn vars(known: &Snapshot) -> Value {
    let Some(vars) = &known.vars else { return Value::Null };
    let statistics: Vec<Value> = vars
        .statistics
        .iter()
        .map(|statistic| json!({ "name": statistic.name, "tags": statistic.tags, "values": statistic.values }))
        .collect();
    json!({
        "cluster_id": vars.cluster_id, "server_id": vars.server_id, "host": vars.host, "version": vars.version,
        "product": vars.product, "platform": vars.platform, "num_tasks": vars.num_tasks,
        "num_enabled_tasks": vars.num_enabled_tasks, "num_subscriptions": vars.num_subscriptions,
        "statistics": statistics,
    })
}

#[cfg(test)]
mod tests {
    use super::{events as events_of, *};
    use crate::kapacitor::api::EventState;
    use std::sync::Arc;

    #[test]
    fn the_text_of_all_topics_is_bounded() {
        let event = |id: &str, message: &str, details: &str| {
            let (message, details) = (message.to_owned(), details.to_owned());
            TopicEvent { id: id.to_owned(), state: EventState { message, details, ..EventState::default() } }
        };
        let events = [("a", vec![event("i", "mm", "ddd")]), ("b", vec![event("", "m", ""), event("i", "", "")])];
        let events = events.into_iter().map(|(topic, events)| (topic.to_owned(), Arc::new(events)));
        let known = Snapshot { events: events.collect(), ..Snapshot::default() };
        assert!(is_too_much(&known, 7) && !is_too_much(&known, 8));
        assert!(!is_too_much(&Snapshot::default(), 0));

        let page = |of, from, most| {
            let (rows, next) = events_of(&known, of, from, most);
            (rows.as_array().unwrap().iter().map(|row| row["topic"].clone()).collect::<Vec<_>>(), next)
        };
        assert_eq!(page(None, 0, 8), (vec!["a".into(), "b".into(), "b".into()], None));
        assert_eq!(page(None, 0, 7), (vec!["a".into(), "b".into()], Some(2)));
        assert_eq!(page(None, 2, 7), (vec!["b".into()], None));
        assert_eq!(page(Some("b"), 0, 1), (vec!["b".into()], Some(1)));
        assert_eq!(page(Some("a"), 0, 1), (vec!["a".into()], None), "one at least");
        assert_eq!(page(Some("a"), 5, 1), (vec![], None));
    }
}
