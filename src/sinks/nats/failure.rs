//! What went wrong, as an outcome: each error of the client library and of the server, mapped in one place.

use super::stream::Known;
use crate::delivery::sink::{Outcome, Reason};
use crate::nats::error::silent;
use crate::nats::{NatsError, Why};
use async_nats::jetstream::Error as ServerError;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::context::{GetStreamError, GetStreamErrorKind, PublishError, PublishErrorKind};
use std::error::Error as _;

/// Not now.
pub(super) fn retry(reason: Reason, error: impl Into<String>) -> Outcome {
    Outcome::Retry { after: None, reason, error: error.into() }
}

/// Never.
pub(super) fn reject(reason: Reason, error: impl Into<String>) -> Outcome {
    Outcome::Reject { reason, error: error.into(), response: None }
}

/// No connection, or no stream.
pub(super) fn of_link(error: &NatsError) -> Outcome {
    let reason = match error.why {
        Why::Unreachable => Reason::Unreachable,
        Why::TimedOut => Reason::TimedOut,
        Why::Unauthorized => Reason::Unauthorized,
        Why::Local => Reason::Local,
        Why::PeerFailed => Reason::PeerFailed,
        Why::Missing => Reason::Refused,
    };
    retry(reason, error.to_string())
}

/// The stream could not be looked at.
pub(super) fn looking(stream: &str, error: &GetStreamError) -> Outcome {
    match error.kind() {
        GetStreamErrorKind::JetStream(answer) => answered(stream, &answer),
        GetStreamErrorKind::Request => retry(Reason::PeerFailed, silent(stream, error)),
        GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => {
            retry(Reason::Refused, format!("{stream:?} is no name for a stream"))
        }
    }
}

/// The stream could not be created.
pub(super) fn creating(stream: &str, error: &CreateStreamError) -> Outcome {
    let reason = match error.kind() {
        CreateStreamErrorKind::TimedOut => Reason::TimedOut,
        CreateStreamErrorKind::JetStream(_)
        | CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet => Reason::Refused,
        CreateStreamErrorKind::JetStreamUnavailable | CreateStreamErrorKind::NotFound => Reason::PeerFailed,
        CreateStreamErrorKind::Response | CreateStreamErrorKind::ResponseParse => Reason::Garbage,
    };
    retry(reason, format!("the stream {stream} cannot be created: {error}"))
}

/// A publish was not acknowledged. `said` is what the server last complained of.
pub(super) fn publishing(stream: &Known, subject: &str, said: Option<&str>, error: &PublishError) -> Outcome {
    match error.kind() {
        PublishErrorKind::StreamNotFound => {
            retry(Reason::PeerFailed, format!("no stream takes the subject {subject}; {} should", stream.name))
        }
        PublishErrorKind::TimedOut => unanswered(subject, said),
        PublishErrorKind::BrokenPipe => retry(Reason::Unreachable, "the connection ended before the acknowledgement"),
        PublishErrorKind::MaxAckPending => retry(Reason::Throttled, "too many acknowledgements are awaited"),
        PublishErrorKind::MaxPayloadExceeded => {
            let sizes = error.source().map(ToString::to_string).unwrap_or_default();
            reject(Reason::TooLarge, format!("larger than the server's max_payload: {sizes} bytes"))
        }
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::WrongLastSequence => {
            retry(Reason::PeerFailed, error.to_string())
        }
        PublishErrorKind::Other => match error.source().and_then(|source| source.downcast_ref::<ServerError>()) {
            Some(answer) if answer.error_code() == ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
                let (name, limit) = (&stream.name, stream.max_message_size);
                reject(
                    Reason::TooLarge,
                    format!("larger than max_msg_size of the stream {name}, {limit} bytes: {answer}"),
                )
            }
            Some(answer) => answered(&stream.name, answer),
            None if error.source().is_some_and(<dyn std::error::Error>::is::<serde_json::Error>) => {
                retry(Reason::Garbage, format!("the answer for {subject} is no acknowledgement: {error}"))
            }
            None => retry(Reason::Unreachable, error.to_string()),
        },
    }
}

/// No acknowledgement came in time.
pub(super) fn unanswered(subject: &str, said: Option<&str>) -> Outcome {
    let said = said.map(|said| format!("; the server last said: {said}")).unwrap_or_default();
    retry(Reason::TimedOut, format!("no acknowledgement for {subject} in time{said}"))
}

/// What `JetStream` answered. Whatever an operator or time can mend is tried again.
pub(super) fn answered(stream: &str, answer: &ServerError) -> Outcome {
    let sentence = format!("the stream {stream} refuses: {answer}");
    match answer.error_code() {
        ErrorCode::STREAM_HEADER_EXCEEDS_MAXIMUM => {
            reject(Reason::TooLarge, format!("headers are larger than the stream {stream} takes (64 KiB): {answer}"))
        }
        ErrorCode::STREAM_TOO_MANY_REQUESTS => retry(Reason::Throttled, sentence),
        ErrorCode::STREAM_NOT_FOUND | ErrorCode::STREAM_NOT_MATCH | ErrorCode::STREAM_SEALED => {
            retry(Reason::Refused, sentence)
        }
        _ => retry(Reason::PeerFailed, sentence),
    }
}
