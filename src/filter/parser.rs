//! Tokens to a compiled condition, by recursive descent along CEL's grammar.

use super::LONGEST;
use super::error::Fault;
use super::expression::{Comparison, Condition, Operand};
use super::resolve::{Node, check_comparable, check_text, condition, operand, root, step};
use super::token::{Token, Tokens};
use super::value::Value;
use std::borrow::Cow;

/// How deep parentheses and calls may lie in one another.
const DEEPEST: usize = 64;

const MEMBERSHIP: &str =
    "in takes a list such as [\"a\", \"b\"], or one of tags, fields, labels, marks, origin.dimensions";

/// Reads a whole expression.
pub(super) fn parse(text: &str) -> Result<Condition, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::new(0, format!("longer than {LONGEST} bytes")));
    }
    let mut tokens = Tokens::new(text);
    let (at, token) = tokens.next()?;
    let mut parser = Parser { tokens, at, token, depth: 0 };
    if parser.token == Token::End {
        return parser.fail("an empty expression");
    }
    let start = parser.at;
    let node = parser.alternative()?;
    if parser.token != Token::End {
        return parser.unexpected();
    }
    condition(node, start)
}

/// The tokens, and how far they have been read.
pub(super) struct Parser<'e> {
    tokens: Tokens<'e>,
    /// The token that comes next, and where it begins.
    pub(super) token: Token<'e>,
    pub(super) at: usize,
    depth: usize,
}

impl<'e> Parser<'e> {
    pub(super) fn alternative(&mut self) -> Result<Node, Fault> {
        self.series_of("||", Self::conjunction, Condition::Any)
    }

    fn conjunction(&mut self) -> Result<Node, Fault> {
        self.series_of("&&", Self::relation, Condition::All)
    }

    /// One part, or several with an operator between them.
    fn series_of(
        &mut self,
        operator: &str,
        part: impl Fn(&mut Self) -> Result<Node, Fault>,
        whole: impl Fn(Box<[Condition]>) -> Condition,
    ) -> Result<Node, Fault> {
        let mut start = self.at;
        let first = part(self)?;
        if !self.is(operator) {
            return Ok(first);
        }
        let mut conditions = vec![condition(first, start)?];
        while self.take(operator)? {
            start = self.at;
            conditions.push(condition(part(self)?, start)?);
        }
        Ok(Node::Condition(whole(conditions.into())))
    }

    fn relation(&mut self) -> Result<Node, Fault> {
        let start = self.at;
        let left = self.unary()?;
        let comparison = match &self.token {
            Token::Symbol("==") => Comparison::Equal,
            Token::Symbol("!=") => Comparison::NotEqual,
            Token::Symbol("<") => Comparison::Less,
            Token::Symbol("<=") => Comparison::LessOrEqual,
            Token::Symbol(">") => Comparison::Greater,
            Token::Symbol(">=") => Comparison::GreaterOrEqual,
            Token::Name("in") => return self.membership(left, start),
            Token::Symbol("+" | "-" | "*" | "/" | "%") => return self.fail("there is no arithmetic here"),
            Token::Symbol("?") => return self.fail("there is no conditional ?: here; use && and ||"),
            _ => return Ok(left),
        };
        let left = operand(left, start)?;
        let operator = self.at;
        self.advance()?;
        let right_start = self.at;
        let right = operand(self.unary()?, right_start)?;
        check_comparable(&left, &right, comparison, operator)?;
        self.end_of_relation(Condition::Compare(left, comparison, right))
    }

    /// `in`, with the list or map after it.
    fn membership(&mut self, left: Node, start: usize) -> Result<Node, Fault> {
        let needle = operand(left, start)?;
        self.advance()?;
        let at = self.at;
        let condition = if self.is("[") {
            let list = self.list()?;
            for element in &list {
                check_comparable(&needle, element, Comparison::Equal, at)?;
            }
            Condition::OneOf(needle, list.into())
        } else if let Node::Collection(collection) = self.unary()? {
            check_text(&needle, start)?;
            Condition::In(needle, collection)
        } else {
            return Err(Fault::new(at, MEMBERSHIP));
        };
        self.end_of_relation(condition)
    }

    /// CEL would go on with the comparison's own answer, which is hardly ever meant.
    fn end_of_relation(&self, condition: Condition) -> Result<Node, Fault> {
        match self.token {
            Token::Symbol("==" | "!=" | "<" | "<=" | ">" | ">=") | Token::Name("in") => self.fail(
                "a comparison that is itself compared is written in parentheses; two comparisons are joined by &&",
            ),
            Token::Symbol("+" | "-" | "*" | "/" | "%") => self.fail("there is no arithmetic here"),
            Token::Symbol("?") => self.fail("there is no conditional ?: here; use && and ||"),
            _ => Ok(Node::Condition(condition)),
        }
    }

