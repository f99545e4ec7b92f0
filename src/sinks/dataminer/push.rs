//! One request at a time to one element, and what its answer means for the rows that were in it.
//!
//! Which status codes the Data API answers is not documented, so a refusal (4xx) alone does not say what it is about.
//! After one, something without any row is sent: if that is refused too, it is not about a row, and everything is tried
//! again later; if it is taken, the rows are halved until those that are refused stand alone.

use super::super::BuildError;
use super::super::halving::Halving;
use super::super::http::{HttpPeer, Message, Proxies};
use super::super::options::{self, Http, Route};
use super::body::{body, fitting};
use super::pages::{Named, Row};
use crate::delivery::sink::{Outcome, Reason};
use crate::event::cloudevents;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;
use tokio::time::Instant;

/// How long refused rows are halved before the rest is left for the next time.
const SPLITTING: Duration = Duration::from_secs(30);
/// After so many failures in a row the peer may have lost what it had: everything is told again.
const STREAK: u32 = 3;

/// The way to one element.
#[derive(Debug)]
pub(super) struct Push {
    parameters: HttpPeer,
    config: HttpPeer,
    /// `identifier` and `type`, where they go in headers.
    both: HeaderMap,
    /// `type` alone.
    kind: HeaderMap,
    interval: Duration,
    last: Option<Instant>,
    failures: u32,
    came_back: bool,
}

impl Push {
    pub(super) fn new(options: &options::Dataminer, proxies: &Proxies) -> Result<Self, BuildError> {
        let (identifier, kind) = (options.identifier.as_str(), options.element_type.as_str());
        let (parameters, config, both, of_type) = match options.route {
            Route::DataApi => {
                let header = |key: &'static str, text: &str| {
                    HeaderValue::from_str(text).ok().filter(|_| text.is_ascii()).ok_or_else(|| {
                        BuildError::value(key, "has characters that no HTTP header can carry; write it in ASCII")
                    })
                };
                let kind = (HeaderName::from_static("type"), header("element_type", kind)?);
                let name = (HeaderName::from_static("identifier"), header("identifier", identifier)?);
                let http = options.http.clone();
                let both = HeaderMap::from_iter([name, kind.clone()]);
                let paths = ("/api/data/parameters", "/api/config");
                let peers =
                    (HttpPeer::new(&http, "PUT", paths.0, proxies)?, HttpPeer::new(&http, "PUT", paths.1, proxies)?);
                (peers.0, peers.1, both, HeaderMap::from_iter([kind]))
            }
            Route::UserDefinedApi => {
                let kind = format!("type={}", encoded(kind));
                let both = with_query(&options.http, &format!("identifier={}&{kind}", encoded(identifier)));
                let parameters = HttpPeer::new(&both, "PUT", "/api/custom/data/parameters", proxies)?;
                let config = with_query(&options.http, &kind);
                let config = HttpPeer::new(&config, "PUT", "/api/custom/data/config", proxies)?;
                (parameters, config, HeaderMap::new(), HeaderMap::new())
            }
        };
        Ok(Self {
            parameters,
            config,
            both,
            kind: of_type,
            interval: options.interval,
            last: None,
            failures: 0,
            came_back: false,
        })
    }

    /// Whether the peer takes requests again after it did not for a while. Said once.
    pub(super) const fn came_back(&mut self) -> bool {
        std::mem::replace(&mut self.came_back, false)
    }

    /// Sends rows, as many requests as that takes; values go with the first. `control` is something without a row that
    /// the peer takes if it takes anything. One outcome per row; without rows, the one of the values.
    pub(super) async fn rows(&mut self, values: &[Named], rows: &[Row], control: &[Named]) -> Vec<Outcome> {
        if rows.is_empty() {
            return vec![self.send(body(values, &[], &[])).await];
        }
        let mut halving = Halving::new(rows, rows.len(), SPLITTING, "rows");
        let mut blames_rows = false;
        while let Some(part) = halving.next() {
            let values = if halving.has_settled() { &[] } else { values };
            let (part, rest) = part.split_at(fitting(values, part).clamp(1, part.len()));
            halving.put_back(rest);
            let outcome = self.send(body(values, part, &[])).await;
            if let Outcome::Reject { reason, error, .. } = &outcome
                && !blames_rows
            {
                match self.send(body(control, &[], &[])).await {
                    Outcome::Delivered | Outcome::Duplicate => blames_rows = true,
                    Outcome::Reject { .. } => {
                        let error =
                            format!("{error}; it refuses what has no row in it as well, so this is not about a row");
                        halving.end(Outcome::Retry { after: None, reason: *reason, error });
                        continue;
                    }
                    retry @ Outcome::Retry { .. } => {
                        halving.end(retry);
                        continue;
                    }
                }
            }
            halving.settle(part, outcome);
        }
        halving.finish().0
    }

    /// Sends one body, no sooner than `interval` after the one before.
    pub(super) async fn send(&mut self, body: Vec<u8>) -> Outcome {
        self.pace().await;
        let outcome = self.parameters.send(self.message(body)).await;
        self.last = Some(Instant::now());
        match &outcome {
            Outcome::Delivered | Outcome::Duplicate => {
                self.came_back |= self.failures >= STREAK;
                self.failures = 0;
            }
            Outcome::Retry { .. } => self.failures = self.failures.saturating_add(1),
            // Whether it is about a row, or about everything, is seen by what comes after it.
            Outcome::Reject { .. } => {}
        }
        outcome
    }

    /// Sends units and decimals of the connector.
    pub(super) async fn configure(&mut self, body: Vec<u8>) -> Outcome {
        self.pace().await;
        let mut message = Message::new(HeaderValue::from_static("application/json"), body);
        message.headers.extend(self.kind.clone());
        let outcome = self.config.send(message).await;
        self.last = Some(Instant::now());
        outcome
    }

    async fn pace(&self) {
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + self.interval).await;
        }
    }

    fn message(&self, body: Vec<u8>) -> Message {
        let mut message = Message::new(HeaderValue::from_static("application/json"), body);
        message.headers.extend(self.both.clone());
        message
    }

    /// The request for people.
    pub(super) fn preview(&self, body: Vec<u8>) -> String {
        self.parameters.preview(&self.message(body))
    }
}

fn with_query(http: &Http, query: &str) -> Http {
    let (address, own) = http.url.split_once('?').unwrap_or((&http.url, ""));
    let joined = if own.is_empty() { query.to_owned() } else { format!("{own}&{query}") };
    // Without a path the question mark would be taken for a part of the host.
    let slash = if address.splitn(4, '/').count() < 4 { "/" } else { "" };
    Http { url: format!("{address}{slash}?{joined}"), ..http.clone() }
}

/// A value of a query, every byte that could mean something as `%xy`.
fn encoded(text: &str) -> String {
    cloudevents::percent_encoded(text, cloudevents::unreserved)
}

/// A refusal that nobody can do anything about but read.
pub(super) fn problem(outcome: &Outcome) -> Option<(Reason, &str)> {
    match outcome {
        Outcome::Delivered | Outcome::Duplicate => None,
        Outcome::Retry { reason, error, .. } | Outcome::Reject { reason, error, .. } => Some((*reason, error)),
    }
}
