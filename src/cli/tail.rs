//! `kaptap tail`: follows the event stream of a running kaptap and goes on where it left off.

use super::arguments::{SettingsArguments, TailArguments};
use super::client::{Client, ClientError, Purpose, encode};
use super::failure::{Failure, chain, say};
use super::output::{self, Output};
use super::position::Position;
use super::render::Renderer;
use super::{Threads, end_at_interrupt, runtime};
use crate::filter::Filter;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderValue};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Longest line taken from the peer. Its own bounds keep lines far below that.
const MAX_LINE: usize = 256 << 20;

pub(super) fn run(settings: &SettingsArguments, arguments: &TailArguments) -> Result<(), Failure> {
    if let Some(expression) = &arguments.filter {
        Filter::compile(expression).map_err(|error| Failure::Usage(format!("the filter is not good:\n{error}")))?;
    }
    let client = Client::new(&arguments.peer, settings, Purpose::Reading)?;
    end_at_interrupt()?;
    runtime(Threads::One)?.block_on(async {
        let look = if arguments.json { Look::Json } else { Look::lines()? };
        let query = Query {
            since: arguments.since,
            until: arguments.until,
            last: arguments.last,
            filter: arguments.filter.clone(),
            follow: !arguments.no_follow && arguments.until.is_none(),
        };
        Tail { client, query, look, output: Output::new(), next: None, began: None, is_lost: false }.run().await
    })
}

/// What is asked of the peer.
#[derive(Debug, Clone)]
struct Query {
    since: Option<Position>,
    until: Option<Position>,
    last: Option<u64>,
    filter: Option<String>,
    follow: bool,
}

impl Query {
    /// The request's path. `next` is the seq to go on with, once one was seen; `elapsed` is the time since the first
    /// answer, by which ages have grown.
    fn path(&self, next: Option<u64>, elapsed: Option<Duration>) -> String {
        // A second more makes up for the way that requests take. Nothing was printed yet, so nothing comes twice.
        let grown = |age: Duration| age + elapsed.map_or(Duration::ZERO, |elapsed| elapsed + Duration::from_secs(1));
        let mut pairs = Vec::new();
        let since = match (next, self.since, elapsed) {
            (Some(next), ..) => Some(Position::Seq(next)),
            (None, Some(Position::Age(age)), _) => Some(Position::Age(grown(age))),
            (None, None, Some(_)) if self.follow => Some(Position::Age(grown(Duration::ZERO))),
            (None, since, _) => since,
        };
        if let Some(since) = since {
            pairs.push(format!("since={}", encode(&since.to_string(), ":")));
        } else if let Some(last) = self.last {
            pairs.push(format!("last={last}"));
        }
        let until = match self.until {
            Some(Position::Age(age)) => Some(Position::Age(age + elapsed.unwrap_or_default())),
            until => until,
        };
        if let Some(until) = until {
            pairs.push(format!("until={}", encode(&until.to_string(), ":")));
        }
        if let Some(filter) = &self.filter {
            pairs.push(format!("filter={}", encode(filter, "")));
        }
        if self.follow {
            pairs.push("follow=1".to_owned());
        }
        format!("/v1/events?{}", pairs.join("&"))
    }
}

/// How events are printed.
enum Look {
    Json,
    Lines { renderer: Box<Renderer>, resized: Signal },
}

impl Look {
    fn lines() -> Result<Self, Failure> {
        let renderer = Box::new(Renderer::new(output::colour(), output::width()));
        let resized = signal(SignalKind::window_change());
        let resized = resized.map_err(|error| Failure::caused("cannot wait for signals", error))?;
        Ok(Self::Lines { renderer, resized })
    }
}

/// Why one connection ended.
enum Ended {
    /// Everything asked for was printed.
    Done,
    /// It may be tried again.
    Lost(String),
}

struct Tail {
    client: Client,
    query: Query,
    look: Look,
    output: Output,
    /// Seq to go on with.
    next: Option<u64>,
    /// When the first answer began.
    began: Option<Instant>,
    /// Whether the person was told that the connection is lost.
    is_lost: bool,
}

