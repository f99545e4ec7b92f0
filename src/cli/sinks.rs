//! `kaptap sinks`: the sinks of the running kaptap as a table.

use super::arguments::{SettingsArguments, SinksArguments};
use super::client::{Client, Purpose};
use super::failure::Failure;
use super::output::{self, Output};
use super::render::Look;
use super::render::table::{Cell, Side, Table};
use super::seconds::Seconds;
use super::{Threads, render, runtime};
use crate::config::{Period, Size};
use hyper::Method;
use serde::Deserialize;
use std::time::Duration;

/// What of `GET /v1/sinks` is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Sink {
    pub(super) name: String,
    #[serde(rename = "type")]
    kind: String,
    circuit: String,
    delivered: u64,
    retried: u64,
    lag: Lag,
    parked_now: Parked,
    /// Older ones do not say these.
    #[serde(default)]
    forgotten: u64,
    #[serde(default)]
    restarts: u64,
    last_error: Option<LastError>,
    pub(super) replay: Option<Replay>,
}

#[derive(Debug, Deserialize)]
struct Lag {
    events: u64,
    bytes: u64,
    seconds: Seconds,
}

#[derive(Debug, Deserialize)]
struct Parked {
    events: u64,
}

#[derive(Debug, Deserialize)]
struct LastError {
    time: String,
    reason: String,
    error: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Replay {
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) next_seq: u64,
    pub(super) delivered: u64,
    #[serde(default)]
    pub(super) duplicates: u64,
    pub(super) parked: u64,
    pub(super) done: bool,
}

pub(super) fn run(settings: &SettingsArguments, arguments: &SinksArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.peer, settings, Purpose::Reading)?;
    let body = runtime(Threads::One)?.block_on(client.ask(Method::GET, "/v1/sinks"))?;
    let mut output = Output::new();
    if arguments.json {
        output.line(body.trim_ascii_end())?;
        return output.flush();
    }
    for line in table(&read(&body)?, output::colour(), output::width()) {
        output.line(line)?;
    }
    output.flush()
}

pub(super) fn read(body: &[u8]) -> Result<Vec<Sink>, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::caused("cannot read the answer", error))
}

/// The sinks in columns, then what went wrong last with each.
fn table(sinks: &[Sink], colour: bool, width: Option<usize>) -> Vec<String> {
    if sinks.is_empty() {
        return vec!["there are no sinks; [[sink]] tables in the configuration make them".to_owned()];
    }
    let left = ["SINK", "TYPE", "CIRCUIT"].map(|head| (Side::Left, head));
    let right = ["DELIVERED", "RETRIED", "PARKED", "LAG", "BYTES", "AGE"].map(|head| (Side::Right, head));
    let [name, kind, circuit] = left;
    let [delivered, retried, parked, lag, bytes, oldest] = right;
    let mut table = Table::new([name, kind, circuit, delivered, retried, parked, lag, bytes, oldest]);
    for sink in sinks {
        let count = |count: u64, look| Cell::new(if count > 0 { look } else { Look::Plain }, &count.to_string());
        table.push([
            Cell::new(Look::Bold, &sink.name),
            Cell::plain(&sink.kind),
            Cell::new(if sink.circuit == "closed" { Look::Good } else { Look::Critical }, &sink.circuit),
            Cell::plain(&sink.delivered.to_string()),
            Cell::plain(&sink.retried.to_string()),
            count(sink.parked_now.events, Look::Warning),
            Cell::plain(&sink.lag.events.to_string()),
            Cell::plain(&Size(rounded(sink.lag.bytes)).to_string()),
            Cell::plain(&age(sink.lag.seconds.0)),
        ]);
    }
    let mut lines = table.lines(colour, width);
    for sink in sinks {
        let name = render::harmless(&sink.name);
        if sink.restarts > 0 {
            lines.push(format!(
                "{name}: its worker had to be started again, {} times since kaptap began",
                sink.restarts
            ));
        }
        if sink.forgotten > 0 {
            let times = sink.forgotten;
            lines.push(format!(
                "{name}: it remembers as many alerts as it may; {times} found no room and are not told again"
            ));
        }
        if let Some(LastError { time, reason, error }) = &sink.last_error {
            let said = format!("{}: {time} {reason}: {error}", sink.name);
            lines.push(render::harmless(&said).into_owned());
        }
    }
    lines
}

/// Whole KiB or MiB of what is more than a few of them: the number is an estimate.
fn rounded(bytes: u64) -> u64 {
    match bytes {
        0..0x2000 => bytes,
        0x2000..0x80_0000 => bytes >> 10 << 10,
        _ => bytes >> 20 << 20,
    }
}

fn age(age: Duration) -> String {
    let shown = if age < Duration::from_secs(10) {
        Duration::from_millis(millis(age))
    } else {
        Duration::from_secs(age.as_secs())
    };
    Period(shown).to_string()
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_sinks() {
        let body = br#"[{"name":"ops","type":"webhook","circuit":"open","delivered":1200,"retried":3,"lag":{"events":17,
            "bytes":8400000,"seconds":95.7},"parked_now":{"events":2,"bytes":9},"last_error":{"time":"T","reason":"refused","error":"no\u001b"}},
            {"name":"a","type":"file","circuit":"closed","delivered":0,"retried":0,"lag":{"events":0,"bytes":0,"seconds":0.0},
            "parked_now":{"events":0,"bytes":0},"forgotten":3,"restarts":2}]"#;
        let lines = table(&read(body).unwrap(), false, None);
        let expected = [
            "SINK  TYPE     CIRCUIT  DELIVERED  RETRIED  PARKED  LAG  BYTES    AGE",
            "ops   webhook  open          1200        3       2   17   8MiB  1m35s",
            "a     file     closed           0        0       0    0     0B     0s",
        ];
        assert_eq!(lines[..3], expected);
        assert!(lines[3].starts_with("ops: T refused: no") && !lines[3].contains('\u{1b}'), "{lines:?}");
        assert_eq!(lines[4], "a: its worker had to be started again, 2 times since kaptap began");
        assert!(lines[5].contains("3 found no room") && lines.len() == 6, "{lines:?}");
        assert_eq!(table(&[], false, None).len(), 1);
    }
}
