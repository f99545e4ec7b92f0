//! What a request asks for, besides its path: the parameters of its query, read as Go reads them.

use crate::words::Level;
use std::borrow::Cow;

/// The first value of a parameter, decoded; `None` when it is not there. A pair that is badly encoded, or has a semicolon
/// in it, is as if it were not there.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';'));
    pairs
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key)?, decode(value)?))
        })
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Undoes the encoding of a query; `None` when a percent sign is not followed by two hex digits.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let ([high, low], after) = tail.split_first_chunk::<2>()?;
                let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
                rest = after;
                digit(*high)? << 4 | digit(*low)?
            }
            plain => plain,
        });
    }
    Some(match String::from_utf8_lossy(&bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    })
}

/// No level of Kapacitor's. The words are Kapacitor's too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown alert level '{0}'")]
pub(super) struct UnknownLevel(String);

/// Reads a level as Kapacitor does: in any case, and shortened as well (`WARN`, `c`). Nothing is OK.
pub(super) fn level(text: &str) -> Result<Level, UnknownLevel> {
    // Kapacitor looks for the text in all words, one behind the other, and takes it where it is the beginning of one.
    const WORDS: &str = "OKINFOWARNINGCRITICAL";
    let upper = text.to_uppercase();
    let found = WORDS.find(&upper);
    let mut begin = 0;
    for level in Level::ALL {
        if found == Some(begin) {
            return Ok(*level);
        }
        begin += level.as_str().len();
    }
    Err(UnknownLevel(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_as_kapacitor_reads_them() {
        for (text, expected) in [
            ("", Level::Ok),
            ("ok", Level::Ok),
            ("o", Level::Ok),
            ("i", Level::Info),
            ("INFOW", Level::Info),
            ("warn", Level::Warning),
            ("WARNING", Level::Warning),
            ("C", Level::Critical),
            ("Critical", Level::Critical),
        ] {
            assert_eq!(level(text), Ok(expected), "{text}");
        }
        for text in ["KIN", "bad x", "criticals", "0", " ok"] {
            assert_eq!(level(text).unwrap_err().to_string(), format!("unknown alert level '{}'", text.to_uppercase()));
        }
    }

    #[test]
    fn parameters_as_go_reads_them() {
        let query = "a=1&b=x+y%20z&a=2&c&%62=3&bad=%zz&semi=1;2&=5&d=%C3%A9";
        for (name, expected) in [
            ("a", Some("1")),
            ("b", Some("x y z")),
            ("c", Some("")),
            ("bad", None),
            ("semi", None),
            ("d", Some("é")),
            ("", Some("5")),
            ("e", None),
        ] {
            assert_eq!(parameter(query, name).as_deref(), expected, "{name}");
        }
    }
}
