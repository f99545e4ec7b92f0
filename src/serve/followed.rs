//! `GET /v1/events` with `[read] from = "nats"`: the stream that several kaptaps publish to.
//!
//! Events are served as they were published, byte for byte. Their `seq` is that of the journal they come from, and those
//! of two kaptaps collide; so positions, in `since`, `until`, `/v1/events/{id}` and as ids of server-sent events, are
//! sequences of the stream, and times are those at which the server stored them. An id that comes twice within
//! [`REMEMBERED`] events is given once.
//!
//! While NATS is away there is 503 for those who come, and silence, or comment lines, for those who follow.

use super::events::streamed;
use super::feed::{Counted, Paging, at};
use super::lookup::Wanted as One;
use super::moment::Moment;
use super::page::{Form, Page};
use super::query::Query;
use super::scan::Found;
use super::{ServeState, refuse};
use crate::filter::Parsed;
use crate::nats::follower::Start;
use crate::nats::reading::{Item, Reading, Until, Wanted};
use crate::nats::{NatsError, Source, search};
use crate::telemetry::Metrics;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Ids that one answer remembers, to give each event once.
pub(super) const REMEMBERED: usize = 16_384;

/// Header of answers whose positions are not the `seq` of their events.
const POSITIONS: &str = "kaptap-positions";

/// Waits between attempts to reach the server again.
const RETRY: Duration = Duration::from_millis(500);

/// Failed attempts in a row after which an answer that does not follow is broken off.
const TRIES: u32 = 5;

/// What was asked.
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) sse: bool,
    /// The query goes on behind a `Last-Event-ID`.
    pub(super) resumed: bool,
    /// Nanoseconds since 1970.
    pub(super) now: i64,
}

/// `GET /v1/events`
pub(super) async fn events(
    state: &ServeState,
    source: &Arc<Source>,
    asked: Asked,
    place: OwnedSemaphorePermit,
) -> Response {
    let Asked { query, sse, resumed, now } = asked;
    if query.raw {
        return not_raw();
    }
    let until = query.until.map(|until| match until {
        Moment::Seq(sequence) => Until::Sequence(sequence),
        Moment::Time(time) => {
            let left = u64::try_from(time.saturating_sub(now)).unwrap_or(0);
            Until::Time(time, Instant::now() + Duration::from_nanos(left))
        }
    });
    let since = query.since.map(|since| match since {
        Moment::Seq(sequence) => Start::Sequence(sequence),
        Moment::Time(time) => Start::Time(time),
    });
    let start = match (since, query.last) {
        (_, Some(count)) => match search::first_of_last(source, count, query.filter.as_ref(), (since, until)).await {
            Ok(first) => Start::Sequence(first),
            Err(error) => return away(source, &error),
        },
        (Some(since), _) => since,
        (None, _) if query.follow => Start::New,
        (None, _) => Start::Sequence(0),
    };
    let wanted = Wanted { start, until, filter: query.filter, follow: query.follow, remembered: REMEMBERED };
    let mut reading = Reading::new(Arc::clone(source), wanted);
    if let Err(error) = reading.open().await {
        return away(source, &error);
    }
    if resumed && !query.follow && reading.position() > reading.present() {
        reading.close().await;
        return StatusCode::NO_CONTENT.into_response();
    }
    let form = if sse { Form::Sse } else { Form::Lines };
    let feed = Feed {
        reading,
        page: Page::new(form, false, query.limit),
        heartbeat: (sse && query.follow).then_some(state.options.heartbeat),
        due: None,
        trouble: None,
        follow: query.follow,
        metrics: state.intake.metrics().clone(),
        stop: state.stop.clone(),
        _counted: query.follow.then(|| Counted::new(state.intake.metrics())),
        _place: place,
    };
    let mut response = streamed(form, Body::from_stream(feed.into_stream()));
    response.headers_mut().insert(POSITIONS, HeaderValue::from_static("stream"));
    response
}

