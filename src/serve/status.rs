//! `GET /healthz`, `/readyz` and `/metrics`.

use super::{ServeState, kapacitor, now, refuse, sinks};
use crate::connector::Connector;
use crate::delivery::Delivery;
use crate::delivery::status::CircuitState;
use crate::intake::Intake;
use crate::journal::Health;
use crate::words::Level;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;

/// `GET /healthz`: the process is alive and answers.
pub(super) async fn healthy() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: recovery is done and the journal takes records. A sink that is down does not make kaptap unready:
/// it goes on to take in, and that is what it is asked for. With `sinks=1` it does.
pub(super) async fn ready(State(state): State<ServeState>, RawQuery(query): RawQuery) -> Response {
    if let Err(reason) = state.intake.ready() {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, reason);
    }
    match query.as_deref().unwrap_or_default() {
        "sinks" | "sinks=" | "sinks=1" | "sinks=true" => {
            let report = state.delivery.as_ref().map(Delivery::report).unwrap_or_default();
            let failing = report.iter().filter(|sink| sink.facts.circuit != CircuitState::Closed);
            let names: Vec<&str> = failing.map(|sink| sink.name.as_str()).collect();
            if !names.is_empty() {
                let said = format!("sinks that cannot deliver now: {}", names.join(", "));
                return refuse(StatusCode::SERVICE_UNAVAILABLE, said);
            }
        }
        _ => {}
    }
    "ready\n".into_response()
}

/// `GET /metrics`: `OpenMetrics` for those who ask for it, else Prometheus' text format.
pub(super) async fn metrics(State(state): State<ServeState>, headers: HeaderMap) -> Response {
    let mut body = String::new();
    if text::encode(&mut body, &state.registry).is_err() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "cannot write the metrics");
    }
    let open = headers
        .get_all(ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("application/openmetrics-text")));
    let media = if open {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        body = classic(&body);
        "text/plain; version=0.0.4; charset=utf-8"
    };
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// `OpenMetrics` text as the older format has it: a counter and an info metric are described under the full name of
/// their samples, there are no units, and the end is not marked.
fn classic(text: &str) -> String {
    let mut classic = String::with_capacity(text.len() + 1024);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let described = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        // The type comes after the help.
        let kind = lines.peek().and_then(|next| next.strip_prefix("# TYPE ")).and_then(|rest| rest.split_once(' '));
        let typed = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '));
        let suffix = |kind: &str| match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        match (described, kind, typed) {
            (Some((name, help)), Some((_, kind)), _) => {
                classic.extend(["# HELP ", name, suffix(kind), " ", help, "\n"]);
            }
            (_, _, Some((name, kind))) => {
                let written = if kind == "info" { "gauge" } else { kind };
                classic.extend(["# TYPE ", name, suffix(kind), " ", written, "\n"]);
            }
            _ if line == "# EOF" || line.starts_with("# UNIT ") => {}
            _ => {
                classic.push_str(line);
                classic.push('\n');
            }
        }
    }
    classic
}

/// The registry of the process: the counters, and what is looked up when somebody asks.
pub(super) fn registry(intake: &Intake, delivery: Option<Delivery>, connector: Option<Connector>) -> Registry {
    let mut registry = intake.metrics().registry();
    registry.register("build", "Version of kaptap", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    registry.register_collector(Box::new(LookedUp { intake: intake.clone(), delivery, connector, started: now() }));
    registry
}

/// Numbers that others keep: the journal's, the alert state's.
struct LookedUp {
    intake: Intake,
    delivery: Option<Delivery>,
    connector: Option<Connector>,
    /// When the process began to serve, nanoseconds since 1970.
    started: i64,
}

impl fmt::Debug for LookedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LookedUp")
    }
}

impl Collector for LookedUp {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let journal = self.intake.journal();
        let stats = journal.stats();
        let blocked = u64::from(matches!(*journal.health().borrow(), Health::Blocked { .. }));
        let gauges = [
            ("journal_bytes", "Bytes of all segments, with zeros written ahead", stats.bytes),
            ("journal_segments", "Segments", stats.segments),
            ("journal_first_seq", "Seq of the oldest record still there", stats.first_seq),
            ("journal_written_seq", "Highest seq that readers can see", stats.written_seq),
            ("journal_durable_seq", "Highest seq known to be durable", stats.durable_seq),
            ("journal_buffered_bytes", "Bytes in the journal's buffer", stats.buffered_bytes),
            ("journal_blocked", "Whether the journal cannot be written now", blocked),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let counters = [
            ("journal_syncs", "Commits done by the disk", stats.syncs),
            ("journal_failures", "Writes and commits that failed", stats.failures),
            ("journal_removed_segments", "Segments removed by retention", stats.removed_segments),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }

        let mut open = Level::ALL.iter().map(|level| (*level, 0_u64)).collect::<Vec<_>>();
        self.intake.alerts(|fold| {
            for alert in fold.open() {
                if let Some((_, count)) = open.iter_mut().find(|(level, _)| *level == alert.level) {
                    *count += 1;
                }
            }
        });
        let mut family = encoder.encode_descriptor("open_alerts", "Alerts that are firing", None, MetricType::Gauge)?;
        for (level, count) in open.into_iter().skip(1) {
            let gauge = ConstGauge::new(count);
            gauge.encode(family.encode_family(&[("level", level.as_str())])?)?;
        }

        let topics = self.intake.topics();
        let (events, bytes, lost) = (topics.len() as u64, topics.bytes() as u64, topics.lost());
        drop(topics);
        for (name, help, value) in [
            ("topic_events", "Events of topics that are known", events),
            ("topic_bytes", "Bytes that they take, about", bytes),
        ] {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let help = "What of topics was forgotten before its time for lack of memory";
        let mut family = encoder.encode_descriptor("topic_forgotten", help, None, MetricType::Counter)?;
        for (what, count) in [("resolved", lost.resolved), ("details", lost.details), ("firing", lost.firing)] {
            let counter = ConstCounter::new(count);
            counter.encode(family.encode_family(&[("what", what)])?)?;
        }

        if let Some(delivery) = &self.delivery {
            sinks::encode(&delivery.report(), &mut encoder)?;
        }
        if let Some(connector) = &self.connector {
            kapacitor::metrics::encode(connector, &mut encoder)?;
        }

        // Seconds as Prometheus counts them; what is lost of the nanoseconds does not matter.
        #[expect(clippy::cast_precision_loss, reason = "a start time to the microsecond is enough")]
        let seconds = ConstGauge::new(self.started as f64 / 1e9);
        seconds.encode(encoder.encode_descriptor(
            "start_time",
            "When the process began to serve, since 1970",
            Some(&Unit::Seconds),
            seconds.metric_type(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_describes_samples_by_their_names() {
        let text = "# HELP k_a All of it.\n# TYPE k_a counter\nk_a_total{x=\"1\"} 2\n# HELP k_s T.\n# TYPE k_s_seconds gauge\n\
                    # UNIT k_s_seconds seconds\nk_s_seconds 1.5\n# HELP k_b B.\n# TYPE k_b info\nk_b_info{v=\"1\"} 1\n# EOF\n";
        let expected = "# HELP k_a_total All of it.\n# TYPE k_a_total counter\nk_a_total{x=\"1\"} 2\n# HELP k_s T.\n\
                        # TYPE k_s_seconds gauge\nk_s_seconds 1.5\n# HELP k_b_info B.\n# TYPE k_b_info gauge\nk_b_info{v=\"1\"} 1\n";
        assert_eq!(classic(text), expected);
    }
}
