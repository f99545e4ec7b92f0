//! Deterministic identities: XXH3-128 (seed 0) over length-prefixed parts.
//!
//! The same event always gets the same id, whichever lane it came by and however often it is read; a consumer can
//! compute it again. The parts, put one behind the other:
//!
//! * text: its length in bytes (4 bytes) and its UTF-8 bytes;
//! * number (a time, an integer, the bits of a double): 8 bytes;
//! * list: the number of its members (4 bytes) and the members;
//! * value of a field: one byte `i`, `f`, `b` or `s`, then a number, a number, one byte 0 or 1, or a text;
//! * hash: the 16 bytes of an identity, in the order of its hex digits.
//!
//! Numbers and lengths are little-endian. Tags and fields are sorted by the bytes of their key. `docs/event.md` has
//! test vectors.

use super::Text;
use crate::words::{Lane, Level};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// A 128-bit identity, 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub u128);

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl EventId {
    /// Reads exactly 32 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // `from_str_radix` alone would take a sign.
        (text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| u128::from_str_radix(text, 16).ok())?
            .map(Self)
    }
}

/// A field's value, as far as it takes part in an identity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FieldPart<'a> {
    /// Integer.
    Int(i64),
    /// Float; its bits count, so that 0.0 and -0.0 differ.
    Float(f64),
    /// Boolean.
    Bool(bool),
    /// String.
    Text(&'a str),
}

/// Id of an alert event. `time` is nanoseconds since 1970.
#[must_use]
pub fn alert(scope: &str, task: &str, alert_id: &str, time: i64, level: Level) -> EventId {
    let mut parts = Parts::of("alert.v1");
    parts.text(scope).text(task).text(alert_id).number(time).text(level.as_str());
    parts.finish()
}

/// Id of the event that says that Kapacitor does not know an alert any more. `time` is that of the last event before.
#[must_use]
pub fn expired(scope: &str, task: &str, alert_id: &str, time: i64) -> EventId {
    let mut parts = Parts::of("expired.v1");
    parts.text(scope).text(task).text(alert_id).number(time);
    parts.finish()
}

/// Identity of an alert over time.
#[must_use]
pub fn fingerprint(scope: &str, task: &str, alert_id: &str) -> EventId {
    let mut parts = Parts::of("fp.v1");
    parts.text(scope).text(task).text(alert_id);
    parts.finish()
}

/// Identity of one opened-to-resolved span: `started` is the time of its first firing event.
#[must_use]
pub fn episode(fingerprint: EventId, started: i64) -> EventId {
    let mut parts = Parts::new();
    parts.hash(fingerprint).number(started);
    parts.finish()
}

/// Id of an event that has no natural identity: a row, a notice, something not understood.
#[must_use]
pub fn other(lane: Lane, stream: u64, n: u64) -> EventId {
    let mut parts = Parts::of(lane.as_str());
    parts.number(stream.cast_signed()).number(n.cast_signed());
    parts.finish()
}

/// What names the series of a point.
#[derive(Debug, Clone, Copy)]
pub struct PointParts<'a> {
    /// Scope.
    pub scope: &'a str,
    /// Database, or empty.
    pub database: &'a str,
    /// Retention policy, or empty.
    pub retention_policy: &'a str,
    /// Measurement.
    pub name: &'a str,
    /// Tags, sorted by key.
    pub tags: &'a [(Text<'a>, Text<'a>)],
    /// Nanoseconds since 1970.
    pub time: i64,
}

/// Id of a point. The fields are sorted by key.
#[must_use]
pub fn point<'v>(parts: &PointParts<'_>, fields: impl ExactSizeIterator<Item = (&'v str, FieldPart<'v>)>) -> EventId {
    let mut hash = Parts::new();
    hash.fields(fields);
    let mut id = Parts::of("point.v1");
    id.text(parts.scope).text(parts.database).text(parts.retention_policy).text(parts.name);
    id.tags(parts.tags).number(parts.time).hash(hash.finish());
    id.finish()
}

