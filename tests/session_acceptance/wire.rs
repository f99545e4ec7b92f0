//! Frames built and cut naively, without the code under test.

use kaptap::kapacitor::proto::{Request, request};
use prost::Message as _;

/// A varint.
pub(crate) fn varint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

/// A message with its length prefix.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [varint(message.len() as u64), message.to_vec()].concat()
}

/// A length-delimited field.
pub(crate) fn field(number: u64, body: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
}

/// A varint field.
pub(crate) fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// A request as Kapacitor encodes it, without its length prefix.
pub(crate) fn request(message: request::Message) -> Vec<u8> {
    Request { message: Some(message) }.encode_to_vec()
}

/// Reads a varint off the front; `None` when it is not all here or too long.
pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7F).checked_shl(7 * index as u32).unwrap_or(0);
        if byte < 0x80 {
            *bytes = &bytes[index + 1..];
            return Some(value);
        }
    }
    None
}

/// The whole frames at the front of `stream`, without their prefixes, and how many bytes are left.
pub(crate) fn frames(stream: &[u8]) -> (Vec<&[u8]>, usize) {
    let (mut rest, mut found) = (stream, Vec::new());
    loop {
        let mut body = rest;
        let Some(length) = take_varint(&mut body) else { return (found, rest.len()) };
        if length > body.len() as u64 {
            return (found, rest.len());
        }
        let (frame, after) = body.split_at(length as usize);
        found.push(frame);
        rest = after;
    }
}
