//! `GET /v1/events`: the journal as a stream of events.
//!
//! * `since` is inclusive. A seq is a place; a time or an age passes what was observed at or after it. What is written
//!   after the request always passes, so that a clock set back does not silence a follower.
//! * `until` is inclusive for a seq and exclusive for a time, so that one hour's end can be the next one's beginning.
//! * `limit` counts events that passed; `last` begins at the last so many of those already there.
//! * Without `follow` the answer ends with what was written when the request came.
//! * With `Accept: text/event-stream` a `Last-Event-ID` header wins over `since`. A resumed answer that has nothing to
//!   send and does not follow is 204, which tells an `EventSource` not to come again.

use super::feed::{Counted, Feed, Follow, Paging as _};
use super::moment::Moment;
use super::page::{Form, Page};
use super::query::Query;
use super::scan::{Found, Scan, Step, Times};
use super::{ServeState, broken, followed, now, refuse};
use crate::filter::Filter;
use crate::journal::{Journal, ReadError};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How far records may stand behind older ones: a POST may wait for the journal while others pass. A time of `until` is
/// looked for so far beyond it, in nanoseconds.
const DISORDER: i64 = 120_000_000_000;

/// Records in the first stretch searched for `last`; each further one is four times as long.
const FIRST_STRETCH: u64 = 1024;

/// The stretch of the journal that a query is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) last: u64,
    /// Last seq that is written already.
    present: u64,
    pub(super) times: Times,
}

/// `GET /v1/events`
pub(super) async fn events(State(state): State<ServeState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let now = now();
    let sse = accepts_sse(&headers);
    let mut query = match Query::parse(query.as_deref().unwrap_or_default(), now) {
        Ok(query) => query,
        Err(errors) => {
            let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return refuse(StatusCode::BAD_REQUEST, said.join("\n"));
        }
    };
    let resumed = match headers.get("last-event-id").filter(|_| sse) {
        None => false,
        Some(id) => match id.to_str().ok().and_then(|id| id.trim().parse::<u64>().ok()) {
            Some(id) => {
                query.since = Some(Moment::Seq(id.saturating_add(1)));
                query.last = None;
                true
            }
            None => return refuse(StatusCode::BAD_REQUEST, "Last-Event-ID is not a seq"),
        },
    };
    let Ok(place) = Arc::clone(&state.readers).try_acquire_owned() else {
        return state.too_many_readers();
    };
    if let Some(source) = &state.source {
        let asked = followed::Asked { query, sse, resumed, now };
        return followed::events(&state, source, asked, place).await;
    }
    let written = state.intake.journal().written();
    let range = match range(&state, &query, now).await {
        Ok(range) => range,
        Err(response) => return response,
    };
    if resumed && !query.follow && range.first > range.last {
        return StatusCode::NO_CONTENT.into_response();
    }

    let form = if sse { Form::Sse } else { Form::Lines };
    // Without a bound, it shares the work with others once it is beyond what is there already.
    let is_bounded = !query.follow || query.limit.is_some() || query.until.is_some();
    let mut board = (!is_bounded).then(|| (state.boards.of(form, query.raw, query.filter.as_ref()), range.present));
    let mut scan = Scan::new(state.intake.journal(), range.first, range.last, range.times, query.filter);
    if query.follow && range.first > range.present.saturating_add(1) {
        // The client has seen seqs that this journal has not given yet: another journal, or one that was lost. Waiting
        // for them in silence would hide everything that comes.
        scan.begin_anew(state.intake.journal(), range.present.saturating_add(1));
        // What it is told first is for it alone.
        board = None;
    }
    let page = Page::new(form, query.raw, query.limit);
    let follow = query.follow.then(|| Follow {
        deadline: range.times.until.map(|until| {
            let left = u64::try_from(until.saturating_sub(now)).unwrap_or(0);
            Instant::now() + Duration::from_nanos(left)
        }),
        heartbeat: sse.then_some(state.options.heartbeat),
        due: None,
        in_vain: 0,
        _attention: state.intake.journal().attend(),
        _counted: Counted::new(state.intake.metrics()),
    });
    let feed = Feed {
        position: scan.position(),
        board,
        journal: state.intake.journal().clone(),
        work: Some(Box::new((scan, page))),
        written,
        background: state.background.clone(),
        metrics: state.intake.metrics().clone(),
        follow,
        stop: state.stop.clone(),
        _place: place,
    };
    streamed(form, Body::from_stream(feed.into_stream()))
}

