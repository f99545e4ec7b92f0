//! One `[[kapacitor]]`. Made by `config`, which has read and checked it.

use super::setup::Address;
use crate::http;
use std::time::Duration;

/// A Kapacitor that is watched. Two are equal when nothing has to be done to turn one into the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `name`: in events, metrics and paths.
    pub name: String,
    /// `url`, or `host` and `port`; credentials, TLS, proxies and `timeout` (default 10 s).
    pub http: http::Options,
    /// `shared_secret` (or `shared_secret_file`) and `username`: a JWT is made of them.
    pub shared_secret: Option<SharedSecret>,
    /// `scope`: of the events that are recorded. Default: the global one.
    pub scope: String,
    /// `address`: kaptap as this Kapacitor reaches it. `None`: whatever has the port of `[http] listen`.
    pub address: Option<Address>,
    /// Port of `[http] listen`; 0 where it is not known beforehand.
    pub own_port: u16,
    /// `poll`: of topics and their events. Default 10 s.
    pub poll: Duration,
    /// `poll_tasks`. Default 10 s.
    pub poll_tasks: Duration,
    /// `poll_handlers`. Default 60 s.
    pub poll_handlers: Duration,
    /// `poll_vars`: counters. Default 30 s.
    pub poll_vars: Duration,
    /// `reconcile`: record what was never received. Default true.
    pub reconcile: bool,
    /// `expire`: how long an alert may be unknown to Kapacitor before it is expired. Default 1 h.
    pub expire: Duration,
    /// `medic` and its limits.
    pub medic: MedicOptions,
}

/// What Kapacitor's `[http] shared-secret` is, and whose name the token has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSecret {
    /// `username`: claim of the token.
    pub username: String,
    /// `shared_secret`
    pub secret: http::Hidden,
}

/// Starting tasks again that died of a lost UDF connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MedicOptions {
    /// `medic`. Default false.
    pub enabled: bool,
    /// `medic_attempts`: within `medic_window`, for one task. Default 5.
    pub attempts: usize,
    /// `medic_window`. Default 1 h.
    pub window: Duration,
    /// `medic_backoff`: before the second attempt; doubled with each, at most `medic_backoff_max`. Default 10 s.
    pub backoff: Duration,
    /// `medic_backoff_max`. Default 10 min.
    pub backoff_max: Duration,
}

impl Default for MedicOptions {
    fn default() -> Self {
        Self {
            enabled: false,
            attempts: 5,
            window: Duration::from_hours(1),
            backoff: Duration::from_secs(10),
            backoff_max: Duration::from_mins(10),
        }
    }
}

impl Options {
    /// The defaults, for a Kapacitor at this URL.
    #[must_use]
    pub fn at(name: impl Into<String>, url: impl Into<String>, scope: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            http: http::Options::at(url),
            shared_secret: None,
            scope: scope.into(),
            address: None,
            own_port: 9192,
            poll: Duration::from_secs(10),
            poll_tasks: Duration::from_secs(10),
            poll_handlers: Duration::from_mins(1),
            poll_vars: Duration::from_secs(30),
            reconcile: true,
            expire: Duration::from_hours(1),
            medic: MedicOptions::default(),
        }
    }
}
