//! Runs of records as bytes, and back.
//!
//! Numbers are little-endian. The first byte says the format:
//!
//! | format | bytes after it |
//! |---|---|
//! | 1, frames | content (1) · n of the first record (8) · that many frames, each with its length prefix as it came over the wire |
//! | 2, single | content (1) · n (8) · length of the note (4) · note · the raw bytes up to the end |
//!
//! A frames run holds what the connection sent, unchanged, so intake copies it in one piece and reading it back
//! allocates nothing. The note of a single record is a protobuf message, empty when there is nothing to note.
//! A [`Stream`] is a version byte (1) and a protobuf message.

use super::wire::{NoteWire, StreamWire};
use super::{Content, Note, Record, Stream, Verdict};
use prost::Message;

const FRAMES: u8 = 1;
const SINGLE: u8 = 2;
const STREAM_VERSION: u8 = 1;

/// A length prefix takes at most this many bytes (64 bits in groups of seven).
const MAX_VARINT: usize = 10;

/// Why bytes from the journal are not a run or a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// Written by a newer version.
    #[error("format {0} is not known to this version")]
    Version(u8),
    /// Cut short or otherwise broken.
    #[error("not a whole record: {0}")]
    Broken(&'static str),
}

impl Stream {
    /// The bytes to keep as the journal's context of this stream.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let wire = StreamWire::from(self);
        let mut bytes = Vec::with_capacity(1 + wire.encoded_len());
        bytes.push(STREAM_VERSION);
        wire.encode_raw(&mut bytes);
        bytes
    }

    /// Reads a stream back.
    ///
    /// # Errors
    /// When the bytes are not a stream.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodingError> {
        match bytes.split_first() {
            Some((&STREAM_VERSION, message)) => {
                StreamWire::decode(message).map_err(|_| CodingError::Broken("stream"))?.try_into()
            }
            Some((&version, _)) => Err(CodingError::Version(version)),
            None => Err(CodingError::Broken("an empty stream")),
        }
    }
}

/// Head of a run of point frames. The payload is this, then the frames with their length prefixes as received.
#[must_use]
pub fn frames_header(first_n: u64) -> [u8; 10] {
    let mut header = [FRAMES, Content::Point.number(), 0, 0, 0, 0, 0, 0, 0, 0];
    for (place, byte) in header.iter_mut().skip(2).zip(first_n.to_le_bytes()) {
        *place = byte;
    }
    header
}

/// Head of a run of one record of any content. The payload is this, then the raw bytes.
#[must_use]
pub fn single_header(content: Content, n: u64, note: &Note) -> Vec<u8> {
    header(content, n, &NoteWire::from(note))
}

/// The same, of an alert that has just been judged.
#[must_use]
pub fn judged_header(content: Content, n: u64, note: &Note, verdict: &Verdict) -> Vec<u8> {
    header(content, n, &NoteWire::judged(note, verdict))
}

fn header(content: Content, n: u64, wire: &NoteWire) -> Vec<u8> {
    let length = wire.encoded_len();
    let mut bytes = Vec::with_capacity(14 + length);
    bytes.push(SINGLE);
    bytes.push(content.number());
    bytes.extend_from_slice(&n.to_le_bytes());
    // A note is a few hundred bytes: header values are bounded where they are read.
    bytes.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    wire.encode_raw(&mut bytes);
    bytes
}

/// The records of one run. After an error there is nothing more.
#[derive(Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: u32,
    seq: u64,
    n: u64,
    observed: i64,
    content: Content,
    /// The note of a single record; `None` in a frames run.
    note: Option<Note>,
}

/// Opens a run.
///
/// # Errors
/// When the head is not one of ours.
pub fn records(payload: &[u8], first_seq: u64, count: u32, observed: i64) -> Result<Records<'_>, CodingError> {
    let (format, rest) = payload.split_first().ok_or(CodingError::Broken("an empty run"))?;
    if !matches!(*format, FRAMES | SINGLE) {
        return Err(CodingError::Version(*format));
    }
    let (content, rest) = rest.split_first().ok_or(CodingError::Broken("no content"))?;
    let content = Content::from_number(*content).ok_or(CodingError::Broken("unknown content"))?;
    let (n, rest) = rest.split_first_chunk().ok_or(CodingError::Broken("no number in the stream"))?;
    let run = Records { rest, left: count, seq: first_seq, n: u64::from_le_bytes(*n), observed, content, note: None };
    if *format == FRAMES { Ok(run) } else { single(run) }
}

fn single(mut run: Records<'_>) -> Result<Records<'_>, CodingError> {
    if run.left != 1 {
        return Err(CodingError::Broken("a single record counted as several"));
    }
    let (length, rest) = run.rest.split_first_chunk().ok_or(CodingError::Broken("no note length"))?;
    let (note, raw) = usize::try_from(u32::from_le_bytes(*length))
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or(CodingError::Broken("note cut short"))?;
    run.rest = raw;
    run.note = Some(if note.is_empty() {
        Note::default()
    } else {
        NoteWire::decode(note).map_err(|_| CodingError::Broken("note"))?.try_into()?
    });
    Ok(run)
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, CodingError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return if self.rest.is_empty() { None } else { Some(self.fail("bytes after the last record")) };
        }
        let (note, raw) = if let Some(note) = self.note.take() {
            (note, std::mem::take(&mut self.rest))
        } else {
            match split_frame(self.rest) {
                Ok((frame, rest)) => {
                    self.rest = rest;
                    (Note::default(), frame)
                }
                Err(what) => return Some(self.fail(what)),
            }
        };
        let record = Record { seq: self.seq, observed: self.observed, n: self.n, content: self.content, note, raw };
        self.left -= 1;
        self.seq = self.seq.wrapping_add(1);
        self.n = self.n.wrapping_add(1);
        Some(Ok(record))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // One more than counted: the error about bytes behind the last record.
        (0, usize::try_from(self.left).ok().and_then(|left| left.checked_add(1)))
    }
}

impl std::iter::FusedIterator for Records<'_> {}

impl<'a> Records<'a> {
    fn fail(&mut self, what: &'static str) -> Result<Record<'a>, CodingError> {
        self.rest = &[];
        self.left = 0;
        Err(CodingError::Broken(what))
    }
}

/// Splits the first length-prefixed frame off.
fn split_frame(bytes: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let mut length = 0u64;
    for (index, byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        length |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).unwrap_or(u32::MAX)).unwrap_or(0);
        if byte & 0x80 == 0 {
            return usize::try_from(length)
                .ok()
                .and_then(|length| bytes.get(index + 1..)?.split_at_checked(length))
                .ok_or("a frame longer than the run");
        }
    }
    Err(if bytes.is_empty() { "fewer frames than counted" } else { "a length prefix that does not end" })
}

#[cfg(test)]
#[path = "coding_tests.rs"]
mod tests;
