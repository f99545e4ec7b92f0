//! What can be said of a filter before there is an event: words that no event has, and that it lets no recovery through.
//! For those who check configurations; a filter means the same without it.

use super::Filter;
use super::expression::{Comparison, Condition, Operand};
use super::path::{Member, Path};
use super::value::Value;
use crate::event::severity;
use crate::words::{Kind, Lane, Level, State, Transition};

impl Filter {
    /// A word that is compared with a value which is never that word, in a sentence.
    #[must_use]
    pub fn unknown_word(&self) -> Option<String> {
        unknown_in(&self.condition)
    }

    /// Whether no event of an alert that is over can pass, whatever else is in it.
    #[must_use]
    pub fn leaves_out_recoveries(&self) -> bool {
        of_recoveries(&self.condition) == Some(false)
    }
}

/// The words that a value is one of, if there are so few.
fn words_of(member: Member) -> Option<Vec<&'static str>> {
    fn all<T: Copy>(words: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
        words.iter().map(|one| word(*one)).collect()
    }
    Some(match member {
        Member::Kind => all(Kind::ALL, Kind::as_str),
        Member::OriginLane => all(Lane::ALL, Lane::as_str),
        Member::AlertLevel | Member::AlertPreviousLevel => all(Level::ALL, Level::as_str),
        Member::AlertState => all(State::ALL, State::as_str),
        Member::AlertSeverity => all(Level::ALL, severity::word),
        Member::AlertTransition => all(Transition::ALL, Transition::as_str),
        _ => return None,
    })
}

fn unknown_in(condition: &Condition) -> Option<String> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().find_map(unknown_in),
        Condition::Not(part) => unknown_in(part),
        Condition::Is(operand) => unknown_below(operand),
        Condition::Compare(left, Comparison::Equal | Comparison::NotEqual, right) => odd(left, right)
            .or_else(|| odd(right, left))
            .or_else(|| unknown_below(left))
            .or_else(|| unknown_below(right)),
        Condition::OneOf(needle, list) => {
            list.iter().find_map(|one| odd(needle, one)).or_else(|| unknown_below(needle))
        }
        Condition::Compare(..)
        | Condition::In(..)
        | Condition::Text(..)
        | Condition::Matches(..)
        | Condition::Has(_) => None,
    }
}

fn unknown_below(operand: &Operand) -> Option<String> {
    match operand {
        Operand::Condition(condition) => unknown_in(condition),
        _ => None,
    }
}

fn odd(path: &Operand, literal: &Operand) -> Option<String> {
    let (Operand::Path(Path::Member(member)), Operand::Literal(Value::Text(word))) = (path, literal) else {
        return None;
    };
    let words = words_of(*member).filter(|words| !words.contains(&word.as_ref()))?;
    Some(format!("{word:?} is never there; it is one of {}", words.join(", ")))
}

/// Whether a condition holds for every event of an alert that is over, or for none; `None` if that depends on the event.
fn of_recoveries(condition: &Condition) -> Option<bool> {
    match condition {
        Condition::All(parts) => all(parts.iter().map(of_recoveries)),
        Condition::Any(parts) => {
            all(parts.iter().map(|part| of_recoveries(part).map(|holds| !holds))).map(|none| !none)
        }
        Condition::Not(part) => of_recoveries(part).map(|holds| !holds),
        Condition::Is(operand) => value(operand).map(|value| value == Value::Bool(true)),
        Condition::Compare(left, comparison, right) => Some(comparison.holds(&value(left)?, &value(right)?)),
        Condition::OneOf(needle, list) => {
            let needle = value(needle)?;
            let is_in = list.iter().map(|one| value(one).map(|one| needle.equals(&one)));
            all(is_in.map(|same| same.map(|same| !same))).map(|none| !none)
        }
        Condition::Text(whole, test, part) => match (value(whole)?, value(part)?) {
            (Value::Text(whole), Value::Text(part)) => Some(test.holds(&whole, &part)),
            _ => Some(false),
        },
        Condition::Matches(text, regex) => match value(text)? {
            Value::Text(text) => Some(regex.is_match(&text)),
            _ => Some(false),
        },
        Condition::Has(Path::Member(member)) => recovered(*member).map(|_| true),
        Condition::In(..) | Condition::Has(Path::Entry(..)) => None,
    }
}

/// Whether all of them hold: one that does not decides it, also where others are not known.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => known = None,
        }
    }
    known
}

fn value(operand: &Operand) -> Option<Value<'_>> {
    match operand {
        Operand::Literal(value) => Some(value.borrowed()),
        Operand::Path(Path::Member(member)) => recovered(*member),
        Operand::Condition(condition) => of_recoveries(condition).map(Value::Bool),
        Operand::Path(Path::Entry(..)) | Operand::Length(_) | Operand::SizeOf(_) => None,
    }
}

/// What every event of an alert that is over has in common.
fn recovered(member: Member) -> Option<Value<'static>> {
    let word = |word: &'static str| Some(Value::Text(word.into()));
    match member {
        Member::Kind => word(Kind::Alert.as_str()),
        Member::AlertLevel => word(Level::Ok.as_str()),
        Member::AlertState => word(State::Resolved.as_str()),
        Member::AlertTransition => word(Transition::Resolved.as_str()),
        Member::AlertSeverity => word(severity::word(Level::Ok)),
        Member::AlertSeverityNumber => Some(Value::Int(severity::number(Level::Ok).into())),
        _ => None,
    }
}

#[cfg(test)]
#[path = "foresee_tests.rs"]
mod tests;
