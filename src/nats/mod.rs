//! The side of `JetStream` that the sink and the readers share: the connection, and a stream of events followed by its
//! positions.
//!
//! * [`link`]: one connection. [`Source`] shares one among many readers.
//! * [`follower`]: the messages of a stream in order, on through restarts of the server and of the stream.
//! * [`reading`]: the same as events: filtered, each id once, up to an end.
//! * [`search`]: positions that have to be looked for.
//! * [`seen`]: which ids came already. Pure.
//!
//! Positions are stream sequences: the `seq` inside an event is that of the journal it was written from, and the
//! journals of several kaptaps count on their own.

pub mod error;
pub mod follower;
pub mod link;
pub mod reading;
pub mod search;
pub mod seen;
mod source;

pub use error::{NatsError, Why};
pub use source::Source;

use link::Servers;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a stream's name must not hold.
const NOT_IN_NAMES: [char; 6] = ['.', '*', '>', '/', '\\', '"'];

/// Whether `JetStream` takes this as the name of a stream.
#[must_use]
pub fn is_stream_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || NOT_IN_NAMES.contains(&c))
}

/// Whether this can be subscribed to: tokens between dots, of which whole ones may be `*` and the last one `>`.
#[must_use]
pub fn is_subject(subject: &str) -> bool {
    let mut tokens = subject.split('.').peekable();
    let mut good = true;
    while let Some(token) = tokens.next() {
        let is_wildcard = token == "*" || (token == ">" && tokens.peek().is_none());
        let is_plain = !token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c.is_control() || c == '*');
        good &= is_wildcard || (is_plain && !token.contains('>'));
    }
    good
}

/// How a server is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// `url`
    pub servers: Servers,
    /// `timeout`: for a connection and for a request.
    pub timeout: Duration,
    /// `username`, `password`
    pub basic: Option<(String, String)>,
    /// `token`
    pub token: Option<String>,
    /// `credentials_file`: user JWT and nkey.
    pub credentials_file: Option<PathBuf>,
    /// `ca_file`
    pub ca_file: Option<PathBuf>,
    /// `certificate_file`, `key_file`
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

impl Access {
    /// The files that it names, each with its key.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let certificate = self.client_certificate.as_ref();
        [
            ("credentials_file", self.credentials_file.as_ref()),
            ("ca_file", self.ca_file.as_ref()),
            ("certificate_file", certificate.map(|(certificate, _)| certificate)),
            ("key_file", certificate.map(|(_, key)| key)),
        ]
        .into_iter()
        .filter_map(|(key, path)| Some((key, path?.as_path())))
    }
}

/// Shows no secret.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Access");
        shown.field("servers", &self.servers).field("timeout", &self.timeout);
        shown.field("username", &self.basic.as_ref().map(|(username, _)| username));
        for (key, path) in self.files() {
            shown.field(key, &path);
        }
        shown.finish_non_exhaustive()
    }
}

/// A stream to read, and how its server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The server.
    pub access: Access,
    /// `stream`
    pub stream: String,
    /// `subject`: only messages on subjects that it covers.
    pub subject: Option<String>,
}

#[cfg(test)]
mod nats_tests;
