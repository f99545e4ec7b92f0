//! The `details` of an alert, and what the default ones tell about its origin.

use super::json::{self, Scalar, Tags, Tolerant};
use super::scan;
use serde::Deserializer;
use serde::de::{Deserialize, IgnoredAny, MapAccess};
use std::borrow::Cow;

/// Details as they came: a text, or still what stands between the quotes in JSON, which most of the time nobody reads.
///
/// They are equal when they say the same.
#[derive(Debug, Clone, Default)]
pub struct Details<'a> {
    written: Cow<'a, str>,
    /// How many bytes that is longer than what it says; 0 where it is the text itself.
    longer: usize,
}

impl<'a> Details<'a> {
    /// What stands between the quotes of a string that was passed.
    pub(super) const fn literal((written, longer): (&'a str, usize)) -> Self {
        Self { written: Cow::Borrowed(written), longer }
    }

    /// How many bytes the text has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len() - self.longer
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        if self.longer == 0 {
            Cow::Borrowed(&self.written)
        } else {
            Cow::Owned(scan::unescape(&self.written, self.longer))
        }
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> Cow<'a, str> {
        if self.longer == 0 { self.written } else { Cow::Owned(scan::unescape(&self.written, self.longer)) }
    }

    /// The same, as long as these are there.
    #[must_use]
    pub fn borrowed(&self) -> Details<'_> {
        Details { written: Cow::Borrowed(&self.written), longer: self.longer }
    }

    /// The same, to be kept: in at most twice as many bytes as they say.
    #[must_use]
    pub fn to_owned(&self) -> Details<'static> {
        if self.is_bloated() {
            return self.text().into_owned().into();
        }
        Details { written: Cow::Owned(self.written.clone().into_owned()), longer: self.longer }
    }

    /// The task that they name, if they are the default ones: what [`parse`] says of the text.
    #[must_use]
    pub fn task(&self) -> Option<Cow<'a, str>> {
        let opened = match &self.written {
            Cow::Borrowed(written) => self.opening(written).map(Cow::Borrowed),
            Cow::Owned(written) => self.opening(written).map(|task| Cow::Owned(task.to_owned())),
        };
        // Most of an author's own are seen to be no object without being decoded.
        let may_be_object = || self.written.trim_start().starts_with(['{', '\\']);
        opened.or_else(|| may_be_object().then(|| parse(&self.text()))??.task)
    }

    /// Whether they are so much longer than what they say that this is what should be kept of them.
    fn is_bloated(&self) -> bool {
        self.longer > self.len()
    }

    /// What has no backslash in it says the same with escapes and without them.
    fn opening<'w>(&self, written: &'w str) -> Option<&'w str> {
        let escaped = || opening(written, ESCAPED).filter(|_| self.longer > 0);
        opening(written, PLAIN).or_else(escaped)
    }
}

impl Details<'static> {
    /// Puts others in their place, into the memory of these unless that is much more than needed.
    pub fn replace(&mut self, others: &Details<'_>) {
        if others.is_bloated() {
            *self = others.to_owned();
            return;
        }
        let written = self.written.to_mut();
        written.clear();
        written.reserve_exact(others.written.len());
        written.push_str(&others.written);
        if written.capacity() > 2 * others.len() {
            written.shrink_to_fit();
        }
        self.longer = others.longer;
    }
}

impl PartialEq for Details<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Details<'_> {}

impl<'a> From<Cow<'a, str>> for Details<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self { written: text, longer: 0 }
    }
}

impl<'a> From<&'a str> for Details<'a> {
    fn from(text: &'a str) -> Self {
        Cow::Borrowed(text).into()
    }
}

impl From<String> for Details<'_> {
    fn from(text: String) -> Self {
        Cow::<str>::Owned(text).into()
    }
}

/// How default details begin: up to the name, from there to the task, and behind it.
type Opening = [&'static str; 3];
const PLAIN: Opening = ["{&#34;Name&#34;:&#34;", "&#34;,&#34;TaskName&#34;:&#34;", "&#34;,"];
/// The same, as Kapacitor's JSON escapes it.
const ESCAPED: Opening =
    [r"{\u0026#34;Name\u0026#34;:\u0026#34;", r"\u0026#34;,\u0026#34;TaskName\u0026#34;:\u0026#34;", r"\u0026#34;,"];

/// The task of details that begin as Kapacitor's template does, with a name and a task in which nothing is escaped. It
/// counts whatever follows, so that it is known without reading that.
fn opening<'a>(details: &'a str, [begin, middle, end]: Opening) -> Option<&'a str> {
    let plain = |text: &'a str| {
        text.split_at_checked(text.find(|character| matches!(character, '&' | '"' | '\\' | '\0'..='\x1f'))?)
    };
    let (_, rest) = plain(details.strip_prefix(begin)?)?;
    let (task, rest) = plain(rest.strip_prefix(middle)?)?;
    rest.starts_with(end).then_some(task)
}

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
/// HTML entities. They are decoded once: what looks like an entity afterwards was meant as it stands. Where they begin as
/// Kapacitor's template does, the task is the one that is named there, even if what follows is broken or names another.
#[must_use]
pub fn parse(details: &str) -> Option<Provenance<'static>> {
    // Most details of an author's own are refused by one of these looks.
    if !details.trim_start().starts_with('{') || !details.contains("TaskName") {
        return None;
    }
    let read = json::document(&decode_entities(details)).map(|Wire(provenance)| provenance);
    let mut provenance = read.unwrap_or_default();
    if let Some(task) = opening(details, PLAIN) {
        provenance.task = Some(Cow::Owned(task.to_owned()));
    }
    provenance.task.is_some().then_some(provenance)
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

#[cfg(test)]
mod tests {
    use super::{Details, scan};

    #[test]
    fn what_is_kept_is_at_most_twice_as_long_as_what_it_says() {
        for (literal, text, kept) in [
            (r"{\u0026#34;a\u0026#34;}", "{&#34;a&#34;}", 23),
            (r"\u0061\u0062", "ab", 2),
            (r"\n\n", "\n\n", 4),
            ("plain", "plain", 5),
            (&r"\u0061".repeat(1000), &"a".repeat(1000), 1000),
            (
                &format!("{}{}", r"\n".repeat(900), "x".repeat(100)),
                &format!("{}{}", "\n".repeat(900), "x".repeat(100)),
                1900,
            ),
        ] {
            assert_eq!(scan::unescape(literal, literal.len() - text.len()), text);
            let details = Details::literal((literal, literal.len() - text.len()));
            let replaced = |length: usize| {
                let mut others = Details::from("o".repeat(length));
                others.replace(&details);
                others
            };
            for details in [details.to_owned(), replaced(0), replaced(kept - 1), replaced(3 * kept), replaced(10_000)] {
                assert_eq!((&*details.text(), details.len(), details.written.len()), (text, text.len(), kept));
                let capacity = details.written.into_owned().capacity();
                assert!(capacity <= 2 * text.len(), "{capacity} bytes for {}", text.len());
            }
        }
    }
}
