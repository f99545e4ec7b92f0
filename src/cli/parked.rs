//! `kaptap parked`: what sinks refused for good, as the running kaptap has it.

use super::arguments::{ParkedCommand, PeerArguments, SettingsArguments, WhichArguments};
use super::client::{Client, Purpose};
use super::failure::{Failure, say};
use super::output::Output;
use super::{Threads, render, runtime};
use crate::http::escaped;
use hyper::Method;
use serde::Deserialize;

/// Events asked for at once.
const PAGE: usize = 1000;

/// What of a parked event is shown in a list.
#[derive(Debug, Deserialize)]
struct Line {
    seq: u64,
    reason: String,
    error: String,
    attempts: u32,
    last: String,
    event: Event,
}

#[derive(Debug, Deserialize)]
struct Event {
    kind: String,
    alert: Option<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    id: String,
    level: String,
}

pub(super) fn run(settings: &SettingsArguments, command: &ParkedCommand) -> Result<(), Failure> {
    match command {
        ParkedCommand::Ls { peer, sink, json } => list(settings, peer, sink, *json),
        ParkedCommand::Show { peer, sink, seq } => {
            let client = Client::new(peer, settings, Purpose::Reading)?;
            let body = runtime(Threads::One)?.block_on(client.ask(Method::GET, &path(sink, Some(*seq))))?;
            let mut output = Output::new();
            output.line(body.trim_ascii_end())?;
            output.flush()
        }
        ParkedCommand::Retry(which) => act(settings, which, &Method::POST, "are tried again"),
        ParkedCommand::Drop(which) => act(settings, which, &Method::DELETE, "dropped"),
    }
}

fn path(sink: &str, seq: Option<u64>) -> String {
    let sink = escaped(sink, "");
    seq.map_or_else(|| format!("/v1/parked/{sink}"), |seq| format!("/v1/parked/{sink}/{seq}"))
}

fn list(settings: &SettingsArguments, peer: &PeerArguments, sink: &str, json: bool) -> Result<(), Failure> {
    let client = Client::new(peer, settings, Purpose::Reading)?;
    let runtime = runtime(Threads::One)?;
    let (mut output, mut after, mut count) = (Output::new(), 0, 0_u64);
    loop {
        let path = format!("{}?after={after}&limit={PAGE}", path(sink, None));
        let body = runtime.block_on(client.ask(Method::GET, &path))?;
        let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
        for line in &lines {
            let parsed: Line =
                serde_json::from_slice(line).map_err(|error| Failure::caused("cannot read the answer", error))?;
            after = parsed.seq;
            count += 1;
            if json { output.line(line)? } else { output.line(shown(&parsed))? }
        }
        if lines.len() < PAGE {
            break;
        }
    }
    output.flush()?;
    if count == 0 {
        say(&format!("nothing is parked for {sink}"));
    }
    Ok(())
}

/// One event in one line.
fn shown(line: &Line) -> String {
    let what = match &line.event.alert {
        Some(alert) => format!("{} {}", alert.level, alert.id),
        None => line.event.kind.clone(),
    };
    let tries = if line.attempts == 1 { "1 try".to_owned() } else { format!("{} tries", line.attempts) };
    let text = format!("{}  {}  {what}  {tries}, {}: {}", line.seq, line.last, line.reason, line.error);
    render::harmless(&text).into_owned()
}

fn act(settings: &SettingsArguments, which: &WhichArguments, method: &Method, done: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Count {
        events: u64,
    }
    let client = Client::new(&which.peer, settings, Purpose::Posting)?;
    let runtime = runtime(Threads::One)?;
    let seqs: Vec<Option<u64>> = if which.all { vec![None] } else { which.seqs.iter().copied().map(Some).collect() };
    let mut total = 0;
    for seq in seqs {
        let body = runtime.block_on(client.ask(method.clone(), &path(&which.sink, seq)))?;
        let count: Count =
            serde_json::from_slice(&body).map_err(|error| Failure::caused("cannot read the answer", error))?;
        if let (0, Some(seq)) = (count.events, seq) {
            say(&format!("{seq} is not parked for {}", which.sink));
        }
        total += count.events;
    }
    say(&format!("{total} {} {done}", if total == 1 { "event" } else { "events" }));
    Ok(())
}
