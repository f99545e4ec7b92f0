//! What a filter says before an event is read: with some of the values known, whether any event can pass at all.
//!
//! The records of one run share what their stream says of itself. A filter that asks for another task, or for alerts
//! among plain points, is false for each of them, and then none of them needs to be read.

use super::Filter;
use super::expression::{Condition, Operand};
use super::path::{Member, Path};
use super::value::Value;

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Known<'a> {
    /// It may be anything, or not be there.
    Unknown,
    /// It is not there.
    Absent,
    /// It is this.
    Value(Value<'a>),
}

impl<'a> Known<'a> {
    /// Known to be this, or known not to be there.
    #[must_use]
    pub fn of(value: Option<Value<'a>>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

/// Something of which some values are known.
pub trait Foreknown {
    /// What is known of the single value.
    fn member(&self, member: Member) -> Known<'_>;
}

impl Filter {
    /// Whether nothing of which so much is known passes. False when that cannot be told.
    #[must_use]
    pub fn rules_out(&self, foreknown: &impl Foreknown) -> bool {
        self.condition.outcome(foreknown) == Some(false)
    }
}

impl Condition {
    /// Whether it holds, if that is certain. It agrees with [`Condition::holds`] for everything of which what is known is
    /// true.
    fn outcome<F: Foreknown>(&self, foreknown: &F) -> Option<bool> {
        match self {
            Self::All(conditions) => unless(false, conditions.iter().map(|condition| condition.outcome(foreknown))),
            Self::Any(conditions) => unless(true, conditions.iter().map(|condition| condition.outcome(foreknown))),
            Self::Not(condition) => condition.outcome(foreknown).map(|holds| !holds),
            Self::Is(operand) => operand.known(foreknown, |value| *value == Value::Bool(true)),
            Self::Compare(left, comparison, right) => {
                both(left, right, foreknown, |left, right| comparison.holds(left, right))
            }
            Self::OneOf(needle, list) => match needle.value_if_known(foreknown) {
                Known::Absent => Some(false),
                Known::Unknown => None,
                Known::Value(needle) => {
                    unless(true, list.iter().map(|element| element.known(foreknown, |element| needle.equals(element))))
                }
            },
            Self::Text(whole, test, part) => both(whole, part, foreknown, |whole, part| match (whole, part) {
                (Value::Text(whole), Value::Text(part)) => test.holds(whole, part),
                _ => false,
            }),
            Self::Matches(text, regex) => {
                text.known(foreknown, |text| matches!(text, Value::Text(text) if regex.is_match(text)))
            }
            Self::Has(Path::Member(member)) => match foreknown.member(*member) {
                Known::Unknown => None,
                Known::Absent => Some(false),
                Known::Value(_) => Some(true),
            },
            Self::In(key, _) => match key.value_if_known(foreknown) {
                Known::Absent => Some(false),
                Known::Unknown | Known::Value(_) => None,
            },
            Self::Has(Path::Entry(..)) => None,
        }
    }
}

/// The outcome of many of which one that is `decisive` is enough.
fn unless(decisive: bool, outcomes: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all_known = true;
    for outcome in outcomes {
        match outcome {
            Some(outcome) if outcome == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}

/// The outcome of a test of two values, which is false where one is not there.
fn both<F: Foreknown>(
    left: &Operand,
    right: &Operand,
    foreknown: &F,
    holds: impl Fn(&Value<'_>, &Value<'_>) -> bool,
) -> Option<bool> {
    match (left.value_if_known(foreknown), right.value_if_known(foreknown)) {
        (Known::Absent, _) | (_, Known::Absent) => Some(false),
        (Known::Value(left), Known::Value(right)) => Some(holds(&left, &right)),
        (Known::Unknown, _) | (_, Known::Unknown) => None,
    }
}

impl Operand {
    /// The outcome of a test of one value, which is false where it is not there.
    fn known<F: Foreknown>(&self, foreknown: &F, holds: impl Fn(&Value<'_>) -> bool) -> Option<bool> {
        match self.value_if_known(foreknown) {
            Known::Absent => Some(false),
            Known::Unknown => None,
            Known::Value(value) => Some(holds(&value)),
        }
    }

    fn value_if_known<'a, F: Foreknown>(&'a self, foreknown: &'a F) -> Known<'a> {
        match self {
            Self::Literal(value) => Known::Value(value.borrowed()),
            Self::Path(Path::Member(member)) => foreknown.member(*member),
            Self::Path(Path::Entry(..)) | Self::SizeOf(_) => Known::Unknown,
            Self::Length(operand) => match operand.value_if_known(foreknown) {
                Known::Value(Value::Text(text)) => Known::Value(super::expression::int(text.chars().count())),
                Known::Value(_) | Known::Absent => Known::Absent,
                Known::Unknown => Known::Unknown,
            },
            Self::Condition(condition) => {
                condition.outcome(foreknown).map_or(Known::Unknown, |holds| Known::Value(Value::Bool(holds)))
            }
        }
    }
}

#[cfg(test)]
#[path = "foreknown_tests.rs"]
mod tests;
