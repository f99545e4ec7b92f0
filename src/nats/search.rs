//! Positions that have to be looked for: the last so many events, and the event of an id. Searched from the end, in
//! stretches, so that what is recent is found without reading the whole stream.

use super::follower::{Follower, Message, Start, Step, nanoseconds};
use super::reading::{Item, Reading, Until, Wanted};
use super::{NatsError, Source, Why};
use crate::event::id::EventId;
use crate::filter::Filter;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use std::collections::VecDeque;
use std::sync::Arc;

/// Messages in the first stretch searched for the last events; each further one is four times as long.
const FIRST_STRETCH: u64 = 1024;
/// Messages in a stretch of the search for an id.
const STRETCH: u64 = 16_384;

/// The first and the last position of the stream.
async fn bounds(source: &Source) -> Result<(u64, u64), NatsError> {
    let name = &source.options().stream;
    let stream = source.link().await?.context.get_stream(name).await;
    let stream = stream.map_err(|error| NatsError::looking(name, &error))?;
    let state = &stream.cached_info().state;
    Ok((state.first_sequence.max(1), state.last_sequence))
}

/// The position of the first of the last `count` events that are there already and pass, between `since` and `until`;
/// where there is none, the position behind the end.
///
/// # Errors
/// When the server or the stream is not there, or is lost.
pub async fn first_of_last(
    source: &Arc<Source>,
    count: u64,
    filter: Option<&Filter>,
    (since, until): (Option<Start>, Option<Until>),
) -> Result<u64, NatsError> {
    let (first, present) = bounds(source).await?;
    let lowest = match since {
        Some(Start::Sequence(sequence)) => first.max(sequence),
        _ => first,
    };
    let mut high = match until {
        Some(Until::Sequence(last)) => present.min(last),
        _ => present,
    };
    let is_in_time = |stored: i64| {
        let late = matches!(until, Some(Until::Time(time, _)) if stored >= time);
        let early = matches!(since, Some(Start::Time(time)) if stored < time);
        !late && !early
    };
    let mut found_first = high.saturating_add(1).max(lowest);
    let (mut missing, mut length) = (count, count.max(FIRST_STRETCH));
    while high >= lowest && missing > 0 {
        let low = high.saturating_sub(length - 1).max(lowest);
        let wanted = Wanted {
            start: Start::Sequence(low),
            until: Some(Until::Sequence(high)),
            filter: filter.cloned(),
            follow: false,
            remembered: 0,
        };
        let mut reading = Reading::new(Arc::clone(source), wanted);
        let mut found = VecDeque::new();
        loop {
            match reading.next().await? {
                Item::Event { position, stored, .. } if is_in_time(stored) => {
                    found.push_back(position);
                    if found.len() as u64 > missing {
                        found.pop_front();
                    }
                }
                Item::End => break,
                _ => {}
            }
        }
        reading.close().await;
        missing -= found.len() as u64;
        found_first = found.front().copied().unwrap_or(found_first);
        high = low - 1;
        length = length.saturating_mul(4);
    }
    Ok(found_first)
}

/// The newest message with this id.
///
/// # Errors
/// When the server or the stream is not there, or is lost.
pub async fn with_id(source: &Arc<Source>, id: EventId) -> Result<Option<Message>, NatsError> {
    let (lowest, mut high) = bounds(source).await?;
    while high >= lowest {
        let low = high.saturating_sub(STRETCH - 1).max(lowest);
        let mut follower = Follower::new(Arc::clone(source), Start::Sequence(low), true);
        let mut found = None;
        loop {
            match follower.next().await? {
                Step::Message(message) if message.sequence > high => break,
                Step::Message(message) if message.id == Some(id) => found = Some(message.sequence),
                Step::AtEnd => break,
                _ => {}
            }
        }
        follower.close().await;
        if let Some(sequence) = found {
            return at(source, sequence).await;
        }
        high = low - 1;
    }
    Ok(None)
}

/// The message at a position.
///
/// # Errors
/// When the server or the stream is not there, or is lost.
pub async fn at(source: &Source, sequence: u64) -> Result<Option<Message>, NatsError> {
    let name = &source.options().stream;
    let stream = source.link().await?.context.get_stream(name).await;
    let stream = stream.map_err(|error| NatsError::looking(name, &error))?;
    match stream.get_raw_message(sequence).await {
        Ok(message) => {
            let id = message.headers.get(async_nats::header::NATS_MESSAGE_ID);
            let id = id.and_then(|id| EventId::parse(id.as_str()));
            let (stored, payload) = (nanoseconds(message.time), message.payload);
            Ok(Some(Message { sequence, stored, id, payload }))
        }
        Err(error) => match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(None),
            LastRawMessageErrorKind::JetStream(answer) if answer.error_code() == ErrorCode::NO_MESSAGE_FOUND => {
                Ok(None)
            }
            _ => {
                let said = format!("message {sequence} of the stream {name} cannot be read: {error}");
                Err(NatsError::new(Why::PeerFailed, said))
            }
        },
    }
}
