//! The event stream as it comes over HTTP, cut into events: JSON lines, or server-sent events.
//!
//! A follower asks for server-sent events: their signs of life tell a silent journal from a peer that has vanished, and
//! say how far the journal was read when nothing passed the filter. Pure.

use bytes::BytesMut;
use serde::Deserialize;

/// Longest line taken from the peer. Its own bounds keep lines far below that.
const MAX_LINE: usize = 256 << 20;

/// How the peer writes its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON object a line.
    Lines,
    /// `text/event-stream`.
    Sse,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The JSON of an event or a gap; none in a sign of life.
    pub(super) event: Option<BytesMut>,
    /// Everything up to this seq has come.
    pub(super) last: Option<u64>,
}

/// A line is longer than any that kaptap writes.
#[derive(Debug)]
pub(super) struct TooLong;

/// Cuts what comes into events.
#[derive(Debug)]
pub(super) struct Stream {
    form: Form,
    lines: Lines,
    /// What the server-sent event that is being read has said so far.
    open: Item,
}

impl Stream {
    pub(super) fn new(form: Form) -> Self {
        Self { form, lines: Lines::default(), open: Item { event: None, last: None } }
    }

    /// Takes bytes as they came.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), TooLong> {
        self.lines.add(data)
    }

    /// The next whole item.
    pub(super) fn next(&mut self) -> Option<Item> {
        while let Some(line) = self.lines.next() {
            match self.form {
                Form::Lines if line.trim_ascii().is_empty() => {}
                Form::Lines => {
                    let last = last_seq(&line);
                    return Some(Item { event: Some(line), last });
                }
                Form::Sse if line.is_empty() => {
                    // Only now it counts: an id whose event was cut off must come again.
                    let item = std::mem::replace(&mut self.open, Item { event: None, last: None });
                    if item.event.is_some() || item.last.is_some() {
                        return Some(item);
                    }
                }
                Form::Sse => self.field(line),
            }
        }
        None
    }

    fn field(&mut self, mut line: BytesMut) {
        if line.starts_with(b"data: ") {
            self.open.event = Some(line.split_off(b"data: ".len()));
        } else if let Some(id) = line.strip_prefix(b"id: ") {
            self.open.last = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        }
    }
}

/// The last seq that a line speaks of; none where it is no event, which is printed as it is and not gone on behind.
fn last_seq(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Head {
        seq: Option<u64>,
        gap: Option<Gap>,
    }
    #[derive(Deserialize)]
    struct Gap {
        last_seq: u64,
    }
    let head: Head = serde_json::from_slice(line).ok()?;
    head.seq.or(head.gap.map(|gap| gap.last_seq))
}

/// Cuts what comes into lines.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
}

impl Lines {
    fn add(&mut self, data: &[u8]) -> Result<(), TooLong> {
        if self.buffer.len() + data.len() > MAX_LINE {
            return Err(TooLong);
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// The next whole line, without its end.
    fn next(&mut self) -> Option<BytesMut> {
        let Some(at) = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let mut line = self.buffer.split_to(self.searched + at + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        Some(line)
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
