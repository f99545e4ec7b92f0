//! What stands alone on the element and follows from the table of alerts, names of columns, and units. Pure.

use super::pages::{Cell, Named, named};
use super::state::State;
use crate::words::Level;
use serde_json::json;

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

/// Units and decimals, in the shape of the values themselves: tables as arrays of one element.
pub(super) fn units() -> Vec<u8> {
    json!({
        "units": {
            "Kapacitor Uptime": "s", "Sidecar Uptime": "s", "UDF Keepalive Age": "s", "Oldest Queued Age": "s",
            "Heap In Use": "MB", "Journal Size": "MB", "Write Bit Rate": "bps",
            "Alerts": [{"Alert Duration": "s"}],
            "Tasks": [{"Avg Execution Time": "ms"}],
        },
        "decimals": {
            "Kapacitor Uptime": 0, "Sidecar Uptime": 0, "Heap In Use": 1, "Journal Size": 1,
            "Alerts": [{"Alert Duration": 3}],
            "Tasks": [{"Avg Execution Time": 3}],
        },
    })
    .to_string()
    .into_bytes()
}
