//! Kapacitor, as the connector last saw it: what stands alone, tasks, topics and handlers.

use super::rates::Rates;
use crate::connector::Snapshot;
use crate::kapacitor::api::{Task, Vars};
use crate::sinks::dataminer::{Cell, Named, Row, Shown, Table, named};
use crate::words::Level;

/// Adds what there is to be shown. What was never polled is left out; what is stale stays as it was. `now` is in
/// nanoseconds since 1970.
pub(super) fn show(snapshot: &Snapshot, now: i64, rates: &mut Rates, shown: &mut Shown) {
    let polls = &snapshot.polls;
    let connected = !polls.ping.is_stale() && snapshot.version.is_some();
    let last = [&polls.ping, &polls.tasks, &polls.topics, &polls.handlers, &polls.vars];
    let last_poll = last.iter().filter_map(|poll| poll.last_success).max();
    let error = last.iter().find_map(|poll| poll.error.as_deref());
    shown.values.extend([
        named("Kapacitor Link Status", Cell::text(if connected { "Connected" } else { "Disconnected" })),
        named("Kapacitor Version", Cell::text(snapshot.version.as_deref().unwrap_or_default())),
        named("Last Successful Poll", last_poll.map_or_else(|| Cell::text(""), Cell::time)),
        named("Last Poll Error", Cell::text(error.unwrap_or_default())),
    ]);
    if let Some(vars) = &snapshot.vars {
        statistics(vars, snapshot, now, rates, &mut shown.values);
    }
    if polls.tasks.last_success.is_some() {
        shown.tables.push(Table {
            name: "Tasks",
            rows: snapshot.tasks.values().map(|one| task(one, now, rates)).collect(),
            gone: vec![named("Task Status", Cell::text("Removed")), named("Executing", Cell::text("No"))],
        });
    }
    if polls.topics.last_success.is_some() {
        shown.tables.push(topics(snapshot, now, rates));
    }
    if polls.handlers.last_success.is_some() {
        shown.tables.push(handlers(snapshot));
    }
}

fn statistics(vars: &Vars, snapshot: &Snapshot, now: i64, rates: &mut Rates, values: &mut Vec<Named>) {
    let sum = |name: &str, counter: &str| -> Option<f64> {
        let of = vars.statistics.iter().filter(|one| one.name == name).filter_map(|one| one.values.get(counter));
        of.fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    };
    values.extend([
        named("Host Name", Cell::text(&*vars.host)),
        named("Cluster ID", Cell::text(&*vars.cluster_id)),
        named("Server ID", Cell::text(&*vars.server_id)),
        named("Platform", Cell::text(&*vars.platform)),
        named("Total Tasks", count(vars.num_tasks)),
        named("Enabled Tasks", count(vars.num_enabled_tasks)),
        named("Subscriptions", count(vars.num_subscriptions)),
        named("Last Restart Seen", snapshot.restarted.map_or_else(|| Cell::text(""), Cell::time)),
    ]);
    let counters = [
        ("Points Ingress Rate", sum("ingress", "points_received")),
        ("Node Errors Rate", sum("nodes", "errors")),
        ("Alerts Triggered Rate", sum("nodes", "alerts_triggered")),
        ("Topic Events Rate", sum("topics", "collected")),
    ];
    for (name, counter) in counters {
        let rate = counter.and_then(|counter| rates.of(name.to_owned(), counter, now));
        values.push(named(name, rate));
    }
    values.push(named("Load Errors", sum("load", "errors").map(Cell::Number)));
}

