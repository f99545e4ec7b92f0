//! `/debug/vars`: what Kapacitor is, and its counters.

use super::lenient;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

/// `GET /debug/vars`, but for what says nothing about Kapacitor (`memstats`, `cmdline`).
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Vars {
    /// UUID of the cluster; kept over restarts.
    #[serde(deserialize_with = "lenient::or_default")]
    pub cluster_id: String,
    /// UUID of this Kapacitor; kept over restarts.
    #[serde(deserialize_with = "lenient::or_default")]
    pub server_id: String,
    /// Its `hostname`, which is `localhost` unless it was set.
    #[serde(deserialize_with = "lenient::or_default")]
    pub host: String,
    /// Version; empty in a build of one's own.
    #[serde(deserialize_with = "lenient::or_default")]
    pub version: String,
    /// `kapacitor`
    #[serde(deserialize_with = "lenient::or_default")]
    pub product: String,
    /// `OSS` or the like.
    #[serde(deserialize_with = "lenient::or_default")]
    pub platform: String,
    /// Tasks.
    #[serde(deserialize_with = "lenient::or_default")]
    pub num_tasks: i64,
    /// Tasks that are enabled.
    #[serde(deserialize_with = "lenient::or_default")]
    pub num_enabled_tasks: i64,
    /// Subscriptions to `InfluxDB`.
    #[serde(deserialize_with = "lenient::or_default")]
    pub num_subscriptions: i64,
    /// Counters, in no order.
    #[serde(rename = "kapacitor", deserialize_with = "statistics")]
    pub statistics: Vec<Statistic>,
}

/// Counters of one thing.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Statistic {
    /// UUID of this beginning of it (A6).
    #[serde(skip)]
    pub key: String,
    /// `ingress`, `edges`, `nodes`, `topics`, `load` …
    #[serde(deserialize_with = "lenient::or_default")]
    pub name: String,
    /// What it is of: `task`, `node`, `id` …
    #[serde(deserialize_with = "lenient::or_default")]
    pub tags: BTreeMap<String, String>,
    /// The counters.
    #[serde(deserialize_with = "lenient::numbers")]
    pub values: BTreeMap<String, f64>,
}

fn statistics<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Statistic>, D::Error> {
    let all: Option<BTreeMap<String, Option<Statistic>>> = Option::deserialize(from)?;
    let named = all.unwrap_or_default().into_iter();
    Ok(named.filter_map(|(key, statistic)| statistic.map(|statistic| Statistic { key, ..statistic })).collect())
}
