//! Functions and methods of the language.

use super::error::Fault;
use super::expression::{Condition, Operand, TextTest};
use super::parser::Parser;
use super::resolve::{Node, check_text, duration, operand, root, size, step, timestamp};
use super::token::Token;
use regex::RegexBuilder;

/// How much memory one compiled regular expression may take, in bytes.
const LARGEST_REGEX: usize = 1 << 20;

const FUNCTIONS: &str = "has, size, matches, duration, timestamp";
const METHODS: &str = "startsWith, endsWith, contains, matches, size";

impl Parser<'_> {
    pub(super) fn function(&mut self, name: &str, at: usize) -> Result<Node, Fault> {
        if !["has", "size", "matches", "duration", "timestamp"].contains(&name) {
            return Err(Fault::new(at, format!("no function `{name}`; there are: {FUNCTIONS}")));
        }
        self.expect("(")?;
        let start = self.at;
        let node = match name {
            "has" => self.has()?,
            "size" => {
                let of = self.nested(Self::alternative)?;
                size(of, start)?
            }
            "matches" => {
                let text = operand(self.nested(Self::alternative)?, start)?;
                check_text(&text, start)?;
                self.expect(",")?;
                self.regex(text)?
            }
            _ => {
                let text = self.literal_text(&format!("{name}() takes a string"))?;
                let value = if name == "duration" { duration(&text, start) } else { timestamp(&text, start) };
                Node::Operand(Operand::Literal(value?))
            }
        };
        self.expect(")")?;
        Ok(node)
    }

    pub(super) fn method(&mut self, receiver: Node, start: usize, name: &str, at: usize) -> Result<Node, Fault> {
        self.expect("(")?;
        let node = match name {
            "size" => size(receiver, start)?,
            "startsWith" | "endsWith" | "contains" | "matches" => {
                let receiver = operand(receiver, start)?;
                check_text(&receiver, start)?;
                let test = match name {
                    "startsWith" => Some(TextTest::StartsWith),
                    "endsWith" => Some(TextTest::EndsWith),
                    "contains" => Some(TextTest::Contains),
                    _ => None,
                };
                if let Some(test) = test {
                    let start = self.at;
                    let part = operand(self.nested(Self::alternative)?, start)?;
                    check_text(&part, start)?;
                    Node::Condition(Condition::Text(receiver, test, part))
                } else {
                    self.regex(receiver)?
                }
            }
            _ => return Err(Fault::new(at, format!("no method `{name}`; there are: {METHODS}"))),
        };
        self.expect(")")?;
        Ok(node)
    }

    /// The argument of `has`: a path, and by names only, because CEL takes no key there.
    fn has(&mut self) -> Result<Node, Fault> {
        let at = self.at;
        let usage = "has() takes a path such as has(tags.host); for other keys write \"a b\" in tags";
        let name = self.name(usage)?;
        let mut node = root(name, at)?;
        let mut steps = 0;
        while self.take(".")? {
            let step_at = self.at;
            node = step(&node, at, self.name(usage)?, step_at)?;
            steps += 1;
        }
        match node {
            Node::Operand(Operand::Path(path)) if steps > 0 && self.is(")") => {
                Ok(Node::Condition(Condition::Has(path)))
            }
            _ => Err(Fault::new(at, usage)),
        }
    }

    fn regex(&mut self, text: Operand) -> Result<Node, Fault> {
        let at = self.at;
        let pattern = self.literal_text("matches() takes a regular expression as a string")?;
        let regex = RegexBuilder::new(&pattern).size_limit(LARGEST_REGEX).build();
        match regex {
            Ok(regex) => Ok(Node::Condition(Condition::Matches(text, regex))),
            Err(regex::Error::CompiledTooBig(_)) => Err(Fault::new(at, "a regular expression that is too large")),
            // The last line says what is wrong; those before it show where, in a pattern that is shown anyway.
            Err(error) => {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(Fault::new(at, format!("not a regular expression: {last}")))
            }
        }
    }

    fn literal_text(&mut self, usage: &str) -> Result<String, Fault> {
        let Token::Text(text) = std::mem::replace(&mut self.token, Token::End) else { return self.fail(usage) };
        self.advance()?;
        Ok(text)
    }
}
