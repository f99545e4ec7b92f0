//! JSON values read without caring whether they are of the type they should be.
//!
//! Kapacitor's bodies have been of one shape for ten years, but a template may write anything. A key with a value of
//! another type counts as absent; nothing but broken JSON is an error.

use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A pair of texts, as in tags.
pub(super) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A JSON value; arrays, objects and numbers other than 64-bit integers are not looked into.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Bool(bool),
    Integer(i64),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Scalar<'a> {
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn integer(self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(integer) } else { None }
    }

    pub(super) fn bool(self) -> Option<bool> {
        if let Self::Bool(bool) = self { Some(bool) } else { None }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

impl<'de: 'a, 'a> Tolerant<'de> for Scalar<'a> {
    fn other() -> Self {
        Self::Other
    }

    fn scalar(scalar: Scalar<'de>) -> Self {
        scalar
    }
}

/// A type that can be made of any JSON value.
pub(super) trait Tolerant<'de>: Sized {
    /// What a value of another type counts as.
    fn other() -> Self;

    /// Made of a scalar; `null` is [`Scalar::Other`].
    fn scalar(_scalar: Scalar<'de>) -> Self {
        Self::other()
    }

    /// Made of an object.
    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::other())
    }

    /// Made of an array.
    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::other())
    }

    /// Made of whatever comes.
    fn any<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(PhantomData))
    }
}

struct Any<T>(PhantomData<T>);

impl<'de, T: Tolerant<'de>> Visitor<'de> for Any<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<T, E> {
        Ok(T::scalar(Scalar::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<T, E> {
        Ok(T::scalar(Scalar::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<T, E> {
        Ok(T::scalar(i64::try_from(value).map_or(Scalar::Other, Scalar::Integer)))
    }

    fn visit_f64<E>(self, _value: f64) -> Result<T, E> {
        Ok(T::scalar(Scalar::Other))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<T, E> {
        Ok(T::scalar(Scalar::Text(Cow::Borrowed(value))))
    }

    fn visit_str<E>(self, value: &str) -> Result<T, E> {
        Ok(T::scalar(Scalar::Text(Cow::Owned(value.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::scalar(Scalar::Other))
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<T, A::Error> {
        T::object(object)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<T, A::Error> {
        T::array(array)
    }
}

/// The elements of an array, or nothing when it is not one.
pub(super) struct List<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de>> Tolerant<'de> for List<T> {
    fn other() -> Self {
        Self(Vec::new())
    }

    // The size hint is not asked: JSON has none.
    fn array<A: SeqAccess<'de>>(mut array: A) -> Result<Self, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element()? {
            elements.push(element);
        }
        Ok(Self(elements))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

/// Names and texts of an object, sorted by name, the last of each name; or nothing when it is not an object.
pub(super) struct Tags<'a>(pub(super) Vec<Pair<'a>>);

impl<'de: 'a, 'a> Tolerant<'de> for Tags<'a> {
    fn other() -> Self {
        Self(Vec::new())
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut pairs = Vec::new();
        while let Some((Scalar::Text(key), value)) = object.next_entry::<Scalar<'a>, Scalar<'a>>()? {
            if let Scalar::Text(value) = value {
                pairs.push((key, value));
            }
        }
        super::point::settle_by(&mut pairs, |_| 0);
        Ok(Self(pairs))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

/// The body as text.
pub(super) fn text(body: &[u8]) -> Result<&str, serde_json::Error> {
    std::str::from_utf8(body).map_err(serde::de::Error::custom)
}

/// Reads a whole document.
pub(super) fn document<'a, T: Tolerant<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = T::any(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
