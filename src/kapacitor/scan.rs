//! JSON passed over without being read: the cursor under [`glance`](super::glance).
//!
//! It knows the common part of JSON and gives up (`None`) on the rest, whether that is good JSON or not: escapes of
//! surrogates, numbers of great length or exponent, deep nesting. What it passes, `serde_json` takes too.

use std::borrow::Cow;

/// Arrays and objects within each other; beyond it the cursor gives up.
const DEPTH: u32 = 32;
/// A longer number is given up: it might be one that `serde_json` finds too large.
const DIGITS: usize = 64;
/// A decoded text begins with room for this much: default details.
const ROOM: usize = 1536;

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
    fn next(&mut self) -> Option<u8> {
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
                b'"' => self.skip_string().map(|()| false)?,
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

    /// Passes the plain part of a string, up to its end or an escape.
    fn run(&mut self) -> Option<(&'a str, u8)> {
        let begin = self.at;
        let length = self.rest().iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        self.at = begin + length;
        let stop = self.peek().filter(|byte| *byte >= 0x20)?;
        let run = self.text.get(begin..self.at)?;
        self.at += 1;
        Some((run, stop))
    }

    fn skip_string(&mut self) -> Option<()> {
        self.eat(b'"')?;
        while self.run()?.1 == b'\\' {
            self.escape()?;
        }
        Some(())
    }

    /// Passes a string and decodes it.
    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.eat(b'"')?;
        let (first, mut stop) = self.run()?;
        if stop == b'"' {
            return Some(Cow::Borrowed(first));
        }
        let mut decoded = String::with_capacity(ROOM.min(self.rest().len()) + first.len());
        decoded.push_str(first);
        while stop == b'\\' {
            decoded.push(self.escape()?);
            let run;
            (run, stop) = self.run()?;
            decoded.push_str(run);
        }
        Some(Cow::Owned(decoded))
    }

    /// Passes what follows a backslash.
    fn escape(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let digits = self.rest().first_chunk::<4>()?;
                self.at += 4;
                // Nearly all are this one: Kapacitor's JSON writes `&` so.
                if digits == b"0026" {
                    return Some('&');
                }
                let hex = |digit: &u8| char::from(*digit).to_digit(16);
                let code = digits.iter().try_fold(0, |code, digit| Some(code << 4 | hex(digit)?))?;
                // Not of a surrogate.
                char::from_u32(code)?
            }
            _ => return None,
        })
    }
}
