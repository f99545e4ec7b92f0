//! The normalized event, `kaptap.event/v1`: its shape, identity and JSON.

pub mod cloudevents;
pub mod id;
pub mod json;
pub mod severity;
pub mod time;

use crate::words::{How, Kind, Lane, Level, State, Transition};
use std::borrow::Cow;

/// Text of an event, borrowed from the record where possible.
pub type Text<'a> = Cow<'a, str>;

/// One event. Times are nanoseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// Deterministic identity; the idempotency key.
    pub id: id::EventId,
    /// Position in this journal.
    pub seq: u64,
    /// What it is about.
    pub kind: Kind,
    /// Kapacitor's event time.
    pub time: i64,
    /// When the last byte arrived.
    pub observed: i64,
    /// Where it came from.
    pub origin: Origin<'a>,
    /// The alert, for kind `alert`.
    pub alert: Option<Alert<'a>>,
    /// The notice, for kind `system`: a JSON object.
    pub system: Option<Text<'a>>,
    /// The data.
    pub series: Vec<Series<'a>>,
    /// Labels added by options or configuration.
    pub labels: Vec<(Text<'a>, Text<'a>)>,
    /// Seq of the first record with the same id.
    pub duplicate_of: Option<u64>,
    /// Number of this part of a batch and, in the last part, the number of parts.
    pub part: Option<(u32, Option<u32>)>,
    /// What was odd about the record.
    pub marks: Vec<Text<'a>>,
    /// The bytes as received, with their media type; written only on request.
    pub raw: Raw<'a>,
}

impl<'a> Event<'a> {
    /// An event of which nothing is said but what it is and where it came from; observed when it happened.
    #[must_use]
    pub fn new(id: id::EventId, seq: u64, kind: Kind, time: i64, origin: Origin<'a>, raw: Raw<'a>) -> Self {
        Self {
            id,
            seq,
            kind,
            time,
            observed: time,
            origin,
            alert: None,
            system: None,
            series: Vec::new(),
            labels: Vec::new(),
            duplicate_of: None,
            part: None,
            marks: Vec::new(),
            raw,
        }
    }

    /// Adds labels; what it has already stays.
    pub fn add_labels(&mut self, labels: &'a [(String, String)]) {
        for (name, value) in labels {
            if !self.labels.iter().any(|(known, _)| known == name) {
                self.labels.push((Text::Borrowed(name), Text::Borrowed(value)));
            }
        }
    }
}

/// The record's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw<'a> {
    /// Media type: of the request, or `application/vnd.kapacitor.udf` for frames.
    pub media: Text<'a>,
    /// The bytes.
    pub data: &'a [u8],
}

/// Where an event came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin<'a> {
    /// Lane.
    pub lane: Lane,
    /// Configured name or URL path part.
    pub source: Text<'a>,
    /// Stream id, 16 hex digits.
    pub stream: u64,
    /// Number within the stream.
    pub n: u64,
    /// Kapacitor's task.
    pub task: Option<(Text<'a>, How)>,
    /// Kapacitor's node.
    pub node: Option<Text<'a>>,
    /// Kapacitor's topic.
    pub topic: Option<(Text<'a>, How)>,
    /// Kapacitor's cluster id.
    pub cluster: Option<(Text<'a>, How)>,
    /// Kapacitor's server id.
    pub server: Option<(Text<'a>, How)>,
    /// Kapacitor's host name.
    pub host: Option<(Text<'a>, How)>,
    /// Database.
    pub database: Option<Text<'a>>,
    /// Retention policy.
    pub retention_policy: Option<Text<'a>>,
    /// Measurement.
    pub measurement: Option<Text<'a>>,
    /// Group id.
    pub group: Option<Text<'a>>,
    /// Names of the tags grouped by.
    pub dimensions: Vec<Text<'a>>,
}

impl<'a> Origin<'a> {
    /// An origin of which no more is known than the place in its stream.
    #[must_use]
    pub fn new(lane: Lane, source: impl Into<Text<'a>>, stream: u64, n: u64) -> Self {
        Self {
            lane,
            source: source.into(),
            stream,
            n,
            task: None,
            node: None,
            topic: None,
            cluster: None,
            server: None,
            host: None,
            database: None,
            retention_policy: None,
            measurement: None,
            group: None,
            dimensions: Vec::new(),
        }
    }
}

/// The alert of an event: what Kapacitor said, and what we found.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert<'a> {
    /// Id, as said.
    pub id: Text<'a>,
    /// Message, as said.
    pub message: Option<Text<'a>>,
    /// Details, as said.
    pub details: Option<Text<'a>>,
    /// Level, as said.
    pub level: Level,
    /// Level before, as said.
    pub previous_level: Option<Level>,
    /// Duration of the episode so far in nanoseconds, as said.
    pub duration_ns: Option<i64>,
    /// Whether a recovery will come, as said.
    pub recoverable: Option<bool>,
    /// Firing or resolved, as found.
    pub state: State,
    /// Severity word.
    pub severity: Text<'a>,
    /// Severity number, OpenTelemetry's scale.
    pub severity_number: u8,
    /// What it changed, as found; absent for a record without a verdict.
    pub transition: Option<Transition>,
    /// Event time of the first firing event of the episode.
    pub started: Option<i64>,
    /// How many events of the same level came before it in a row.
    pub repeat: u64,
    /// Identity of the alert over time.
    pub fingerprint: id::EventId,
    /// Identity of this opened-to-resolved span.
    pub episode: Option<id::EventId>,
}

/// Series of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series<'a> {
    /// Measurement.
    pub name: Text<'a>,
    /// Tags, sorted by key.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
    /// Column names.
    pub columns: Vec<Text<'a>>,
    /// Type of each column.
    pub types: Vec<ColumnType>,
    /// Rows, each with one cell per column.
    pub rows: Vec<Vec<Cell<'a>>>,
}

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// A time, RFC 3339 with nine fractional digits.
    Time,
    /// 64-bit integer.
    Int,
    /// 64-bit float.
    Float,
    /// Boolean.
    Bool,
    /// String.
    Str,
    /// A JSON number whose kind Kapacitor's JSON hides, digit for digit.
    Number,
    /// Nothing but nulls.
    Null,
    /// Values of more than one kind; each cell keeps its own.
    Any,
}

impl ColumnType {
    /// The word in the event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Int => "i64",
            Self::Float => "f64",
            Self::Bool => "bool",
            Self::Str => "str",
            Self::Number => "num",
            Self::Null => "null",
            Self::Any => "any",
        }
    }
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    /// No value.
    Null,
    /// Nanoseconds since 1970.
    Time(i64),
    /// Integer.
    Int(i64),
    /// Float; NaN and infinities are written as strings.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// String.
    Text(Text<'a>),
    /// Number, digit for digit.
    Number(&'a str),
    /// JSON of a value that Kapacitor does not send (array or object).
    Json(&'a str),
}
