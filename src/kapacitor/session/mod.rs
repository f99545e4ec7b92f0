//! The session on one UDF connection: bytes in, [`Step`]s out. What goes out and why stands in [`crate::kapacitor`].
//!
//! The shell reads from the connection into one buffer, calls [`Session::receive`] with what is there, does the steps in
//! order, drops the bytes consumed, and calls again until nothing is consumed; only then does it read on. At the end of
//! input it calls [`Session::end`]. The session holds no input: of a batch that is open it holds a copy, with a bound
//! ([`Session::held`]), everything else is a range in the buffer.

pub mod mark;

mod classify;
mod open_batch;
mod step;

pub use crate::kapacitor::frame::FrameError;
pub use step::{Opened, Step};

use crate::kapacitor::options::Options;
use crate::kapacitor::{frame, reply};
use classify::{Kind, Question, classify};
use open_batch::{OpenBatch, Part};
use std::ops::{ControlFlow, Range};

/// Largest Begin size that goes back: Kapacitor takes 16 bytes of memory for each, at once.
pub const MAX_SIZE: i64 = 1 << 26;

/// Longest Init, and longest frame of more than one field, that is decoded, bytes: decoded it takes many times as much.
pub const MAX_TYPED: usize = 1 << 20;

/// Most room that [`Session::wanted`] asks for beyond twice what is there, bytes.
const GROWTH: usize = 64 << 10;

/// Which kind of edge a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdgeKind {
    /// Single points.
    Stream,
    /// Batches.
    Batch,
}

/// Bounds of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest frame, bytes without prefix. Default 64 MiB. A longer one ends the connection.
    pub max_frame: usize,
    /// Most points of a batch in one part. Default 10,000; at least 1 is taken.
    pub batch_points: u32,
    /// Most bytes of points of a batch in one part, unless one point alone is longer. Default 512 KiB.
    pub batch_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_frame: 64 << 20, batch_points: 10_000, batch_bytes: 512 << 10 }
    }
}

/// One UDF connection, from its first byte to its last.
#[derive(Debug)]
pub struct Session {
    edge: EdgeKind,
    limits: Limits,
    /// Whether data goes back; of a batch it is asked at its Begin.
    echo: bool,
    /// Number of the next record.
    next_n: u64,
    /// On a batch connection, the batch whose End has not come. While it echoes, the peer has a batch open; otherwise
    /// it has none.
    open: Option<OpenBatch>,
}

impl Session {
    /// A connection at its start. Records are numbered from 1, data goes back until Init says otherwise.
    #[must_use]
    pub fn new(edge: EdgeKind, limits: Limits) -> Self {
        Self { edge, limits, echo: true, next_n: 1, open: None }
    }

    /// Number of the next record.
    #[must_use]
    pub fn next_n(&self) -> u64 {
        self.next_n
    }

    /// Goes on numbering from `n`, after a Restore.
    pub fn set_next_n(&mut self, n: u64) {
        self.next_n = n;
    }

    /// Bytes held of an open batch: at most its Begin, and [`Limits::batch_bytes`] or one point that is longer.
    #[must_use]
    pub fn held(&self) -> usize {
        self.open.as_ref().map_or(0, OpenBatch::held)
    }

    /// How many bytes of room to make for reading on, when `receive` consumed nothing of `have`: what the frame at the
    /// front still needs, but never more than what is there already plus 64 KiB, so that a length that is only claimed
    /// takes no memory. 0 when the frame is all here, or its length is in error.
    #[must_use]
    pub fn wanted(&self, have: &[u8]) -> usize {
        frame::missing(have, self.limits.max_frame).min(have.len().saturating_add(GROWTH))
    }

