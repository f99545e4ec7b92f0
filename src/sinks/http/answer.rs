//! What an answer, or the lack of one, means for the events that were sent.
//!
//! | answer | outcome |
//! |---|---|
//! | 2xx, to its end | delivered |
//! | 429; 503 with `Retry-After` | retry: throttled |
//! | 5xx, 408, 425 | retry: peer failed |
//! | 401, 403, 407 | retry: unauthorized; the events are good, and an operator mends the rest |
//! | 3xx | retry: refused; redirects are not followed, and an operator mends the URL |
//! | 413 | reject: too large |
//! | other 4xx | reject: refused |
//! | not HTTP, or ended inside the answer | retry: garbage |
//! | no connection, none in time, cut before the answer | retry: unreachable, timed out, peer failed |
//!
//! A 2xx that breaks off is no answer: what wrote it may not have been the peer (a proxy on the way), and an event that
//! comes twice is better than one that does not come.

use super::secrets::Secrets;
use crate::delivery::sink::{Outcome, Reason};
use hyper::StatusCode;
use hyper::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use std::error::Error;
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
}

/// Why there was no whole answer.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(super) struct Failure {
    reason: Reason,
    sentence: String,
}

impl Failure {
    pub(super) fn timed_out(after: Duration) -> Self {
        Self { reason: Reason::TimedOut, sentence: format!("no whole answer within {after:?}") }
    }

    /// Nothing of an answer came.
    pub(super) fn of_request(error: &hyper_util::client::legacy::Error) -> Self {
        if refuses_certificate(error) {
            return Self {
                reason: Reason::Unauthorized,
                sentence: format!("refuses our certificate: {}", causes(error)),
            };
        }
        if error.is_connect() {
            return Self { reason: Reason::Unreachable, sentence: format!("cannot be reached: {}", causes(error)) };
        }
        match error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>()) {
            Some(cause) if cause.is_parse() => {
                Self { reason: Reason::Garbage, sentence: format!("answered what is not HTTP: {cause}") }
            }
            _ => Self {
                reason: Reason::PeerFailed,
                sentence: format!("ended the connection before its answer: {}", causes(error)),
            },
        }
    }

    /// The answer began and broke off.
    pub(super) fn of_answer(error: &hyper::Error) -> Self {
        let reason = if refuses_certificate(error) { Reason::Unauthorized } else { Reason::Garbage };
        Self { reason, sentence: format!("broke off its answer: {error}") }
    }
}

/// What becomes of the events of a request. `peer` is named in the sentence.
pub(super) fn outcome(peer: &str, result: Result<Answer, Failure>, secrets: &Secrets) -> Outcome {
    let answer = match result {
        Ok(answer) => answer,
        Err(Failure { reason, sentence }) => {
            return Outcome::Retry { after: None, reason, error: secrets.mask(&format!("{peer} {sentence}")) };
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
        413 => reject(Reason::TooLarge, format!("{error} (the limit is the peer's)")),
        400..=499 => reject(Reason::Refused, error),
        300..=399 => retry(Reason::Refused, format!("{peer} answered {}; redirects are not followed", answer.status)),
        _ => retry(Reason::Garbage, error),
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

/// Whether the peer ended TLS because of what we showed it, or did not.
fn refuses_certificate(error: &(dyn Error + 'static)) -> bool {
    use rustls::AlertDescription as Alert;
    let mut cause = Some(error);
    while let Some(current) = cause {
        // An `io::Error` gives its own cause's source as its source, so what it wraps is looked at by name.
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref()).or_else(|| current.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return matches!(
                alert,
                Alert::CertificateRequired
                    | Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::DecryptError
                    | Alert::AccessDenied
            );
        }
        cause = current.source();
    }
    false
}

/// The causes below an error, outermost first.
fn causes(error: &dyn Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        let text = current.to_string();
        // Some errors repeat their cause.
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        cause = current.source();
    }
    harmless(&texts.join(": "))
}

/// Text that cannot move a cursor, turn the direction of writing or break a line.
fn harmless(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.trim().replace(|c| breaks(c) || turns(c), " ")
}

fn clip(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
