//! Strings, numbers and bytes as JSON.

/// Appends a JSON string.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    // Almost no text needs an escape, and this test over all bytes without an exit is vectorised.
    if text.bytes().fold(false, |found, byte| found | must_escape(byte)) {
        for chunk in text.as_bytes().split_inclusive(|byte| must_escape(*byte)) {
            match chunk.split_last() {
                Some((last, clean)) if must_escape(*last) => {
                    out.extend_from_slice(clean);
                    escape(*last, out);
                }
                _ => out.extend_from_slice(chunk),
            }
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

const fn must_escape(byte: u8) -> bool {
    matches!(byte, 0..0x20 | b'"' | b'\\')
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex_digit(byte >> 4), hex_digit(byte & 15)]),
    }
}

/// Appends JSON as it is, on one line: a line break in valid JSON is only ever space between its parts.
pub(super) fn one_line(json: &str, out: &mut Vec<u8>) {
    out.extend(json.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
}

/// Appends an integer of any width.
pub(super) fn integer(value: impl serde::Serialize, out: &mut Vec<u8>) {
    // Writing a number into memory does not fail; should it ever, the line is still JSON.
    if serde_json::to_writer(&mut *out, &value).is_err() {
        out.extend_from_slice(b"null");
    }
}

/// Appends a double in the shortest form that reads back to it, always with a point or an exponent; what JSON has no
/// number for as one of the strings `"NaN"`, `"Infinity"`, `"-Infinity"`.
pub(super) fn float(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        integer(value, out);
    } else if value.is_nan() {
        out.extend_from_slice(br#""NaN""#);
    } else if value > 0.0 {
        out.extend_from_slice(br#""Infinity""#);
    } else {
        out.extend_from_slice(br#""-Infinity""#);
    }
}

/// Appends 32 hex digits, without quotes.
pub(super) fn hex(value: u128, out: &mut Vec<u8>) {
    out.extend(value.to_be_bytes().into_iter().flat_map(hex_pair));
}

/// Appends 16 hex digits, without quotes.
pub(super) fn hex64(value: u64, out: &mut Vec<u8>) {
    out.extend(value.to_be_bytes().into_iter().flat_map(hex_pair));
}

fn hex_pair(byte: u8) -> [u8; 2] {
    [hex_digit(byte >> 4), hex_digit(byte & 15)]
}

const fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// Appends standard base64 with padding, without quotes.
pub(super) fn base64(data: &[u8], out: &mut Vec<u8>) {
    out.reserve(data.len().div_ceil(3) * 4);
    for chunk in data.chunks(3) {
        let (a, b, c) = match *chunk {
            [a, b, c] => (a, Some(b), Some(c)),
            [a, b] => (a, Some(b), None),
            [a] => (a, None, None),
            _ => continue,
        };
        out.push(base64_digit(a >> 2));
        out.push(base64_digit((a & 3) << 4 | b.unwrap_or(0) >> 4));
        out.push(b.map_or(b'=', |b| base64_digit((b & 15) << 2 | c.unwrap_or(0) >> 6)));
        out.push(c.map_or(b'=', |c| base64_digit(c & 63)));
    }
}

const fn base64_digit(value: u8) -> u8 {
    match value {
        0..=25 => b'A' + value,
        26..=51 => b'a' + value - 26,
        52..=61 => b'0' + value - 52,
        62 => b'+',
        _ => b'/',
    }
}

#[cfg(test)]
#[path = "scalar_tests.rs"]
mod tests;
