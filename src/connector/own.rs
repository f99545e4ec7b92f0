//! The running kaptap, as a client of its own HTTP sees it: for commands that look at both sides.

use crate::http::{Answer, BuildError, Call, Client, Hidden, Options, Proxies};
use serde::Deserialize;
use std::time::Duration;

/// Longest answer, in bytes.
const ANSWER: usize = 16 << 20;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A running kaptap.
#[derive(Debug)]
pub struct Own(Client);

/// A post to the probe path that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Arrival {
    /// Whether it had what is needed to post.
    pub allowed: bool,
}

/// A stream that is open, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct OpenStream {
    /// `udf`, `post` …
    pub lane: String,
    /// Task of a UDF node.
    pub task: Option<String>,
    /// The UDF node.
    pub node: Option<String>,
    /// How often Kapacitor asks for a sign of life, in nanoseconds, once it has asked twice.
    pub keepalive_ns: Option<u64>,
}

impl Own {
    /// The kaptap at this URL, with a token to show.
    ///
    /// # Errors
    /// When the URL or the token cannot be used.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, BuildError> {
        Self::trusting(url, token, false)
    }

    /// The kaptap that listens on this machine, whose certificate is for others: it is not checked.
    ///
    /// # Errors
    /// When the URL or the token cannot be used.
    pub fn here(url: &str, token: Option<&str>) -> Result<Self, BuildError> {
        Self::trusting(url, token, true)
    }

    fn trusting(url: &str, token: Option<&str>, skip_verify: bool) -> Result<Self, BuildError> {
        let options = Options {
            token: token.map(|token| Hidden(token.to_owned())),
            timeout: TIMEOUT,
            skip_verify,
            ..Options::at(url)
        };
        Ok(Self(Client::new(&options, "", &Proxies::none())?))
    }

    /// Scheme, host and port, for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.0.shown()
    }

    /// Whether a post to the probe path of this name arrived.
    ///
    /// # Errors
    /// A sentence, when it cannot be told.
    pub async fn arrival(&self, nonce: &str) -> Result<Option<Arrival>, String> {
        let answer = self.get(&format!("/v1/probe/{nonce}")).await?;
        match answer.status.as_u16() {
            200 => serde_json::from_slice(&answer.body).map(Some).map_err(|_| self.odd(&answer)),
            // With an empty list of its own; without, the path itself is not there.
            404 if answer.body.starts_with(b"no such probe") => Ok(None),
            _ => Err(self.odd(&answer)),
        }
    }

    /// The streams that are open.
    ///
    /// # Errors
    /// A sentence, when they cannot be had.
    pub async fn streams(&self) -> Result<Vec<OpenStream>, String> {
        let answer = self.get("/v1/streams").await?;
        if !answer.status.is_success() {
            return Err(self.odd(&answer));
        }
        serde_json::from_slice(&answer.body).map_err(|_| self.odd(&answer))
    }

    async fn get(&self, path: &str) -> Result<Answer, String> {
        let sent = self.0.send(Call::get(path), ANSWER).await;
        sent.map_err(|failure| self.0.mask(&format!("kaptap at {} {failure}", self.shown())))
    }

    fn odd(&self, answer: &Answer) -> String {
        match answer.status.as_u16() {
            401 => format!("kaptap at {} wants a token for reading", self.shown()),
            status => format!("{} answered {status}, which this kaptap does not", self.shown()),
        }
    }
}
