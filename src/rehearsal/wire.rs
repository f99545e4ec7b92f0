//! Kapacitor's side of the wire: requests as Go's protobuf writes them, and framing.
//!
//! Written apart from the `kapacitor` room on purpose: a peer that shared its coding with what it tests would make the
//! same mistakes. What is particular to Go is kept: maps come in random order, every map entry carries its key and its
//! value even when they are zero, and other fields are left out when they are zero.

use super::point::{Batch, Point, Value};
use super::random::Random;
use crate::kapacitor::proto;
use prost::Message as _;
use std::collections::BTreeMap;

/// Longest answer that is read: kapacitord would allocate whatever the length claims.
pub const MAX_FRAME: usize = 64 << 20;

/// Why bytes are not a sequence of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// A length of more than ten bytes.
    #[error("a frame's length does not end within ten bytes")]
    Length,
    /// A length beyond [`MAX_FRAME`].
    #[error("a frame claims {0} bytes")]
    TooLong(u64),
    /// The last frame is not whole.
    #[error("the last frame is cut short")]
    Cut,
}

/// A frame's length prefix.
#[must_use]
pub fn prefix(length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(5);
    varint(u64::try_from(length).unwrap_or(u64::MAX), &mut out);
    out
}

/// A frame with its length prefix.
#[must_use]
pub fn framed(frame: &[u8]) -> Vec<u8> {
    let mut out = prefix(frame.len());
    out.extend_from_slice(frame);
    out
}

/// Splits bytes into frames, without their prefixes.
///
/// # Errors
/// When the bytes are not whole frames.
pub fn frames(mut bytes: &[u8]) -> Result<Vec<&[u8]>, FramingError> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (length, used) = read_varint(bytes)?.ok_or(FramingError::Cut)?;
        let rest = bytes.get(used..).ok_or(FramingError::Cut)?;
        let (frame, rest) = rest.split_at_checked(checked(length)?).ok_or(FramingError::Cut)?;
        found.push(frame);
        bytes = rest;
    }
    Ok(found)
}

/// A frame's length as a size that may be allocated.
///
/// # Errors
/// When it is beyond [`MAX_FRAME`].
pub fn checked(length: u64) -> Result<usize, FramingError> {
    usize::try_from(length).ok().filter(|&length| length <= MAX_FRAME).ok_or(FramingError::TooLong(length))
}

/// The number at the front of `bytes` and how many bytes it takes; `None` when it is not all there.
///
/// # Errors
/// When it does not end within ten bytes.
pub fn read_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, FramingError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index).min(63);
        if byte < 0x80 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < 10 { Ok(None) } else { Err(FramingError::Length) }
}

/// A control request.
#[must_use]
pub fn request(message: proto::request::Message) -> Vec<u8> {
    proto::Request { message: Some(message) }.encode_to_vec()
}

/// An option of a script's UDF call with string arguments, such as `.label('dc', 'eu-1')`.
#[must_use]
pub fn texts(name: &str, arguments: &[&str]) -> proto::Option {
    let values = arguments
        .iter()
        .map(|&text| proto::OptionValue {
            r#type: proto::ValueType::String.into(),
            value: Some(proto::option_value::Value::StringValue(text.to_owned())),
        })
        .collect();
    proto::Option { name: name.to_owned(), values }
}

/// An option of a script's UDF call with one boolean, such as `.echo(FALSE)`.
#[must_use]
pub fn flag(name: &str, on: bool) -> proto::Option {
    let value = proto::OptionValue {
        r#type: proto::ValueType::Bool.into(),
        value: Some(proto::option_value::Value::BoolValue(on)),
    };
    proto::Option { name: name.to_owned(), values: vec![value] }
}

/// A stream's point as a request.
#[must_use]
pub fn point(point: &Point, random: &mut Random) -> Vec<u8> {
    let mut body = Body::default();
    body.int(1, point.time);
    body.text(2, &point.name);
    body.text(3, &point.database);
    body.text(4, &point.retention_policy);
    body.text(5, &point.group());
    for dimension in &point.dimensions {
        body.bytes(6, dimension.as_bytes());
    }
    body.tags(7, &point.tags, random);
    body.fields(point, random);
    body.request(17)
}

