//! JSON passed over without being read: the cursor under [`glance`](super::glance).
//!
//! It knows the common part of JSON and gives up (`None`) on the rest, whether that is good JSON or not: escapes of
//! surrogates, numbers of great length or exponent, deep nesting. What it passes, `serde_json` takes too.

use std::borrow::Cow;

/// Arrays and objects within each other; beyond it the cursor gives up.
const DEPTH: u32 = 32;
/// A longer number is given up: it might be one that `serde_json` finds too large.
const DIGITS: usize = 64;

/// What a value was.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Passed<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Bool(bool),
    /// `null`, a number that is no integer, an array, an object.
    Other,
}

impl<'a> Passed<'a> {
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn bool(&self) -> Option<bool> {
        if let Self::Bool(bool) = self { Some(*bool) } else { None }
    }
}

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no space, which is not passed yet.
    pub(super) fn next(&mut self) -> Option<u8> {
        loop {
            let byte = self.peek()?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: u8) -> Option<()> {
        (self.next()? == wanted).then(|| self.at += 1)
    }

    /// Whether nothing but space follows.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.next().is_none()
    }

    /// Passes an object. `member` gets each key, which has no escapes, and must pass its value.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.eat(b'{')?;
        if self.next()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let Cow::Borrowed(key) = self.string()? else { return None };
            self.eat(b':')?;
            member(self, key)?;
            let byte = self.next()?;
            self.at += 1;
            match byte {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Passes a value and says what it was.
    pub(super) fn value(&mut self) -> Option<Passed<'a>> {
        match self.next()? {
            b'"' => self.string().map(Passed::Text),
            b't' => self.word("true").map(|()| Passed::Bool(true)),
            b'f' => self.word("false").map(|()| Passed::Bool(false)),
            b'-' | b'0'..=b'9' => self.integer(),
            _ => self.skip().map(|()| Passed::Other),
        }
    }

    /// Passes a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        // A bit for each array or object around the place: whether it is an object.
        let (mut objects, mut depth) = (0_u64, 0);
        loop {
            let opened = match self.next()? {
                b'"' => self.skip_string().map(|_| false)?,
                b'{' | b'[' if depth == DEPTH => return None,
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    (objects, depth) = (objects << 1 | u64::from(open == b'{'), depth + 1);
                    true
                }
                b't' => self.word("true").map(|()| false)?,
                b'f' => self.word("false").map(|()| false)?,
                b'n' => self.word("null").map(|()| false)?,
                _ => self.number().map(|_| false)?,
            };
            let mut first = opened;
            // Behind a value, or at the beginning of an array or object: what closes here, and what comes next.
            loop {
                if depth == 0 {
                    return Some(());
                }
                let is_object = objects & 1 == 1;
                let byte = self.next()?;
                if byte == if is_object { b'}' } else { b']' } {
                    self.at += 1;
                    (objects, depth, first) = (objects >> 1, depth - 1, false);
                    continue;
                }
                if !std::mem::take(&mut first) {
                    self.eat(b',')?;
                }
                if is_object {
                    self.next()?;
                    self.skip_string()?;
                    self.eat(b':')?;
                }
                break;
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    /// Passes a number; `.` stands for one that is no integer.
    fn number(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let negative = rest.first() == Some(&b'-');
        let begin = usize::from(negative);
        let count = digits(begin);
        if count == 0 || count > DIGITS || count > 1 && rest.get(begin) == Some(&b'0') {
            return None;
        }
        let mut end = begin + count;
        let mut is_integer = true;
        if rest.get(end) == Some(&b'.') {
            is_integer = false;
            let fraction = digits(end + 1);
            if fraction == 0 || fraction > DIGITS {
                return None;
            }
            end += 1 + fraction;
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            is_integer = false;
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if !(1..=2).contains(&exponent) {
                return None;
            }
            end += 1 + sign + exponent;
        }
        self.at += end;
        Some(if is_integer { rest.get(..end)? } else { b"." })
    }

    /// Passes a number and says which integer it was.
    fn integer(&mut self) -> Option<Passed<'a>> {
        let number = self.number()?;
        let (negative, digits) = match number.strip_prefix(b"-") {
            Some(digits) => (true, digits),
            None => (false, number),
        };
        let value = || digits.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        match (digits, negative) {
            // What `serde_json` takes for a float.
            (b".", _) | (b"0", true) => Some(Passed::Other),
            // It may be more than 64 bits hold.
            (digits, _) if digits.len() > 18 => None,
            (_, true) => Some(Passed::Integer(-value())),
            (_, false) => Some(Passed::Integer(value())),
        }
    }

    /// Passes a string and says how many bytes its escapes are longer than what they stand for.
    fn skip_string(&mut self) -> Option<usize> {
        self.eat(b'"')?;
        let (mut rest, mut longer) = (self.rest(), 0);
        loop {
            while let Some((word, after)) = rest.split_first_chunk() {
                let stops = stops(u64::from_le_bytes(*word));
                if stops != 0 {
                    rest = rest.get(stops.trailing_zeros() as usize / 8..)?;
                    break;
                }
                rest = after;
            }
            let (stop, after) = rest.split_first()?;
            rest = match stop {
                b'"' => {
                    self.at = self.text.len() - after.len();
                    return Some(longer);
                }
                b'\\' => {
                    let (character, after) = escape(after)?;
                    longer += rest.len() - after.len() - character.len_utf8();
                    after
                }
                0..=0x1f => return None,
                // Of the last seven bytes.
                _ => after,
            };
        }
    }

    /// Passes a string: what stands between its quotes, and how much longer that is than what it says.
    pub(super) fn literal(&mut self) -> Option<(&'a str, usize)> {
        self.next()?;
        let begin = self.at + 1;
        let longer = self.skip_string()?;
        Some((self.text.get(begin..self.at - 1)?, longer))
    }

    /// Passes a string and decodes it.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        let (literal, longer) = self.literal()?;
        Some(if longer == 0 { Cow::Borrowed(literal) } else { Cow::Owned(unescape(literal, longer)) })
    }
}