    fn list(&mut self) -> Result<Vec<Operand>, Fault> {
        self.expect("[")?;
        let mut elements = Vec::new();
        while !self.take("]")? {
            let start = self.at;
            elements.push(operand(self.nested(Self::alternative)?, start)?);
            if !self.is("]") {
                self.expect(",")?;
            }
        }
        Ok(elements)
    }

    fn unary(&mut self) -> Result<Node, Fault> {
        if self.is("!") {
            let mut negative = false;
            while self.take("!")? {
                negative = !negative;
            }
            let start = self.at;
            let inner = condition(self.member()?, start)?;
            return Ok(Node::Condition(if negative { Condition::Not(inner.into()) } else { inner }));
        }
        if self.is("-") {
            let start = self.at;
            self.advance()?;
            let value = match self.token {
                Token::Int(magnitude) => Value::Int(0_i64.wrapping_sub_unsigned(magnitude)),
                Token::Double(magnitude) => Value::Double(-magnitude),
                _ => return Err(Fault::new(start, "there is no arithmetic here; a minus stands before a number only")),
            };
            self.advance()?;
            return Ok(Node::Operand(Operand::Literal(value)));
        }
        self.member()
    }

    /// A primary with the members, keys and methods after it.
    fn member(&mut self) -> Result<Node, Fault> {
        let start = self.at;
        let mut node = self.primary()?;
        loop {
            if self.take(".")? {
                let at = self.at;
                let name = self.name("a name after the dot; a name with other characters is written tags[\"a b\"]")?;
                node = if self.is("(") { self.method(node, start, name, at)? } else { step(&node, start, name, at)? };
            } else if self.take("[")? {
                let at = self.at;
                let Token::Text(key) = std::mem::replace(&mut self.token, Token::End) else {
                    return Err(Fault::new(at, "a key is written as a string, such as tags[\"a b\"]"));
                };
                self.advance()?;
                self.expect("]")?;
                node = step(&node, start, &key, at)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn primary(&mut self) -> Result<Node, Fault> {
        let at = self.at;
        let literal = |value| Ok(Node::Operand(Operand::Literal(value)));
        match std::mem::replace(&mut self.token, Token::End) {
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.nested(Self::alternative)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("[") => Err(Fault::new(at, "a list stands after in only")),
            Token::Symbol("{") => Err(Fault::new(at, "there are no maps here")),
            Token::Name(name) => {
                self.advance()?;
                match name {
                    "true" | "false" => literal(Value::Bool(name == "true")),
                    "null" => literal(Value::Null),
                    _ if self.is("(") => self.function(name, at),
                    _ => root(name, at),
                }
            }
            Token::Int(value) => {
                self.advance()?;
                let value = i64::try_from(value).map_err(|_| Fault::new(at, "not an int of 64 bits"))?;
                literal(Value::Int(value))
            }
            Token::Double(value) => {
                self.advance()?;
                literal(Value::Double(value))
            }
            Token::Text(text) => {
                self.advance()?;
                literal(Value::Text(Cow::Owned(text)))
            }
            other => {
                self.token = other;
                self.unexpected()
            }
        }
    }

    pub(super) fn nested(&mut self, part: impl Fn(&mut Self) -> Result<Node, Fault>) -> Result<Node, Fault> {
        if self.depth == DEEPEST {
            return self.fail("too deep");
        }
        self.depth += 1;
        let node = part(self)?;
        self.depth -= 1;
        Ok(node)
    }

    pub(super) fn name(&mut self, usage: &str) -> Result<&'e str, Fault> {
        let Token::Name(name) = self.token else { return self.fail(usage) };
        if ["in", "true", "false", "null"].contains(&name) {
            return self.fail(usage);
        }
        self.advance()?;
        Ok(name)
    }

    pub(super) fn is(&self, symbol: &str) -> bool {
        matches!(self.token, Token::Symbol(next) if next == symbol)
    }

    pub(super) fn take(&mut self, symbol: &str) -> Result<bool, Fault> {
        let found = self.is(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.take(symbol)? { Ok(()) } else { self.fail(&format!("expected {symbol}")) }
    }

    pub(super) fn advance(&mut self) -> Result<(), Fault> {
        (self.at, self.token) = self.tokens.next()?;
        Ok(())
    }

    pub(super) fn fail<T>(&self, message: &str) -> Result<T, Fault> {
        Err(Fault::new(self.at, message))
    }

    fn unexpected<T>(&self) -> Result<T, Fault> {
        match &self.token {
            Token::End => self.fail("the expression ends here, but something is missing"),
            Token::Symbol(symbol) => self.fail(&format!("{symbol} cannot stand here")),
            Token::Name(name) => self.fail(&format!("{name} cannot stand here")),
            Token::Int(_) | Token::Double(_) => self.fail("a number cannot stand here"),
            Token::Text(_) => self.fail("a string cannot stand here"),
        }
    }
}
