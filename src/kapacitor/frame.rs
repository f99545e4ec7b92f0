//! Frames: `uvarint(length) ++ message`, cut without consuming anything of a frame that is not all here.
//!
//! Everything works on the wire alone; the messages themselves are read elsewhere. Lengths that the wire claims are
//! compared, never allocated.

/// Longest length prefix, bytes: a varint of 64 bits.
pub const MAX_PREFIX: usize = 10;

/// Tag of a point in Request and Response: field 17, length-delimited.
const POINT_TAG: [u8; 2] = [0x8A, 0x01];

/// Wire type of a length-delimited field.
const LENGTH_DELIMITED: u64 = 2;

/// A frame at which the connection must end: where the next one begins is not known, or not worth waiting for.
/// The text is the sentence for [`super::reply::error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The varint has more than ten bytes or more than 64 bits.
    #[error("the length of a frame is not a varint of at most 64 bits")]
    Prefix,
    /// Longer than allowed.
    #[error("a frame of {length} bytes is longer than max_frame, {max} bytes")]
    TooLong {
        /// Length claimed, bytes.
        length: u64,
        /// Length allowed, bytes.
        max: usize,
    },
}

/// A varint at the front of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Varint {
    /// All here: its value and its length in bytes.
    Whole(u64, usize),
    /// The bytes end inside it.
    Short,
    /// More than ten bytes, or more than 64 bits.
    Overlong,
}

/// Reads a varint, canonical or not: protobuf takes `80 00` for 0. Lengths of points have one byte or two.
#[inline]
fn varint(input: &[u8]) -> Varint {
    match *input {
        [low, ..] if low < 0x80 => Varint::Whole(u64::from(low), 1),
        [low, high, ..] if high < 0x80 => Varint::Whole(u64::from(low & 0x7F) | u64::from(high) << 7, 2),
        _ => long_varint(input),
    }
}

fn long_varint(input: &[u8]) -> Varint {
    let mut value = 0_u64;
    for (index, &byte) in input.iter().take(MAX_PREFIX).enumerate() {
        // The tenth byte carries one bit.
        if index == MAX_PREFIX - 1 && byte > 1 {
            return Varint::Overlong;
        }
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte < 0x80 {
            return Varint::Whole(value, index + 1);
        }
    }
    if input.len() < MAX_PREFIX { Varint::Short } else { Varint::Overlong }
}

/// Lengths of the frame at the front: of its prefix and of its body.
#[inline]
fn peek(input: &[u8], max: usize) -> Result<Option<(usize, usize)>, FrameError> {
    match varint(input) {
        Varint::Whole(length, prefix) => match usize::try_from(length) {
            Ok(body) if body <= max => Ok(Some((prefix, body))),
            _ => Err(FrameError::TooLong { length, max }),
        },
        Varint::Short => Ok(None),
        Varint::Overlong => Err(FrameError::Prefix),
    }
}

/// The frame at the front of `input`: its length with its prefix, and its body. `None` when it is not all here.
///
/// # Errors
/// When its length cannot be read, or is more than `max` bytes.
#[inline]
pub fn split(input: &[u8], max: usize) -> Result<Option<(usize, &[u8])>, FrameError> {
    let Some((prefix, body)) = peek(input, max)? else { return Ok(None) };
    Ok(input.get(prefix..).and_then(|rest| rest.get(..body)).map(|frame| (prefix + body, frame)))
}

/// How many more bytes the frame at the front needs; 0 when it is all here or can never be.
#[must_use]
pub fn missing(input: &[u8], max: usize) -> usize {
    match peek(input, max) {
        Ok(Some((prefix, body))) => (prefix + body).saturating_sub(input.len()),
        Ok(None) => 1,
        Err(_) => 0,
    }
}

/// The run of plain point frames at the front of `input`: how many bytes and how many frames. Plain is a frame that is
/// one field, the point, to its last byte; what is inside the point is not looked at.
#[must_use]
pub fn points_at_front(input: &[u8], max: usize) -> (usize, u32) {
    let (mut bytes, mut count) = (0, 0_u32);
    while let Some(rest) = input.get(bytes..)
        && let Ok(Some((whole, frame))) = split(rest, max)
        && let Some(after_tag) = frame.strip_prefix(&POINT_TAG)
        && fills(after_tag)
        && count < u32::MAX
    {
        bytes += whole;
        count += 1;
    }
    (bytes, count)
}

/// Whether the bytes are a length and exactly as many bytes.
#[inline]
fn fills(input: &[u8]) -> bool {
    match varint(input) {
        Varint::Whole(length, prefix) => usize::try_from(length).ok() == input.len().checked_sub(prefix),
        Varint::Short | Varint::Overlong => false,
    }
}

/// Number and body of the field that a message consists of, when it is one length-delimited field to its last byte.
#[must_use]
pub fn only_field(message: &[u8]) -> Option<(u64, &[u8])> {
    let Varint::Whole(key, key_length) = varint(message) else { return None };
    let rest = message.get(key_length..)?;
    let Varint::Whole(_, prefix) = varint(rest) else { return None };
    (key & 7 == LENGTH_DELIMITED && fills(rest)).then_some((key >> 3, rest.get(prefix..)?))
}

/// A field of a message, as far as the wire tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its number, not checked against any schema.
    pub number: u64,
    /// Its value when it is a varint.
    pub varint: Option<u64>,
}

/// The message is not a sequence of protobuf fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Walks the fields of a message. Ends after the first [`Malformed`]. Groups, which proto3 does not have, are malformed.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of `message`, a message without its length prefix.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field and what follows it; `None` when there is none to be read.
    fn step(&self) -> Option<(Field, &'a [u8])> {
        let Varint::Whole(key, key_length) = varint(self.rest) else { return None };
        let (number, rest) = (key >> 3, self.rest.get(key_length..)?);
        let (value, length) = match key & 7 {
            0 => match varint(rest) {
                Varint::Whole(value, length) => (Some(value), length),
                Varint::Short | Varint::Overlong => return None,
            },
            1 => (None, 8),
            LENGTH_DELIMITED => match varint(rest) {
                Varint::Whole(length, prefix) => (None, prefix.checked_add(usize::try_from(length).ok()?)?),
                Varint::Short | Varint::Overlong => return None,
            },
            5 => (None, 4),
            _ => return None,
        };
        (number != 0).then_some((Field { number, varint: value }, rest.get(length..)?))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<Field, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let step = self.step();
        self.rest = step.map_or(&[], |(_, rest)| rest);
        Some(step.map(|(field, _)| field).ok_or(Malformed))
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
