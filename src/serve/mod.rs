//! HTTP reading: events, open alerts, streams, health and metrics.

pub mod listener;
pub mod moment;
pub mod query;
