//! What an answer, or the lack of one, means for the events that were sent.
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx, to its end | delivered |
//! | 429; 503 with `Retry-After` | retry: throttled |
//! | 5xx, 408, 425 | retry: peer failed |
//! | 401, 403, 407 | retry: unauthorized; the events are good, and an operator mends the rest |
//! | 404, 405, 410, 421, 426 | retry: refused; this is the wrong place, and an operator mends the URL |
//! | 3xx | retry: refused; redirects are not followed, and an operator mends the URL |
//! | 413 | reject: too large |
//! | 400, 414, 415, 422 and other 4xx | reject: refused; it is about what was sent |
//! | not HTTP, or ended inside the answer | retry: garbage |
//! | no connection, none in time, cut before the answer | retry: unreachable, timed out, peer failed |
//!
//! A 2xx that breaks off is no answer: what wrote it may not have been the peer (a proxy on the way), and an event that
//! comes twice is better than one that does not come.

use crate::delivery::sink::{Outcome, Reason};
use crate::http::text::{clip, harmless};
use crate::http::{Failure, FailureKind, Secrets};
use hyper::StatusCode;
use hyper::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest excerpt of an answer, in bytes.
const EXCERPT: usize = 1024;
/// Longest part of an answer in a sentence, in bytes.
const IN_SENTENCE: usize = 200;
/// Longest time to wait that a peer can ask for.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// An answer, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: Vec<u8>) -> Self {
        Self { status, retry_after: retry_after(headers), body }
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }
}

/// What becomes of the events of a request. `peer` is named in the sentence.
pub(super) fn outcome(peer: &str, result: Result<Answer, Failure>, secrets: &Secrets) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => {
            let error = secrets.mask(&format!("{peer} {failure}"));
            return Outcome::Retry { after: None, reason: reason(failure.kind()), error };
        }
    };
    let text = harmless(&secrets.mask(&String::from_utf8_lossy(&answer.body)));
    let said = if text.is_empty() { String::new() } else { format!(": {}", clip(&text, IN_SENTENCE)) };
    let error = format!("{peer} answered {}{said}", answer.status);
    let retry = |reason, error| Outcome::Retry { after: answer.retry_after, reason, error };
    let reject = |reason, error| {
        let response = (!text.is_empty()).then(|| clip(&text, EXCERPT).to_owned());
        Outcome::Reject { reason, error, response }
    };
    match answer.status.as_u16() {
        200..=299 => Outcome::Delivered,
        429 => retry(Reason::Throttled, error),
        503 if answer.retry_after.is_some() => retry(Reason::Throttled, error),
        408 | 425 | 500..=599 => retry(Reason::PeerFailed, error),
        401 | 403 | 407 => retry(Reason::Unauthorized, error),
        404 | 405 | 410 | 421 | 426 => {
            retry(Reason::Refused, format!("{error} (this seems to be the wrong place: an operator mends the URL)"))
        }
        413 => reject(Reason::TooLarge, format!("{error} (the limit is the peer's)")),
        400..=499 => reject(Reason::Refused, error),
        300..=399 => retry(Reason::Refused, format!("{peer} answered {}; redirects are not followed", answer.status)),
        _ => retry(Reason::Garbage, error),
    }
}

const fn reason(kind: FailureKind) -> Reason {
    match kind {
        FailureKind::Unreachable => Reason::Unreachable,
        FailureKind::TimedOut => Reason::TimedOut,
        FailureKind::Unauthorized => Reason::Unauthorized,
        FailureKind::Cut => Reason::PeerFailed,
        FailureKind::Garbage => Reason::Garbage,
        FailureKind::NotSendable => Reason::Refused,
    }
}

/// `Retry-After` in either form. A date counts from the peer's own `Date`, so that clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let now = headers.get(DATE).and_then(date).or_else(now)?;
    // A date that has passed: at once.
    let seconds = u64::try_from(date_of(text)?.checked_sub(now)?).unwrap_or(0);
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn date(value: &HeaderValue) -> Option<i64> {
    date_of(value.to_str().ok()?)
}

fn date_of(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp().as_second())
}

fn now() -> Option<i64> {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
