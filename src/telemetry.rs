//! Metric names, counters and tracing set-up, all in one place.
//!
//! Counters are taken from the families once per connection or source and then counted without a look-up.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge};
use prometheus_client::registry::Registry;

use crate::config::{Log, LogFormat};
use crate::words::{Lane, Transition};
use std::io::IsTerminal;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Text that does not say what to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a log level")]
pub struct NotALevel {
    word: String,
}

/// Reads `info`, or a list by module: `info,hyper=warn`. A word that is no level is refused: the subscriber itself would
/// take it for a module of which everything is wanted.
///
/// # Errors
/// When a part of it is not a level.
pub fn check_level(text: &str) -> Result<(), NotALevel> {
    targets(text).map(|_| ())
}

fn targets(text: &str) -> Result<Targets, NotALevel> {
    let mut targets = Targets::new();
    for part in text.split(',').map(str::trim) {
        let (module, word) = part.split_once('=').map_or((None, part), |(module, word)| (Some(module.trim()), word));
        let level = match word.trim() {
            "off" => LevelFilter::OFF,
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            other => return Err(NotALevel { word: other.to_owned() }),
        };
        targets = match module {
            Some(module) => targets.with_target(module, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

/// Starts writing the log to standard error. Colour only on a terminal and without `NO_COLOR`. A second call, and a
/// level that [`check_level`] would refuse, change nothing.
pub fn start_log(log: &Log, no_color: bool) {
    let Ok(targets) = targets(&log.level) else { return };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => {
            let layer = layer.with_ansi(std::io::stderr().is_terminal() && !no_color);
            tracing_subscriber::registry().with(targets).with(layer).try_init()
        }
        LogFormat::Json => {
            let layer = layer.json().flatten_event(true).with_current_span(false);
            tracing_subscriber::registry().with(targets).with(layer).try_init()
        }
    };
    // Another subscriber is there already: whoever embeds the library has its own log.
    drop(started);
}

impl EncodeLabelValue for Lane {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        self.as_str().encode(encoder)
    }
}

impl EncodeLabelValue for Transition {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        self.as_str().encode(encoder)
    }
}

/// Where something was received.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabels {
    /// Lane.
    pub lane: Lane,
    /// Source.
    pub source: String,
}

/// Why something was refused or marked: a word of a closed set.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// Lane.
    pub lane: Lane,
    /// Source; empty where it is not known.
    pub source: String,
    /// The reason.
    pub reason: &'static str,
}

/// What an alert event changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct TransitionLabels {
    /// Transition.
    pub transition: Transition,
}

/// A sink.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SinkLabels {
    /// Name of the sink.
    pub sink: String,
}

/// Why a sink did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SinkReasonLabels {
    /// Name of the sink.
    pub sink: String,
    /// The reason: a word of a closed set.
    pub reason: &'static str,
}

/// A Kapacitor whose HTTP API is polled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReconciledLabels {
    /// `name` of the Kapacitor.
    pub kapacitor: String,
}

