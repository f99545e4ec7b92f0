//! `kaptap tail`: follows the event stream of a running kaptap and goes on where it left off.

use super::arguments::{SettingsArguments, TailArguments};
use super::client::{Backoff, Client, ClientError, Purpose};
use super::failure::{Failure, chain, say};
use super::output::{self, Output};
use super::position::Position;
use super::render::{Renderer, harmless};
use super::stream::{Form, Item, Stream, TooLong};
use super::{Threads, end_at_interrupt, runtime};
use crate::filter::Filter;
use crate::http::escaped;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The filter that leaves out what was received already.
const NO_DUPLICATES: &str = "!(duplicate_of > 0)";
/// Silence after which a peer that sends signs of life (every 15 s) has vanished.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

pub(super) fn run(settings: &SettingsArguments, arguments: &TailArguments) -> Result<(), Failure> {
    if let Some(expression) = &arguments.filter {
        Filter::compile(expression).map_err(|error| Failure::Usage(format!("the filter is not good:\n{error}")))?;
    }
    if let Some(servers) = &arguments.nats.nats {
        return super::follow::run(arguments, servers);
    }
    let client = Client::new(&arguments.peer, settings, Purpose::Reading)?;
    end_at_interrupt()?;
    runtime(Threads::One)?.block_on(async {
        let look = if arguments.json { Look::Json } else { Look::lines()? };
        let query = Query {
            since: arguments.since,
            until: arguments.until,
            last: arguments.last,
            filter: filter(arguments.filter.as_deref(), arguments.json || arguments.duplicates),
            follow: !arguments.no_follow && arguments.until.is_none(),
        };
        let greeting = output::is_terminal().then(|| greeting(&client.address(), query.follow, look.zone().as_deref()));
        let (next, began, output) = (None, None, Output::new());
        Tail { client, query, look, output, next, began, is_lost: false, greeting, lines_have_no_place: false }
            .run()
            .await
    })
}

/// The filter to ask for: that of the person, and no duplicates unless they are wanted. Whoever speaks of
/// `duplicate_of` decides about them.
pub(super) fn filter(asked: Option<&str>, with_duplicates: bool) -> Option<String> {
    match asked {
        Some(asked) if with_duplicates || asked.contains("duplicate_of") => Some(asked.to_owned()),
        // A comment ends with its line.
        Some(asked) => Some(format!("({asked}\n) && {NO_DUPLICATES}")),
        None => (!with_duplicates).then(|| NO_DUPLICATES.to_owned()),
    }
}

/// What a person at a terminal is told once, before the first event: whether more will come, and the zone of the times.
pub(super) fn greeting(address: &str, follow: bool, zone: Option<&str>) -> String {
    let what = if follow { "following" } else { "events of" };
    match zone {
        Some(zone) => format!("{what} {address}, times are in {zone}"),
        None => format!("{what} {address}"),
    }
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
            pairs.push(format!("since={}", escaped(&since.to_string(), ":")));
        } else if let Some(last) = self.last {
            pairs.push(format!("last={last}"));
        }
        let until = match self.until {
            Some(Position::Age(age)) => Some(Position::Age(age + elapsed.unwrap_or_default())),
            until => until,
        };
        if let Some(until) = until {
            pairs.push(format!("until={}", escaped(&until.to_string(), ":")));
        }
        if let Some(filter) = &self.filter {
            pairs.push(format!("filter={}", escaped(filter, "")));
        }
        if self.follow {
            pairs.push("follow=1".to_owned());
        }
        format!("/v1/events?{}", pairs.join("&"))
    }
}

/// How events are printed.
pub(super) enum Look {
    Json,
    Lines { renderer: Box<Renderer>, resized: Signal },
}

impl Look {
    pub(super) fn lines() -> Result<Self, Failure> {
        let renderer = Box::new(Renderer::new(output::colour(), output::width()));
        let resized = signal(SignalKind::window_change());
        let resized = resized.map_err(|error| Failure::caused("cannot wait for signals", error))?;
        Ok(Self::Lines { renderer, resized })
    }