/// A batch as requests: begin, its points, end (`udf/server.go`, `writeBufferedBatch`).
#[must_use]
pub fn batch(batch: &Batch, random: &mut Random) -> Vec<Vec<u8>> {
    let group = batch.group();
    let mut begin = Body::default();
    begin.text(1, &batch.name);
    begin.text(2, &group);
    begin.tags(3, &batch.tags, random);
    begin.int(4, i64::try_from(batch.points.len()).unwrap_or(i64::MAX));
    begin.flag(5, batch.by_name);
    let mut requests = vec![begin.request(16)];
    for point in &batch.points {
        let mut body = Body::default();
        body.int(1, point.time);
        body.text(5, &group);
        body.tags(7, &point.tags, random);
        body.fields(&Point { by_name: false, ..point.clone() }, random);
        requests.push(body.request(17));
    }
    let mut end = Body::default();
    end.text(1, &batch.name);
    end.text(2, &group);
    end.int(3, batch.tmax);
    end.tags(4, &batch.tags, random);
    requests.push(end.request(18));
    requests
}

/// A message under construction.
#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn int(&mut self, number: u8, value: i64) {
        if value != 0 {
            key(number, 0, &mut self.0);
            varint(value.cast_unsigned(), &mut self.0);
        }
    }

    fn flag(&mut self, number: u8, value: bool) {
        self.int(number, i64::from(value));
    }

    fn text(&mut self, number: u8, value: &str) {
        if !value.is_empty() {
            self.bytes(number, value.as_bytes());
        }
    }

    fn bytes(&mut self, number: u8, value: &[u8]) {
        key(number, 2, &mut self.0);
        varint(u64::try_from(value.len()).unwrap_or(u64::MAX), &mut self.0);
        self.0.extend_from_slice(value);
    }

    fn tags(&mut self, number: u8, tags: &BTreeMap<String, String>, random: &mut Random) {
        let mut entries: Vec<_> = tags.iter().collect();
        random.shuffle(&mut entries);
        for (name, value) in entries {
            self.entry(number, name, |entry| entry.bytes(2, value.as_bytes()));
        }
    }

    /// The typed field maps in the order of their numbers, with `byName` between them, each in random order.
    fn fields(&mut self, point: &Point, random: &mut Random) {
        let mut entries: Vec<_> = point.fields.iter().collect();
        random.shuffle(&mut entries);
        for number in 8..=12 {
            if number == 11 {
                self.flag(11, point.by_name);
                continue;
            }
            for (name, value) in &entries {
                match (number, value) {
                    (8, Value::Float(value)) => self.entry(8, name, |entry| {
                        key(2, 1, &mut entry.0);
                        entry.0.extend_from_slice(&value.to_le_bytes());
                    }),
                    (9, Value::Int(value)) => self.entry(9, name, |entry| {
                        key(2, 0, &mut entry.0);
                        varint(value.cast_unsigned(), &mut entry.0);
                    }),
                    (10, Value::Text(value)) => self.entry(10, name, |entry| entry.bytes(2, value.as_bytes())),
                    (12, Value::Bool(value)) => self.entry(12, name, |entry| {
                        key(2, 0, &mut entry.0);
                        entry.0.push(u8::from(*value));
                    }),
                    _ => {}
                }
            }
        }
    }

    fn entry(&mut self, number: u8, name: &str, value: impl FnOnce(&mut Self)) {
        let mut entry = Self::default();
        entry.bytes(1, name.as_bytes());
        value(&mut entry);
        self.bytes(number, &entry.0);
    }

    /// Wraps the message as field `number` of a Request.
    fn request(self, number: u8) -> Vec<u8> {
        let mut request = Self(Vec::with_capacity(self.0.len() + 8));
        request.bytes(number, &self.0);
        request.0
    }
}

fn key(number: u8, wire_type: u8, out: &mut Vec<u8>) {
    varint(u64::from(number) << 3 | u64::from(wire_type), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