    /// Takes whole frames from the front of `input` and appends what to do, in order. Returns how many bytes were
    /// consumed; of a frame that is not all here, none. Stops after a step at which the shell has to act
    /// ([`Step::Opened`] with its reply, [`Step::Snapshot`], [`Step::Restore`]): the shell calls again with the rest,
    /// until 0 is returned.
    ///
    /// # Errors
    /// When the frame at the very front cannot be cut; nothing was consumed or appended then. The connection has to be
    /// ended with the error's sentence.
    pub fn receive(&mut self, input: &[u8], steps: &mut Vec<Step>) -> Result<usize, FrameError> {
        let mut at = 0;
        while let Some(rest) = input.get(at..) {
            if self.edge == EdgeKind::Stream {
                let (bytes, count) = frame::points_at_front(rest, self.limits.max_frame);
                if count > 0 {
                    self.points(at..at + bytes, count, steps);
                    at += bytes;
                    continue;
                }
            }
            let (length, body) = match frame::split(rest, self.limits.max_frame) {
                Ok(Some(found)) => found,
                Err(error) if at == 0 => return Err(error),
                // One in error stands at the front of the next call, when what came before it is done.
                Ok(None) | Err(_) => break,
            };
            let whole = at..at + length;
            at = whole.end;
            let bytes = rest.get(..length).unwrap_or_default();
            if self.frame(whole, bytes, body, steps).is_break() {
                break;
            }
        }
        Ok(at)
    }

    /// The input has ended, with `rest` that `receive` left. What is held or half received is kept; ranges are offsets
    /// in `rest`.
    pub fn end(&mut self, rest: &[u8], steps: &mut Vec<Step>) {
        if let Some(open) = self.open.take() {
            self.batch(open.close(None), steps);
        }
        if !rest.is_empty() {
            self.opaque(0..rest.len(), mark::HALF_FRAME, steps);
        }
    }

    /// One frame: `whole` and `bytes` with its length prefix, `body` without.
    fn frame(&mut self, whole: Range<usize>, bytes: &[u8], body: &[u8], steps: &mut Vec<Step>) -> ControlFlow<()> {
        let inner = whole.end - body.len()..whole.end;
        match (classify(body), self.edge) {
            (Kind::Point, EdgeKind::Stream) => self.points(whole, 1, steps),
            (Kind::Begin(_) | Kind::End, EdgeKind::Stream) => self.opaque(inner, mark::BATCH_ON_STREAM, steps),
            (Kind::Point, EdgeKind::Batch) => self.batch_point(whole, bytes, steps),
            (Kind::Begin(size), EdgeKind::Batch) => self.batch_begin(size, whole, bytes, steps),
            (Kind::End, EdgeKind::Batch) => self.batch_end(whole, bytes, steps),
            (Kind::Opaque(mark), _) => self.opaque(inner, mark, steps),
            (Kind::Asked { question, malformed }, _) => {
                if malformed {
                    self.opaque(inner, mark::MALFORMED_REQUEST, steps);
                }
                return self.asked(question, steps);
            }
        }
        ControlFlow::Continue(())
    }

