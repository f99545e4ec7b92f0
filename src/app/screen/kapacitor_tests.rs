//! What is shown of a Kapacitor: names that `DataMiner` takes, the same as in the manual, and right values.

use super::*;
use crate::connector::Poll;
use crate::sinks::dataminer::check_column;
use serde_json::{Value, from_value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const MANUAL: &str = include_str!("../../../docs/sink-dataminer.md");
const SECOND: i64 = 1_000_000_000;

fn snapshot(collected: u64) -> Snapshot {
    let node = |value: Value| -> Value { json!({"task-stats": {"throughput": 0}, "node-stats": value}) };
    let stats = node(json!({
        "stream0": {"collected": collected, "emitted": 1, "errors": 0, "avg_exec_time_ns": 0, "working_cardinality": 0},
        "alert2": {"collected": 7, "errors": 1, "alerts_triggered": collected, "crits_triggered": 8, "oks_triggered": 7,
            "infos_triggered": 0, "warns_triggered": 15, "alerts_inhibited": 0, "avg_exec_time_ns": 2_912_834,
            "working_cardinality": 3},
    }));
    let task = json!({
        "id": "cpu", "type": "stream", "status": "enabled", "executing": false, "error": "broken", "stats": stats,
        "dbrps": [{"db": "telegraf", "rp": "autogen"}], "created": "2026-11-22T10:00:00Z",
    });
    let event =
        |level: &str| json!({"id": "a", "state": {"level": level, "time": "2026-11-22T10:00:00Z", "duration": "1m"}});
    let handler = json!({"id": "slack", "kind": "slack", "match": "level() == CRITICAL", "options": {}});
    let vars = json!({
        "host": "kap-lab", "num_tasks": 1, "num_enabled_tasks": 1, "product": "kapacitor",
        "kapacitor": {"x": {"name": "ingress", "tags": {}, "values": {"points_received": collected}},
            "y": {"name": "load", "tags": {}, "values": {"errors": 0}},
            "z": {"name": "nodes", "tags": {}, "values": {"errors": 1, "alerts_triggered": 2}},
            "t": {"name": "topics", "tags": {}, "values": {"collected": 3}}},
    });
    let good = Poll { last_success: Some(SECOND), last_attempt: Some(SECOND), ..Poll::default() };
    let mut snapshot = Snapshot { name: "k".to_owned(), version: Some("1.8.3".to_owned()), ..Snapshot::default() };
    snapshot.vars = Some(Arc::new(from_value(vars).unwrap()));
    snapshot.tasks = Arc::new(BTreeMap::from([("cpu".to_owned(), from_value(task).unwrap())]));
    // Kapacitor says OK, and its events do not.
    let topic = json!({"id": "disk", "level": "OK", "collected": collected});
    snapshot.topics = Arc::new(BTreeMap::from([("disk".to_owned(), from_value(topic).unwrap())]));
    let events = [event("OK"), event("WARNING")].map(|event| from_value(event).unwrap());
    snapshot.events = BTreeMap::from([("disk".to_owned(), Arc::new(events.to_vec()))]);
    snapshot.handlers = Arc::new(BTreeMap::from([("disk".to_owned(), vec![from_value(handler).unwrap()])]));
    for kind in crate::connector::PollKind::ALL {
        *snapshot.polls.of_mut(kind) = good.clone();
    }
    snapshot
}

/// Looked at twice, ten seconds apart.
fn shown() -> Shown {
    let mut rates = Rates::default();
    show(&snapshot(100), 10 * SECOND, &mut rates, &mut Shown::default());
    let mut shown = Shown::default();
    show(&snapshot(150), 20 * SECOND, &mut rates, &mut shown);
    shown
}

fn documented(beginning: &str, with: &str) -> BTreeSet<String> {
    let rows = MANUAL.lines().filter(|line| line.starts_with(beginning));
    let mut lists = rows.map(|row| row.split('|').nth(2).unwrap().trim().to_owned());
    let list = lists.find(|list| list.contains(with)).unwrap();
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

#[test]
fn every_name_is_one_that_dataminer_takes_and_is_in_the_manual() {
    let shown = shown();
    let names = |cells: &[Named]| -> BTreeSet<String> { cells.iter().map(|(name, _)| name.to_string()).collect() };
    let values = names(&shown.values);
    assert_eq!(values, documented("| values |", "Kapacitor Link Status"));
    for table in &shown.tables {
        let mut columns = names(&table.rows[0].cells);
        let gone = names(&table.gone);
        assert!(gone.is_subset(&columns), "{gone:?}");
        for name in columns.iter().chain(&values).map(String::as_str).chain([table.name]) {
            assert_eq!(check_column(name), Ok(()));
        }
        assert!(!values.contains(table.name), "{} is a value as well", table.name);
        columns.insert("Id".to_owned());
        assert_eq!(columns, documented(&format!("| {} |", table.name), "Id"));
    }
    assert_eq!(shown.tables.len(), 3);
}

#[test]
fn values_are_what_kapacitor_said_and_levels_are_right() {
    let shown = shown();
    let cell = |table: &str, column: &str| {
        let table = shown.tables.iter().find(|known| known.name == table).unwrap();
        table.rows[0].cells.iter().find(|(name, _)| name == column).and_then(|(_, cell)| cell.clone()).unwrap()
    };
    for (table, column, expected) in [
        ("Tasks", "Task Status", Cell::text("Enabled")),
        ("Tasks", "Executing", Cell::text("No")),
        ("Tasks", "Databases And Policies", Cell::text("telegraf.autogen")),
        ("Tasks", "Points Collected Rate", Cell::Number(5.0)),
        ("Tasks", "Alerts Triggered Rate", Cell::Number(5.0)),
        ("Tasks", "Avg Execution Time", Cell::Number(2.913)),
        ("Topics", "Topic Level", Cell::text("WARNING")),
        ("Topics", "Topic Level Code", Cell::Number(2.0)),
        ("Topics", "Active Events", Cell::Number(1.0)),
        ("Topics", "Handlers", Cell::Number(1.0)),
        ("Handlers", "Match Expression", Cell::text("level() == CRITICAL")),
    ] {
        assert_eq!(cell(table, column), expected, "{table} {column}");
    }
}

#[test]
fn what_was_never_polled_is_left_out() {
    let mut shown = Shown::default();
    show(&Snapshot::default(), SECOND, &mut Rates::default(), &mut shown);
    assert!(shown.tables.is_empty());
    let link = shown.values.iter().find(|(name, _)| name == "Kapacitor Link Status").unwrap();
    assert_eq!(link.1, Some(Cell::text("Disconnected")));
}
