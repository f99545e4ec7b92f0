//! `kaptap alerts` and `kaptap streams`: what is so now, asked from a running kaptap and shown as a table.

use super::arguments::{AlertsArguments, PeerArguments, SettingsArguments, StreamsArguments};
use super::client::{Client, ClientError, Purpose};
use super::failure::{BoxError, Failure, chain, say};
use super::output::{self, Output};
use super::render::table::{Cell, Side, Table};
use super::render::{Look, about, zone_name};
use super::{Threads, runtime};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Method;
use jiff::{Timestamp, Zoned};
use serde::Deserialize;
use std::time::Duration;

/// How long the whole answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most that is read of an answer: some hundred thousand alerts.
const MAX_ANSWER: usize = 256 << 20;

/// A time, as kaptap writes it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Moment(Timestamp);

impl TryFrom<String> for Moment {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

/// One alert of `GET /v1/alerts`, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Alert {
    level: String,
    id: String,
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    since: Option<Moment>,
    last: Moment,
}

/// One stream of `GET /v1/streams`, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Stream {
    lane: String,
    source: String,
    #[serde(default)]
    task: Option<String>,
    #[serde(default)]
    node: Option<String>,
    received: u64,
    kept: u64,
    last: Moment,
    #[serde(default)]
    held: bool,
}

/// `kaptap alerts`.
pub(super) fn alerts(settings: &SettingsArguments, arguments: &AlertsArguments) -> Result<(), Failure> {
    let path = if arguments.all { "/v1/alerts?all=1" } else { "/v1/alerts" };
    let answer = ask(settings, &arguments.peer, path)?;
    if arguments.json {
        return pass_through(&answer);
    }
    let alerts: Vec<Alert> = read(&answer)?;
    if alerts.is_empty() {
        say(if arguments.all { "no alert is known" } else { "no alert is open" });
        return Ok(());
    }
    print(&alert_table(&alerts, &Zoned::now()))
}

/// `kaptap streams`.
pub(super) fn streams(settings: &SettingsArguments, arguments: &StreamsArguments) -> Result<(), Failure> {
    let answer = ask(settings, &arguments.peer, "/v1/streams")?;
    if arguments.json {
        return pass_through(&answer);
    }
    let streams: Vec<Stream> = read(&answer)?;
    if streams.is_empty() {
        say("no stream is open: no UDF is connected, and nothing was posted since kaptap was started");
        return Ok(());
    }
    print(&stream_table(&streams, Timestamp::now()))
}

/// The whole answer to one request.
fn ask(settings: &SettingsArguments, peer: &PeerArguments, path: &str) -> Result<Bytes, Failure> {
    let client = Client::new(peer, settings, Purpose::Reading)?;
    runtime(Threads::One)?.block_on(async {
        let asking = async {
            let response = client.request(Method::GET, path, &[], Bytes::new()).await.map_err(|error| match error {
                ClientError::Unreachable { .. } => Failure::because(format!("{} (is it running?)", chain(&error))),
                error => Failure::because(chain(&error)),
            })?;
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            let cut =
                |error: BoxError| Failure::caused(format!("cannot read the answer of {}", client.address()), error);
            Ok(body.map_err(cut)?.to_bytes())
        };
        let late = |_| Failure::because(format!("{} did not answer in {}s", client.address(), TIMEOUT.as_secs()));
        tokio::time::timeout(TIMEOUT, asking).await.map_err(late)?
    })
}

fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(answer)
        .map_err(|error| Failure::caused("what answered is not a kaptap of this version", error))
}

fn pass_through(answer: &[u8]) -> Result<(), Failure> {
    let mut output = Output::new();
    output.line(answer.trim_ascii_end())?;
    output.flush()
}

fn print<const N: usize>(table: &Table<N>) -> Result<(), Failure> {
    let mut output = Output::new();
    for line in table.lines(output::colour(), output::width()) {
        output.line(line)?;
    }
    output.flush()
}

/// The alerts as they came: the worst first, and among those the oldest.
fn alert_table(alerts: &[Alert], now: &Zoned) -> Table<6> {
    let since = format!("SINCE ({})", zone_name(now));
    let heads = ["LEVEL", &since, "FOR", "TASK", "ID", "MESSAGE"];
    let mut table = Table::new(heads.map(|head| (Side::Left, head)));
    for alert in alerts {
        let end = if alert.level == "OK" { alert.last.0 } else { now.timestamp() };
        table.push([
            Cell::new(Look::of_level(&alert.level), &alert.level),
            Cell::plain(&alert.since.map(|since| moment(since.0, now)).unwrap_or_default()),
            Cell::plain(&alert.since.map(|since| age(since.0, end)).unwrap_or_default()),
            Cell::plain(alert.task.as_ref().or(alert.topic.as_ref()).map_or("", String::as_str)),
            Cell::new(Look::Bold, &alert.id),
            Cell::plain(&alert.message),
        ]);
    }
    table
}

/// The streams as they came: the oldest first.
fn stream_table(streams: &[Stream], now: Timestamp) -> Table<7> {
    let (left, right) = (Side::Left, Side::Right);
    let mut table = Table::new([
        (left, "LANE"),
        (left, "SOURCE"),
        (left, "TASK"),
        (left, "NODE"),
        (right, "RECEIVED"),
        (right, "KEPT"),
        (left, "LAST"),
    ]);
    for stream in streams {
        let last = if stream.received.max(stream.kept) == 0 {
            String::new()
        } else {
            format!("{} ago", age(stream.last.0, now))
        };
        table.push([
            Cell::plain(&stream.lane),
            Cell::new(Look::Bold, &stream.source),
            Cell::plain(stream.task.as_deref().unwrap_or_default()),
            Cell::plain(stream.node.as_deref().unwrap_or_default()),
            Cell::plain(&stream.received.to_string()),
            Cell::plain(&stream.kept.to_string()),
            if stream.held { Cell::new(Look::Warning, &format!("{last}, held back")) } else { Cell::plain(&last) },
        ]);
    }
    table
}

/// A moment in the zone of `now`, with its day unless that is today.
fn moment(time: Timestamp, now: &Zoned) -> String {
    let local = time.to_zoned(now.time_zone().clone());
    let format = if local.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
    local.strftime(format).to_string()
}

/// The time between two moments; none if the clocks disagree about which was first.
fn age(from: Timestamp, to: Timestamp) -> String {
    about(u128::try_from(to.as_nanosecond() - from.as_nanosecond()).unwrap_or_default())
}

#[cfg(test)]
#[path = "overview_tests.rs"]
mod tests;
