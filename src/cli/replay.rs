//! `kaptap replay`: asks the running kaptap to deliver a stretch again, and says how far it is.

use super::arguments::{ReplayArguments, SettingsArguments};
use super::client::{Client, Purpose};
use super::failure::{Failure, say};
use super::sinks::{self, Replay};
use super::{Threads, runtime};
use crate::http::escaped;
use hyper::Method;
use serde::Deserialize;
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(250);

pub(super) fn run(settings: &SettingsArguments, arguments: &ReplayArguments) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Accepted {
        first_seq: u64,
        last_seq: u64,
    }
    let client = Client::new(&arguments.peer, settings, Purpose::Posting)?;
    runtime(Threads::One)?.block_on(async {
        let body = client.ask(Method::POST, &path(arguments)).await?;
        let accepted: Accepted =
            serde_json::from_slice(&body).map_err(|error| Failure::caused("cannot read the answer", error))?;
        if arguments.no_wait {
            say(&format!("records {} to {} are delivered again", accepted.first_seq, accepted.last_seq));
            return Ok(());
        }
        loop {
            let body = client.ask(Method::GET, "/v1/sinks").await?;
            let found = sinks::read(&body)?.into_iter().find(|sink| sink.name == arguments.sink);
            let Some(replay) = found.and_then(|sink| sink.replay) else {
                return Err(Failure::because("the replay is gone: kaptap or the sink was started again"));
            };
            if replay.done {
                progress("");
                say(&format!("{} delivered again, {} refused and parked", replay.delivered, replay.parked));
                if replay.duplicates > 0 {
                    say(&format!(
                        "of these, {} were there already, and nothing new came of them (NATS knows an event for as long as \
                         its stream's duplicate window)",
                        replay.duplicates
                    ));
                }
                return Ok(());
            }
            progress(&format!("{} %, {} delivered", percent(&replay), replay.delivered));
            tokio::time::sleep(LOOK).await;
        }
    })
}

fn path(arguments: &ReplayArguments) -> String {
    let mut path = format!("/v1/replay?sink={}", escaped(&arguments.sink, ""));
    let mut add = |name: &str, value: String| path.extend(["&", name, "=", &value]);
    add("since", escaped(&arguments.since.to_string(), ":"));
    if let Some(until) = &arguments.until {
        add("until", escaped(&until.to_string(), ":"));
    }
    if let Some(filter) = &arguments.filter {
        add("filter", escaped(filter, ""));
    }
    path
}

fn percent(replay: &Replay) -> u64 {
    let all = (replay.last_seq + 1).saturating_sub(replay.first_seq).max(1);
    replay.next_seq.saturating_sub(replay.first_seq).min(all) * 100 / all
}

/// Shows how far it is, on a terminal only.
fn progress(text: &str) {
    let mut talk = std::io::stderr();
    if talk.is_terminal() {
        // A terminal that has gone does not want to know.
        let _shown = write!(talk, "\r\x1b[K{text}").and_then(|()| talk.flush()).is_ok();
    }
}
