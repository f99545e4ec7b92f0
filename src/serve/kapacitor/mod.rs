//! `GET /v1/kapacitor…` and `POST /v1/refresh`: what is known of the Kapacitors that are watched.
//!
//! Every answer says how old it is: what could not be learned anew stays, marked as stale.

mod last;
pub(super) mod metrics;
mod rows;

use super::state::{Time, json};
use super::{ServeState, now, refuse};
use crate::connector::{Connector, Poll, PollKind, Refreshed, Snapshot};
use crate::intake::http::percent_decode;
use crate::sorted;
use crate::words::Level;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use last::last;

/// Most text of events (ids, messages, details) in one answer, in bytes.
const TEXT: usize = 16 << 20;

/// One Kapacitor, as `GET /v1/kapacitor` says it.
#[derive(Serialize)]
struct Kapacitor<'a> {
    name: &'a str,
    url: &'a str,
    scope: &'a str,
    /// Whether the last ping went well.
    up: bool,
    /// Whether anything is older than it should be.
    stale: bool,
    version: Option<&'a str>,
    host: Option<&'a str>,
    cluster_id: Option<&'a str>,
    server_id: Option<&'a str>,
    /// When it was seen to have been started anew.
    restarted: Option<Time>,
    tasks: BTreeMap<&'static str, usize>,
    /// Topics by the worst level of their events.
    topics: BTreeMap<&'static str, usize>,
    /// Topics whose events cannot be had, or held.
    left_out: usize,
    handlers: usize,
    polls: BTreeMap<&'static str, PollState<'a>>,
}

#[derive(Serialize)]
struct PollState<'a> {
    stale: bool,
    last_success: Option<Time>,
    age_seconds: Option<f64>,
    last_attempt: Option<Time>,
    took_ms: f64,
    attempts: u64,
    failures_in_a_row: u64,
    failed: BTreeMap<&'static str, u64>,
    error: Option<&'a str>,
    /// What single topics could not be asked for.
    partial: Option<&'a str>,
}

impl<'a> PollState<'a> {
    fn of(poll: &'a Poll, now: i64) -> Self {
        Self {
            stale: poll.is_stale(),
            last_success: poll.last_success.map(Time),
            age_seconds: age(poll, now),
            last_attempt: poll.last_attempt.map(Time),
            took_ms: poll.took.as_secs_f64() * 1e3,
            attempts: poll.attempts,
            failures_in_a_row: poll.failures,
            failed: sorted::map(poll.failed.iter().map(|(kind, count)| (kind.as_str(), *count))),
            error: poll.error.as_deref(),
            partial: poll.partial.as_deref(),
        }
    }
}

/// Seconds since a poll last went well.
fn age(poll: &Poll, now: i64) -> Option<f64> {
    let nanoseconds = u64::try_from(now.saturating_sub(poll.last_success?)).unwrap_or(0);
    Some(std::time::Duration::from_nanos(nanoseconds).as_secs_f64())
}

impl<'a> Kapacitor<'a> {
    fn of(known: &'a Snapshot, now: i64) -> Self {
        let vars = known.vars.as_deref();
        let mut tasks = sorted::map(["executing", "dead", "disabled"].map(|state| (state, 0)));
        for task in known.tasks.values() {
            *tasks.entry(task.state()).or_default() += 1;
        }
        Self {
            name: &known.name,
            url: &known.url,
            scope: &known.scope,
            up: !known.polls.ping.is_stale(),
            stale: PollKind::ALL.iter().any(|kind| known.polls.of(*kind).is_stale()),
            version: known.version.as_deref(),
            host: vars.map(|vars| vars.host.as_str()),
            cluster_id: vars.map(|vars| vars.cluster_id.as_str()),
            server_id: vars.map(|vars| vars.server_id.as_str()),
            restarted: known.restarted.map(Time),
            tasks,
            topics: levels(known),
            left_out: known.left_out,
            handlers: known.handlers.values().map(Vec::len).sum(),
            polls: sorted::map(
                PollKind::ALL.iter().map(|kind| (kind.as_str(), PollState::of(known.polls.of(*kind), now))),
            ),
        }
    }
}

/// How many topics have which level: the worst of their events, whatever Kapacitor says.
fn levels(known: &Snapshot) -> BTreeMap<&'static str, usize> {
    let mut levels = sorted::map(Level::ALL.iter().map(|level| (level.as_str(), 0)));
    for level in known.topics.keys().filter_map(|topic| worst(known, topic)) {
        *levels.entry(level.as_str()).or_default() += 1;
    }
    levels
}

/// The worst level of a topic's events; `None` when they are not known.
fn worst(known: &Snapshot, topic: &str) -> Option<Level> {
    let events = known.events.get(topic)?;
    Some(events.iter().map(|event| event.state.level).max().unwrap_or(Level::Ok))
}

/// `GET /v1/kapacitor`: every Kapacitor, by name.
pub(in crate::serve) async fn list(State(state): State<ServeState>) -> Response {
    let (known, now) = (snapshots(&state), now());
    json(&known.iter().map(|known| Kapacitor::of(known, now)).collect::<Vec<_>>())
}

