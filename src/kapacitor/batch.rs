//! A borrowed view of a batch, or of a part of one: Begin, points, End.

use super::point::{PointView, Text, WireError};

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
    /// When one of the frames is not the schema, or is none of begin, point, end.
    pub fn of_frames(_frames: &'a [u8]) -> Result<Self, WireError> {
        Err(WireError { what: "unread", at: 0 })
    }
}
