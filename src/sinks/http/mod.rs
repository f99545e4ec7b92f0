//! The HTTP client that sinks share, on top of [`crate::http`]: one peer, one URL, one request at a time.
//!
//! What becomes of an event is decided in one place (`answer`). Of an answer at most `ANSWER` bytes are read.

mod answer;

pub use crate::http::Proxies;

use super::BuildError;
use super::options;
use crate::delivery::sink::Outcome;
use crate::http::{Call, Client, Failure};
use answer::Answer;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode};

/// Most that is read of an answer, in bytes.
const ANSWER: usize = 64 << 10;

/// A request of a sink, but for what all requests to the peer have in common.
#[derive(Debug, Clone)]
pub struct Message {
    /// Headers of this request. Those of the configuration come after them and win.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Message {
    /// A request with a body of this media type.
    #[must_use]
    pub fn new(media: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { headers: HeaderMap::from_iter([(CONTENT_TYPE, media)]), body: body.into() }
    }
}

/// A peer that events are sent to over HTTP/1.1, with or without TLS.
#[derive(Debug)]
pub struct HttpPeer {
    client: Client,
    method: Method,
}

impl HttpPeer {
    /// The peer at `url` with `path` behind it (empty, or beginning with a slash).
    ///
    /// # Errors
    /// When the URL, the method, a header, a certificate or the proxy cannot be used.
    pub fn new(options: &options::Http, method: &str, path: &str, proxies: &Proxies) -> Result<Self, BuildError> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| BuildError::value("method", format!("{method:?} is no HTTP method")))?;
        Ok(Self { client: Client::new(options, path, proxies)?, method })
    }

    /// Adds a text that must not appear in errors.
    pub fn hide(&mut self, secret: &str) {
        self.client.hide(secret);
    }

    /// Scheme, host and port, for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.client.shown()
    }

    /// Sends one request; what its answer means for what was in it. Dropping the future ends the connection.
    pub async fn send(&self, message: Message) -> Outcome {
        self.send_for_status(message).await.1
    }

    /// The same, with the status of the answer, if there was one.
    pub(super) async fn send_for_status(&self, message: Message) -> (Option<StatusCode>, Outcome) {
        let result = self.exchange(message).await;
        let status = result.as_ref().ok().map(Answer::status);
        (status, answer::outcome(self.client.shown(), result, self.client.secrets()))
    }

    async fn exchange(&self, message: Message) -> Result<Answer, Failure> {
        let Message { headers, body } = message;
        let call = Call { method: self.method.clone(), path: String::new(), headers, body };
        let answer = self.client.send(call, ANSWER).await?;
        Ok(Answer::new(answer.status, &answer.headers, answer.body))
    }

    /// The request for people. Values of configured headers and of query parameters are masked.
    #[must_use]
    pub fn preview(&self, message: &Message) -> String {
        let host = self.client.base().authority().map_or("", hyper::http::uri::Authority::as_str);
        let path = self.client.shown_path("");
        let mut text = format!("{} {path} HTTP/1.1\nhost: {host}\n", self.method);
        for (name, value) in &self.client.headers(&message.headers) {
            let shown =
                if value.is_sensitive() { "[secret]".into() } else { String::from_utf8_lossy(value.as_bytes()) };
            text.extend([name.as_str(), ": ", &shown, "\n"]);
        }
        text.extend(["content-length: ", &message.body.len().to_string(), "\n\n"]);
        text.push_str(&String::from_utf8_lossy(&message.body));
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}
