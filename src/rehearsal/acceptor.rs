//! What kapacitord makes of a UDF's answers, stricter than it is: whatever would kill it, stop the task or confuse it
//! ends the rehearsal and is named.
//!
//! The rules are those of `udf/server.go`, `handleResponse`: there is no recover on that goroutine, so a panic in it
//! ends the whole process.

use super::wire::{self, FramingError};
use crate::kapacitor::proto;
use prost::Message as _;
use std::collections::BTreeSet;

/// Largest batch that is believed: kapacitord sizes a slice by what it is told.
pub const MAX_BATCH: i64 = 1 << 26;

/// Different batch sizes that are remembered as sent; enough for any rehearsal, and a bound.
const MAX_SIZES: usize = 1 << 16;

/// An answer that kapacitord must never be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fatal {
    /// `panic: unexpected response message <nil>`
    #[error("a response without a message")]
    NoMessage,
    /// Nil pointer dereference.
    #[error("an end without a begin")]
    EndWithoutBegin,
    /// `makeslice: cap out of range`, or out of memory.
    #[error("a batch of {0} points announced")]
    BatchSize(i64),
    /// Allocated as told: out of memory.
    #[error("{0}")]
    Frame(#[from] FramingError),
    /// A batch size that was never sent to the UDF: made up or damaged.
    #[error("a begin of {0} points, a size that was never sent")]
    StrangeSize(i64),
    /// The first batch would silently be lost.
    #[error("a begin inside a batch")]
    BeginInsideBatch,
    /// A batch on a stream edge, or a lone point on a batch edge: the wrong type for whatever comes below.
    #[error("a {0} on an edge of the other kind")]
    WrongEdge(&'static str),
    /// Kapacitor would take it for the answer to its next question.
    #[error("an answer to {0} that nobody asked for")]
    Unrequested(Question),
}

/// Why no more answers come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// The answer would have ended the kapacitord process or damaged its state.
    #[error("kapacitord would have died: {0}")]
    Fatal(#[from] Fatal),
    /// The UDF said so itself.
    #[error("the task was stopped by the UDF: {0}")]
    Error(String),
    /// A frame that is not the schema.
    #[error("the task was stopped: an answer is not the schema")]
    NotTheSchema,
    /// No answer of any kind for the whole timeout.
    #[error("the task was stopped: keepalive timedout")]
    KeepaliveTimedOut,
    /// The UDF closed or broke the connection while the task was running.
    #[error("the task was stopped: connection lost")]
    ConnectionLost,
    /// End of stream after the half-close: as it should be.
    #[error("end of stream")]
    Done,
}

/// Something that Kapacitor asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// What the UDF is.
    Info,
    /// To begin.
    Init,
    /// Its state.
    Snapshot,
    /// To take its state back.
    Restore,
}

impl Question {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Info, Self::Init, Self::Snapshot, Self::Restore];
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Init => "init",
            Self::Snapshot => "snapshot",
            Self::Restore => "restore",
        })
    }
}

/// One answer, accepted.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A sign of life.
    Keepalive,
    /// The answer to a question.
    To(Question, Box<proto::response::Message>),
    /// A data frame: begin, point or end.
    Data,
}

/// Reads answers one after another.
#[derive(Debug)]
pub struct Acceptor {
    edge: proto::EdgeType,
    open_questions: [u32; 4],
    sizes: BTreeSet<i64>,
    in_batch: bool,
}

impl Acceptor {
    /// An acceptor for a UDF node of this kind of edge.
    #[must_use]
    pub fn new(edge: proto::EdgeType) -> Self {
        Self { edge, open_questions: [0; 4], sizes: BTreeSet::new(), in_batch: false }
    }

    /// Notes a request that is about to be sent, of whatever kind it is.
    pub fn sent(&mut self, request: &[u8]) {
        use proto::request::Message;
        // Recorded and damaged requests may be anything; what is not the schema asks for nothing.
        let Ok(request) = proto::Request::decode(request) else { return };
        match request.message {
            Some(Message::Info(_)) => self.open(Question::Info),
            Some(Message::Init(_)) => self.open(Question::Init),
            Some(Message::Snapshot(_)) => self.open(Question::Snapshot),
            Some(Message::Restore(_)) => self.open(Question::Restore),
            Some(Message::Begin(begin)) if self.sizes.len() < MAX_SIZES => {
                self.sizes.insert(begin.size);
            }
            Some(Message::Begin(_) | Message::Keepalive(_) | Message::Point(_) | Message::End(_)) | None => {}
        }
    }

    /// Takes one answer, without its length prefix.
    ///
    /// # Errors
    /// When kapacitord would not go on after it.
    pub fn accept(&mut self, frame: &[u8]) -> Result<Answer, Ending> {
        use proto::response::Message;
        let response = proto::Response::decode(frame).map_err(|_| Ending::NotTheSchema)?;
        match response.message.ok_or(Fatal::NoMessage)? {
            Message::Keepalive(_) => Ok(Answer::Keepalive),
            Message::Error(error) => Err(Ending::Error(error.error)),
            message @ Message::Info(_) => self.close(Question::Info, message),
            message @ Message::Init(_) => self.close(Question::Init, message),
            message @ Message::Snapshot(_) => self.close(Question::Snapshot, message),
            message @ Message::Restore(_) => self.close(Question::Restore, message),
            Message::Begin(begin) => self.begin(begin.size),
            Message::Point(_) if self.edge == proto::EdgeType::Batch && !self.in_batch => {
                Err(Fatal::WrongEdge("point").into())
            }
            Message::End(_) if !std::mem::take(&mut self.in_batch) => Err(Fatal::EndWithoutBegin.into()),
            Message::Point(_) | Message::End(_) => Ok(Answer::Data),
        }
    }

    /// Takes a whole stream of answers, for recordings and tests.
    ///
    /// # Errors
    /// When kapacitord would not go on after one of them.
    pub fn accept_all(&mut self, bytes: &[u8]) -> Result<Vec<Answer>, Ending> {
        wire::frames(bytes).map_err(Fatal::from)?.into_iter().map(|frame| self.accept(frame)).collect()
    }

    fn begin(&mut self, size: i64) -> Result<Answer, Ending> {
        if !(0..=MAX_BATCH).contains(&size) {
            return Err(Fatal::BatchSize(size).into());
        }
        if self.edge == proto::EdgeType::Stream {
            return Err(Fatal::WrongEdge("batch").into());
        }
        if !self.sizes.contains(&size) && self.sizes.len() < MAX_SIZES {
            return Err(Fatal::StrangeSize(size).into());
        }
        if std::mem::replace(&mut self.in_batch, true) {
            return Err(Fatal::BeginInsideBatch.into());
        }
        Ok(Answer::Data)
    }

    fn open(&mut self, question: Question) {
        if let Some(open) = self.open_questions.get_mut(question as usize) {
            *open += 1;
        }
    }

    fn close(&mut self, question: Question, message: proto::response::Message) -> Result<Answer, Ending> {
        match self.open_questions.get_mut(question as usize) {
            Some(open) if *open > 0 => {
                *open -= 1;
                Ok(Answer::To(question, Box::new(message)))
            }
            _ => Err(Fatal::Unrequested(question).into()),
        }
    }
}
