//! Values and how they compare.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// A value at a path, or written in the expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// Boolean.
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Float.
    Double(f64),
    /// String.
    Text(Cow<'a, str>),
    /// Nanoseconds.
    Duration(i64),
    /// Nanoseconds since 1970 UTC.
    Timestamp(i64),
    /// Present, but nothing that can be compared: JSON that Kapacitor does not send.
    Other,
}

/// Type of a value, as far as it is known without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Only the event tells.
    Any,
    /// `null`
    Null,
    /// Boolean.
    Bool,
    /// Integer.
    Int,
    /// Float.
    Double,
    /// String.
    Text,
    /// Length of time.
    Duration,
    /// Point in time.
    Timestamp,
}

impl Type {
    /// Whether values of the two types could be equal, or come before one another.
    pub(super) fn may_compare_with(self, other: Self) -> bool {
        let is_number = |of| matches!(of, Self::Int | Self::Double);
        self == other || self == Self::Any || other == Self::Any || (is_number(self) && is_number(other))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "a value of any type",
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Int => "an int",
            Self::Double => "a double",
            Self::Text => "a string",
            Self::Duration => "a duration",
            Self::Timestamp => "a timestamp",
        })
    }
}

impl<'a> Value<'a> {
    /// Its type; [`Type::Any`] for [`Value::Other`].
    #[must_use]
    pub fn type_of(&self) -> Type {
        match self {
            Self::Null => Type::Null,
            Self::Bool(_) => Type::Bool,
            Self::Int(_) => Type::Int,
            Self::Double(_) => Type::Double,
            Self::Text(_) => Type::Text,
            Self::Duration(_) => Type::Duration,
            Self::Timestamp(_) => Type::Timestamp,
            Self::Other => Type::Any,
        }
    }

    /// The same value, borrowed.
    #[inline]
    pub(super) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Duration(value) => Value::Duration(*value),
            Self::Timestamp(value) => Value::Timestamp(*value),
            Self::Other => Value::Other,
        }
    }

    /// The value of a JSON number: an int if it is written as one and 64 bits hold it, otherwise a double.
    #[must_use]
    pub fn of_number(digits: &str) -> Value<'a> {
        match digits.parse() {
            Ok(int) => Value::Int(int),
            Err(_) => digits.parse().map_or(Value::Other, Value::Double),
        }
    }

    /// CEL's `==`: values of different types are not equal, but for numbers.
    pub(super) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            // Before everything else, because most comparisons are of texts.
            (Self::Text(a), Value::Text(b)) => a == b,
            (Self::Null, Value::Null) => true,
            (Self::Other, _) | (_, Value::Other) => false,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// CEL's order; `None` where there is none: types that have nothing to do with one another, null, NaN.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            (Self::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Self::Int(a), Value::Int(b))
            | (Self::Duration(a), Value::Duration(b))
            | (Self::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
            (Self::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Self::Int(a), Value::Double(b)) => order_of_mixed(*a, *b),
            (Self::Double(a), Value::Int(b)) => order_of_mixed(*b, *a).map(Ordering::reverse),
            _ => None,
        }
    }
}

/// Compares as numbers, without rounding the int to a double.
fn order_of_mixed(int: i64, double: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= TWO_TO_63 {
        return Some(Ordering::Less);
    }
    if double < -TWO_TO_63 {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "integral and within the range of i64")]
    let whole = double.trunc() as i64;
    Some(int.cmp(&whole).then(0.0_f64.partial_cmp(&double.fract())?))
}