/// What a string says, of what stands between its quotes, and is so much longer; the string was passed before.
pub(super) fn unescape(literal: &str, longer: usize) -> String {
    let mut text = String::with_capacity(literal.len() - longer);
    let mut rest = literal;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let Some((character, after)) = escape(escaped.as_bytes()) else { break };
        text.push(character);
        rest = escaped.get(escaped.len() - after.len()..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// What follows a backslash: the character, and what is behind it.
#[inline]
fn escape(text: &[u8]) -> Option<(char, &[u8])> {
    // Nearly all are this one: Kapacitor's JSON writes `&` so.
    match text.strip_prefix(b"u0026") {
        Some(rest) => Some(('&', rest)),
        None => other_escape(text),
    }
}

#[inline(never)]
fn other_escape(text: &[u8]) -> Option<(char, &[u8])> {
    let (byte, rest) = text.split_first()?;
    let character = match byte {
        b'"' | b'\\' | b'/' => char::from(*byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let (digits, rest) = rest.split_first_chunk::<4>()?;
            let hex = |digit: &u8| char::from(*digit).to_digit(16);
            let code = digits.iter().try_fold(0, |code, digit| Some(code << 4 | hex(digit)?))?;
            // Not of a surrogate.
            return Some((char::from_u32(code)?, rest));
        }
        _ => return None,
    };
    Some((character, rest))
}

/// The highest bit of each byte that is a quote, a backslash or below a space; of bytes above the lowest such one it may
/// be set as well.
const fn stops(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 0xff;
    let quote = word ^ (EACH * b'"' as u64);
    let backslash = word ^ (EACH * b'\\' as u64);
    (below(word, EACH << 5) | below(quote, EACH) | below(backslash, EACH)) & EACH << 7
}

/// The highest bit of each byte that is below its bound, as [`stops`] says.
const fn below(word: u64, bounds: u64) -> u64 {
    word.wrapping_sub(bounds) & !word
}