/// What names a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchParts<'a> {
    /// Scope.
    pub scope: &'a str,
    /// Task, or empty.
    pub task: &'a str,
    /// Node, or empty.
    pub node: &'a str,
    /// Measurement.
    pub name: &'a str,
    /// Group id.
    pub group: &'a str,
    /// Upper bound of the time range; without an End the time of the newest point, without points 0.
    pub tmax: i64,
    /// Number of this part, when the batch came in parts.
    pub part: Option<u32>,
}

/// Id of a batch or of a part of one, from the hash of its points.
#[must_use]
pub fn batch(parts: &BatchParts<'_>, points: &PointsHash) -> EventId {
    let mut id = Parts::of("batch.v1");
    id.text(parts.scope).text(parts.task).text(parts.node).text(parts.name).text(parts.group);
    id.number(parts.tmax).hash(points.0.finish());
    if let Some(part) = parts.part {
        id.number(part.into());
    }
    id.finish()
}

/// Hash of the points of a batch in the order they came: of each its time, tags and fields.
pub struct PointsHash(Parts);

impl PointsHash {
    /// A hash of no points.
    #[must_use]
    pub fn new() -> Self {
        Self(Parts::new())
    }

    /// Adds the next point. Tags and fields are sorted by key.
    pub fn add<'v>(
        &mut self,
        time: i64,
        tags: &[(Text<'_>, Text<'_>)],
        fields: impl ExactSizeIterator<Item = (&'v str, FieldPart<'v>)>,
    ) {
        self.0.number(time).tags(tags).fields(fields);
    }
}

impl Default for PointsHash {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for PointsHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PointsHash").field(&self.0.finish()).finish()
    }
}

/// Nearly every identity has fewer bytes of parts.
const SHORT: usize = 512;

/// Puts parts behind one another and hashes them. Few bytes are hashed at once: a hash that takes them piece by piece is
/// more work to begin and to end than they are to hash.
struct Parts {
    short: [u8; SHORT],
    length: usize,
    /// Takes all of them, once there are more than few.
    long: Option<Box<Xxh3>>,
}

impl Parts {
    fn new() -> Self {
        Self { short: [0; SHORT], length: 0, long: None }
    }

    fn of(kind: &str) -> Self {
        let mut parts = Self::new();
        parts.text(kind);
        parts
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.short.get_mut(self.length..end) {
            Some(room) if self.long.is_none() => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            _ => self.put_long(bytes),
        }
    }

    #[cold]
    fn put_long(&mut self, bytes: &[u8]) {
        let begun = self.short.get(..self.length).unwrap_or_default();
        let long = self.long.get_or_insert_with(|| {
            let mut long = Box::new(Xxh3::new());
            long.update(begun);
            long
        });
        long.update(bytes);
    }

    fn length(&mut self, length: usize) -> &mut Self {
        // A record is far below 4 GiB, so the length is never cut.
        self.put(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.length(text.len());
        self.put(text.as_bytes());
        self
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.put(&number.to_le_bytes());
        self
    }

    fn hash(&mut self, hash: EventId) -> &mut Self {
        self.put(&hash.0.to_be_bytes());
        self
    }

    fn tags(&mut self, tags: &[(Text<'_>, Text<'_>)]) -> &mut Self {
        self.length(tags.len());
        for (key, value) in tags {
            self.text(key).text(value);
        }
        self
    }

    fn fields<'v>(&mut self, fields: impl ExactSizeIterator<Item = (&'v str, FieldPart<'v>)>) -> &mut Self {
        self.length(fields.len());
        for (key, value) in fields {
            self.text(key);
            match value {
                FieldPart::Int(value) => self.kind(b'i').number(value),
                FieldPart::Float(value) => self.kind(b'f').number(value.to_bits().cast_signed()),
                FieldPart::Bool(value) => self.kind(b'b').kind(value.into()),
                FieldPart::Text(value) => self.kind(b's').text(value),
            };
        }
        self
    }

    fn kind(&mut self, kind: u8) -> &mut Self {
        self.put(&[kind]);
        self
    }

    fn finish(&self) -> EventId {
        let short = || xxh3_128(self.short.get(..self.length).unwrap_or_default());
        EventId(self.long.as_ref().map_or_else(short, |long| long.digest128()))
    }
}

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
