//! The rows that `|httpPost()` sends, and that an alert carries in `data`.

use super::alert::BodyError;
use super::json::{self, List, Scalar, Tags, Tolerant};
use serde::Deserializer;
use serde::de::{Deserialize, Error, IgnoredAny, MapAccess};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// One series of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series<'a> {
    /// Measurement.
    pub name: Cow<'a, str>,
    /// Tags, sorted by key.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Column names; the first is `time`.
    pub columns: Vec<Cow<'a, str>>,
    /// Rows of values.
    pub rows: Vec<Vec<Value<'a>>>,
}

/// A JSON value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, digit for digit: Kapacitor's JSON hides whether it was an integer.
    Number(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// An array or object, which Kapacitor does not send: its JSON.
    Other(&'a str),
}

/// Reads `{"series":[…]}`; `null` instead of the list, or of a series, stands for none.
///
/// # Errors
/// When the body is not that; it is then kept as it is.
pub fn parse_rows(body: &[u8]) -> Result<Vec<Series<'_>>, BodyError> {
    let Data(series) = json::document(json::text(body)?)?;
    series.ok_or_else(|| BodyError::Json(serde::de::Error::missing_field("series")))
}

/// The object around the series: a whole row body, and `data` of an alert. `None` when there is no such key.
pub(super) struct Data<'a>(pub(super) Option<Vec<Series<'a>>>);

impl<'de: 'a, 'a> Tolerant<'de> for Data<'a> {
    fn other() -> Self {
        Self(None)
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut series = None;
        while let Some(key) = object.next_key::<Scalar<'de>>()? {
            match key {
                // Kapacitor 1.0 to 1.2 wrote some bodies with a capital letter.
                Scalar::Text(key) if key == "series" || key == "Series" => {
                    let List(found) = object.next_value::<List<Option<Series<'a>>>>()?;
                    series = Some(found.into_iter().flatten().collect());
                }
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Self(series))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

impl<'de: 'a, 'a> Tolerant<'de> for Series<'a> {
    fn other() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut series = Self::default();
        while let Some(key) = object.next_key::<Scalar<'de>>()? {
            match key.text().as_deref() {
                Some("name") => series.name = object.next_value::<Scalar<'a>>()?.text().unwrap_or_default(),
                Some("tags") => series.tags = object.next_value::<Tags<'a>>()?.0,
                Some("columns") => {
                    let List(names) = object.next_value::<List<Scalar<'a>>>()?;
                    // A name that is no text keeps its place, so that the values stay under their names.
                    series.columns = names.into_iter().map(|name| name.text().unwrap_or_default()).collect();
                }
                Some("values") => {
                    let List(rows) = object.next_value::<List<List<Value<'a>>>>()?;
                    series.rows = rows.into_iter().map(|List(row)| row).collect();
                }
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(series)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Series<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(match json.as_bytes() {
            b"null" => Self::Null,
            b"true" => Self::Bool(true),
            b"false" => Self::Bool(false),
            [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
                Self::Text(Cow::Borrowed(json.get(1..json.len() - 1).unwrap_or_default()))
            }
            [b'"', ..] => {
                let text = serde_json::from_str(json).map_err(D::Error::custom)?;
                Self::Text(Cow::Owned(text))
            }
            [b'[' | b'{', ..] => Self::Other(json),
            _ => Self::Number(json),
        })
    }
}
