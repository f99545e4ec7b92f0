//! A borrowed view of a point frame.

use super::envelope::{self, Data};
use super::usual;
use super::wire::{DEPTH, LENGTH_DELIMITED, Scanner};
use std::borrow::Cow;
use std::cmp::Ordering;

/// Text of a frame: borrowed where it is valid UTF-8, otherwise with U+FFFD in place of what is not.
pub type Text<'a> = Cow<'a, str>;

/// What a text is before it is read. Not the default one, which owns its nothing.
pub(super) const EMPTY: Text<'static> = Cow::Borrowed("");

/// One point as Kapacitor sent it. Maps are sorted by key; of a repeated key the last value counts, as in prost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PointView<'a> {
    /// Nanoseconds since 1970.
    pub time: i64,
    /// Measurement; empty inside a batch.
    pub name: Text<'a>,
    /// Database; empty inside a batch.
    pub database: Text<'a>,
    /// Retention policy; empty inside a batch.
    pub retention_policy: Text<'a>,
    /// Group id, for example `host=web-1`.
    pub group: Text<'a>,
    /// Names of the tags grouped by.
    pub dimensions: Vec<Text<'a>>,
    /// Whether the measurement is part of the group.
    pub by_name: bool,
    /// Tags by key.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
    /// Fields by key, over all types together, sorted by key.
    pub fields: Vec<(Text<'a>, FieldValue<'a>)>,
}

/// A field's value with the type Kapacitor gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue<'a> {
    /// `fieldsDouble`
    Float(f64),
    /// `fieldsInt`
    Int(i64),
    /// `fieldsString`
    Text(Text<'a>),
    /// `fieldsBool`
    Bool(bool),
}

/// Why a frame is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid protobuf message: {what} at byte {at}")]
pub struct WireError {
    /// What was found.
    pub what: &'static str,
    /// Offset in the frame.
    pub at: usize,
}

impl<'a> PointView<'a> {
    /// Reads a whole Request frame that holds a point (without its length prefix).
    ///
    /// Accepts and refuses what the generated decoder does, but for text that is not UTF-8. A field that comes in
    /// several typed maps has the value that Kapacitor gives it: it reads strings, integers, doubles and booleans in
    /// this order, and the last one stays.
    ///
    /// # Errors
    /// When the frame is not the schema.
    pub fn of_frame(frame: &'a [u8]) -> Result<Self, WireError> {
        if let Some(point) = usual::read(frame) {
            return Ok(point);
        }
        match envelope::read(&mut Scanner::new(frame))? {
            Data::Point(point) => Ok(point),
            Data::Begin(_) | Data::End(_) => Err(WireError { what: "no point", at: 0 }),
        }
    }

    /// Reads a point with its length prefix into this one.
    pub(super) fn merge(&mut self, scanner: &mut Scanner<'a>) -> Result<(), WireError> {
        let outer = scanner.enter()?;
        while scanner.more() {
            let (number, wire_type) = scanner.key()?;
            match number {
                1 => self.time = scanner.int64(wire_type)?,
                2 => scanner.text(wire_type, &mut self.name)?,
                3 => scanner.text(wire_type, &mut self.database)?,
                4 => scanner.text(wire_type, &mut self.retention_policy)?,
                5 => scanner.text(wire_type, &mut self.group)?,
                6 => scanner.text(wire_type, self.dimensions.push_mut(EMPTY))?,
                7 => entry(scanner, wire_type, push(&mut self.tags, || (EMPTY, EMPTY)), Scanner::text)?,
                8 => entry(scanner, wire_type, self.field(FieldValue::Float(0.0)), |scanner, wire_type, value| {
                    *value = FieldValue::Float(scanner.double(wire_type)?);
                    Ok(())
                })?,
                9 => entry(scanner, wire_type, self.field(FieldValue::Int(0)), |scanner, wire_type, value| {
                    *value = FieldValue::Int(scanner.int64(wire_type)?);
                    Ok(())
                })?,
                10 => entry(scanner, wire_type, self.field(FieldValue::Text(EMPTY)), |scanner, wire_type, value| {
                    let mut text = EMPTY;
                    scanner.text(wire_type, &mut text)?;
                    *value = FieldValue::Text(text);
                    Ok(())
                })?,
                11 => self.by_name = scanner.bool(wire_type)?,
                12 => entry(scanner, wire_type, self.field(FieldValue::Bool(false)), |scanner, wire_type, value| {
                    *value = FieldValue::Bool(scanner.bool(wire_type)?);
                    Ok(())
                })?,
                _ => scanner.skip(number, wire_type, DEPTH - 1)?,
            }
        }
        scanner.leave(outer);
        Ok(())
    }

    #[inline]
    fn field(&mut self, absent: FieldValue<'a>) -> &mut (Text<'a>, FieldValue<'a>) {
        push(&mut self.fields, || (EMPTY, absent))
    }

    /// Sorts the maps and leaves one value for each key.
    pub(super) fn settle(&mut self) {
        settle_by(&mut self.tags, |_| 0);
        settle_by(&mut self.fields, FieldValue::rank);
    }
}

impl FieldValue<'_> {
    /// In which order Kapacitor reads the typed maps.
    fn rank(&self) -> u8 {
        match self {
            Self::Text(_) => 0,
            Self::Int(_) => 1,
            Self::Float(_) => 2,
            Self::Bool(_) => 3,
        }
    }
}

/// Reads one entry of a map into its place, which holds the default for an absent key or value.
#[inline]
pub(super) fn entry<'a, V>(
    scanner: &mut Scanner<'a>,
    wire_type: u8,
    (key, value): &mut (Text<'a>, V),
    read: impl Fn(&mut Scanner<'a>, u8, &mut V) -> Result<(), WireError>,
) -> Result<(), WireError> {
    scanner.expect(wire_type, LENGTH_DELIMITED)?;
    let outer = scanner.enter()?;
    while scanner.more() {
        match scanner.key()? {
            (1, wire_type) => scanner.text(wire_type, key)?,
            (2, wire_type) => read(scanner, wire_type, value)?,
            (number, wire_type) => scanner.skip(number, wire_type, DEPTH - 2)?,
        }
    }
    scanner.leave(outer);
    Ok(())
}

/// Adds an entry; a map begins with room for what most points have.
#[inline]
pub(super) fn push<T>(entries: &mut Vec<T>, entry: impl FnOnce() -> T) -> &mut T {
    if entries.len() == entries.capacity() {
        entries.reserve(8);
    }
    entries.push_mut(entry())
}

/// Sorts a map by key and leaves the last value of each key, values of a higher rank counting as later ones.
pub(super) fn settle_by<V>(entries: &mut Vec<(Text<'_>, V)>, rank: fn(&V) -> u8) {
    if !entries.is_sorted_by(|(before, _), (after, _)| order(before, after).is_lt()) {
        entries.sort_by(|a, b| order(&a.0, &b.0).then_with(|| rank(&a.1).cmp(&rank(&b.1))));
        entries.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                std::mem::swap(later, kept);
            }
            same
        });
    }
}

/// The order of texts; mostly the first byte tells.
#[inline]
fn order(a: &str, b: &str) -> Ordering {
    let first = |text: &str| text.as_bytes().first().copied();
    first(a).cmp(&first(b)).then_with(|| a.cmp(b))
}
