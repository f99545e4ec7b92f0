//! What can be said of a filter before there is an event: words that no event has, and that it lets no recovery through.
//! For those who check configurations; a filter means the same without it.

use super::Filter;
use super::expression::{Comparison, Condition, Operand};
use super::foreknown::{Foreknown, Known};
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
        self.rules_out(&Recovery)
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

/// What every event of an alert that is over has in common.
struct Recovery;

impl Foreknown for Recovery {
    fn member(&self, member: Member) -> Known<'_> {
        let word = |word: &'static str| Known::Value(Value::Text(word.into()));
        match member {
            Member::Kind => word(Kind::Alert.as_str()),
            Member::AlertLevel => word(Level::Ok.as_str()),
            Member::AlertState => word(State::Resolved.as_str()),
            Member::AlertTransition => word(Transition::Resolved.as_str()),
            Member::AlertSeverity => word(severity::word(Level::Ok)),
            Member::AlertSeverityNumber => Known::Value(Value::Int(severity::number(Level::Ok).into())),
            _ => Known::Unknown,
        }
    }
}

#[cfg(test)]
#[path = "foresee_tests.rs"]
mod tests;