/// `GET /v1/events/{id}`
pub(super) async fn one(state: &ServeState, source: &Arc<Source>, wanted: One, raw: bool) -> Response {
    if raw {
        return not_raw();
    }
    let (found, missing) = match wanted {
        One::Seq(sequence) => (search::at(source, sequence).await, "no message of the stream has this sequence"),
        One::Id(id) => {
            // Closed never; a search that finds no place waits its turn.
            let _turn = state.searches.acquire().await;
            (search::with_id(source, id).await, "no event in the stream has this id")
        }
    };
    match found {
        Ok(Some(message)) if Parsed::of(&message.payload).is_some() => {
            let mut response = message.payload.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(Some(_)) => refuse(StatusCode::NOT_FOUND, "the message of this sequence is no event of kaptap"),
        Ok(None) => refuse(StatusCode::NOT_FOUND, missing),
        Err(error) => away(source, &error),
    }
}

fn not_raw() -> Response {
    let said = "raw=1 is for kaptaps that read their own journal; from a stream events come as they were published \
                (raw = true in the sink publishes the bytes with them)";
    refuse(StatusCode::BAD_REQUEST, said)
}

/// The answer when the stream cannot be read now.
fn away(source: &Source, error: &NatsError) -> Response {
    tracing::warn!(server = source.server(), %error, "Cannot read events from NATS");
    let said = format!("events are read from NATS, which cannot be read now: {error}");
    let mut response = refuse(StatusCode::SERVICE_UNAVAILABLE, said);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// One answer.
struct Feed {
    reading: Reading,
    page: Page,
    /// How often a silent answer shows a sign of life, if at all.
    heartbeat: Option<Duration>,
    /// When the next one is due.
    due: Option<Instant>,
    /// Failed attempts in a row, and why.
    trouble: Option<(u32, NatsError)>,
    follow: bool,
    metrics: Metrics,
    stop: CancellationToken,
    _counted: Option<Counted>,
    _place: OwnedSemaphorePermit,
}

/// What woke an answer.
enum Woken {
    Read(Result<Item, NatsError>),
    Due,
    Stopped,
}

impl Paging for Feed {
    async fn page(&mut self) -> io::Result<Option<Bytes>> {
        if self.page.is_last() {
            self.reading.close().await;
            return Ok(None);
        }
        if let (None, Some(every)) = (self.due, self.heartbeat) {
            self.due = Some(Instant::now() + every);
        }
        loop {
            let is_idle = self.page.is_empty();
            let woken = tokio::select! {
                biased;
                () = self.stop.cancelled() => Woken::Stopped,
                read = read(&mut self.reading, self.trouble.is_some()) => Woken::Read(read),
                () = at(self.due), if is_idle => Woken::Due,
                // What was found is not held back until more comes.
                () = std::future::ready(()), if !is_idle => return Ok(Some(self.send().into())),
            };
            match woken {
                Woken::Stopped if self.follow => return Ok(None),
                Woken::Stopped => return Err(io::ErrorKind::Interrupted.into()),
                Woken::Due => return Ok(Some(self.sign().into())),
                Woken::Read(Ok(item)) => {
                    self.trouble = None;
                    if matches!(item, Item::End) {
                        self.reading.close().await;
                        let is_empty = self.page.is_empty();
                        return Ok((!is_empty).then(|| self.send().into()));
                    }
                    if self.take(&item) {
                        return Ok(Some(self.send().into()));
                    }
                }
                Woken::Read(Err(error)) => self.fail(error)?,
            }
        }
    }
}

/// The next item; after a failure not at once.
async fn read(reading: &mut Reading, failed: bool) -> Result<Item, NatsError> {
    if failed {
        tokio::time::sleep(RETRY).await;
    }
    reading.next().await
}

impl Feed {
    /// Takes what was read; whether the page should be sent.
    fn take(&mut self, item: &Item) -> bool {
        match item {
            Item::Event { position, kind, json, .. } => {
                return self.page.written(*position, kind.as_str(), json).is_break();
            }
            Item::Gap { first, last, reason } => {
                self.metrics.reader_gaps.inc();
                return self.page.take(&Found::Gap { first: *first, last: *last, reason }).is_break();
            }
            Item::Anew => self.page.comment("the stream was made anew; this is from its beginning"),
            Item::Repeated { .. } | Item::Foreign { .. } | Item::CaughtUp | Item::End => {}
        }
        false
    }

    fn send(&mut self) -> Vec<u8> {
        self.due = None;
        self.page.send().0
    }

    /// A sign of life, which also says how far the stream was read, or why it is not.
    fn sign(&mut self) -> Vec<u8> {
        self.due = None;
        match &self.trouble {
            Some((_, error)) => {
                self.page.comment(&format!("waiting for NATS: {}", error.to_string().replace(['\n', '\r'], " ")));
                self.page.send().0
            }
            None if self.reading.position() > 0 => Page::heartbeat(self.reading.position()),
            None => b": still here\n\n".to_vec(),
        }
    }

    /// Notes a failure; whoever follows has time.
    fn fail(&mut self, error: NatsError) -> io::Result<()> {
        let failures = self.trouble.take().map_or(0, |(failures, _)| failures) + 1;
        if failures == 1 {
            tracing::warn!(%error, "Cannot read events from NATS, will try again");
        }
        if failures >= TRIES && !self.follow {
            return Err(io::Error::other(error));
        }
        self.trouble = Some((failures, error));
        Ok(())
    }
}
