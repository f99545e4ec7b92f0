//! `POST /v1/replay?sink=NAME&since=&until=&filter=`: delivers a stretch of the journal to one sink again. The parameters
//! mean what they mean for `GET /v1/events`. The answer says which stretch; how far it is, `GET /v1/sinks` says.

use super::events::range;
use super::parked::refused;
use super::query::Query;
use super::state::json;
use super::{ServeState, now, refuse};
use crate::delivery::{Refused, Stretch};
use crate::intake::http::percent_decode;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

/// What is going to be delivered again.
#[derive(Serialize)]
struct Accepted {
    sink: String,
    first_seq: u64,
    last_seq: u64,
}

/// `POST /v1/replay`
pub(super) async fn replay(State(state): State<ServeState>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let (named, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| pair.starts_with("sink="));
    let [sink] = named.as_slice() else {
        return refuse(StatusCode::BAD_REQUEST, "name one sink: sink=NAME");
    };
    let sink = percent_decode(sink.trim_start_matches("sink="));
    let now = now();
    let query = match Query::parse(&others.join("&"), now) {
        Ok(query) => query,
        Err(errors) => {
            let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return refuse(StatusCode::BAD_REQUEST, said.join("\n"));
        }
    };
    if query.follow || query.raw || query.limit.is_some() {
        return refuse(StatusCode::BAD_REQUEST, "a replay knows sink, since, until, last and filter");
    }
    if query.since.is_none() && query.last.is_none() {
        return refuse(StatusCode::BAD_REQUEST, "say where to begin: since= (since=0 is the beginning) or last=");
    }
    let range = match range(&state, &query, now).await {
        Ok(range) => range,
        Err(response) => return response,
    };
    let Some(delivery) = &state.delivery else { return refused(Refused::NoSink) };
    let first = range.first.max(state.intake.journal().stats().first_seq);
    let (since, until) = (range.times.since, range.times.until);
    let stretch = Stretch { first, last: range.last, since, until, filter: query.filter };
    match delivery.replay(&sink, stretch) {
        Ok(()) => {
            let mut response = json(&Accepted { sink, first_seq: first, last_seq: range.last });
            *response.status_mut() = StatusCode::ACCEPTED;
            response
        }
        Err(why) => refused(why),
    }
}
