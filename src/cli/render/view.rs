//! What of an event's JSON a line shows, borrowed from it. Keys that are absent or new do not matter.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub(super) struct View<'a> {
    #[serde(borrow, default)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) time: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) origin: Origin<'a>,
    #[serde(borrow, default)]
    pub(super) alert: Option<Alert<'a>>,
    #[serde(borrow, default)]
    pub(super) system: Option<Notice<'a>>,
    #[serde(borrow, default)]
    pub(super) series: Vec<Series<'a>>,
    pub(super) duplicate_of: Option<u64>,
    pub(super) part: Option<u32>,
    pub(super) parts: Option<u32>,
    #[serde(default)]
    pub(super) marks: Vec<String>,
    #[serde(borrow, default)]
    pub(super) gap: Option<Gap<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Origin<'a> {
    #[serde(borrow, default)]
    pub(super) source: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) task: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) topic: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Alert<'a> {
    #[serde(borrow, default)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) message: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) level: Cow<'a, str>,
    pub(super) duration_ns: Option<i64>,
    #[serde(borrow, default)]
    pub(super) transition: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) started: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) repeat: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Notice<'a> {
    #[serde(borrow, default)]
    pub(super) what: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) message: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Series<'a> {
    #[serde(borrow, default)]
    pub(super) name: Cow<'a, str>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) columns: Vec<String>,
    #[serde(default)]
    pub(super) types: Vec<String>,
    #[serde(borrow, default)]
    pub(super) rows: Vec<Vec<&'a RawValue>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Gap<'a> {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    #[serde(borrow, default)]
    pub(super) reason: Cow<'a, str>,
}