fn task(task: &Task, now: i64, rates: &mut Rates) -> Row {
    let dbrps: Vec<String> = task.dbrps.iter().map(|dbrp| format!("{}.{}", dbrp.db, dbrp.rp)).collect();
    let sum = |counter: &str| task.stats.as_ref().map(|stats| stats.sum(counter));
    let mut rate = |name: &str, counter: &str| {
        sum(counter).and_then(|counter| rates.of(format!("task {name} {}", task.id), counter, now))
    };
    // The points that come in are those of the first node.
    let collected = task.stats.as_ref().and_then(|stats| {
        let of = stats.nodes.iter().filter(|(node, _)| node.starts_with("stream0") || node.starts_with("batch0"));
        of.filter_map(|(_, counters)| counters.get("collected").or_else(|| counters.get("emitted"))).copied().next()
    });
    let nodes = task.stats.iter().flat_map(|stats| stats.nodes.values());
    let slowest = nodes.filter_map(|counters| counters.get("avg_exec_time_ns")).copied().reduce(f64::max);
    let (errors, triggered) = (rate("errors", "errors"), rate("triggered", "alerts_triggered"));
    let collected = collected.and_then(|counter| rates.of(format!("task collected {}", task.id), counter, now));
    let time = |at: Option<i64>| at.map_or_else(|| Cell::text(""), Cell::time);
    let cells = vec![
        named("Task Type", Cell::text(capital(&task.kind))),
        named("Task Status", Cell::text(capital(&task.status))),
        named("Executing", Cell::yes(task.executing)),
        named("Task Error", Cell::text(&*task.error)),
        named("Created", time(task.created)),
        named("Modified", time(task.modified)),
        named("Last Enabled", time(task.last_enabled)),
        named("Databases And Policies", Cell::text(dbrps.join(", "))),
        named("Points Collected Rate", collected),
        named("Node Errors Rate", errors),
        named("Alerts Triggered Rate", triggered),
        named("OK Triggered", sum("oks_triggered").map(Cell::Number)),
        named("Info Triggered", sum("infos_triggered").map(Cell::Number)),
        named("Warning Triggered", sum("warns_triggered").map(Cell::Number)),
        named("Critical Triggered", sum("crits_triggered").map(Cell::Number)),
        named("Alerts Inhibited", sum("alerts_inhibited").map(Cell::Number)),
        named("Avg Execution Time", slowest.map(|nanoseconds| Cell::Number((nanoseconds / 1e3).round() / 1e3))),
        named("Working Cardinality", sum("working_cardinality").map(Cell::Number)),
    ];
    Row::new("Tasks", &task.id, cells)
}

fn topics(snapshot: &Snapshot, now: i64, rates: &mut Rates) -> Table {
    let rows = snapshot.topics.values().map(|topic| {
        let events = snapshot.events.get(&topic.id);
        // Kapacitor's own level of a topic can be wrong; that of its events is not.
        let worst = events.map(|events| events.iter().map(|event| event.state.level).max().unwrap_or(Level::Ok));
        let level = worst.unwrap_or(topic.level);
        let active = events.map(|events| events.iter().filter(|event| event.state.level != Level::Ok).count());
        #[expect(clippy::cast_precision_loss, reason = "DataMiner's numbers are doubles")]
        let rate = rates.of(format!("topic {}", topic.id), topic.collected as f64, now);
        let handlers = snapshot.handlers.get(&topic.id).map(|handlers| Cell::count(handlers.len() as u64));
        let cells = vec![
            named("Topic Level", Cell::text(level.as_str())),
            named("Topic Level Code", Cell::count(level.number().into())),
            named("Events Collected Rate", rate),
            named("Handlers", handlers),
            named("Active Events", active.map(|active| Cell::count(active as u64))),
        ];
        Row::new("Topics", &topic.id, cells)
    });
    let gone = vec![
        named("Topic Level", Cell::text(Level::Ok.as_str())),
        named("Topic Level Code", Cell::count(0)),
        named("Active Events", Cell::count(0)),
    ];
    Table { name: "Topics", rows: rows.collect(), gone }
}

fn handlers(snapshot: &Snapshot) -> Table {
    let all = snapshot.handlers.iter().flat_map(|(topic, handlers)| handlers.iter().map(move |one| (topic, one)));
    let rows = all.map(|(topic, handler)| {
        let cells = vec![
            named("Topic", Cell::text(&**topic)),
            named("Handler Kind", Cell::text(&*handler.kind)),
            named("Match Expression", Cell::text(&*handler.matching)),
        ];
        Row::new("Handlers", &format!("{topic}/{}", handler.id), cells)
    });
    Table { name: "Handlers", rows: rows.collect(), gone: vec![named("Handler Kind", Cell::text("Removed"))] }
}

/// A word with a capital, as `DataMiner` writes states.
fn capital(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default() + characters.as_str()
}

fn count(count: i64) -> Cell {
    Cell::count(u64::try_from(count).unwrap_or(0))
}

#[cfg(test)]
#[path = "kapacitor_tests.rs"]
mod tests;
