//! What the default `details` of an alert tell about its origin.

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
#[must_use]
pub fn parse(_details: &str) -> Option<Provenance<'static>> {
    None
}
