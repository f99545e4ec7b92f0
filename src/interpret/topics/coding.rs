//! Topics as bytes: version (1) · head · topics, each with its events behind it · CRC-32 of all that (4, little-endian).
//! The head, each topic and each event are protobuf messages with a length prefix.

use super::{Bounds, Image, TopicEventState, Topics};
use crate::words::Level;
use prost::Message;

const VERSION: u8 = 1;

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct HeadWire {
    #[prost(uint64, tag = "1")]
    last_seq: u64,
    #[prost(uint64, tag = "2")]
    topics: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct TopicWire {
    #[prost(string, tag = "1")]
    scope: String,
    #[prost(string, tag = "2")]
    topic: String,
    #[prost(uint64, tag = "3")]
    collected: u64,
    #[prost(uint64, tag = "4")]
    seq: u64,
    #[prost(uint64, tag = "5")]
    events: u64,
    #[prost(uint64, tag = "6")]
    posted: u64,
    #[prost(uint64, tag = "7")]
    polled: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct EventWire {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(uint32, tag = "2")]
    level: u32,
    #[prost(uint32, tag = "3")]
    previous_level: u32,
    #[prost(string, tag = "4")]
    message: String,
    #[prost(string, tag = "5")]
    details: String,
    #[prost(sfixed64, tag = "6")]
    time: i64,
    #[prost(sint64, tag = "7")]
    duration: i64,
    #[prost(string, tag = "8")]
    task: String,
    #[prost(uint64, tag = "9")]
    seq: u64,
    #[prost(sfixed64, tag = "10")]
    observed: i64,
}

pub(super) fn encode(image: &Image) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    append(&HeadWire { last_seq: image.last_seq, topics: image.topics.len() as u64 }, &mut bytes);
    for (topic, events) in &image.topics {
        let wire = TopicWire {
            scope: topic.scope.to_string(),
            topic: topic.topic.to_string(),
            collected: topic.collected,
            seq: topic.seq,
            events: events.len() as u64,
            posted: topic.posted,
            polled: topic.polled,
        };
        append(&wire, &mut bytes);
        for event in events {
            append(&EventWire::from(&**event), &mut bytes);
        }
    }
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8], bounds: Bounds) -> Option<Topics> {
    let (checked, checksum) = bytes.split_last_chunk()?;
    let (version, mut rest) = checked.split_first()?;
    if *version != VERSION || crc32fast::hash(checked) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let head = HeadWire::decode_length_delimited(&mut rest).ok()?;
    let mut topics = Topics::new(bounds);
    for _ in 0..head.topics {
        let topic = TopicWire::decode_length_delimited(&mut rest).ok()?;
        let mut events = Vec::new();
        for _ in 0..topic.events {
            events.push(EventWire::decode_length_delimited(&mut rest).ok()?.try_into().ok()?);
        }
        topics.restore(&topic.scope, &topic.topic, topic.collected, topic.seq, events);
        topics.restore_counts(&topic.scope, &topic.topic, topic.posted, topic.polled);
    }
    topics.last_seq = head.last_seq;
    // The bounds may be smaller than when it was written; of old ones nothing is known without a clock.
    topics.make_room(i64::MIN);
    rest.is_empty().then_some(topics)
}

fn append(message: &impl Message, bytes: &mut Vec<u8>) {
    // Encoding into memory that grows does not fail.
    if message.encode_length_delimited(bytes).is_err() {
        debug_assert!(false, "a Vec has room");
    }
}

impl From<&TopicEventState> for EventWire {
    fn from(state: &TopicEventState) -> Self {
        Self {
            id: state.id.to_string(),
            level: state.level.number().into(),
            previous_level: state.previous_level.number().into(),
            message: state.message.clone(),
            details: state.details.text().into_owned(),
            time: state.time,
            duration: state.duration,
            task: state.task.clone(),
            seq: state.seq,
            observed: state.observed,
        }
    }
}

impl TryFrom<EventWire> for TopicEventState {
    type Error = ();

    fn try_from(wire: EventWire) -> Result<Self, ()> {
        let level = |number: u32| u8::try_from(number).ok().and_then(Level::from_number).ok_or(());
        Ok(Self {
            id: wire.id.into(),
            level: level(wire.level)?,
            previous_level: level(wire.previous_level)?,
            message: wire.message,
            details: wire.details.into(),
            time: wire.time,
            duration: wire.duration,
            task: wire.task,
            seq: wire.seq,
            observed: wire.observed,
        })
    }
}
