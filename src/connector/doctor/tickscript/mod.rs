//! What a `TICKscript` says, as far as a doctor needs it: which nodes it has, with which properties, on what they stand.
//!
//! Not a second parser of the language: Kapacitor has refused what is wrong before it is seen here. What is found are
//! chains, `base|node(…).property(…)@udf(…)`, and variables that are bound to chains or to plain values. Everything
//! else (lambda expressions, arithmetic) is passed over. Pure; every text is read, and in time that grows with it.

mod token;

use std::borrow::Cow;
use std::collections::BTreeMap;
use token::{Kind, Token, tokens};

/// How often a chain may stand on another one through variables before it is given up.
const DEEPEST: usize = 64;

/// A script, read.
#[derive(Debug, Clone, Default)]
pub(super) struct Script<'a> {
    chains: Vec<Chain<'a>>,
    values: BTreeMap<&'a str, Cow<'a, str>>,
}

/// `base|node(…).property(…)`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chain<'a> {
    /// The variable that it is bound to.
    bound: Option<&'a str>,
    base: &'a str,
    calls: Vec<Call<'a>>,
}

/// How a call is joined to what is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// `|`, a node.
    Node,
    /// `@`, a node that is a UDF.
    Udf,
    /// `.`, a property of the node before it.
    Property,
}

/// One call of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call<'a> {
    joint: Joint,
    name: &'a str,
    line: usize,
    arguments: Vec<Argument<'a>>,
}

/// An argument, as far as it is one plain token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Argument<'a> {
    Text(Cow<'a, str>),
    Word(&'a str),
    Other,
}

/// Whether what an alert judges is split into groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grouping {
    Grouped,
    Ungrouped,
    /// It stands on something that is not in the script.
    Unknown,
}

/// A node and its properties.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'s, 'a> {
    script: &'s Script<'a>,
    chain: &'s Chain<'a>,
    /// Index of its call.
    at: usize,
    call: &'s Call<'a>,
}

impl<'a> Script<'a> {
    /// Reads a script.
    pub(super) fn parse(text: &'a str) -> Self {
        let tokens = Tokens::of(text);
        let mut script = Self::default();
        // Chains within arguments are read like others, later: no recursion, so no depth that could be too much.
        let mut at = 0;
        while at < tokens.list.len() {
            at = script.step(&tokens, at);
        }
        script
    }

    /// The same, with the values that a task gives to its template's variables (`vars` of the task).
    pub(super) fn with_vars(mut self, vars: &'a serde_json::Value) -> Self {
        for (name, var) in vars.as_object().into_iter().flatten() {
            if let Some(text) = var.get("value").and_then(serde_json::Value::as_str) {
                self.values.insert(name, Cow::Borrowed(text));
            }
        }
        self
    }

    /// Takes what begins at `at`; where to go on.
    fn step(&mut self, tokens: &Tokens<'a>, at: usize) -> usize {
        let kind = |index: usize| tokens.list.get(index).map(|token| &token.kind);
        let symbol = |index: usize, symbol: char| tokens.list.get(index).is_some_and(|token| token.is(symbol));
        let Some(Kind::Word(word)) = kind(at) else { return at + 1 };
        // A call's own name was read with its chain.
        let joined = at.checked_sub(1).is_some_and(|before| ['.', '|', '@'].iter().any(|joint| symbol(before, *joint)));
        if joined {
            return at + 1;
        }
        if *word == "var"
            && let (Some(Kind::Word(name)), true) = (kind(at + 1), symbol(at + 2, '='))
        {
            if let Some(chain) = tokens.chain(at + 3, Some(name)) {
                self.chains.push(chain);
                return at + 4;
            }
            if let Some(Kind::Text(text)) = kind(at + 3) {
                self.values.insert(name, text.clone());
            }
            return at + 3;
        }
        self.chains.extend(tokens.chain(at, None));
        at + 1
    }

    /// All nodes with this name, in the order of the text.
    pub(super) fn nodes(&self, name: &str) -> impl Iterator<Item = Node<'_, 'a>> {
        self.all(Joint::Node).filter(move |node| node.call.name == name)
    }

