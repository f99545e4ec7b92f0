//! `GET /v1/sinks`, and the same numbers for metrics.

use super::ServeState;
use super::state::{Time, json};
use crate::delivery::Delivery;
use crate::delivery::status::{CircuitState, SinkReport};
use axum::extract::State;
use axum::response::Response;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use serde::Serialize;
use std::fmt;

/// One sink, as `GET /v1/sinks` says it. Counts are since kaptap started.
#[derive(Serialize)]
struct Sink<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    circuit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<Time>,
    delivered: u64,
    /// Of these, events that the peer had already.
    duplicates: u64,
    retried: u64,
    parked: u64,
    passed: u64,
    missed: u64,
    dropped: u64,
    /// Alerts that are on and not told again.
    forgotten: u64,
    /// Times that its worker was started again.
    restarts: u64,
    /// Seq of the first record that is not dealt with.
    first_open: u64,
    in_window: usize,
    lag: Lag,
    /// What is parked now.
    parked_now: Parked,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_delivered: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<Replay>,
}

#[derive(Serialize)]
struct Lag {
    events: u64,
    bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Parked {
    events: usize,
    bytes: u64,
}

#[derive(Serialize)]
struct LastError<'a> {
    time: Time,
    reason: &'static str,
    error: &'a str,
}

#[derive(Serialize)]
struct Replay {
    first_seq: u64,
    last_seq: u64,
    next_seq: u64,
    delivered: u64,
    duplicates: u64,
    parked: u64,
    done: bool,
}

impl<'a> Sink<'a> {
    fn of(report: &'a SinkReport) -> Self {
        let (facts, lag) = (&report.facts, report.lag);
        Self {
            name: &report.name,
            kind: report.kind,
            circuit: facts.circuit.as_str(),
            next_try: facts.next_try.map(Time),
            delivered: facts.delivered,
            duplicates: facts.duplicates,
            retried: facts.retried,
            parked: facts.parked,
            passed: facts.passed,
            missed: facts.missed,
            dropped: facts.dropped,
            forgotten: facts.forgotten,
            restarts: facts.restarts,
            first_open: facts.first_open,
            in_window: facts.in_window,
            lag: Lag { events: lag.events, bytes: lag.bytes, seconds: lag.seconds },
            parked_now: Parked { events: facts.parked_now, bytes: facts.parked_bytes },
            last_delivered: facts.last_delivered.map(Time),
            last_error: facts.last_error.as_ref().map(|last| LastError {
                time: Time(last.time),
                reason: last.reason,
                error: &last.error,
            }),
            replay: facts.replay.map(|replay| Replay {
                first_seq: replay.seqs.0,
                last_seq: replay.seqs.1,
                next_seq: replay.next,
                delivered: replay.delivered,
                duplicates: replay.duplicates,
                parked: replay.parked,
                done: replay.done,
            }),
        }
    }
}

/// `GET /v1/sinks`: every sink, by name.
pub(super) async fn sinks(State(state): State<ServeState>) -> Response {
    let report = state.delivery.as_ref().map(Delivery::report).unwrap_or_default();
    json(&report.iter().map(Sink::of).collect::<Vec<_>>())
}

/// Name, help, unit and value of a gauge.
type SinkGauge<'a> = (&'a str, &'a str, Option<&'a Unit>, fn(&SinkReport) -> f64);

/// What of the sinks are gauges.
pub(super) fn encode(report: &[SinkReport], encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    if report.is_empty() {
        return Ok(());
    }
    let gauges: [SinkGauge<'_>; 6] = [
        ("sink_lag_events", "Records that a sink is behind", None, |sink| number(sink.lag.events)),
        ("sink_lag", "Journal that a sink is behind", Some(&Unit::Bytes), |sink| number(sink.lag.bytes)),
        ("sink_lag", "Age of the oldest record that a sink has not dealt with", Some(&Unit::Seconds), |sink| {
            sink.lag.seconds
        }),
        ("sink_parked", "Events that a sink has parked now", None, |sink| number(sink.facts.parked_now as u64)),
        ("sink_parked", "What they take", Some(&Unit::Bytes), |sink| number(sink.facts.parked_bytes)),
        ("sink_circuit_open", "Whether the last delivery failed as a whole, or the sink is broken", None, |sink| {
            number(u64::from(sink.facts.circuit != CircuitState::Closed))
        }),
    ];
    for (name, help, unit, value) in gauges {
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for sink in report {
            ConstGauge::new(value(sink)).encode(family.encode_family(&[("sink", sink.name.as_str())])?)?;
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, and Prometheus has nothing but doubles")]
fn number(value: u64) -> f64 {
    value as f64
}
