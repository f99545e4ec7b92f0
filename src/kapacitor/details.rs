//! What the default `details` of an alert tell about its origin.

use super::json::{self, Scalar, Tags, Tolerant};
use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess};
use std::borrow::Cow;

/// Provenance found in default details: HTML-escaped JSON of Kapacitor's template context.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance<'a> {
    /// `TaskName`
    pub task: Option<Cow<'a, str>>,
    /// `Name`: the measurement.
    pub name: Option<Cow<'a, str>>,
    /// `Group`
    pub group: Option<Cow<'a, str>>,
    /// `Tags`, sorted by key.
    pub tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// `ServerInfo.Hostname`
    pub host: Option<Cow<'a, str>>,
    /// `ServerInfo.ClusterID`
    pub cluster: Option<Cow<'a, str>>,
    /// `ServerInfo.ServerID`
    pub server: Option<Cow<'a, str>>,
}

/// Reads details; `None` when they are not the default ones (a text or template of the author's own).
///
/// The default details are an object in JSON with a `TaskName`, of which `"`, `'`, `&`, `+`, `<` and `>` have become
/// HTML entities. They are decoded once: what looks like an entity afterwards was meant as it stands.
#[must_use]
pub fn parse(details: &str) -> Option<Provenance<'static>> {
    let Wire(provenance) = json::document(&decode(details)?).ok()?;
    provenance.task.is_some().then_some(provenance)
}

/// The JSON of details that look like the default ones.
pub(super) fn decode(details: &str) -> Option<Cow<'_, str>> {
    // Most details of an author's own are refused by one of these looks.
    (details.trim_start().starts_with('{') && details.contains("TaskName")).then(|| decode_entities(details))
}

struct Wire(Provenance<'static>);

impl<'de> Tolerant<'de> for Wire {
    fn other() -> Self {
        Self(Provenance::default())
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut found = Provenance::default();
        while let Some(key) = object.next_key::<Scalar<'de>>()? {
            match key.text().as_deref() {
                Some("TaskName") => found.task = owned(object.next_value()?),
                Some("Name") => found.name = owned(object.next_value()?),
                Some("Group") => found.group = owned(object.next_value()?),
                Some("Tags") => {
                    let Tags(tags) = object.next_value()?;
                    let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
                    found.tags = tags.into_iter().map(|(key, value)| (own(key), own(value))).collect();
                }
                Some("ServerInfo") => {
                    Server { host: found.host, cluster: found.cluster, id: found.server } = object.next_value()?;
                }
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Self(found))
    }
}

/// `ServerInfo`
struct Server {
    host: Option<Cow<'static, str>>,
    cluster: Option<Cow<'static, str>>,
    id: Option<Cow<'static, str>>,
}

impl<'de> Tolerant<'de> for Server {
    fn other() -> Self {
        Self { host: None, cluster: None, id: None }
    }

    fn object<A: MapAccess<'de>>(mut object: A) -> Result<Self, A::Error> {
        let mut found = Self::other();
        while let Some(key) = object.next_key::<Scalar<'de>>()? {
            match key.text().as_deref() {
                Some("Hostname") => found.host = owned(object.next_value()?),
                Some("ClusterID") => found.cluster = owned(object.next_value()?),
                Some("ServerID") => found.id = owned(object.next_value()?),
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Tolerant::any(deserializer)
    }
}

fn owned(scalar: Scalar<'_>) -> Option<Cow<'static, str>> {
    scalar.text().map(|text| Cow::Owned(text.into_owned()))
}

/// Replaces each HTML entity by its character, in one pass; what is no known entity stays.
fn decode_entities(text: &str) -> Cow<'_, str> {
    let Some((before, mut rest)) = split_at_entity(text) else { return Cow::Borrowed(text) };
    // No entity is shorter than its character, so this never grows.
    let mut decoded = String::with_capacity(text.len());
    decoded.push_str(before);
    loop {
        // Nearly all are this one.
        let (character, after) = match rest.strip_prefix("#34;") {
            Some(after) => ('"', after),
            None => entity(rest).unwrap_or(('&', rest)),
        };
        decoded.push(character);
        let Some((plain, next)) = split_at_entity(after) else {
            decoded.push_str(after);
            return Cow::Owned(decoded);
        };
        decoded.push_str(plain);
        rest = next;
    }
}

/// What stands before the first `&`, and what behind it. Byte by byte: the next is mostly near, and a search would take
/// longer to begin than to find it.
fn split_at_entity(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == b'&')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The character of an entity without its `&`, and what follows its `;`.
fn entity(text: &str) -> Option<(char, &str)> {
    // The longest is `#x10FFFF;`.
    let end = text.bytes().take(9).position(|byte| byte == b';')?;
    let (name, rest) = text.split_at_checked(end)?;
    let character = match name {
        "#34" | "quot" => '"',
        "#39" | "apos" => '\'',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        _ => {
            let number = name.strip_prefix('#')?;
            let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
            // `from_str_radix` would also take a sign.
            digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
            char::from_u32(u32::from_str_radix(digits, radix).ok()?)?
        }
    };
    Some((character, rest.strip_prefix(';')?))
}