/// Every counter and gauge of the process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// `kaptap_received_records_total`: points, batches, alerts and rows that arrived.
    pub received: Family<SourceLabels, Counter>,
    /// `kaptap_received_bytes_total`: their bytes.
    pub received_bytes: Family<SourceLabels, Counter>,
    /// `kaptap_kept_records_total`: taken by the journal.
    pub kept: Family<SourceLabels, Counter>,
    /// `kaptap_not_kept_records_total`: given up because the journal was blocked; named in a gap event.
    pub not_kept: Family<SourceLabels, Counter>,
    /// `kaptap_returned_frames_total`: data frames sent back to Kapacitor.
    pub returned: Family<SourceLabels, Counter>,
    /// `kaptap_marked_records_total`: kept, but odd; by reason.
    pub marked: Family<ReasonLabels, Counter>,
    /// `kaptap_refused_total`: requests and connections refused; by reason.
    pub refused: Family<ReasonLabels, Counter>,
    /// `kaptap_alert_transitions_total`: alert events by what they changed; duplicates not counted.
    pub transitions: Family<TransitionLabels, Counter>,
    /// `kaptap_duplicate_alerts_total`: alert events that had come before.
    pub duplicates: Counter,
    /// `kaptap_udf_connections`: open UDF connections.
    pub udf_connections: Gauge,
    /// `kaptap_http_connections`: open HTTP connections.
    pub http_connections: Gauge,
    /// `kaptap_readers`: followers of the event stream.
    pub readers: Gauge,
    /// `kaptap_reader_gaps_total`: gap lines given to readers that were too slow or came too late.
    pub reader_gaps: Counter,
    /// `kaptap_udf_holds_total`: times that reading from Kapacitor was held back.
    pub holds: Counter,
    /// `kaptap_keepalives_unasked_total`: signs of life sent while reading was held back.
    pub keepalives_unasked: Counter,
    /// `kaptap_sink_delivered_events_total`: events that the peer has taken.
    pub sink_delivered: Family<SinkLabels, Counter>,
    /// `kaptap_sink_duplicate_events_total`: of these, events that the peer had already.
    pub sink_duplicates: Family<SinkLabels, Counter>,
    /// `kaptap_sink_retried_events_total`: times that an event has to be tried again; by reason.
    pub sink_retried: Family<SinkReasonLabels, Counter>,
    /// `kaptap_sink_parked_events_total`: events that the peer refused for good; by reason.
    pub sink_parked: Family<SinkReasonLabels, Counter>,
    /// `kaptap_sink_passed_records_total`: records that the sink does not want.
    pub sink_passed: Family<SinkLabels, Counter>,
    /// `kaptap_sink_missed_records_total`: records gone before they could be delivered; named in a gap event.
    pub sink_missed: Family<SinkLabels, Counter>,
    /// `kaptap_sink_dropped_events_total`: parked events pushed out by newer ones; named in a system event.
    pub sink_dropped: Family<SinkLabels, Counter>,
    /// `kaptap_sink_forgotten_alerts_total`: alerts that are on and found no room in what the sink remembers.
    pub sink_forgotten: Family<SinkLabels, Counter>,
    /// `kaptap_sink_restarts_total`: times that the worker of a sink had to be started again.
    pub sink_restarts: Family<SinkLabels, Counter>,
    /// `kaptap_recovered_events_total`: alert events recorded because Kapacitor's API told of them.
    pub recovered: Family<ReconciledLabels, Counter>,
    /// `kaptap_expired_alerts_total`: alerts that Kapacitor does not know any more.
    pub expired: Family<ReconciledLabels, Counter>,
    /// `kaptap_missing_events`: events that Kapacitor collected and that neither arrived nor were recovered, where that
    /// can be told.
    pub missing: Family<ReconciledLabels, Gauge>,
}

impl Metrics {
    /// All of them, with their names and help texts.
    #[must_use]
    pub fn registry(&self) -> Registry {
        let mut r = Registry::with_prefix("kaptap");
        r.register("received_records", "Points, batches, alerts and rows that arrived", self.received.clone());
        r.register("received_bytes", "Bytes of the records that arrived", self.received_bytes.clone());
        r.register("kept_records", "Records taken by the journal", self.kept.clone());
        r.register("not_kept_records", "Records given up while the journal was blocked", self.not_kept.clone());
        r.register("returned_frames", "Data frames sent back to Kapacitor", self.returned.clone());
        r.register("marked_records", "Records kept, but odd", self.marked.clone());
        r.register("refused", "Requests and connections refused", self.refused.clone());
        r.register("alert_transitions", "Alert events by what they changed", self.transitions.clone());
        r.register("duplicate_alerts", "Alert events that had come before", self.duplicates.clone());
        r.register("udf_connections", "Open UDF connections", self.udf_connections.clone());
        r.register("http_connections", "Open HTTP connections", self.http_connections.clone());
        r.register("readers", "Followers of the event stream", self.readers.clone());
        r.register("reader_gaps", "Gap lines given to readers", self.reader_gaps.clone());
        r.register("udf_holds", "Times that reading from Kapacitor was held back", self.holds.clone());
        r.register(
            "keepalives_unasked",
            "Signs of life sent while reading was held back",
            self.keepalives_unasked.clone(),
        );
        r.register("sink_delivered_events", "Events that the peer has taken", self.sink_delivered.clone());
        r.register("sink_duplicate_events", "Events that the peer had already", self.sink_duplicates.clone());
        r.register("sink_retried_events", "Times that an event has to be tried again", self.sink_retried.clone());
        r.register("sink_parked_events", "Events that the peer refused for good", self.sink_parked.clone());
        r.register("sink_passed_records", "Records that the sink does not want", self.sink_passed.clone());
        r.register("sink_missed_records", "Records gone before they could be delivered", self.sink_missed.clone());
        r.register("sink_dropped_events", "Parked events pushed out by newer ones", self.sink_dropped.clone());
        r.register("sink_forgotten_alerts", "Alerts that are on and not told again", self.sink_forgotten.clone());
        r.register("sink_restarts", "Times that a sink's worker was started again", self.sink_restarts.clone());
        r.register("recovered_events", "Alert events recorded because the API told of them", self.recovered.clone());
        r.register("expired_alerts", "Alerts that Kapacitor does not know any more", self.expired.clone());
        r.register("missing_events", "Events collected that neither arrived nor were recovered", self.missing.clone());
        r
    }
}