    /// Answers a request, or leaves it to the shell.
    fn asked(&mut self, question: Question, steps: &mut Vec<Step>) -> ControlFlow<()> {
        match question {
            Question::Info => steps.push(Step::Reply(reply::info(self.edge))),
            Question::Keepalive(time) => {
                steps.extend([Step::Keepalive { time }, Step::Reply(reply::keepalive(time))]);
            }
            Question::Init(init) => {
                let opened = init.map_err(str::to_owned).and_then(|init| {
                    let options = Options::parse(init.options).map_err(|error| error.to_string())?;
                    Ok(Opened { task: init.task_id, node: init.node_id, options })
                });
                match opened {
                    Ok(opened) => {
                        self.cut(steps);
                        self.echo = opened.options.echo;
                        steps.extend([Step::Opened(opened), Step::Reply(reply::initialised())]);
                        return ControlFlow::Break(());
                    }
                    Err(sentence) => {
                        let answer = Step::Reply(reply::refused(&sentence));
                        steps.extend([Step::Refused(sentence), answer]);
                    }
                }
            }
            Question::Snapshot => {
                self.cut(steps);
                steps.push(Step::Snapshot);
                return ControlFlow::Break(());
            }
            Question::Restore(bytes) => {
                self.cut(steps);
                steps.push(Step::Restore(bytes));
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Gives up what is held of an open batch, so that all that was received is in the steps.
    fn cut(&mut self, steps: &mut Vec<Step>) {
        if let Some(part) = self.open.as_mut().and_then(OpenBatch::cut) {
            self.batch(part, steps);
        }
    }

    fn batch_begin(
        &mut self,
        size: Result<i64, &'static str>,
        whole: Range<usize>,
        bytes: &[u8],
        steps: &mut Vec<Step>,
    ) {
        let mut marks = Vec::new();
        let mut peer_open = false;
        if let Some(before) = self.open.take() {
            peer_open = before.echo;
            self.batch(before.close(None), steps);
            marks.push(mark::BEGIN_INSIDE_BATCH);
        }
        let goes_back = self.echo && !peer_open && size.is_ok();
        let size = size.unwrap_or_else(|mark| {
            marks.push(mark);
            0
        });
        if goes_back {
            push_echo(whole, steps);
        }
        // With a batch open at the peer the points go on into that one, and this one's End closes it.
        self.open = Some(OpenBatch::new(bytes, size, marks, goes_back || peer_open));
    }

    fn batch_point(&mut self, whole: Range<usize>, bytes: &[u8], steps: &mut Vec<Step>) {
        let Some(open) = &mut self.open else {
            return self.batch(Part::stray(bytes, 1, mark::POINT_OUTSIDE_BATCH), steps);
        };
        let echo = open.echo;
        if let Some(part) = open.add(bytes, &self.limits) {
            self.batch(part, steps);
        }
        if echo {
            push_echo(whole, steps);
        }
    }

    fn batch_end(&mut self, whole: Range<usize>, bytes: &[u8], steps: &mut Vec<Step>) {
        let Some(open) = self.open.take() else {
            return self.batch(Part::stray(bytes, 0, mark::END_WITHOUT_BEGIN), steps);
        };
        if open.echo {
            push_echo(whole, steps);
        }
        self.batch(open.close(Some(bytes)), steps);
    }

    fn batch(&mut self, part: Part, steps: &mut Vec<Step>) {
        let Part { frames, points, place, marks } = part;
        let n = self.number(1);
        steps.push(Step::Batch { frames, points, n, part: place, marks });
    }

    fn opaque(&mut self, range: Range<usize>, mark: &'static str, steps: &mut Vec<Step>) {
        let n = self.number(1);
        steps.push(Step::Opaque { range, n, marks: vec![mark] });
    }

    /// Points of a stream; they join the run before them. The run of an earlier call is not met, here or in
    /// [`push_echo`]: no run ends at offset 0, and behind it the last step is of this call.
    fn points(&mut self, whole: Range<usize>, frames: u32, steps: &mut Vec<Step>) {
        let first = self.number(frames);
        match steps.last_mut() {
            Some(Step::Points { range, count, .. })
                if range.end == whole.start && count.checked_add(frames).is_some() =>
            {
                range.end = whole.end;
                *count += frames;
            }
            _ => steps.push(Step::Points { range: whole, count: frames, first_n: first, echo: self.echo }),
        }
    }

    /// Takes the next `count` numbers and returns the first. A snapshot may have said any number: the last one repeats.
    fn number(&mut self, count: u32) -> u64 {
        let first = self.next_n;
        self.next_n = first.saturating_add(u64::from(count));
        first
    }
}

/// A frame of a batch goes back; it joins the run before it.
fn push_echo(whole: Range<usize>, steps: &mut Vec<Step>) {
    match steps.last_mut() {
        Some(Step::Echo { range, frames }) if range.end == whole.start && *frames < u32::MAX => {
            range.end = whole.end;
            *frames += 1;
        }
        _ => steps.push(Step::Echo { range: whole, frames: 1 }),
    }
}

#[cfg(test)]
mod batch_tests;
#[cfg(test)]
mod script;
#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
