//! An expression as tokens.

use super::error::Fault;
use super::literal;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'e> {
    Name(&'e str),
    /// Without a sign; up to 2^63, which only fits with a minus before it.
    Int(u64),
    Double(f64),
    Text(String),
    Symbol(&'static str),
    End,
}

/// Longer symbols before those they begin with. Some are CEL's, but no part of the language here: they are known so
/// that the parser can say so.
const SYMBOLS: [&str; 26] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "!", "(", ")", "[", "]", ",", ".", "-", "+", "*", "/", "%", "?", ":",
    "{", "}", "=", "&",
];

/// Cuts an expression into tokens, one at a time.
#[derive(Debug)]
pub(super) struct Tokens<'e> {
    text: &'e str,
    at: usize,
}

impl<'e> Tokens<'e> {
    pub(super) fn new(text: &'e str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'e>), Fault> {
        self.skip_space();
        let start = self.at;
        let rest = self.text.get(start..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return Ok((start, Token::End)) };
        if let Some((text, length)) = literal::text(rest, start)? {
            self.at += length;
            return Ok((start, Token::Text(text)));
        }
        if first.is_ascii_digit() || (first == '.' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)) {
            let (token, length) = literal::number(rest, start)?;
            self.at += length;
            return Ok((start, token));
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            self.at += length;
            return Ok((start, Token::Name(rest.get(..length).unwrap_or_default())));
        }
        match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            Some("=") => Err(Fault::new(start, "a comparison is written ==")),
            Some("&") => Err(Fault::new(start, "and is written &&")),
            Some(symbol) => {
                self.at += symbol.len();
                Ok((start, Token::Symbol(symbol)))
            }
            None if first == '|' => Err(Fault::new(start, "or is written ||")),
            None => Err(Fault::new(start, format!("{first:?} is no part of an expression"))),
        }
    }

    /// Passes over space and `//` comments.
    fn skip_space(&mut self) {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0c']);
            self.at = self.text.len() - trimmed.len();
            if !trimmed.starts_with("//") {
                break;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
    }
}
