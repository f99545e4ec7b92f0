//! `TICKscript` text, cut into tokens.
//!
//! Reads what Kapacitor reads (`tick/ast/lex.go`) and is milder: text that ends in the middle of a string ends that
//! string, and characters that mean nothing are symbols. So every text has tokens, and nothing here can fail.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::CharIndices;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A name or a keyword.
    Word(&'a str),
    /// A string in single or triple quotes, without them.
    Text(Cow<'a, str>),
    /// A field or tag in double quotes.
    Reference,
    /// A number or a duration, as written.
    Number(&'a str),
    /// A regular expression.
    Regex,
    /// Anything else, one character.
    Symbol(char),
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    /// Line in the script, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    pub(super) fn is(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }
}

/// Cuts a script into tokens. Comments and white space are none.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, rest: text.char_indices().peekable(), line: 1 };
    let mut tokens: Vec<Token<'_>> = Vec::new();
    while let Some((at, first)) = lexer.next() {
        let line = lexer.line;
        // Behind a value a slash divides; elsewhere it begins a regular expression.
        let after_value = tokens.last().is_some_and(|token| match &token.kind {
            Kind::Symbol(symbol) => *symbol == ')',
            _ => true,
        });
        let kind = match first {
            '\n' | '\r' | '\t' | ' ' => continue,
            '/' if lexer.peek() == Some('/') => {
                lexer.while_true(|c| c != '\n');
                continue;
            }
            '/' if !after_value => {
                lexer.quoted('/');
                Kind::Regex
            }
            '"' => {
                lexer.quoted('"');
                Kind::Reference
            }
            '\'' => Kind::Text(lexer.string(at)),
            '0'..='9' => Kind::Number(lexer.number(at)),
            '.' if lexer.peek().is_some_and(|c| c.is_ascii_digit()) => Kind::Number(lexer.number(at)),
            c if c.is_alphabetic() || c == '_' => {
                lexer.while_true(|c| c.is_alphanumeric() || c == '_');
                Kind::Word(lexer.since(at))
            }
            c if c.is_whitespace() => continue,
            c => Kind::Symbol(c),
        };
        tokens.push(Token { kind, line });
    }
    tokens
}

struct Lexer<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Option<(usize, char)> {
        let next = self.rest.next();
        // A token's line is that of its first character, so the line ends only once its end is behind us.
        if let Some((_, '\n')) = next {
            self.line += 1;
        }
        next
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().map(|(_, c)| *c)
    }

    /// Where the next character begins, or the text's end.
    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |(at, _)| *at)
    }

    /// The text from `start` to here.
    fn since(&mut self, start: usize) -> &'a str {
        let end = self.at();
        self.text.get(start..end).unwrap_or_default()
    }

    fn while_true(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
    }

    /// Goes behind the closing mark. A backslash takes the mark's meaning away.
    fn quoted(&mut self, mark: char) {
        while let Some((_, c)) = self.next() {
            if c == mark {
                return;
            }
            if c == '\\' && self.peek() == Some(mark) {
                self.next();
            }
        }
    }

    /// A string whose first quote, at `start`, has been read.
    fn string(&mut self, start: usize) -> Cow<'a, str> {
        if self.text.get(start..).is_some_and(|text| text.starts_with("'''")) {
            self.next();
            self.next();
            let inside = self.at();
            let text = self.text.get(inside..).unwrap_or_default();
            let end = text.find("'''").map_or(self.text.len(), |end| inside + end);
            while self.at() < end && self.next().is_some() {}
            let found = self.since(inside);
            for _ in 0..3 {
                self.next();
            }
            return Cow::Borrowed(found);
        }
        let inside = self.at();
        self.quoted('\'');
        let found = self.since(inside);
        let found = found.strip_suffix('\'').unwrap_or(found);
        if found.contains("\\'") { Cow::Owned(found.replace("\\'", "'")) } else { Cow::Borrowed(found) }
    }

    fn number(&mut self, start: usize) -> &'a str {
        self.while_true(|c| c.is_ascii_digit() || c == '.');
        self.while_true(|c| "uµsmhdw".contains(c));
        self.since(start)
    }
}
