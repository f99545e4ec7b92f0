//! HTTP reading: events, open alerts, streams, health and metrics.
