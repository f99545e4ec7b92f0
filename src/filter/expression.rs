//! The compiled form of a filter, and its evaluation.

use super::path::{Collection, Member, Path};
use super::subject::Subject;
use super::value::{Type, Value};
use regex::Regex;
use std::cmp::Ordering;

/// Something that holds for an event or does not.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
    Not(Box<Condition>),
    /// A value that has to be `true`.
    Is(Operand),
    Compare(Operand, Comparison, Operand),
    OneOf(Operand, Box<[Operand]>),
    In(Operand, Collection),
    Text(Operand, TextTest, Operand),
    Matches(Operand, Regex),
    Has(Path),
}

/// Something that has a value.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Literal(Value<'static>),
    Path(Path),
    /// Count of the characters of a text.
    Length(Box<Operand>),
    SizeOf(Collection),
    Condition(Box<Condition>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

impl Condition {
    pub(super) fn holds<S: Subject>(&self, subject: &S) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(subject)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(subject)),
            Self::Not(condition) => !condition.holds(subject),
            Self::Is(operand) => operand.value(subject) == Some(Value::Bool(true)),
            Self::Compare(left, comparison, right) => match (left.value(subject), right.value(subject)) {
                (Some(left), Some(right)) => comparison.holds(&left, &right),
                _ => false,
            },
            Self::OneOf(needle, list) => needle.value(subject).is_some_and(|needle| {
                list.iter().any(|element| element.value(subject).is_some_and(|element| needle.equals(&element)))
            }),
            Self::In(key, collection) => match key.value(subject) {
                Some(Value::Text(key)) => subject.contains(*collection, &key),
                _ => false,
            },
            Self::Text(whole, test, part) => match (whole.value(subject), part.value(subject)) {
                (Some(Value::Text(whole)), Some(Value::Text(part))) => test.holds(&whole, &part),
                _ => false,
            },
            Self::Matches(text, regex) => match text.value(subject) {
                Some(Value::Text(text)) => regex.is_match(&text),
                _ => false,
            },
            Self::Has(Path::Member(member)) => subject.member(*member).is_some(),
            Self::Has(Path::Entry(collection, key)) => subject.contains(*collection, key),
        }
    }
}

impl Condition {
    /// Whether it asks for this member.
    pub(super) fn asks_for(&self, member: Member) -> bool {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().any(|part| part.asks_for(member)),
            Self::Not(condition) => condition.asks_for(member),
            Self::Is(operand) | Self::In(operand, _) | Self::Matches(operand, _) => operand.asks_for(member),
            Self::Compare(left, _, right) | Self::Text(left, _, right) => {
                left.asks_for(member) || right.asks_for(member)
            }
            Self::OneOf(needle, list) => needle.asks_for(member) || list.iter().any(|part| part.asks_for(member)),
            Self::Has(path) => *path == Path::Member(member),
        }
    }
}

impl Operand {
    fn asks_for(&self, member: Member) -> bool {
        match self {
            Self::Literal(_) | Self::SizeOf(_) => false,
            Self::Path(path) => *path == Path::Member(member),
            Self::Length(operand) => operand.asks_for(member),
            Self::Condition(condition) => condition.asks_for(member),
        }
    }

    #[inline]
    fn value<'a, S: Subject>(&'a self, subject: &'a S) -> Option<Value<'a>> {
        match self {
            Self::Literal(value) => Some(value.borrowed()),
            Self::Path(Path::Member(member)) => subject.member(*member),
            Self::Path(Path::Entry(collection, key)) => subject.entry(*collection, key),
            Self::Length(operand) => match operand.value(subject)? {
                Value::Text(text) => Some(int(text.chars().count())),
                _ => None,
            },
            Self::SizeOf(collection) => Some(int(subject.size(*collection))),
            Self::Condition(condition) => Some(Value::Bool(condition.holds(subject))),
        }
    }

    /// The type that it is sure to have whenever it has a value.
    pub(super) fn type_of(&self) -> Type {
        match self {
            Self::Literal(value) => value.type_of(),
            Self::Path(path) => path.type_of(),
            Self::Length(_) | Self::SizeOf(_) => Type::Int,
            Self::Condition(_) => Type::Bool,
        }
    }
}

impl Comparison {
    pub(super) fn holds(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        match self {
            Self::Equal => left.equals(right),
            Self::NotEqual => !left.equals(right),
            Self::Less => left.order(right) == Some(Ordering::Less),
            Self::LessOrEqual => left.order(right).is_some_and(Ordering::is_le),
            Self::Greater => left.order(right) == Some(Ordering::Greater),
            Self::GreaterOrEqual => left.order(right).is_some_and(Ordering::is_ge),
        }
    }
}

impl TextTest {
    pub(super) fn holds(self, whole: &str, part: &str) -> bool {
        match self {
            Self::StartsWith => whole.starts_with(part),
            Self::EndsWith => whole.ends_with(part),
            Self::Contains => whole.contains(part),
        }
    }
}

pub(super) fn int(count: usize) -> Value<'static> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
