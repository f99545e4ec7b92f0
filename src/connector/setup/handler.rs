//! The handler that set-up wants on a topic, and how it tells its own from those of others.

use crate::connector::masked;
use crate::http::escaped;
use crate::kapacitor::api::Handler;
use crate::sorted;
use hyper::Uri;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Longest topic that intake takes in a header, in bytes.
const LONGEST_TOPIC: usize = 256;

/// The header that says the topic.
const TOPIC_HEADER: &str = "X-Kapacitor-Topic";

/// Kapacitor gives up a post after this time, whatever its handler says (`http/transport.go`).
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What all handlers of ours have in common.
#[derive(Debug, Clone)]
pub struct Aim {
    /// Id of the handlers.
    pub id: String,
    /// kaptap as Kapacitor reaches it, without a slash at its end.
    pub address: Address,
    /// Token to show to kaptap.
    pub token: Option<String>,
    /// How long Kapacitor may wait for an answer.
    pub timeout: Duration,
    /// The expression that events must match; `None` leaves what is there.
    pub matching: Option<String>,
}

/// Why no handler can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AimError {
    /// Kapacitor refuses such ids.
    #[error("{0:?} is no id of a handler: letters, digits, '-', '.' and '_' are")]
    Id(String),
    /// The address cannot be put into a handler.
    #[error("{url:?} is no address of kaptap: {problem}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The token cannot be put into a header.
    #[error("the token has characters that no HTTP header can carry")]
    Token,
    /// The time limit has no effect, or makes every post fail.
    #[error(
        "a time limit of {0:?} makes no sense: Kapacitor gives up after 30s by itself, and below 100ms alerts are lost"
    )]
    Timeout(Duration),
}

/// `http://host:port`, perhaps with a path, as it is put before `/v1/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is no URL of HTTP, or has parts that mean something else to Kapacitor, where it is a template.
    pub fn parse(url: &str) -> Result<Self, AimError> {
        let wrong = |problem| AimError::Address { url: url.to_owned(), problem };
        let uri: Uri = url.parse().map_err(|_| wrong("write http://HOST:PORT"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("it must begin with http:// or https://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?.as_str();
        if authority.contains('@') {
            return Err(wrong("user and password do not belong in it"));
        }
        if uri.host().is_none_or(|host| matches!(host, "" | "0.0.0.0" | "[::]")) {
            return Err(wrong("it names no host that can be reached"));
        }
        if uri.query().is_some() || url.contains('#') {
            return Err(wrong("it may have a path, but no query and no fragment"));
        }
        // Kapacitor reads a handler's URL as a template.
        if url.contains("{{") {
            return Err(wrong("'{{' means something to Kapacitor"));
        }
        Ok(Self(url.trim_end_matches('/').to_owned()))
    }

    /// As text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Aim {
    /// Checks everything that does not depend on a topic.
    ///
    /// # Errors
    /// When Kapacitor would refuse it, or when it could not work.
    pub fn check(&self) -> Result<(), AimError> {
        if !is_handler_id(&self.id) {
            return Err(AimError::Id(self.id.clone()));
        }
        if self.token.as_deref().is_some_and(|token| token.is_empty() || !header_carries(token)) {
            return Err(AimError::Token);
        }
        if self.timeout > LONGEST_TIMEOUT || self.timeout < Duration::from_millis(100) {
            return Err(AimError::Timeout(self.timeout));
        }
        Ok(())
    }

    /// The handler for a topic. `found` is the one that is there: its `match` is kept if none was asked for.
    #[must_use]
    pub fn handler(&self, topic: &str, found: Option<&Handler>) -> Handler {
        let mut headers = self.probe_headers();
        if header_carries(topic) {
            headers.insert(TOPIC_HEADER.to_owned(), topic.into());
        }
        let mut options = Map::new();
        options.insert("url".to_owned(), format!("{}{}", self.address.as_str(), path(topic)).into());
        options.insert("headers".to_owned(), headers.into());
        // Kapacitor takes a number of nanoseconds and refuses "10s".
        let timeout = u64::try_from(self.timeout.as_nanos()).unwrap_or(u64::MAX);
        options.insert("timeout".to_owned(), timeout.into());
        let kept = found.map(|found| found.matching.clone()).unwrap_or_default();
        let matching = self.matching.clone().unwrap_or(kept);
        Handler { id: self.id.clone(), kind: "post".to_owned(), options, matching }
    }

    /// The headers that a test of the connection has to send.
    #[must_use]
    pub fn probe_headers(&self) -> Map<String, Value> {
        let token = self.token.iter().map(|token| ("Authorization".to_owned(), format!("Bearer {token}").into()));
        token.collect()
    }

    /// Whether a handler of this topic is one that set-up made: our id, and a post to kaptap's path of this topic,
    /// wherever kaptap was then.
    #[must_use]
    pub fn is_ours(&self, topic: &str, handler: &Handler) -> bool {
        let url = handler.options.get("url").and_then(Value::as_str);
        handler.id == self.id && handler.kind == "post" && url.is_some_and(|url| url.ends_with(&path(topic)))
    }
}

/// What is different about two handlers, by the names that Kapacitor has for it.
#[must_use]
pub fn differences(wanted: &Handler, found: &Handler) -> Vec<String> {
    let mut names: Vec<&String> = wanted.options.keys().chain(found.options.keys()).collect();
    sorted::sort_by(&mut names, Ord::cmp);
    names.dedup();
    let differs = |name: &&String| wanted.options.get(*name) != found.options.get(*name);
    let mut different: Vec<String> = names.into_iter().filter(differs).cloned().collect();
    if wanted.matching != found.matching {
        different.push("match".to_owned());
    }
    different
}

/// The body of the request that makes the handler; with `shown` secrets are masked.
#[must_use]
pub(super) fn body(handler: &Handler, shown: bool) -> Value {
    let mut options = handler.options.clone();
    if shown {
        options = masked(&options);
    }
    json!({"id": handler.id, "kind": handler.kind, "options": options, "match": handler.matching})
}

/// Whether Kapacitor takes handlers for a topic (`services/alert/dao.go`), and intake its name.
#[must_use]
pub fn takes_handlers(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= LONGEST_TOPIC && topic.chars().all(|c| c == ':' || is_id_character(c))
}

fn is_handler_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(is_id_character)
}

fn is_id_character(c: char) -> bool {
    matches!(c, '-' | '.' | '_' | '0'..='9') || c.is_alphabetic()
}

/// Whether HTTP carries a text as it is in a header. Go sends the bytes of UTF-8, and intake reads them so.
#[must_use]
pub fn header_carries(text: &str) -> bool {
    text.trim_matches([' ', '\t']) == text && !text.chars().any(|c| c.is_ascii_control())
}

/// Path of kaptap for the alerts of a topic, percent-encoded.
#[must_use]
pub fn path(topic: &str) -> String {
    // A colon means nothing in a path, and reads better as it is.
    format!("/v1/alerts/{}", escaped(topic, ":"))
}

#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
