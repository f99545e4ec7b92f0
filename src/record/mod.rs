//! A record: what was received, byte for byte, plus only what the moment of arrival can know.
//!
//! Records go to the journal in *runs*: one or more consecutive records of one stream. The journal sees a run as an
//! opaque payload with a count, a time and the stream's id as its *context* key; this room alone knows what is inside.
//!
//! * [`Stream`] is the context: what a connection or source said about itself. It is kept once per segment.
//! * [`Record`] is one record of a run, borrowed from the payload.

mod coding;
mod wire;

pub use coding::{CodingError, Records, frames_header, judged_header, records, single_header};

use crate::words::{How, Lane, Transition};

/// Identity of a stream: one UDF connection's life over restores, or one HTTP source since kaptap started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Which kind of edge a UDF connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Single points.
    Stream,
    /// Batches.
    Batch,
}

/// What a connection or source said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// The lane it belongs to.
    pub lane: Lane,
    /// Configured name or URL path part; for UDF connections `stream` or `batch`.
    pub source: String,
    /// Names the Kapacitor, or the pair of Kapacitors that evaluate the same data.
    pub scope: String,
    /// Edge of a UDF connection.
    pub edge: Option<Edge>,
    /// Task that Init named.
    pub task: Option<String>,
    /// Node that Init named.
    pub node: Option<String>,
    /// Database that an option named.
    pub database: Option<String>,
    /// Retention policy that an option named.
    pub retention_policy: Option<String>,
    /// Labels that options or configuration add.
    pub labels: Vec<(String, String)>,
    /// Names of the alert tags and fields, on a stream with `.alert(TRUE)`.
    pub alert: Option<AlertNames>,
}

impl Stream {
    /// A stream of which no more is known than where it comes from.
    #[must_use]
    pub fn new(id: StreamId, lane: Lane, source: &str, scope: &str) -> Self {
        Self {
            id,
            lane,
            source: source.to_owned(),
            scope: scope.to_owned(),
            edge: None,
            task: None,
            node: None,
            database: None,
            retention_policy: None,
            labels: Vec::new(),
            alert: None,
        }
    }
}

/// Names of the tags and fields in which `|alert()` leaves what it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertNames {
    /// Tag with the alert's id. Default `alert_id`.
    pub id_tag: String,
    /// Tag with the level. Default `alert_level`.
    pub level_tag: String,
    /// String field with the message. Default `alert_message`.
    pub message_field: String,
    /// Integer field with the duration in nanoseconds. Default `alert_duration`.
    pub duration_field: String,
}

impl Default for AlertNames {
    fn default() -> Self {
        Self {
            id_tag: "alert_id".to_owned(),
            level_tag: "alert_level".to_owned(),
            message_field: "alert_message".to_owned(),
            duration_field: "alert_duration".to_owned(),
        }
    }
}

/// What the bytes of a record are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Content {
    /// One UDF frame without its length prefix; a point, by its first bytes.
    Point = 1,
    /// UDF frames with their length prefixes: a batch or a part of one.
    Batch = 2,
    /// An alert body.
    Alert = 3,
    /// The body of a row POST.
    Row = 4,
    /// A system notice of our own, JSON.
    System = 5,
    /// Kept, not understood.
    Opaque = 6,
}

impl Content {
    /// The number kept in the journal. Never changed, never given again.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The content of a number kept in the journal.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Point,
            2 => Self::Batch,
            3 => Self::Alert,
            4 => Self::Row,
            5 => Self::System,
            6 => Self::Opaque,
            _ => return None,
        })
    }
}

/// One record, borrowed from its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Record<'a> {
    /// Position in the journal.
    pub seq: u64,
    /// When the last byte arrived, nanoseconds since 1970.
    pub observed: i64,
    /// Number within its stream, from 1.
    pub n: u64,
    /// What the bytes are.
    pub content: Content,
    /// What the request said and what was found at arrival.
    pub note: Note,
    /// The bytes as received.
    pub raw: &'a [u8],
}

/// What one request said of its origin, and what was found at arrival. Empty for plain points.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Note {
    /// Task, by header or path.
    pub task: Option<(String, How)>,
    /// Topic, by header or path.
    pub topic: Option<(String, How)>,
    /// Content-Type of the request.
    pub media: Option<String>,
    /// What the alert state fold found.
    pub verdict: Option<Verdict>,
    /// Number of this part of a batch, from 1, and the number of parts once it is known (in the last part).
    pub part: Option<(u32, Option<u32>)>,
    /// What was odd about it, for example `end_without_begin`.
    pub marks: Vec<String>,
}

/// What the alert state fold found when the alert arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What the event changed.
    pub transition: Transition,
    /// Whether the alert is firing after it.
    pub firing: bool,
    /// Event time of the first firing event of the episode, nanoseconds since 1970.
    pub started: Option<i64>,
    /// How many events of the same level came before it in a row.
    pub repeat: u64,
    /// Seq of the first record with the same event id.
    pub duplicate_of: Option<u64>,
}
