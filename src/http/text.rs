//! Text that came from a peer, made fit for a line of a log or a terminal.

/// Text that cannot move a cursor, turn the direction of writing or break a line.
pub(crate) fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.trim().replace(|c| breaks(c) || turns(c), " ")
}

/// The beginning of a text, at most `most` bytes.
pub(crate) fn clip(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

/// Text in a URL, percent-encoded but for what RFC 3986 leaves unreserved and what is in `keep`.
#[must_use]
pub fn escaped(text: &str, keep: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let digit = |half: u8| char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.extend([byte >> 4, byte & 15].into_iter().filter_map(digit));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn everything_but_the_unreserved_is_escaped() {
        assert_eq!(escaped("kind == \"alert\" && a>1", ""), "kind%20%3D%3D%20%22alert%22%20%26%26%20a%3E1");
        assert_eq!(escaped("topic/cpu ü", "/"), "topic/cpu%20%C3%BC");
    }
}