    /// Prints one event or gap, given as its JSON.
    pub(super) fn print(&mut self, json: &[u8], output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Json => output.line(json),
            Self::Lines { renderer, .. } => output.line(renderer.line(&String::from_utf8_lossy(json))),
        }
    }

    /// The zone of the times printed now, unless they are printed as they came.
    pub(super) fn zone(&self) -> Option<String> {
        match self {
            Self::Json => None,
            Self::Lines { renderer, .. } => Some(renderer.zone_name(jiff::Timestamp::now())),
        }
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
    /// Said once, when the first answer begins.
    greeting: Option<String>,
    /// The `seq` of a line is not its place: the peer reads a stream of several kaptaps.
    lines_have_no_place: bool,
}

impl Tail {
    async fn run(mut self) -> Result<(), Failure> {
        let mut backoff = Backoff::new();
        loop {
            let before = Instant::now();
            let Ended::Lost(cause) = self.connect().await? else { return Ok(()) };
            if before.elapsed() > Backoff::LONGEST {
                backoff = Backoff::new();
            }
            if !self.is_lost {
                self.is_lost = true;
                say(&format!("{cause}; trying again"));
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// One connection, from its request to its end.
    async fn connect(&mut self) -> Result<Ended, Failure> {
        let path = self.query.path(self.next, self.began.map(|began| began.elapsed()));
        let media = if self.query.follow { "text/event-stream" } else { "application/x-ndjson" };
        let headers = [(ACCEPT, HeaderValue::from_static(media))];
        let response = match self.client.request(Method::GET, &path, &headers, Bytes::new()).await {
            Ok(response) => response,
            // What cannot be reached at all is more likely a mistake than a restart.
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Lost { .. })) if self.began.is_none() => {
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
        if let Some(greeting) = self.greeting.take() {
            say(&greeting);
        }
        if std::mem::take(&mut self.is_lost) {
            say(&format!("connected to {} again", self.client.address()));
        }
        self.print(response).await
    }

    async fn print(&mut self, response: Response<Incoming>) -> Result<Ended, Failure> {
        let form = form(response.headers().get(CONTENT_TYPE)).map_err(|media| {
            Failure::because(format!("{} answered with {media} and no events: is it a kaptap?", self.client.address()))
        })?;
        // Lines do not say where in a stream they stand, so nothing could go on behind them.
        self.lines_have_no_place = form == Form::Lines && response.headers().contains_key("kaptap-positions");
        let mut stream = Stream::new(form);
        let mut body = response.into_body();
        let address = self.client.address();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = resized(&mut self.look) => continue,
                () = silence(form) => return Ok(Ended::Lost(format!("{address} has been silent for too long"))),
            };
            match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    stream
                        .add(&data)
                        .map_err(|TooLong| Failure::because(format!("{address} sent a line without end")))?;
                    while let Some(item) = stream.next() {
                        self.print_item(&item)?;
                    }
                    self.output.flush()?;
                }
                Some(Err(error)) if self.lines_have_no_place => {
                    return Err(Failure::because(format!("lost {address}: {}", chain(&error))));
                }
                Some(Err(error)) => return Ok(Ended::Lost(format!("lost {address}: {}", chain(&error)))),
                None if self.query.follow => return Ok(Ended::Lost(format!("{address} ended the stream"))),
                None => return Ok(Ended::Done),
            }
        }
    }

    fn print_item(&mut self, item: &Item) -> Result<(), Failure> {
        if let Some(last) = item.last {
            self.next = last.checked_add(1);
        }
        item.event.as_ref().map_or(Ok(()), |event| self.look.print(event, &mut self.output))
    }
}

/// The form of a stream with this content type, or what it is instead. Without one it is lines, of which each is looked at.
fn form(media: Option<&HeaderValue>) -> Result<Form, String> {
    let Some(media) = media else { return Ok(Form::Lines) };
    let media = String::from_utf8_lossy(media.as_bytes());
    match media.split(';').next().map(str::trim) {
        Some("text/event-stream") => Ok(Form::Sse),
        Some("application/x-ndjson") => Ok(Form::Lines),
        _ => Err(harmless(&media).into_owned()),
    }
}

/// Ends when a peer that sends signs of life has sent nothing for too long.
async fn silence(form: Form) {
    match form {
        Form::Sse => tokio::time::sleep(LONGEST_SILENCE).await,
        Form::Lines => std::future::pending().await,
    }
}

/// Waits until the terminal has another size, and takes it over.
pub(super) async fn resized(look: &mut Look) {
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

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
