//! What keeps from a connection or from a stream, by what can be done about it.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind};
use async_nats::{ConnectError, ConnectErrorKind};

/// Why there is no connection or no stream. Shows no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{said}")]
pub struct NatsError {
    /// What kind of trouble it is.
    pub why: Why,
    said: String,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody answers there, or the connection was lost.
    Unreachable,
    /// The server answers too late.
    TimedOut,
    /// The server does not know who asks.
    Unauthorized,
    /// A file on this machine is missing or wrong.
    Local,
    /// `JetStream` does not answer, or not as it should.
    PeerFailed,
    /// The stream is not there.
    Missing,
}

impl NatsError {
    pub(crate) fn new(why: Why, said: impl Into<String>) -> Self {
        Self { why, said: said.into() }
    }

    /// No connection could be made.
    pub(crate) fn connecting(peer: &str, error: &ConnectError) -> Self {
        let why = match error.kind() {
            ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => Why::Unauthorized,
            ConnectErrorKind::TimedOut => Why::TimedOut,
            ConnectErrorKind::ServerParse
            | ConnectErrorKind::Dns
            | ConnectErrorKind::Tls
            | ConnectErrorKind::Io
            | ConnectErrorKind::MaxReconnects => Why::Unreachable,
        };
        Self::new(why, format!("{peer} cannot be reached: {error}"))
    }

    /// The stream could not be looked at.
    pub(super) fn looking(stream: &str, error: &GetStreamError) -> Self {
        match error.kind() {
            GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                Self::new(Why::Missing, format!("there is no stream {stream} on this server"))
            }
            GetStreamErrorKind::JetStream(answer) => {
                Self::new(Why::PeerFailed, format!("the stream {stream} cannot be looked at: {answer}"))
            }
            GetStreamErrorKind::Request => Self::new(Why::PeerFailed, silent(stream, error)),
            GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => {
                Self::new(Why::Missing, format!("{stream:?} is no name for a stream"))
            }
        }
    }
}

/// The sentence for a `JetStream` that does not answer.
pub(crate) fn silent(stream: &str, error: &dyn std::fmt::Display) -> String {
    format!("JetStream does not answer for the stream {stream} (is it enabled on the server?): {error}")
}
