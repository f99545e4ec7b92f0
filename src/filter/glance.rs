//! What a filter can say before a record is read: nothing is looked at but what all records of a run have in common.
//!
//! Each part of a condition holds, does not hold, or cannot be told. What cannot be told is whatever stands in the
//! records themselves, and how it is combined follows from the whole language: an alert's level, say, is absent from a
//! point, and what is absent makes every comparison false.

use super::expression::{Condition, Operand};
use super::path::{Member, Path};
use super::value::Value;
use crate::words::{Kind, Lane};
use std::borrow::Cow;

/// What is known of every event of a run of points before one of them is read.
#[derive(Debug, Clone, Copy)]
pub struct Glance<'a> {
    /// What they are: none of them is an alert.
    pub kind: Kind,
    /// `origin.lane`
    pub lane: Lane,
    /// `origin.source`
    pub source: &'a str,
    /// `origin.task`
    pub task: Option<&'a str>,
    /// `origin.node`
    pub node: Option<&'a str>,
}

/// The value of an operand, as far as it is known.
enum Known<'a> {
    Value(Value<'a>),
    Absent,
    Untold,
}

impl<'a> Glance<'a> {
    fn member(&self, member: Member) -> Known<'a> {
        let text = |text: Option<&'a str>| match text {
            Some(text) => Known::Value(Value::Text(Cow::Borrowed(text))),
            None => Known::Absent,
        };
        match member {
            Member::Kind => text(Some(self.kind.as_str())),
            Member::OriginLane => text(Some(self.lane.as_str())),
            Member::OriginSource => text(Some(self.source)),
            Member::OriginTask => text(self.task),
            Member::OriginNode => text(self.node),
            Member::AlertId
            | Member::AlertMessage
            | Member::AlertDetails
            | Member::AlertLevel
            | Member::AlertPreviousLevel
            | Member::AlertDurationNs
            | Member::AlertDuration
            | Member::AlertRecoverable
            | Member::AlertState
            | Member::AlertSeverity
            | Member::AlertSeverityNumber
            | Member::AlertTransition
            | Member::AlertStarted
            | Member::AlertRepeat
            | Member::AlertFingerprint
            | Member::AlertEpisode => Known::Absent,
            _ => Known::Untold,
        }
    }
}

impl Condition {
    /// Whether it holds for all of them, for none, or cannot be told.
    pub(super) fn at_a_glance(&self, glance: &Glance<'_>) -> Option<bool> {
        match self {
            Self::All(parts) => together(parts, false, glance),
            Self::Any(parts) => together(parts, true, glance),
            Self::Not(condition) => condition.at_a_glance(glance).map(|holds| !holds),
            Self::Is(operand) => with(operand.known(glance), |value| Some(value == Value::Bool(true))),
            Self::Compare(left, comparison, right) => {
                with_both(left, right, glance, |left, right| comparison.holds(left, right))
            }
            Self::OneOf(needle, list) => with(needle.known(glance), |needle| {
                let mut told = Some(false);
                for element in list {
                    match element.known(glance) {
                        Known::Value(element) if needle.equals(&element) => return Some(true),
                        Known::Value(_) | Known::Absent => {}
                        Known::Untold => told = None,
                    }
                }
                told
            }),
            Self::In(key, _) => with(key.known(glance), |_| None),
            Self::Text(whole, test, part) => with_both(whole, part, glance, |whole, part| match (whole, part) {
                (Value::Text(whole), Value::Text(part)) => test.holds(whole, part),
                _ => false,
            }),
            Self::Matches(text, regex) => {
                with(text.known(glance), |text| Some(matches!(text, Value::Text(text) if regex.is_match(&text))))
            }
            Self::Has(Path::Member(member)) => match glance.member(*member) {
                Known::Value(_) => Some(true),
                Known::Absent => Some(false),
                Known::Untold => None,
            },
            Self::Has(Path::Entry(..)) => None,
        }
    }
}

impl Operand {
    fn known<'a>(&'a self, glance: &Glance<'a>) -> Known<'a> {
        match self {
            Self::Literal(value) => Known::Value(value.borrowed()),
            Self::Path(Path::Member(member)) => glance.member(*member),
            Self::Path(Path::Entry(..)) | Self::SizeOf(_) => Known::Untold,
            Self::Length(operand) => match operand.known(glance) {
                Known::Value(Value::Text(text)) => Known::Value(super::expression::int(text.chars().count())),
                Known::Value(_) | Known::Absent => Known::Absent,
                Known::Untold => Known::Untold,
            },
            Self::Condition(condition) => match condition.at_a_glance(glance) {
                Some(holds) => Known::Value(Value::Bool(holds)),
                None => Known::Untold,
            },
        }
    }
}

/// One part that is `decisive` decides.
fn together(parts: &[Condition], decisive: bool, glance: &Glance<'_>) -> Option<bool> {
    let mut told = Some(!decisive);
    for part in parts {
        match part.at_a_glance(glance) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => told = None,
        }
    }
    told
}

fn with<'a>(operand: Known<'a>, test: impl FnOnce(Value<'a>) -> Option<bool>) -> Option<bool> {
    match operand {
        Known::Value(value) => test(value),
        Known::Absent => Some(false),
        Known::Untold => None,
    }
}

/// A test of two operands; one that is absent is enough to make it false.
fn with_both<'a>(
    left: &'a Operand,
    right: &'a Operand,
    glance: &Glance<'a>,
    test: impl FnOnce(&Value<'a>, &Value<'a>) -> bool,
) -> Option<bool> {
    match (left.known(glance), right.known(glance)) {
        (Known::Absent, _) | (_, Known::Absent) => Some(false),
        (Known::Value(left), Known::Value(right)) => Some(test(&left, &right)),
        _ => None,
    }
}

#[cfg(test)]
#[path = "glance_tests.rs"]
mod tests;
