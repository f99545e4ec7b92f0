//! The parts of a snapshot as rows of JSON.

use super::super::state::Time;
use super::worst;
use crate::connector::Snapshot;
use crate::kapacitor::api::duration;
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

/// Events, by topic.
pub(super) fn events(known: &Snapshot, of: Option<&str>) -> Value {
    let topics = known.events.iter().filter(|(topic, _)| of.is_none_or(|of| of == topic.as_str()));
    let rows = topics.flat_map(|(topic, events)| {
        events.iter().map(move |event| {
            let state = &event.state;
            json!({
                "topic": topic, "id": event.id, "level": state.level.as_str(),
                "time": (state.time != 0).then_some(Time(state.time)),
                "duration": duration::format(state.duration), "duration_ns": state.duration,
                "message": state.message, "details": state.details,
            })
        })
    });
    rows.collect()
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
