//! A borrowed view of a batch, or of a part of one: Begin, points, End.

use super::envelope::{self, Data};
use super::point::{EMPTY, PointView, Text, WireError, entry, push, settle_by};
use super::wire::{DEPTH, Scanner};

/// A batch as it came: whatever is there of Begin, points and End.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BatchView<'a> {
    /// What Begin said; absent when End or points came without one.
    pub begin: Option<BeginView<'a>>,
    /// The points, in order.
    pub points: Vec<PointView<'a>>,
    /// What End said; absent in all parts but the last, and when the connection ended before it.
    pub end: Option<EndView<'a>>,
}

/// Begin of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BeginView<'a> {
    /// Measurement.
    pub name: Text<'a>,
    /// Group id.
    pub group: Text<'a>,
    /// Tags of the group, sorted by key.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
    /// How many points were announced.
    pub size: i64,
    /// Whether the measurement is part of the group.
    pub by_name: bool,
}

/// End of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndView<'a> {
    /// Measurement.
    pub name: Text<'a>,
    /// Group id.
    pub group: Text<'a>,
    /// Upper bound of the time range, nanoseconds since 1970.
    pub tmax: i64,
    /// Tags of the group, sorted by key.
    pub tags: Vec<(Text<'a>, Text<'a>)>,
}

impl<'a> BatchView<'a> {
    /// Reads a run of length-prefixed frames as the journal keeps them for a batch.
    ///
    /// # Errors
    /// When one of the frames is not the schema, is none of begin, point, end, or stands where it cannot: a begin that
    /// is not first, or anything after the end.
    pub fn of_frames(frames: &'a [u8]) -> Result<Self, WireError> {
        let mut scanner = Scanner::new(frames);
        let mut batch = Self::default();
        while scanner.more() {
            let start = scanner.at();
            let frame = scanner.enter()?;
            let data = envelope::read(&mut scanner)?;
            scanner.leave(frame);
            match data {
                _ if batch.end.is_some() => return Err(WireError { what: "a frame after the end", at: start }),
                Data::Begin(begin) if start == 0 => batch.begin = Some(begin),
                Data::Begin(_) => return Err(WireError { what: "a begin that is not first", at: start }),
                Data::Point(point) => batch.points.push(point),
                Data::End(end) => batch.end = Some(end),
            }
        }
        Ok(batch)
    }
}

impl<'a> BeginView<'a> {
    /// Reads a begin with its length prefix into this one.
    pub(super) fn merge(&mut self, scanner: &mut Scanner<'a>) -> Result<(), WireError> {
        let outer = scanner.enter()?;
        while scanner.more() {
            let (number, wire_type) = scanner.key()?;
            match number {
                1 => scanner.text(wire_type, &mut self.name)?,
                2 => scanner.text(wire_type, &mut self.group)?,
                3 => entry(scanner, wire_type, push(&mut self.tags, || (EMPTY, EMPTY)), Scanner::text)?,
                4 => self.size = scanner.int64(wire_type)?,
                5 => self.by_name = scanner.bool(wire_type)?,
                _ => scanner.skip(number, wire_type, DEPTH - 1)?,
            }
        }
        scanner.leave(outer);
        Ok(())
    }

    /// Sorts the tags and leaves one value for each key.
    pub(super) fn settle(&mut self) {
        settle_by(&mut self.tags, |_| 0);
    }
}

impl<'a> EndView<'a> {
    /// Reads an end with its length prefix into this one.
    pub(super) fn merge(&mut self, scanner: &mut Scanner<'a>) -> Result<(), WireError> {
        let outer = scanner.enter()?;
        while scanner.more() {
            let (number, wire_type) = scanner.key()?;
            match number {
                1 => scanner.text(wire_type, &mut self.name)?,
                2 => scanner.text(wire_type, &mut self.group)?,
                3 => self.tmax = scanner.int64(wire_type)?,
                4 => entry(scanner, wire_type, push(&mut self.tags, || (EMPTY, EMPTY)), Scanner::text)?,
                // Begin has said already whether the measurement is part of the group.
                5 => scanner.bool(wire_type).map(drop)?,
                _ => scanner.skip(number, wire_type, DEPTH - 1)?,
            }
        }
        scanner.leave(outer);
        Ok(())
    }

    /// Sorts the tags and leaves one value for each key.
    pub(super) fn settle(&mut self) {
        settle_by(&mut self.tags, |_| 0);
    }
}
