//! Requests and answers of HTTP as they go over the wire, written and taken apart again.

use std::ops::Range;

/// What stands for the value of a header that is a secret.
const SECRET: &[u8] = b"[secret]";
/// Headers whose values are secrets.
const SECRETS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// Writes a head: its first line, its headers, the empty line. Values of secret headers are replaced.
pub fn write_head<'a>(out: &mut Vec<u8>, first: &[&str], headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
    for part in first {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    for (name, value) in headers {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(if SECRETS.contains(&name) { SECRET } else { value });
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// A part of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Name of the header, or `body`; empty for the first line.
    pub name: String,
    /// Where its value is in the bytes given.
    pub value: Range<usize>,
    /// Where all of it is.
    pub range: Range<usize>,
}

/// Takes apart what [`write_head`] wrote and the body behind it. Bytes with no head in them are a body.
#[must_use]
pub fn parts(bytes: &[u8]) -> Vec<Part> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return body(0, bytes.len());
    };
    let mut parts = Vec::new();
    let mut at = 0;
    while at < end + 2 {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest.windows(2).position(|window| window == b"\r\n").unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let colon = line.windows(2).position(|window| window == b": ").filter(|_| at > 0);
        let (name, from) = colon.map_or((&[][..], at), |colon| (line.get(..colon).unwrap_or_default(), at + colon + 2));
        parts.push(Part {
            name: String::from_utf8_lossy(name).into_owned(),
            value: from..at + length,
            range: at..at + length + 2,
        });
        at += length + 2;
    }
    parts.extend(body(end + 4, bytes.len()));
    parts
}

fn body(from: usize, to: usize) -> Vec<Part> {
    if from == to { Vec::new() } else { vec![Part { name: "body".to_owned(), value: from..to, range: from..to }] }
}
