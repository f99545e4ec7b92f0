//! What may be the name of a parameter or an element, and how the Data API writes names. Written apart from the sink that
//! is tested against it; only the list of reserved names, which is `DataMiner`'s, is the same file.

/// `DataMiner`'s list, lower case.
const RESERVED: &str = include_str!("../../sinks/dataminer/reserved.txt");

/// Whether a parameter must not have this name.
pub(super) fn reserved(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.starts_with("__") || RESERVED.lines().any(|line| line == lower)
}

/// The name in title case: letters after anything that is no letter, digit or apostrophe are capitals, the others are
/// small; a word without small letters stays.
pub(super) fn titled(name: &str) -> String {
    let in_word = |c: char| c.is_alphanumeric() || c == '\'';
    let mut text = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| in_word(c) != in_word(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let acronym = part.chars().any(char::is_alphabetic) && part == part.to_uppercase();
        if in_word(first) && !acronym {
            text.extend(first.to_uppercase());
            text.push_str(&part.chars().skip(1).collect::<String>().to_lowercase());
        } else {
            text.push_str(part);
        }
        rest = after;
    }
    text
}

/// Whether an element can have this name.
pub(super) fn element(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|', ';', '°'])
}
