//! kaptap itself: what it takes in, what it delivers, and its sinks.

use super::rates::Rates;
use crate::delivery::Delivery;
use crate::delivery::status::{CircuitState, SinkReport};
use crate::intake::Intake;
use crate::sinks::dataminer::{Cell, Row, Shown, Table, named};
use crate::words::Lane;
use prometheus_client::encoding::text::encode;

/// Adds what there is to be shown. `started` and `now` are nanoseconds since 1970.
pub(super) fn show(intake: &Intake, delivery: &Delivery, started: i64, now: i64, rates: &mut Rates, shown: &mut Shown) {
    let counters = Counters::of(intake);
    let mut rate = |name: &str, counter| rates.of(name.to_owned(), counter, now);
    let reports = delivery.report();
    let sum = |of: fn(&SinkReport) -> u64| -> f64 { reports.iter().map(of).map(count).sum() };
    let (delivered, retried) = (sum(|sink| sink.facts.delivered), sum(|sink| sink.facts.retried));
    let parked = sum(|sink| sink.facts.parked_now as u64);
    let queued = reports.iter().map(|sink| sink.lag.events).max().unwrap_or(0);
    let oldest = reports.iter().map(|sink| sink.lag.seconds).fold(0.0, f64::max);
    let last_delivery = reports.iter().filter_map(|sink| sink.facts.last_delivered).max();
    let last_error = reports.iter().filter_map(|sink| sink.facts.last_error.as_ref()).max_by_key(|error| error.time);
    let streams = intake.streams();
    let quietest = streams.iter().map(|stream| now.saturating_sub(stream.last)).max();
    let udf = counters.total("received_records", Some(Lane::Udf));
    shown.values.extend([
        named("Sidecar Version", Cell::text(env!("CARGO_PKG_VERSION"))),
        named("Sidecar Uptime", seconds(now.saturating_sub(started))),
        named("UDF Connections", Cell::count(streams.len() as u64)),
        named("UDF Silence", quietest.map(seconds)),
        named("Points Received Rate", rate("own points", udf)),
        named("Points Returned Rate", rate("own returned", counters.total("returned_frames", None))),
        named("Alert Posts Received Rate", rate("own posts", counters.total("received_records", Some(Lane::Post)))),
        named("Rejected Posts Rate", rate("own refused", counters.total("refused", Some(Lane::Post)))),
        named("Deduplicated Rate", rate("own duplicates", count(intake.metrics().duplicates.get()))),
        named("Queue Depth", Cell::count(queued)),
        named("Oldest Queued Age", Cell::Number((oldest * 1000.0).round() / 1000.0)),
        named("Journal Size", Cell::Number((count(intake.journal().stats().bytes) / 1e6 * 10.0).round() / 10.0)),
        named("Delivered Rate", rate("own delivered", delivered)),
        named("Retries Rate", rate("own retried", retried)),
        named("Dead Letters", Cell::Number(parked)),
        named("Last Delivery Time", last_delivery.map_or_else(|| Cell::text(""), Cell::time)),
        named("Last Delivery Error", Cell::text(last_error.map_or("", |error| error.error.as_str()))),
    ]);
    shown.tables.push(Table {
        name: "Sinks",
        rows: reports.iter().map(sink).collect(),
        gone: vec![named("Sink Status", Cell::text("Disabled"))],
    });
}

fn sink(report: &SinkReport) -> Row {
    let facts = &report.facts;
    let status = match facts.circuit {
        CircuitState::Open | CircuitState::Broken => "Down",
        CircuitState::Probing => "Degraded",
        CircuitState::Closed if facts.parked_now > 0 => "Degraded",
        CircuitState::Closed => "Up",
    };
    let error = facts.last_error.as_ref();
    let cells = vec![
        named("Sink Type", Cell::text(report.kind)),
        named("Sink Status", Cell::text(status)),
        named("Last Success", facts.last_delivered.map_or_else(|| Cell::text(""), Cell::time)),
        named("Failed Attempts", Cell::count(facts.retried)),
        named("Parked Events", Cell::count(facts.parked_now as u64)),
        named("Events Behind", Cell::count(report.lag.events)),
        named("Last Error", Cell::text(error.map_or("", |error| error.error.as_str()))),
        named("Last Error Time", error.map_or_else(|| Cell::text(""), |error| Cell::time(error.time))),
    ];
    Row::new("Sinks", &report.name, cells)
}

/// The counters of the process, as they are written for Prometheus.
struct Counters(String);

impl Counters {
    fn of(intake: &Intake) -> Self {
        let mut text = String::new();
        // Writing into a text does not fail; what is missing counts as nothing.
        if encode(&mut text, &intake.metrics().registry()).is_err() {
            text.clear();
        }
        Self(text)
    }

    /// The sum of a counter, of all lanes or of one.
    fn total(&self, name: &str, lane: Option<Lane>) -> f64 {
        let prefix = format!("kaptap_{name}_total");
        let label = lane.map(|lane| format!("lane=\"{}\"", lane.as_str()));
        let of_line = |line: &str| -> Option<f64> {
            let rest = line.strip_prefix(&prefix).filter(|rest| rest.starts_with(['{', ' ']))?;
            label.as_ref().is_none_or(|label| rest.contains(label)).then(|| rest.rsplit(' ').next()?.parse().ok())?
        };
        self.0.lines().filter_map(of_line).sum()
    }
}

#[expect(clippy::cast_precision_loss, reason = "DataMiner's numbers are doubles")]
const fn count(count: u64) -> f64 {
    count as f64
}

fn seconds(nanoseconds: i64) -> Cell {
    Cell::count(u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(0))
}
