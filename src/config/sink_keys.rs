//! Every key of a `[[sink]]`, with the types that have it and its default: one list for the reader, the documents and
//! their tests.

/// One key of a `[[sink]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkKey {
    /// Its name.
    pub name: &'static str,
    /// The types that have it.
    pub types: &'static [&'static str],
    /// Default, as it would be written. `None` when there is none, or when it depends on the type.
    pub default: Option<&'static str>,
}

/// The types of sinks.
pub const SINK_TYPES: &[&str] =
    &["stdout", "file", "webhook", "alertmanager", "nats", "dataminer", "dataminer-webhook"];

const FILE: &[&str] = &["file"];
const WEBHOOK: &[&str] = &["webhook"];
const ALERTMANAGER: &[&str] = &["alertmanager"];
const NATS: &[&str] = &["nats"];
const DATAMINER: &[&str] = &["dataminer"];
const DATAMINER_WEBHOOK: &[&str] = &["dataminer-webhook"];
const BOTH_DATAMINERS: &[&str] = &["dataminer", "dataminer-webhook"];
const HTTP: &[&str] = &["webhook", "alertmanager", "dataminer", "dataminer-webhook"];
const REMOTE: &[&str] = &["webhook", "alertmanager", "nats", "dataminer", "dataminer-webhook"];
const RAW: &[&str] = &["file", "webhook", "nats"];

const fn key(name: &'static str, types: &'static [&'static str], default: &'static str) -> SinkKey {
    SinkKey { name, types, default: Some(default) }
}

const fn without_default(name: &'static str, types: &'static [&'static str]) -> SinkKey {
    SinkKey { name, types, default: None }
}

/// Every key of a `[[sink]]`, in the order of the documents.
pub const SINK_KEYS: &[SinkKey] = &[
    without_default("name", SINK_TYPES),
    without_default("type", SINK_TYPES),
    without_default("filter", SINK_TYPES),
    without_default("kinds", SINK_TYPES),
    without_default("labels", SINK_TYPES),
    without_default("max_rate", SINK_TYPES),
    key("skip_duplicates", SINK_TYPES, "true"),
    key("correlation", SINK_TYPES, "fingerprint"),
    key("batch_events", SINK_TYPES, "500"),
    key("batch_bytes", SINK_TYPES, "1MiB"),
    key("batch_age", SINK_TYPES, "100ms"),
    key("start", SINK_TYPES, "cursor"),
    key("retry_min", SINK_TYPES, "500ms"),
    key("retry_max", SINK_TYPES, "1m"),
    without_default("give_up_after", SINK_TYPES),
    key("parked_events", SINK_TYPES, "10000"),
    key("parked_bytes", SINK_TYPES, "100MiB"),
    without_default("path", FILE),
    key("rotate_bytes", FILE, "100MiB"),
    without_default("rotate_age", FILE),
    key("keep_files", FILE, "10"),
    key("gzip", FILE, "false"),
    without_default("url", REMOTE),
    key("method", WEBHOOK, "POST"),
    key("format", WEBHOOK, "json_array"),
    without_default("body", WEBHOOK),
    without_default("content_type", WEBHOOK),
    without_default("headers", HTTP),
    without_default("hmac_secret", WEBHOOK),
    without_default("hmac_secret_file", WEBHOOK),
    without_default("hmac_header", WEBHOOK),
    without_default("hmac_timestamp_header", WEBHOOK),
    key("resend", ALERTMANAGER, "1m"),
    without_default("generator_url", ALERTMANAGER),
    key("subject", NATS, "kaptap.{{ kind }}"),
    key("stream", NATS, "KAPTAP"),
    key("create", NATS, "true"),
    key("duplicate_window", NATS, "2m"),
    key("in_flight", NATS, "256"),
    key("route", DATAMINER, "data_api"),
    key("identifier", DATAMINER, "Kapacitor"),
    key("element_type", DATAMINER, "Kapacitor Sidecar"),
    without_default("kapacitor", DATAMINER),
    key("interval", DATAMINER, "2s"),
    key("heartbeat", DATAMINER, "10s"),
    key("full_state", DATAMINER, "1h"),
    key("event_slots", DATAMINER, "500"),
    key("max_rows", BOTH_DATAMINERS, "10000"),
    key("max_age", BOTH_DATAMINERS, "1d"),
    without_default("columns", BOTH_DATAMINERS),
    without_default("severities", BOTH_DATAMINERS),
    without_default("severity_words", DATAMINER_WEBHOOK),
    key("timeout", REMOTE, "10s"),
    without_default("username", REMOTE),
    without_default("password", REMOTE),
    without_default("password_file", REMOTE),
    without_default("token", REMOTE),
    without_default("token_file", REMOTE),
    without_default("credentials_file", NATS),
    without_default("ca_file", REMOTE),
    without_default("certificate_file", REMOTE),
    without_default("key_file", REMOTE),
    key("skip_verify", HTTP, "false"),
    key("bypass_proxy", HTTP, "true"),
    key("raw", RAW, "false"),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static SinkKey> {
    SINK_KEYS.iter().find(|key| key.name == name)
}
