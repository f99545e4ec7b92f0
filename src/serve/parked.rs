//! `/v1/parked/{sink}` and `/v1/parked/{sink}/{seq}`: what a sink refused for good. GET shows it, POST tries it again,
//! DELETE drops it.

use super::state::json;
use super::{ServeState, broken, refuse};
use crate::delivery::parked::Parked;
use crate::delivery::{Delivery, Refused};
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::error::Error;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Events in one answer: by default, and at most.
const PAGE: (usize, usize) = (100, 1000);

/// How many events something was done with.
#[derive(Serialize)]
struct Count {
    events: usize,
}

/// `GET /v1/parked/{sink}?after=SEQ&limit=N`: the events in order, a line each, without the record.
pub(super) async fn list(
    State(state): State<ServeState>,
    Path(sink): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let (mut after, mut limit) = (0_u64, PAGE.0);
    for pair in query.as_deref().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let good = match pair.split_once('=') {
            Some(("after", seq)) => seq.parse().map(|seq| after = seq).is_ok(),
            Some(("limit", count)) => count.parse().map(|count| limit = count).is_ok(),
            _ => false,
        };
        if !good || limit == 0 || limit > PAGE.1 {
            let said = format!("the parameters here are after=SEQ and limit=N, from 1 to {}", PAGE.1);
            return refuse(StatusCode::BAD_REQUEST, said);
        }
    }
    let read = move |parked: &Parked| {
        let seqs: Vec<u64> = parked.seqs().filter(|seq| *seq > after).take(limit).collect();
        let lines = seqs.into_iter().filter_map(|seq| parked.get(seq).transpose());
        lines.map(|line| line.and_then(|line| without_record(&line))).collect::<io::Result<String>>()
    };
    match look(&state, &sink, read).await {
        Ok(Ok(lines)) => lines_of(lines),
        Ok(Err(error)) => broken(&error),
        Err(response) => response,
    }
}

/// `GET /v1/parked/{sink}/{seq}`: one event, with the record.
pub(super) async fn show(State(state): State<ServeState>, Path((sink, seq)): Path<(String, u64)>) -> Response {
    match look(&state, &sink, move |parked| parked.get(seq)).await {
        Ok(Ok(Some(line))) => lines_of(line + "\n"),
        Ok(Ok(None)) => refuse(StatusCode::NOT_FOUND, "no event with this seq is parked there"),
        Ok(Err(error)) => broken(&error),
        Err(response) => response,
    }
}

/// `POST /v1/parked/{sink}`: tries all of them again.
pub(super) async fn try_again(State(state): State<ServeState>, Path(sink): Path<String>) -> Response {
    act(&state, move |delivery| Ok(delivery.try_parked(&sink, None)?)).await
}

/// `POST /v1/parked/{sink}/{seq}`: tries one of them again.
pub(super) async fn try_one_again(State(state): State<ServeState>, Path((sink, seq)): Path<(String, u64)>) -> Response {
    act(&state, move |delivery| Ok(delivery.try_parked(&sink, Some(&[seq]))?)).await
}

/// `DELETE /v1/parked/{sink}`: drops all of them.
pub(super) async fn drop_them(State(state): State<ServeState>, Path(sink): Path<String>) -> Response {
    act(&state, move |delivery| delivery.drop_parked(&sink, None)).await
}

/// `DELETE /v1/parked/{sink}/{seq}`: drops one of them.
pub(super) async fn drop_one(State(state): State<ServeState>, Path((sink, seq)): Path<(String, u64)>) -> Response {
    act(&state, move |delivery| delivery.drop_parked(&sink, Some(vec![seq]))).await
}

type BoxError = Box<dyn Error + Send + Sync>;

async fn act(state: &ServeState, work: impl FnOnce(&Delivery) -> Result<usize, BoxError> + Send + 'static) -> Response {
    let Some(delivery) = state.delivery.clone() else { return refused(Refused::NoSink) };
    match state.background.run(move || work(&delivery)).await {
        Ok(Ok(events)) => json(&Count { events }),
        Ok(Err(error)) => match error.downcast_ref::<Refused>() {
            Some(why) => refused(*why),
            None => broken(&*error),
        },
        Err(error) => broken(&error),
    }
}

/// Looks at what a sink has parked.
async fn look<T: Send + 'static>(
    state: &ServeState,
    sink: &str,
    look: impl FnOnce(&Parked) -> T + Send + 'static,
) -> Result<T, Response> {
    let delivery = state.delivery.as_ref().ok_or(Refused::NoSink);
    let parked: Arc<Mutex<Parked>> = delivery.and_then(|delivery| delivery.parked(sink)).map_err(refused)?;
    let work = move || look(&parked.lock().unwrap_or_else(PoisonError::into_inner));
    state.background.run(work).await.map_err(|error| broken(&error))
}

/// The answer to what is not done.
pub(super) fn refused(why: Refused) -> Response {
    let status = match why {
        Refused::NoSink => StatusCode::NOT_FOUND,
        Refused::Busy => StatusCode::CONFLICT,
        Refused::NotNow => StatusCode::SERVICE_UNAVAILABLE,
    };
    refuse(status, why.to_string())
}

/// A line of the store, part by part as it is there; what is not named here is left out.
#[derive(Serialize, Deserialize)]
struct Shown<'a> {
    #[serde(borrow)]
    seq: &'a RawValue,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow)]
    reason: &'a RawValue,
    #[serde(borrow)]
    error: &'a RawValue,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    attempts: &'a RawValue,
    #[serde(borrow)]
    first: &'a RawValue,
    #[serde(borrow)]
    last: &'a RawValue,
    #[serde(borrow)]
    event: &'a RawValue,
}

fn without_record(line: &str) -> io::Result<String> {
    let shown: Shown<'_> = serde_json::from_str(line)?;
    Ok(serde_json::to_string(&shown)? + "\n")
}

fn lines_of(lines: String) -> Response {
    let mut response = Response::new(Body::from(lines));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