    /// All nodes that are UDFs.
    pub(super) fn udfs(&self) -> impl Iterator<Item = Node<'_, 'a>> {
        self.all(Joint::Udf)
    }

    fn all(&self, joint: Joint) -> impl Iterator<Item = Node<'_, 'a>> {
        self.chains.iter().flat_map(move |chain| {
            let calls = chain.calls.iter().enumerate().filter(move |(_, call)| call.joint == joint);
            calls.map(move |(at, call)| Node { script: self, chain, at, call })
        })
    }

    /// The value of an argument that is a string, or a variable that holds one.
    fn text<'s>(&'s self, argument: &'s Argument<'a>) -> Option<&'s str> {
        match argument {
            Argument::Text(text) => Some(text),
            Argument::Word(name) => self.values.get(name).map(Cow::as_ref),
            Argument::Other => None,
        }
    }

    /// The calls above a node, nearest first, through variables; and whether that is all of them.
    fn above<'s>(&'s self, mut chain: &'s Chain<'a>, at: usize) -> (Vec<&'s Call<'a>>, bool) {
        let mut calls: Vec<&Call<'a>> = chain.calls.iter().take(at).rev().collect();
        for _ in 0..DEEPEST {
            if matches!(chain.base, "stream" | "batch") {
                return (calls, true);
            }
            let Some(under) = self.chains.iter().find(|under| under.bound == Some(chain.base)) else { break };
            calls.extend(under.calls.iter().rev());
            chain = under;
        }
        (calls, false)
    }
}

impl<'s> Node<'s, '_> {
    /// Its name, such as `alert`.
    pub(super) fn name(&self) -> &'s str {
        self.call.name
    }

    /// Line of the script that it is on, from 1.
    pub(super) fn line(&self) -> usize {
        self.call.line
    }

    /// Its first argument, where that is a string.
    pub(super) fn argument(&self) -> Option<&'s str> {
        self.script.text(self.call.arguments.first()?)
    }

    fn calls(&self) -> impl Iterator<Item = &'s Call<'s>> {
        self.chain.calls.iter().skip(self.at + 1).take_while(|call| call.joint == Joint::Property)
    }

    /// Whether it has a property.
    pub(super) fn has(&self, property: &str) -> bool {
        self.calls().any(|call| call.name == property)
    }

    /// The first argument of a property, where that is a string. The last of several counts, as for Kapacitor.
    pub(super) fn property(&self, property: &str) -> Option<&'s str> {
        let script = self.script;
        let call = self.calls().filter(|call| call.name == property).last()?;
        script.text(call.arguments.first()?)
    }

    /// Each property of this name with those that belong to it: its first argument, its line, and whether one of
    /// `inner` follows before a property that is not among `inner`.
    pub(super) fn handlers(&self, name: &str, inner: &[&str]) -> Vec<Handler<'s>> {
        let calls: Vec<&Call<'_>> = self.calls().collect();
        let mut found = Vec::new();
        for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.name == name) {
            let own = calls.iter().skip(at + 1).take_while(|call| inner.contains(&call.name));
            found.push(Handler {
                argument: call.arguments.first().and_then(|argument| self.script.text(argument)),
                line: call.line,
                has: own.map(|call| call.name).collect(),
            });
        }
        found
    }

    /// Whether what comes to it is in groups; the nearest grouping above it counts.
    pub(super) fn grouping(&self) -> (Grouping, Vec<&'s str>) {
        let (above, known) = self.script.above(self.chain, self.at);
        for call in above {
            match call.name {
                "groupBy" if call.arguments.is_empty() => return (Grouping::Ungrouped, Vec::new()),
                "groupBy" => {
                    let by = call.arguments.iter().filter_map(|argument| self.script.text(argument)).collect();
                    return (Grouping::Grouped, by);
                }
                "groupByMeasurement" => return (Grouping::Grouped, Vec::new()),
                "query" if call.joint == Joint::Node => {
                    let text = call.arguments.first().and_then(|argument| self.script.text(argument));
                    match text.map(groups_in_query) {
                        None => return (Grouping::Unknown, Vec::new()),
                        Some(true) => return (Grouping::Grouped, Vec::new()),
                        Some(false) => {}
                    }
                }
                // What a UDF sends may be grouped in any way.
                _ if call.joint == Joint::Udf => return (Grouping::Unknown, Vec::new()),
                _ => {}
            }
        }
        (if known { Grouping::Ungrouped } else { Grouping::Unknown }, Vec::new())
    }

    /// The measurement that its points come from, where the script says one.
    pub(super) fn measurement(&self) -> Option<&'s str> {
        let (above, _) = self.script.above(self.chain, self.at);
        let call = above.into_iter().find(|call| call.name == "measurement")?;
        self.script.text(call.arguments.first()?)
    }
}

