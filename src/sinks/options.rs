//! What of a `[[sink]]` table each peer needs. Made by `config`, which has read and checked them.

pub use crate::http::{Hidden, Options as Http};

use super::dataminer::{Severities, Severity};
use crate::filter::template::Lookup;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The peer of a sink and what it needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Peer {
    /// `type = "stdout"`
    Stdout,
    /// `type = "file"`
    File(File),
    /// `type = "webhook"`
    Webhook(Webhook),
    /// `type = "alertmanager"`
    Alertmanager(Alertmanager),
    /// `type = "nats"`
    Nats(Nats),
    /// `type = "dataminer"`
    Dataminer(Dataminer),
    /// `type = "dataminer-webhook"`
    DataminerWebhook(DataminerWebhook),
}

/// NDJSON into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// `path`
    pub path: PathBuf,
    /// `rotate_bytes`: begin another file when it has grown to this. Default 100 MiB.
    pub rotate_bytes: u64,
    /// `rotate_age`: or when it is this old.
    pub rotate_age: Option<Duration>,
    /// `keep_files`: how many rotated files stay. Default 10.
    pub keep_files: usize,
    /// `gzip`: compress rotated files.
    pub gzip: bool,
    /// `raw`: with the records' bytes.
    pub raw: bool,
}

/// How a webhook's body looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// `json`: one event, one object a request.
    Json,
    /// `json_array`: a batch as an array. The default.
    JsonArray,
    /// `ndjson`: a batch as lines.
    Ndjson,
    /// `cloudevents`: `CloudEvents` 1.0 structured, one a request.
    CloudEvents,
    /// `cloudevents_binary`: `CloudEvents` 1.0 in headers, one a request.
    CloudEventsBinary,
    /// `cloudevents_batch`: `CloudEvents` 1.0 batch.
    CloudEventsBatch,
    /// `template`: the text of `body`, one event a request.
    Template {
        /// `body`, with `{{ path }}`.
        body: String,
        /// `content_type`. Default `application/json`.
        content_type: String,
    },
}

/// HTTP POST to whoever takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// How it is reached.
    pub http: Http,
    /// `method`: POST or PUT.
    pub method: String,
    /// `format`
    pub format: Format,
    /// `hmac_secret` (or `hmac_secret_file`), `hmac_header`, `hmac_timestamp_header`: HMAC-SHA256 as Grafana's webhook.
    pub hmac: Option<Hmac>,
    /// `raw`: with the records' bytes.
    pub raw: bool,
}

/// HMAC-SHA256 of the body; with a timestamp header, of `timestamp:body`, as Grafana's webhook contact point does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    /// The secret.
    pub secret: Hidden,
    /// Header of the signature, hex. Default `X-Grafana-Alerting-Signature`.
    pub header: String,
    /// Header of the unix time in seconds, which is then part of what is signed.
    pub timestamp_header: Option<String>,
}

/// Alertmanager's v2 API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alertmanager {
    /// How it is reached; `url` is the base, `/api/v2/alerts` is added.
    pub http: Http,
    /// `resend`: how often firing alerts are told again. Default 1 min.
    pub resend: Duration,
    /// `generator_url`: link for people; may hold `{{ path }}`.
    pub generator_url: Option<String>,
    /// `labels`: added to each alert.
    pub labels: BTreeMap<String, String>,
}

/// NATS `JetStream`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nats {
    /// `url`, several separated by commas.
    pub url: String,
    /// `subject`: template, default `kaptap.{{ kind }}`.
    pub subject: String,
    /// `stream`: `JetStream` stream to create or check. Default `KAPTAP`.
    pub stream: String,
    /// `create`: create the stream when it is missing. Default true.
    pub create: bool,
    /// `duplicate_window`: of the stream, when created. Default 2 min.
    pub duplicate_window: Duration,
    /// `in_flight`: publishes whose acknowledgement is awaited at once. Default 256.
    pub in_flight: usize,
    /// `timeout`: for an acknowledgement. Default 10 s.
    pub timeout: Duration,
    /// `username`, `password` (or `password_file`).
    pub basic: Option<(String, Hidden)>,
    /// `token` (or `token_file`).
    pub token: Option<Hidden>,
    /// `credentials_file`: user JWT and nkey.
    pub credentials_file: Option<PathBuf>,
    /// `ca_file`
    pub ca_file: Option<PathBuf>,
    /// `certificate_file`, `key_file`.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// `raw`: with the records' bytes.
    pub raw: bool,
}

impl Nats {
    /// The defaults, at these servers.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            subject: "kaptap.{{ kind }}".to_owned(),
            stream: "KAPTAP".to_owned(),
            create: true,
            duplicate_window: Duration::from_mins(2),
            in_flight: 256,
            timeout: Duration::from_secs(10),
            basic: None,
            token: None,
            credentials_file: None,
            ca_file: None,
            client_certificate: None,
            raw: false,
        }
    }
}

/// Most columns or properties that a configuration may add.
pub const MOST_COLUMNS: usize = 30;

/// How the Data API of `DataMiner` is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `data_api`: on the agent itself, which takes requests of its own machine only.
    DataApi,
    /// `user_defined_api`: through the User-Defined API that passes requests on to it, with a token.
    UserDefinedApi,
}

/// `DataMiner`'s Data API.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataminer {
    /// How it is reached; `url` is the base, the paths are added.
    pub http: Http,
    /// `route`. Default `data_api`.
    pub route: Route,
    /// `identifier`: of the element; its first name. Default `Kapacitor`.
    pub identifier: String,
    /// `element_type`: name of the connector that the Data API makes. Default `Kapacitor Sidecar`.
    pub element_type: String,
    /// `interval`: shortest time between two requests. Default 2 s.
    pub interval: Duration,
    /// `heartbeat`: how often values are sent. Default 10 s.
    pub heartbeat: Duration,
    /// `full_state`: how often everything is sent again. Default 1 h.
    pub full_state: Duration,
    /// `max_rows`: alerts that are remembered. Default 10,000.
    pub max_rows: usize,
    /// `event_slots`: rows of the log of events. Default 500.
    pub event_slots: u32,
    /// `max_age`: after so long without an event, an alert that will not recover is shown as missing. Default 1 d.
    pub max_age: Duration,
    /// `columns`: more columns of the table of alerts, and the paths of their texts.
    pub columns: Vec<(String, Lookup)>,
    /// `severities`: alerts with another severity than their level's.
    pub severities: Severities,
    /// `kapacitor`: name of the `[[kapacitor]]` that is shown. Without it, the first.
    pub kapacitor: Option<String>,
}

/// `DataMiner`'s connector Generic Webhook Alarm Table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataminerWebhook {
    /// How it is reached.
    pub http: Http,
    /// `max_rows`: alerts that are remembered. Default 10,000.
    pub max_rows: usize,
    /// `max_age`: after so long without an event, an alert that will not recover is cleared. Default 1 d.
    pub max_age: Duration,
    /// `columns`: `Property13` to `Property15`, and the paths of their texts.
    pub columns: Vec<(String, Lookup)>,
    /// `severities`: alerts with another severity than their level's.
    pub severities: Severities,
    /// `severity_words`: what is sent for a severity. Default: the word in small letters.
    pub severity_words: BTreeMap<Severity, String>,
}
