//! Reading protobuf's wire format in place.
//!
//! What is accepted and what is refused is what the generated decoder accepts and refuses, with one exception: text
//! that is not UTF-8 is kept, with U+FFFD in place of what is not.

use super::point::{Text, WireError};
use std::borrow::Cow;

/// Wire type of integers and booleans.
pub(super) const VARINT: u8 = 0;
/// Wire type of doubles.
pub(super) const SIXTY_FOUR_BIT: u8 = 1;
/// Wire type of strings, bytes and messages.
pub(super) const LENGTH_DELIMITED: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const THIRTY_TWO_BIT: u8 = 5;

/// How deep messages and unknown groups may lie in one another, counted from the Request.
pub(super) const DEPTH: u8 = 100;

/// How many bytes are checked ahead for being text. Names, tags and their lengths mostly follow one another as plain
/// ASCII, and one check of them all costs less than one check each.
const AHEAD: usize = 512;

/// A place in a frame, with the end of the message being read.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    whole: &'a [u8],
    /// The beginning of `whole`, up to the end of the message being read.
    open: &'a [u8],
    at: usize,
    /// A part of `whole` that is known to be text, and where it begins.
    known: &'a str,
    known_at: usize,
}

/// What to go back to at the end of a message inside a message.
#[derive(Debug, Clone, Copy)]
#[must_use = "the outer message is to be taken up again"]
pub(super) struct Outer<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    pub(super) fn new(whole: &'a [u8]) -> Self {
        Self { whole, open: whole, at: 0, known: "", known_at: 0 }
    }

    /// Whether the message being read goes on.
    #[inline]
    pub(super) fn more(&self) -> bool {
        self.at < self.open.len()
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The bytes from a place read before up to here.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        self.open.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn error(&self, what: &'static str) -> WireError {
        WireError { what, at: self.at }
    }

    /// Goes into a message that begins with its length; [`Self::leave`] goes back once [`Self::more`] says no.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<Outer<'a>, WireError> {
        let end = self.end_of_length_delimited()?;
        let outer = Outer(self.open);
        self.open = self.open.get(..end).unwrap_or_default();
        Ok(outer)
    }

    #[inline]
    pub(super) fn leave(&mut self, outer: Outer<'a>) {
        self.open = outer.0;
    }

    /// Number and wire type of the next field.
    #[inline]
    pub(super) fn key(&mut self) -> Result<(u32, u8), WireError> {
        match self.open.get(self.at) {
            // Numbers up to 15 with a known wire type, which is all that maps and most of a point have.
            Some(&byte) if byte < 0x80 && byte >> 3 != 0 && byte & 7 <= THIRTY_TWO_BIT => {
                self.at += 1;
                Ok((u32::from(byte >> 3), byte & 7))
            }
            _ => self.other_key(),
        }
    }

    #[cold]
    fn other_key(&mut self) -> Result<(u32, u8), WireError> {
        let start = self.at;
        let key = u32::try_from(self.varint()?).map_err(|_| WireError { what: "field number too large", at: start })?;
        let wire_type = (key & 7) as u8;
        if wire_type > THIRTY_TWO_BIT {
            return Err(WireError { what: "unknown wire type", at: start });
        }
        if key >> 3 == 0 {
            return Err(WireError { what: "field number 0", at: start });
        }
        Ok((key >> 3, wire_type))
    }

    #[inline]
    pub(super) fn expect(&self, wire_type: u8, expected: u8) -> Result<(), WireError> {
        if wire_type == expected { Ok(()) } else { Err(self.error("field of another type")) }
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, WireError> {
        match self.open.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0_u64;
        for (index, &byte) in self.open.get(self.at..).unwrap_or_default().iter().take(10).enumerate() {
            // The tenth byte has room for one bit.
            if index == 9 && byte > 1 {
                return Err(self.error("varint larger than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
        }
        Err(self.error("varint without an end"))
    }

    #[inline]
    pub(super) fn int64(&mut self, wire_type: u8) -> Result<i64, WireError> {
        self.expect(wire_type, VARINT)?;
        Ok(self.varint()?.cast_signed())
    }

    #[inline]
    pub(super) fn bool(&mut self, wire_type: u8) -> Result<bool, WireError> {
        self.expect(wire_type, VARINT)?;
        Ok(self.varint()? != 0)
    }

    #[inline]
    pub(super) fn double(&mut self, wire_type: u8) -> Result<f64, WireError> {
        self.expect(wire_type, SIXTY_FOUR_BIT)?;
        let bytes = self.open.get(self.at..).and_then(|rest| rest.first_chunk::<8>());
        let value = f64::from_le_bytes(*bytes.ok_or_else(|| self.error("double cut short"))?);
        self.at += 8;
        Ok(value)
    }

    /// Reads text into its place. It is written there at once, because a view is mostly texts, and moving each of them
    /// once more costs as much as reading it.
    #[inline]
    pub(super) fn text(&mut self, wire_type: u8, place: &mut Text<'a>) -> Result<(), WireError> {
        // A text of less than 128 bytes that is known already, as nearly all of them are.
        if wire_type == LENGTH_DELIMITED
            && let Some(&length) = self.open.get(self.at)
            && let (start, end) = (self.at + 1, self.at + 1 + usize::from(length))
            && length < 0x80
            && end <= self.open.len()
            && let Some(text) = self.known_text(start, end)
        {
            self.at = end;
            *place = Cow::Borrowed(text);
            return Ok(());
        }
        self.other_text(wire_type, place)
    }

    #[inline(never)]
    fn other_text(&mut self, wire_type: u8, place: &mut Text<'a>) -> Result<(), WireError> {
        self.expect(wire_type, LENGTH_DELIMITED)?;
        let end = self.end_of_length_delimited()?;
        let start = std::mem::replace(&mut self.at, end);
        *place = match self.known_text(start, end) {
            Some(text) => Cow::Borrowed(text),
            None => self.unknown_text(start, end),
        };
        Ok(())
    }

    #[inline]
    fn known_text(&self, start: usize, end: usize) -> Option<&'a str> {
        self.known.get(start.checked_sub(self.known_at)?..end - self.known_at)
    }

    /// Looks ahead from the beginning of a text, so that the texts after it are mostly known.
    #[inline(never)]
    fn unknown_text(&mut self, start: usize, end: usize) -> Text<'a> {
        let ahead = self.whole.get(start..self.whole.len().min(start + AHEAD)).unwrap_or_default();
        let known = std::str::from_utf8(ahead)
            .or_else(|error| std::str::from_utf8(ahead.get(..error.valid_up_to()).unwrap_or_default()));
        (self.known, self.known_at) = (known.unwrap_or_default(), start);
        match self.known_text(start, end) {
            Some(text) => Cow::Borrowed(text),
            // Longer than what was checked, or not text all through.
            None => String::from_utf8_lossy(self.whole.get(start..end).unwrap_or_default()),
        }
    }

    /// Passes over a field that is not known, as the generated decoder does.
    pub(super) fn skip(&mut self, number: u32, wire_type: u8, depth: u8) -> Result<(), WireError> {
        let Some(below) = depth.checked_sub(1) else { return Err(self.error("too many groups in one another")) };
        match wire_type {
            VARINT => self.varint().map(drop),
            SIXTY_FOUR_BIT => self.pass(8),
            LENGTH_DELIMITED => {
                self.at = self.end_of_length_delimited()?;
                Ok(())
            }
            START_GROUP => loop {
                let (inner, wire_type) = self.key()?;
                if wire_type == END_GROUP {
                    break if inner == number { Ok(()) } else { Err(self.error("end of another group")) };
                }
                self.skip(inner, wire_type, below)?;
            },
            THIRTY_TWO_BIT => self.pass(4),
            _ => Err(self.error("end of a group that did not begin")),
        }
    }

    fn pass(&mut self, count: usize) -> Result<(), WireError> {
        if self.open.len() - self.at < count {
            return Err(self.error("field cut short"));
        }
        self.at += count;
        Ok(())
    }

    #[inline]
    fn end_of_length_delimited(&mut self) -> Result<usize, WireError> {
        let length = self.varint()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.open.len() - self.at => Ok(self.at + length),
            _ => Err(self.error("length beyond the end")),
        }
    }
}