/// `GET /v1/kapacitor/{name}`
pub(in crate::serve) async fn one(State(state): State<ServeState>, Path(name): Path<String>) -> Response {
    match find(&state, &name) {
        Ok(known) => json(&Kapacitor::of(&known, now())),
        Err(response) => response,
    }
}

/// `GET /v1/kapacitor/{name}/{part}`: tasks, topics, events (`topic=` for those of one, `from=` where they are more than one
/// answer has), handlers, vars or loss.
pub(in crate::serve) async fn part(
    State(state): State<ServeState>,
    Path((name, part)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let known = match find(&state, &name) {
        Ok(known) => known,
        Err(response) => return response,
    };
    let wanted = match Wanted::read(&part, &query.unwrap_or_default()) {
        Ok(wanted) => wanted,
        Err(said) => return refuse(StatusCode::BAD_REQUEST, said),
    };
    if part == "events" && wanted.topic.is_none() && rows::is_too_much(&known, TEXT) {
        return refuse(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the events of all topics are more than 16 MiB; ask for those of one with topic=",
        );
    }
    let mut next = None;
    let (kind, rows) = match part.as_str() {
        "tasks" => (PollKind::Tasks, rows::tasks(&known)),
        "topics" => (PollKind::Topics, rows::topics(&known)),
        "events" => {
            let (rows, more) = rows::events(&known, wanted.topic.as_deref(), wanted.from, TEXT);
            next = more;
            (PollKind::Topics, rows)
        }
        "handlers" => (PollKind::Handlers, rows::handlers(&known)),
        "vars" => (PollKind::Vars, rows::vars(&known)),
        "loss" => {
            let report = state.connector.as_ref().and_then(|connector| connector.report(&name));
            (PollKind::Topics, report.map_or(Value::Null, |report| report.json()))
        }
        _ => return refuse(StatusCode::NOT_FOUND, "there are tasks, topics, events, handlers, vars and loss"),
    };
    let (poll, now) = (known.polls.of(kind), now());
    let mut answer = Map::new();
    answer.insert("kapacitor".to_owned(), Value::from(known.name.as_str()));
    answer.insert("stale".to_owned(), Value::from(poll.is_stale()));
    answer.insert("age_seconds".to_owned(), Value::from(age(poll, now)));
    answer.insert("error".to_owned(), Value::from(poll.error.as_deref()));
    answer.insert(part, rows);
    if let Some(next) = next {
        answer.insert("next_from".to_owned(), Value::from(next));
    }
    json(&answer)
}

/// What of a part is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    topic: Option<String>,
    /// How many events are left out before the first.
    from: usize,
}

impl Wanted {
    fn read(part: &str, query: &str) -> Result<Self, &'static str> {
        let mut wanted = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match (part, pair.split_once('=')) {
                ("events", Some(("topic", topic))) => wanted.topic = Some(percent_decode(topic)),
                ("events", Some(("from", from))) => wanted.from = from.parse().map_err(|_| "from= is not a number")?,
                _ => return Err("the only parameters here are topic= and from=, of events"),
            }
        }
        Ok(wanted)
    }
}

/// `POST /v1/refresh`: polls all now, or with `kapacitor=` one, and answers when that is done, or with 202 when it takes
/// long.
pub(in crate::serve) async fn refresh(State(state): State<ServeState>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let name = match query.as_str() {
        "" => None,
        query if query.starts_with("kapacitor=") && !query.contains('&') => {
            Some(percent_decode(query.trim_start_matches("kapacitor=")))
        }
        _ => return refuse(StatusCode::BAD_REQUEST, "the only parameter here is kapacitor="),
    };
    let refreshed = match &state.connector {
        Some(connector) => connector.refresh(name.as_deref()).await,
        None => name.is_none().then_some(Refreshed::Done),
    };
    let Some(refreshed) = refreshed else { return unknown() };
    let (known, now) = (snapshots(&state), now());
    let chosen = known.iter().filter(|known| name.as_ref().is_none_or(|name| *name == known.name));
    let mut response = json(&chosen.map(|known| Kapacitor::of(known, now)).collect::<Vec<_>>());
    if refreshed == Refreshed::UnderWay {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    response
}

fn snapshots(state: &ServeState) -> Vec<Arc<Snapshot>> {
    state.connector.as_ref().map(Connector::snapshots).unwrap_or_default()
}

#[expect(clippy::result_large_err, reason = "the error is the answer")]
fn find(state: &ServeState, name: &str) -> Result<Arc<Snapshot>, Response> {
    let found = state.connector.as_ref().and_then(|connector| connector.snapshot(name));
    found.map(|known| Arc::clone(&known.borrow())).ok_or_else(unknown)
}

fn unknown() -> Response {
    refuse(StatusCode::NOT_FOUND, "there is no Kapacitor of this name; GET /v1/kapacitor lists them")
}
