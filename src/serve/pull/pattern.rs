//! Patterns as Kapacitor takes them, which are those of Go's `path.Match`: `*` and `?` for anything but a `/`, classes such
//! as `[a-z]` and `[^a-z]`, and `\` before a character that is meant as it stands. A pattern has to fit the whole name.

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Star,
    Any,
    One(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// Not a pattern. The words are Go's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub(super) struct BadPattern;

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, BadPattern> {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            parts.push(match character {
                '*' => Part::Star,
                '?' => Part::Any,
                '\\' => Part::One(rest.next().ok_or(BadPattern)?),
                '[' => class(&mut rest)?,
                _ => Part::One(character),
            });
        }
        // Of stars in a row, one says it all; and each costs time.
        parts.dedup_by(|a, b| *a == Part::Star && *b == Part::Star);
        Ok(Self(parts))
    }

    /// Whether it fits a name. An empty pattern fits every name.
    pub(super) fn fits(&self, name: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        // Where to go on after the last star: the part behind it, and the next place in the name to try it at.
        let mut star: Option<(usize, &str)> = None;
        let (mut part, mut rest) = (0, name);
        loop {
            let fits = match self.0.get(part) {
                Some(Part::Star) => {
                    part += 1;
                    star = Some((part, rest));
                    continue;
                }
                Some(one) => {
                    let mut characters = rest.chars();
                    characters.next().filter(|character| one.fits(*character)).map(|_| characters.as_str())
                }
                None if rest.is_empty() => return true,
                None => None,
            };
            if let Some(after) = fits {
                (part, rest) = (part + 1, after);
                continue;
            }
            // The star takes one character more. An earlier star need not be looked at again: what it could take, this
            // one can.
            let Some((behind, from)) = star else { return false };
            let mut characters = from.chars();
            match characters.next() {
                None | Some('/') => return false,
                Some(_) => {
                    star = Some((behind, characters.as_str()));
                    (part, rest) = (behind, characters.as_str());
                }
            }
        }
    }
}

impl Part {
    fn fits(&self, character: char) -> bool {
        match self {
            Self::Star => false,
            Self::Any => character != '/',
            Self::One(one) => *one == character,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
        }
    }
}

/// Reads what follows a `[`.
fn class(rest: &mut std::str::Chars<'_>) -> Result<Part, BadPattern> {
    let mut ahead = rest.clone();
    let negated = ahead.next() == Some('^');
    if negated {
        *rest = ahead;
    }
    let mut ranges = Vec::new();
    loop {
        let mut ahead = rest.clone();
        if ahead.next() == Some(']') && !ranges.is_empty() {
            *rest = ahead;
            return Ok(Part::Class { negated, ranges });
        }
        let low = member(rest)?;
        let mut ahead = rest.clone();
        let high = if ahead.next() == Some('-') {
            *rest = ahead;
            member(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// One character of a class. A `-` or a `]` has to be escaped.
fn member(rest: &mut std::str::Chars<'_>) -> Result<char, BadPattern> {
    match rest.next() {
        Some('\\') => rest.next().ok_or(BadPattern),
        None | Some('-' | ']') => Err(BadPattern),
        Some(character) => Ok(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `fits` is what Go's `path.Match` says; `None` is its `ErrBadPattern`.
    #[track_caller]
    fn check(pattern: &str, name: &str, fits: Option<bool>) {
        assert_eq!(Pattern::parse(pattern).ok().map(|pattern| pattern.fits(name)), fits, "{pattern} {name}");
    }

    #[test]
    fn as_go_matches() {
        for (pattern, name, fits) in [
            ("", "anything/at all", true),
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*", "", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexyz/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xyz/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("a[^x]b", "a/b", true),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "-", true),
            ("[\\-x]", "a", false),
            ("*x", "xyx", true),
            ("main:*:alert?", "main:cpu:alert2", true),
            ("**", "ab", true),
            ("[[*]", "*", true),
            ("rec", "rec/x", false),
        ] {
            check(pattern, name, Some(fits));
        }
    }

    #[test]
    fn as_go_refuses() {
        for pattern in [
            "[]a]", "[-]", "[x-]", "[-x]", "[", "[^", "[^bc", "a[", "a\\", "[a-b-c]", "[]", "[^]", "a*[", "\\", "[\\",
            "[a",
        ] {
            check(pattern, "a", None);
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "*a".repeat(200) + "b";
        check(&pattern, &"a".repeat(20_000), Some(false));
    }
}