impl Tail {
    async fn run(mut self) -> Result<(), Failure> {
        let mut wait = FIRST_WAIT;
        loop {
            let before = Instant::now();
            let Ended::Lost(cause) = self.connect().await? else { return Ok(()) };
            if before.elapsed() > LONGEST_WAIT {
                wait = FIRST_WAIT;
            }
            if !self.is_lost {
                self.is_lost = true;
                say(&format!("{cause}; trying again"));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// One connection, from its request to its end.
    async fn connect(&mut self) -> Result<Ended, Failure> {
        let path = self.query.path(self.next, self.began.map(|began| began.elapsed()));
        let headers = [(ACCEPT, HeaderValue::from_static("application/x-ndjson"))];
        let response = match self.client.request(Method::GET, &path, &headers, Bytes::new()).await {
            Ok(response) => response,
            // What cannot be reached at all is more likely a mistake than a restart.
            Err(error @ ClientError::Unreachable { .. }) if self.began.is_none() => {
                return Err(Failure::because(format!("{} (is it running?)", chain(&error))));
            }
            Err(ClientError::Refused { status, text, .. }) if status == hyper::StatusCode::BAD_REQUEST => {
                // A caret in it points into the line above it, so nothing may stand before either.
                return Err(Failure::Usage(format!("{} refuses this:\n{text}", self.client.address())));
            }
            Err(error @ ClientError::Refused { .. }) => return Err(Failure::because(error.to_string())),
            Err(error) => return Ok(Ended::Lost(chain(&error))),
        };
        self.began.get_or_insert_with(Instant::now);
        if std::mem::take(&mut self.is_lost) {
            say(&format!("connected to {} again", self.client.address()));
        }
        self.print(response.into_body()).await
    }

    async fn print(&mut self, mut body: Incoming) -> Result<Ended, Failure> {
        let mut lines = Lines::default();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = resized(&mut self.look) => continue,
            };
            let address = self.client.address();
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    lines
                        .add(&data)
                        .map_err(|TooLong| Failure::because(format!("{address} sent a line without end")))?;
                    while let Some(line) = lines.next() {
                        self.print_line(&line)?;
                    }
                    self.output.flush()?;
                }
                Some(Err(error)) => return Ok(Ended::Lost(format!("lost {address}: {}", chain(&error)))),
                None if self.query.follow => return Ok(Ended::Lost(format!("{address} ended the stream"))),
                None => return Ok(Ended::Done),
            }
        }
    }

    fn print_line(&mut self, line: &[u8]) -> Result<(), Failure> {
        let line = String::from_utf8_lossy(line);
        if line.trim().is_empty() {
            return Ok(());
        }
        if let Some(last) = last_seq(&line) {
            self.next = last.checked_add(1);
        }
        match &mut self.look {
            Look::Json => self.output.line(line.as_bytes()),
            Look::Lines { renderer, .. } => self.output.line(renderer.line(&line)),
        }
    }
}

/// Waits until the terminal has another size, and takes it over.
async fn resized(look: &mut Look) {
    match look {
        Look::Lines { renderer, resized } => {
            if resized.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            renderer.width = output::width();
        }
        Look::Json => std::future::pending().await,
    }
}

/// The last seq that a line speaks of.
fn last_seq(line: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Head {
        seq: Option<u64>,
        gap: Option<Gap>,
    }
    #[derive(Deserialize)]
    struct Gap {
        last_seq: u64,
    }
    let head: Head = serde_json::from_str(line).ok()?;
    head.seq.or(head.gap.map(|gap| gap.last_seq))
}

/// Cuts what comes into lines.
#[derive(Debug, Default)]
struct Lines {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
}

/// A line is longer than any that kaptap writes.
#[derive(Debug)]
struct TooLong;

impl Lines {
    fn add(&mut self, data: &[u8]) -> Result<(), TooLong> {
        if self.buffer.len() + data.len() > MAX_LINE {
            return Err(TooLong);
        }
        self.buffer.extend_from_slice(data);
        Ok(())
    }

    /// The next whole line, without its end.
    fn next(&mut self) -> Option<BytesMut> {
        let Some(at) = self.buffer.iter().skip(self.searched).position(|byte| *byte == b'\n') else {
            self.searched = self.buffer.len();
            return None;
        };
        let mut line = self.buffer.split_to(self.searched + at + 1);
        self.searched = 0;
        line.truncate(line.len() - 1);
        Some(line)
    }
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
