//! Names as `DataMiner` takes them: of parameters, of elements, of rows. Pure.

pub(super) use crate::http::text::clip as cut;
use xxhash_rust::xxh3::xxh3_64;

/// Names that no parameter may have, in lower case, one a line (`DataMiner`'s guideline "Reserved parameter names").
const RESERVED: &str = include_str!("reserved.txt");
/// Longest name of a parameter or an element that is sent, bytes.
pub(super) const LONGEST_NAME: usize = 100;
/// Longest key of a row, bytes: of longer ones `DataMiner` tells the first 100 apart.
pub(super) const LONGEST_KEY: usize = 100;
/// What is behind a key that is not the alert's id as it is: `~` and eight hex digits.
const TAIL: usize = 9;
/// What no name of an element may have.
const NOT_IN_ELEMENTS: [char; 11] = ['\\', '/', ':', '*', '?', '"', '<', '>', '|', ';', '°'];

/// Whether a parameter must not have this name.
#[must_use]
pub(super) fn is_reserved(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    name.starts_with("__") || RESERVED.lines().any(|reserved| reserved == name)
}

/// The name as the Data API writes it itself: every word with a capital, and words of capitals only as they are.
/// What is sent is written so, that the same parameter has one name everywhere.
#[must_use]
pub(super) fn title_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut word = String::new();
    for character in name.chars().chain(std::iter::once(' ')) {
        if character.is_alphanumeric() || character == '\'' {
            word.push(character);
            continue;
        }
        text.push_str(&capitalized(&word));
        word.clear();
        text.push(character);
    }
    text.pop();
    text
}

fn capitalized(word: &str) -> String {
    if word.chars().any(char::is_alphabetic) && !word.chars().any(char::is_lowercase) {
        return word.to_owned();
    }
    let mut characters = word.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &characters.as_str().to_lowercase()
}

/// Checks a name that a person chose for a column.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn check_column(name: &str) -> Result<(), String> {
    if name.is_empty() || name.trim() != name || name.chars().any(char::is_control) {
        return Err(format!("{name:?} cannot name a column: write words, without spaces around them"));
    }
    if name.len() > LONGEST_NAME {
        return Err(format!("{name:?} has {} bytes; a name has {LONGEST_NAME} at most", name.len()));
    }
    if is_reserved(name) {
        return Err(format!("{name:?} is one of the names that DataMiner keeps for itself; choose another"));
    }
    let titled = title_case(name);
    if titled != name {
        return Err(format!("{name:?} would be shown as {titled:?}; write it so"));
    }
    Ok(())
}

/// Checks the name of the connector that the Data API makes.
///
/// # Errors
/// What is wrong with it.
pub fn check_type(name: &str) -> Result<(), String> {
    if element(name) != name || name.is_empty() {
        return Err(format!("{name:?} cannot name a connector: none of {} and no spaces around it", forbidden()));
    }
    if name.to_lowercase().starts_with("production") {
        return Err(format!("{name:?} begins with \"Production\", which DataMiner keeps for itself"));
    }
    Ok(())
}

fn forbidden() -> String {
    NOT_IN_ELEMENTS.iter().map(char::to_string).collect::<Vec<_>>().join(" ")
}

/// A name as an element can have it: characters that it must not have become `-`, ends are trimmed, and it is cut.
/// Empty when nothing is left.
#[must_use]
pub fn element(name: &str) -> String {
    let good = |c: char| if NOT_IN_ELEMENTS.contains(&c) || c.is_control() { '-' } else { c };
    let name: String = name.trim().chars().map(good).collect();
    cut(&name, LONGEST_NAME).trim_end().to_owned()
}

/// Whether an id can be a row's key as it is.
fn is_key(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_KEY && id.trim() == id && !id.contains(|c: char| c == '\\' || c.is_control())
}

/// A row's key: the id, if `DataMiner` can take it and `is_free` agrees; otherwise what can be read of it and a hash of
/// the id and of what tells it from others of the same id.
#[must_use]
pub(super) fn key(id: &str, identity: &str, is_free: impl FnOnce(&str) -> bool) -> String {
    if is_key(id) && is_free(id) {
        return id.to_owned();
    }
    let hash = xxh3_64(identity.as_bytes()) >> 32;
    let good = |c: char| if c == '\\' || c.is_control() { '_' } else { c };
    let readable: String = id.trim().chars().map(good).collect();
    format!("{}~{hash:08x}", cut(&readable, LONGEST_KEY - TAIL).trim_end())
}

#[cfg(test)]
#[path = "names_tests.rs"]
mod tests;