/// An answer whose body comes as it is made.
pub(super) fn streamed(form: Form, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(form.media()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold events back until its buffer is full.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn accepts_sse(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| {
        accept.to_str().is_ok_and(|accept| {
            accept.split(',').any(|media| {
                let media = media.split(';').next().unwrap_or_default();
                media.trim().eq_ignore_ascii_case("text/event-stream")
            })
        })
    })
}

/// Finds the stretch that a query is about.
pub(super) async fn range(state: &ServeState, query: &Query, now: i64) -> Result<Range, Response> {
    let journal = state.intake.journal().clone();
    let present = *journal.written().borrow();
    let (since, until, follow, last) = (query.since, query.until, query.follow, query.last);
    let range = state
        .background
        .run(move || -> Result<Range, ReadError> {
            let mut times = Times { since_up_to: present, ..Times::default() };
            let first = match since {
                Some(Moment::Seq(seq)) => seq.max(1),
                Some(Moment::Time(time)) => {
                    times.since = Some(time);
                    journal.seek_time(time)?.max(1)
                }
                None if follow && last.is_none() => present.saturating_add(1),
                None => 1,
            };
            let end = if follow { u64::MAX } else { present };
            let last = match until {
                Some(Moment::Seq(seq)) => end.min(seq),
                Some(Moment::Time(time)) => {
                    times.until = Some(time);
                    // Followers end by the clock, once it has passed `until`.
                    if time.saturating_add(DISORDER) > now {
                        end
                    } else {
                        present.min(journal.seek_time(time.saturating_add(DISORDER))?.saturating_sub(1))
                    }
                }
                None => end,
            };
            Ok(Range { first, last, present, times })
        })
        .await;
    let mut range = match range {
        Ok(Ok(range)) => range,
        Ok(Err(error)) => return Err(broken(&error)),
        Err(error) => return Err(broken(&error)),
    };
    if let Some(count) = last {
        range.first = first_of_last(state, range, query.filter.as_ref(), count).await?;
    }
    Ok(range)
}

/// Seq of the first of the last `count` matching events that are there already. Searched from the end in longer and
/// longer stretches, so that the last ten of a large journal are found without reading it all.
async fn first_of_last(state: &ServeState, range: Range, filter: Option<&Filter>, count: u64) -> Result<u64, Response> {
    let lowest = range.first.max(state.intake.journal().stats().first_seq).max(1);
    let mut high = range.last.min(range.present);
    // Without any match there is nothing to show of what is there already.
    let mut first = high.saturating_add(1).max(range.first);
    let mut missing = count;
    let mut length = count.max(FIRST_STRETCH);
    while high >= lowest {
        let low = high.saturating_sub(length - 1).max(lowest);
        let mut scan = Scan::new(state.intake.journal(), low, high, range.times, filter.cloned());
        let mut found = VecDeque::new();
        loop {
            let step = state.background.run(move || {
                let step = scan.step(|one| {
                    if let Found::Event(event) = one {
                        found.push_back(event.seq);
                        if found.len() as u64 > missing {
                            found.pop_front();
                        }
                    }
                    ControlFlow::Continue(())
                });
                (scan, found, step)
            });
            let step = match step.await {
                Ok((read, seqs, step)) => {
                    (scan, found) = (read, seqs);
                    step.map_err(|error| broken(&error))?
                }
                Err(error) => return Err(broken(&error)),
            };
            if step != Step::More {
                break;
            }
        }
        missing -= found.len() as u64;
        first = found.front().copied().unwrap_or(first);
        if missing == 0 {
            break;
        }
        high = low - 1;
        length = length.saturating_mul(4);
    }
    Ok(first)
}

/// One event, found by position.
pub(super) fn at_seq(journal: &Journal, seq: u64, raw: bool) -> Result<Vec<u8>, Missing> {
    let mut scan = Scan::new(journal, seq, seq, Times::default(), None);
    let mut page = Page::new(Form::Lines, raw, Some(1));
    let mut gap = None;
    loop {
        let step = scan.step(|found| match found {
            Found::Gap { reason, .. } => {
                gap = Some(reason);
                ControlFlow::Break(())
            }
            event @ Found::Event(_) => page.take(&event),
        })?;
        if let Some(reason) = gap {
            return Err(Missing::Gap(reason));
        }
        if page.is_last() {
            return Ok(page.send().0);
        }
        if step != Step::More {
            return Err(Missing::Unknown);
        }
    }
}

/// Why there is no event at a position.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    /// Nothing was written there yet.
    #[error("no event has this seq yet")]
    Unknown,
    /// It was, and is gone.
    #[error("the event with this seq is not in the journal any more: {0}")]
    Gap(&'static str),
    /// It may be there.
    #[error("cannot read the journal now")]
    Read(#[from] ReadError),
}
