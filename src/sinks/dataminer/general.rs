//! What stands alone on the element and follows from the table of alerts, names of columns, and units. Pure.

use super::pages::{Cell, Named, named};
use super::state::State;
use crate::words::Level;
use serde_json::{Map, json};
use std::collections::BTreeSet;

/// Columns of the table of alerts.
pub(super) const COLUMNS: [&str; 19] = [
    "Id",
    "Topic",
    "Task",
    "Alert Level",
    "Alert Level Code",
    "Previous Level",
    "Alert Severity",
    "Message",
    "Measurement",
    "Group",
    "Host",
    "Alert Value",
    "Event Time",
    "Raised Time",
    "Alert Duration",
    "Recoverable",
    "Alert Status",
    "Occurrences",
    "Missing Since",
];

/// Something without a row that the Data API takes if it takes anything.
pub(super) fn control(heartbeats: u64, now: i64) -> Vec<Named> {
    vec![named("Heartbeat Counter", Cell::count(heartbeats)), named("Last Update", Cell::time(now))]
}

/// The values that stand alone.
pub(super) fn values(state: &State, heartbeats: u64, now: i64) -> Vec<Named> {
    let [info, warning, critical, over] = state.counts();
    let highest = match (critical, warning, info) {
        (0, 0, 0) => Level::Ok,
        (0, 0, _) => Level::Info,
        (0, _, _) => Level::Warning,
        _ => Level::Critical,
    };
    let mut values = control(heartbeats, now);
    values.extend([
        named("Product Name", Cell::text("InfluxData Kapacitor")),
        named("Highest Alert Level", Cell::text(highest.as_str())),
        named("Highest Alert Level Code", Cell::count(highest.number().into())),
        named("Active Critical Alerts", Cell::count(critical)),
        named("Active Warning Alerts", Cell::count(warning)),
        named("Active Info Alerts", Cell::count(info)),
        named("Cleared Alerts", Cell::count(over)),
    ]);
    values
}

/// What has a unit: its table, its name, the unit, and digits behind the point.
const UNITS: [(Option<&str>, &str, &str, u8); 6] = [
    (None, "Sidecar Uptime", "s", 0),
    (None, "UDF Silence", "s", 0),
    (None, "Oldest Queued Age", "s", 3),
    (None, "Journal Size", "MB", 1),
    (Some("Alerts"), "Alert Duration", "s", 3),
    (Some("Tasks"), "Avg Execution Time", "ms", 3),
];

/// Units and decimals of what is among these names (of values) or in these tables: only what is there can have them. Those
/// of values and those of columns apart, for columns may be refused.
pub(super) fn units(told: &BTreeSet<String>) -> Vec<Vec<u8>> {
    let body = |of_tables: bool| {
        let (mut units, mut decimals) = (Map::new(), Map::new());
        for (table, name, unit, digits) in UNITS {
            match table {
                None if !of_tables && told.contains(name) => {
                    units.insert(name.to_owned(), unit.into());
                    decimals.insert(name.to_owned(), digits.into());
                }
                Some(table) if of_tables && told.contains(&format!("{table}/{name}")) => {
                    units.insert(table.to_owned(), json!([{name: unit}]));
                    decimals.insert(table.to_owned(), json!([{name: digits}]));
                }
                _ => {}
            }
        }
        (!units.is_empty()).then(|| json!({"units": units, "decimals": decimals}).to_string().into_bytes())
    };
    [body(false), body(true)].into_iter().flatten().collect()
}

/// Whether a value or a column (`Table/Name`) has a unit.
pub(super) fn has_unit(table: Option<&str>, name: &str) -> bool {
    UNITS.iter().any(|(of, known, ..)| *of == table && *known == name)
}