/// A property that has properties of its own, such as `.post()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handler<'s> {
    pub(super) argument: Option<&'s str>,
    pub(super) line: usize,
    pub(super) has: Vec<&'s str>,
}

/// Whether a query groups by more than time.
fn groups_in_query(query: &str) -> bool {
    let lower = query.to_ascii_lowercase();
    let Some((_, list)) = lower.rsplit_once("group by") else { return false };
    let list = list.split_once(" fill(").map_or(list, |(list, _)| list);
    list.split(',').map(str::trim).any(|item| !item.is_empty() && !item.starts_with("time(") && !item.ends_with(')'))
}

/// The tokens of a script, and where each bracket is closed.
struct Tokens<'a> {
    list: Vec<Token<'a>>,
    /// For each token that opens a bracket the index of the one that closes it.
    closed: Vec<Option<usize>>,
}

impl<'a> Tokens<'a> {
    fn of(text: &'a str) -> Self {
        let list = tokens(text);
        let mut closed = vec![None; list.len()];
        let mut open = Vec::new();
        for (at, token) in list.iter().enumerate() {
            if token.is('(') || token.is('[') {
                open.push(at);
            } else if (token.is(')') || token.is(']'))
                && let Some(entry) = open.pop().and_then(|opened| closed.get_mut(opened))
            {
                *entry = Some(at);
            }
        }
        Self { list, closed }
    }

    /// The chain that begins at `at`, if one does.
    fn chain(&self, at: usize, bound: Option<&'a str>) -> Option<Chain<'a>> {
        let Kind::Word(base) = self.list.get(at)?.kind else { return None };
        let mut chain = Chain { bound, base, calls: Vec::new() };
        let mut at = at + 1;
        while let Some((call, next)) = self.call(at) {
            chain.calls.push(call);
            at = next;
        }
        (!chain.calls.is_empty() || bound.is_some()).then_some(chain)
    }

    /// The call at `at` and where it ends.
    fn call(&self, at: usize) -> Option<(Call<'a>, usize)> {
        let joint = match self.list.get(at)?.kind {
            Kind::Symbol('|') => Joint::Node,
            Kind::Symbol('@') => Joint::Udf,
            Kind::Symbol('.') => Joint::Property,
            _ => return None,
        };
        let Token { kind: Kind::Word(name), line } = *self.list.get(at + 1)? else { return None };
        let opens = at + 2;
        let end = self.list.get(opens).filter(|token| token.is('(')).and_then(|_| *self.closed.get(opens)?)?;
        let mut arguments = Vec::new();
        let (mut here, mut first) = (opens + 1, opens + 1);
        while here < end {
            // What is in brackets belongs to one argument.
            if let Some(closed) = self.closed.get(here).copied().flatten() {
                here = closed;
            } else if self.list.get(here).is_some_and(|token| token.is(',')) {
                arguments.extend(argument(self.list.get(first..here).unwrap_or_default()));
                first = here + 1;
            }
            here += 1;
        }
        arguments.extend(argument(self.list.get(first..end).unwrap_or_default()));
        Some((Call { joint, name, line, arguments }, end + 1))
    }
}

fn argument<'a>(tokens: &[Token<'a>]) -> Option<Argument<'a>> {
    match tokens {
        [] => None,
        [Token { kind: Kind::Text(text), .. }] => Some(Argument::Text(text.clone())),
        [Token { kind: Kind::Word(word), .. }] => Some(Argument::Word(word)),
        _ => Some(Argument::Other),
    }
}

#[cfg(test)]
#[path = "tickscript_tests.rs"]
mod tests;
