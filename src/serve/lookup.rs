//! `GET /v1/events/{id}`: one event, by its id (32 hex digits) or its seq.
//!
//! The ids of recent alerts are known to the alert state. Any other id is searched for, newest first, through the whole
//! journal; one such search runs at a time, and it ends soon after its client went away.

use super::background::Failed;
use super::events::{Missing, at_seq};
use super::scan::{Found, Scan, Step, Times};
use super::{ServeState, broken, followed, refuse};
use crate::event::id::EventId;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::ops::ControlFlow;

/// Records in one stretch of a search. Stretches are read forwards, and taken from the end backwards.
const STRETCH: u64 = 16_384;

/// `GET /v1/events/{id}`
pub(super) async fn event(
    State(state): State<ServeState>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let raw = match query.as_deref().unwrap_or_default() {
        "" | "raw=0" | "raw=false" => false,
        "raw" | "raw=" | "raw=1" | "raw=true" => true,
        _ => return refuse(StatusCode::BAD_REQUEST, "the only parameter here is raw=1"),
    };
    let wanted = Wanted::parse(&id);
    if let (Some(source), Some(wanted)) = (&state.source, wanted) {
        return followed::one(&state, source, wanted, raw).await;
    }
    let seq = match wanted {
        Some(Wanted::Seq(seq)) => seq,
        Some(Wanted::Id(id)) => match search(&state, id).await {
            Ok(Some(seq)) => seq,
            Ok(None) => return refuse(StatusCode::NOT_FOUND, "no event in the journal has this id"),
            Err(response) => return response,
        },
        None => return refuse(StatusCode::BAD_REQUEST, "an event is named by an id of 32 hex digits or by its seq"),
    };
    let journal = state.intake.journal().clone();
    match state.background.run(move || at_seq(&journal, seq, raw)).await {
        Ok(Ok(json)) => {
            let mut response = json.into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Ok(Err(Missing::Read(error))) => broken(&error),
        Ok(Err(missing)) => refuse(StatusCode::NOT_FOUND, missing.to_string()),
        Err(error) => broken(&error),
    }
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Seq(u64),
    Id(EventId),
}

impl Wanted {
    fn parse(text: &str) -> Option<Self> {
        if let Some(id) = EventId::parse(text) {
            return Some(Self::Id(id));
        }
        let is_seq = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_seq.then(|| text.parse().ok()).flatten().map(Self::Seq)
    }
}

/// Seq of the event with this id.
async fn search(state: &ServeState, id: EventId) -> Result<Option<u64>, Response> {
    if let Some(seq) = state.intake.alerts(|fold| fold.seen(id)) {
        return Ok(Some(seq));
    }
    // Closed never; a search that finds no place waits its turn.
    let Ok(_turn) = state.searches.acquire().await else { return Err(broken(&Failed::stopped())) };
    let journal = state.intake.journal();
    let lowest = journal.stats().first_seq.max(1);
    let mut high = *journal.written().borrow();
    while high >= lowest {
        let low = high.saturating_sub(STRETCH - 1).max(lowest);
        let mut scan = Scan::new(journal, low, high, Times::default(), None);
        loop {
            let step = state.background.run(move || {
                let mut seq = None;
                let step = scan.step(|found| match found {
                    Found::Event(event) if event.id == id => {
                        seq = Some(event.seq);
                        ControlFlow::Break(())
                    }
                    _ => ControlFlow::Continue(()),
                });
                (scan, step, seq)
            });
            match step.await {
                Ok((_, _, Some(seq))) => return Ok(Some(seq)),
                Ok((read, Ok(Step::More), None)) => scan = read,
                Ok((_, Ok(Step::AtEnd | Step::Done), None)) => break,
                Ok((_, Err(error), None)) => return Err(broken(&error)),
                Err(error) => return Err(broken(&error)),
            }
        }
        high = low - 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_seqs() {
        assert_eq!(Wanted::parse("17"), Some(Wanted::Seq(17)));
        assert_eq!(Wanted::parse(&"f".repeat(32)), Some(Wanted::Id(EventId(u128::MAX))));
        // All digits and 32 of them: an id.
        assert_eq!(Wanted::parse(&"0".repeat(32)), Some(Wanted::Id(EventId(0))));
        for text in ["", "x", "-1", "+1", "1.0", "18446744073709551616", &"f".repeat(31), &"f".repeat(33)] {
            assert_eq!(Wanted::parse(text), None, "{text}");
        }
    }
}
