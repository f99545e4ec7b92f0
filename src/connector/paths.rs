//! Paths of Kapacitor's API.

/// What is below a topic.
pub(super) fn topic_path(topic: &str, rest: &str) -> String {
    format!("/kapacitor/v1/alerts/topics/{}{rest}", escaped(topic))
}

/// One element of a path: everything but unreserved characters is escaped, so that no id is taken for something else.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase());
            out.push('%');
            out.extend([byte >> 4, byte & 15].into_iter().filter_map(digit));
        }
    }
    out
}
