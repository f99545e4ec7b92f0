//! The prost messages behind [`Note`] and [`Stream`], and the conversions both ways.
//!
//! Additive only: a number is never given again, and what an older version does not know it leaves out. A word whose
//! number is not known (a lane, a transition) is an error, because leaving it out would change the meaning.

use super::{AlertNames, CodingError, Edge, Note, Stream, StreamId, Verdict};
use crate::words::{How, Lane, Transition};

/// A text and how it was learned.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SaidWire {
    #[prost(string, tag = "1")]
    text: String,
    #[prost(uint32, tag = "2")]
    how: u32,
}

/// [`Verdict`]
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct VerdictWire {
    #[prost(uint32, tag = "1")]
    transition: u32,
    #[prost(bool, tag = "2")]
    firing: bool,
    #[prost(sfixed64, optional, tag = "3")]
    started: Option<i64>,
    #[prost(uint64, tag = "4")]
    repeat: u64,
    #[prost(uint64, optional, tag = "5")]
    duplicate_of: Option<u64>,
}

/// [`Note`]
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct NoteWire {
    #[prost(message, optional, tag = "1")]
    task: Option<SaidWire>,
    #[prost(message, optional, tag = "2")]
    topic: Option<SaidWire>,
    #[prost(string, optional, tag = "3")]
    media: Option<String>,
    #[prost(message, optional, tag = "4")]
    verdict: Option<VerdictWire>,
    #[prost(uint32, optional, tag = "5")]
    part: Option<u32>,
    #[prost(uint32, optional, tag = "6")]
    parts: Option<u32>,
    #[prost(string, repeated, tag = "7")]
    marks: Vec<String>,
}

/// One label.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LabelWire {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// [`AlertNames`]
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AlertNamesWire {
    #[prost(string, tag = "1")]
    id_tag: String,
    #[prost(string, tag = "2")]
    level_tag: String,
    #[prost(string, tag = "3")]
    message_field: String,
    #[prost(string, tag = "4")]
    duration_field: String,
}

/// [`Stream`]
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StreamWire {
    #[prost(fixed64, tag = "1")]
    id: u64,
    #[prost(uint32, tag = "2")]
    lane: u32,
    #[prost(string, tag = "3")]
    source: String,
    #[prost(string, tag = "4")]
    scope: String,
    /// 0 none, 1 stream, 2 batch.
    #[prost(uint32, tag = "5")]
    edge: u32,
    #[prost(string, optional, tag = "6")]
    task: Option<String>,
    #[prost(string, optional, tag = "7")]
    node: Option<String>,
    #[prost(string, optional, tag = "8")]
    database: Option<String>,
    #[prost(string, optional, tag = "9")]
    retention_policy: Option<String>,
    #[prost(message, repeated, tag = "10")]
    labels: Vec<LabelWire>,
    #[prost(message, optional, tag = "11")]
    alert: Option<AlertNamesWire>,
}

impl From<&Note> for NoteWire {
    fn from(note: &Note) -> Self {
        Self {
            task: note.task.as_ref().map(said_to_wire),
            topic: note.topic.as_ref().map(said_to_wire),
            media: note.media.clone(),
            verdict: note.verdict.as_ref().map(verdict_to_wire),
            part: note.part.map(|(part, _)| part),
            parts: note.part.and_then(|(_, parts)| parts),
            marks: note.marks.clone(),
        }
    }
}

impl NoteWire {
    /// A note with what was just found.
    pub(super) fn judged(note: &Note, verdict: &Verdict) -> Self {
        Self { verdict: Some(verdict_to_wire(verdict)), ..Self::from(note) }
    }
}

impl TryFrom<NoteWire> for Note {
    type Error = CodingError;

    fn try_from(wire: NoteWire) -> Result<Self, CodingError> {
        Ok(Self {
            task: wire.task.map(said_of_wire).transpose()?,
            topic: wire.topic.map(said_of_wire).transpose()?,
            media: wire.media,
            verdict: wire.verdict.map(verdict_of_wire).transpose()?,
            part: wire.part.map(|part| (part, wire.parts)),
            marks: wire.marks,
        })
    }
}

impl From<&Stream> for StreamWire {
    fn from(stream: &Stream) -> Self {
        Self {
            id: stream.id.0,
            lane: stream.lane.number().into(),
            source: stream.source.clone(),
            scope: stream.scope.clone(),
            edge: match stream.edge {
                None => 0,
                Some(Edge::Stream) => 1,
                Some(Edge::Batch) => 2,
            },
            task: stream.task.clone(),
            node: stream.node.clone(),
            database: stream.database.clone(),
            retention_policy: stream.retention_policy.clone(),
            labels: stream
                .labels
                .iter()
                .map(|(key, value)| LabelWire { key: key.clone(), value: value.clone() })
                .collect(),
            alert: stream.alert.as_ref().map(|names| AlertNamesWire {
                id_tag: names.id_tag.clone(),
                level_tag: names.level_tag.clone(),
                message_field: names.message_field.clone(),
                duration_field: names.duration_field.clone(),
            }),
        }
    }
}

impl TryFrom<StreamWire> for Stream {
    type Error = CodingError;

    fn try_from(wire: StreamWire) -> Result<Self, CodingError> {
        Ok(Self {
            id: StreamId(wire.id),
            lane: word(wire.lane, Lane::from_number, "unknown lane")?,
            source: wire.source,
            scope: wire.scope,
            edge: match wire.edge {
                0 => None,
                1 => Some(Edge::Stream),
                2 => Some(Edge::Batch),
                _ => return Err(CodingError::Broken("unknown edge")),
            },
            task: wire.task,
            node: wire.node,
            database: wire.database,
            retention_policy: wire.retention_policy,
            labels: wire.labels.into_iter().map(|label| (label.key, label.value)).collect(),
            alert: wire.alert.map(|names| AlertNames {
                id_tag: names.id_tag,
                level_tag: names.level_tag,
                message_field: names.message_field,
                duration_field: names.duration_field,
            }),
        })
    }
}

fn said_to_wire((text, how): &(String, How)) -> SaidWire {
    SaidWire { text: text.clone(), how: how.number().into() }
}

fn said_of_wire(wire: SaidWire) -> Result<(String, How), CodingError> {
    Ok((wire.text, word(wire.how, How::from_number, "unknown way of learning the origin")?))
}

fn verdict_to_wire(verdict: &Verdict) -> VerdictWire {
    VerdictWire {
        transition: verdict.transition.number().into(),
        firing: verdict.firing,
        started: verdict.started,
        repeat: verdict.repeat,
        duplicate_of: verdict.duplicate_of,
    }
}

fn verdict_of_wire(wire: VerdictWire) -> Result<Verdict, CodingError> {
    Ok(Verdict {
        transition: word(wire.transition, Transition::from_number, "unknown transition")?,
        firing: wire.firing,
        started: wire.started,
        repeat: wire.repeat,
        duplicate_of: wire.duplicate_of,
    })
}

fn word<T>(number: u32, find: fn(u8) -> Option<T>, what: &'static str) -> Result<T, CodingError> {
    u8::try_from(number).ok().and_then(find).ok_or(CodingError::Broken(what))
}
