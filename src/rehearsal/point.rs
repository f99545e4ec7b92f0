//! Points and batches as they flow along the edges of a Kapacitor pipeline.

use crate::sorted;
use std::collections::BTreeMap;

/// A field's value: the four types that Kapacitor knows on its edges.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `float64`
    Float(f64),
    /// `int64`
    Int(i64),
    /// `string`
    Text(String),
    /// `bool`
    Bool(bool),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// One point. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Point {
    /// Time.
    pub time: i64,
    /// Measurement.
    pub name: String,
    /// Database.
    pub database: String,
    /// Retention policy.
    pub retention_policy: String,
    /// Names of the tags grouped by, sorted as Kapacitor has them.
    pub dimensions: Vec<String>,
    /// Whether the measurement is part of the group.
    pub by_name: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Fields.
    pub fields: BTreeMap<String, Value>,
}

impl Point {
    /// A point of `telegraf.autogen` without tags and fields, not grouped.
    #[must_use]
    pub fn new(name: &str, time: i64) -> Self {
        Self {
            time,
            name: name.to_owned(),
            database: "telegraf".to_owned(),
            retention_policy: "autogen".to_owned(),
            ..Self::default()
        }
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }

    /// Groups by tags, as `groupBy()` does.
    #[must_use]
    pub fn group_by(mut self, dimensions: &[&str]) -> Self {
        self.dimensions = dimensions.iter().map(|&name| name.to_owned()).collect();
        sorted::sort_by(&mut self.dimensions, Ord::cmp);
        self
    }

    /// Makes the measurement part of the group, as `groupByMeasurement()` does.
    #[must_use]
    pub fn group_by_measurement(mut self) -> Self {
        self.by_name = true;
        self
    }

    /// The group's id.
    #[must_use]
    pub fn group(&self) -> String {
        group_id(&self.name, self.by_name, self.dimensions.iter().map(String::as_str), &self.tags)
    }
}

/// One batch: what a query returned for one group.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Measurement.
    pub name: String,
    /// Tags of the group.
    pub tags: BTreeMap<String, String>,
    /// Whether the measurement is part of the group.
    pub by_name: bool,
    /// Upper bound of the time range.
    pub tmax: i64,
    /// Its points; only time, tags and fields of them count.
    pub points: Vec<Point>,
}

impl Batch {
    /// The group's id.
    #[must_use]
    pub fn group(&self) -> String {
        group_id(&self.name, self.by_name, self.tags.keys().map(String::as_str), &self.tags)
    }
}

/// `name`, a line end where the measurement is part of the group and tags follow, then `key=value` joined by commas;
/// nothing is escaped (`models/point.go`, `ToGroupID`).
fn group_id<'a>(
    name: &str,
    by_name: bool,
    dimensions: impl Iterator<Item = &'a str>,
    tags: &BTreeMap<String, String>,
) -> String {
    let pairs: Vec<_> = dimensions.map(|key| format!("{key}={}", tags.get(key).map_or("", String::as_str))).collect();
    match (by_name, pairs.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{name}\n{}", pairs.join(",")),
        (false, _) => pairs.join(","),
    }
}
