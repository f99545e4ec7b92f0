//! The `JetStream` stream: created when it is missing, checked when it is there. Never changed: it may be shared, and its
//! limits are its owner's matter.

use super::failure;
use super::subject::{Subjects, takes};
use crate::delivery::sink::{Outcome, Reason};
use crate::sinks::options;
use async_nats::jetstream::context::{Context, GetStreamErrorKind};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{ErrorCode, stream};
use std::time::Duration;

/// How long a stream that we create keeps messages: without a bound it would grow until the server's storage is full.
/// Whoever wants another bound creates the stream with it, or changes it.
pub const MAX_AGE: Duration = Duration::from_hours(7 * 24);

/// A stream that is as it should be.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) name: String,
    /// `max_msg_size`, bytes; 0 or less is no limit.
    pub(super) max_message_size: i32,
}

/// Makes sure that the stream is there and takes the subjects.
pub(super) async fn ensure(context: &Context, options: &options::Nats, subjects: &Subjects) -> Result<Known, Outcome> {
    let missing = match context.get_stream(&options.stream).await {
        Ok(stream) => {
            let found = &stream.cached_info().config;
            check(found, options, subjects)?;
            return Ok(Known { name: options.stream.clone(), max_message_size: found.max_message_size });
        }
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::STREAM_NOT_FOUND => error,
            _ => return Err(failure::looking(&options.stream, &error)),
        },
    };
    if !options.create {
        let sentence = format!("the stream {} is not there and `create` is false: {missing}", options.stream);
        return Err(failure::retry(Reason::Refused, sentence));
    }
    let created = context.create_stream(config(options, subjects)).await;
    created.map_err(|error| failure::creating(&options.stream, &error))?;
    tracing::info!(stream = options.stream, subjects = subjects.for_stream(), "created a JetStream stream");
    Ok(Known { name: options.stream.clone(), max_message_size: 0 })
}

/// What is created.
pub(super) fn config(options: &options::Nats, subjects: &Subjects) -> Config {
    Config {
        name: options.stream.clone(),
        description: Some("Events of kaptap, kaptap.event/v1".to_owned()),
        subjects: vec![subjects.for_stream().to_owned()],
        storage: StorageType::File,
        // No longer than messages are kept: the server refuses anything else.
        duplicate_window: options.duplicate_window.min(MAX_AGE),
        max_age: MAX_AGE,
        num_replicas: 1,
        ..Config::default()
    }
}

fn check(found: &stream::Config, options: &options::Nats, subjects: &Subjects) -> Result<(), Outcome> {
    let needed = subjects.pattern();
    if !found.subjects.iter().any(|subject| takes(subject, needed)) {
        let sentence = format!(
            "the stream {} takes {}, but not {needed}: add that to its subjects, or change `subject` or `stream`",
            options.stream,
            if found.subjects.is_empty() { "no subjects".to_owned() } else { found.subjects.join(", ") },
        );
        return Err(failure::retry(Reason::Refused, sentence));
    }
    if found.no_ack {
        let sentence = format!("the stream {} acknowledges nothing (no_ack), so nothing is sure", options.stream);
        return Err(failure::retry(Reason::Refused, sentence));
    }
    if found.duplicate_window < options.duplicate_window {
        tracing::warn!(
            stream = options.stream,
            stream_has = ?found.duplicate_window,
            configured = ?options.duplicate_window,
            "the stream forgets message ids earlier than `duplicate_window` says; what is sent again later than that is stored twice"
        );
    }
    Ok(())
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
