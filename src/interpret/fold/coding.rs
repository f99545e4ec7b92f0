//! The fold as bytes: version (1) · head · alerts · ids of the elder and the younger generation (24 each) · CRC-32 of all
//! that (4, little-endian). The head and each alert are protobuf messages with a length prefix. Written and read in one
//! pass, because it may be a hundred megabytes when the bounds are.

use super::alerts::Known;
use super::seen::ENTRY;
use super::{AlertState, Bounds, Fold};
use crate::event::id::EventId;
use crate::sorted;
use crate::words::Level;
use prost::Message;

const VERSION: u8 = 1;

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct HeadWire {
    #[prost(uint64, tag = "1")]
    last_seq: u64,
    #[prost(sfixed64, tag = "2")]
    since: i64,
    #[prost(uint64, tag = "3")]
    alerts: u64,
    #[prost(uint64, tag = "4")]
    elder: u64,
    #[prost(uint64, tag = "5")]
    younger: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct AlertWire {
    #[prost(bytes = "vec", tag = "1")]
    fingerprint: Vec<u8>,
    #[prost(string, tag = "2")]
    scope: String,
    #[prost(string, tag = "3")]
    task: String,
    #[prost(string, optional, tag = "4")]
    topic: Option<String>,
    #[prost(string, tag = "5")]
    id: String,
    #[prost(string, tag = "6")]
    message: String,
    #[prost(uint32, tag = "7")]
    level: u32,
    #[prost(sfixed64, tag = "8")]
    time: i64,
    #[prost(sint64, optional, tag = "9")]
    duration: Option<i64>,
    #[prost(sfixed64, optional, tag = "10")]
    started: Option<i64>,
    #[prost(uint64, tag = "11")]
    repeat: u64,
    #[prost(uint64, tag = "12")]
    seq: u64,
    #[prost(bool, tag = "13")]
    restarted: bool,
}

pub(super) fn encode(fold: &Fold) -> Vec<u8> {
    let (elder, younger) = fold.seen.lengths();
    let head = HeadWire {
        last_seq: fold.last_seq,
        since: fold.seen.since(),
        alerts: fold.alerts.len() as u64,
        elder: elder as u64,
        younger: younger as u64,
    };
    let mut bytes = Vec::with_capacity((elder + younger) * ENTRY + fold.alerts.len() * 128 + 64);
    bytes.push(VERSION);
    append(&head, &mut bytes);
    for known in fold.alerts.iter() {
        append(&AlertWire::from(known), &mut bytes);
    }
    fold.seen.encode(&mut bytes);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8], bounds: Bounds) -> Option<Fold> {
    let (checked, checksum) = bytes.split_last_chunk()?;
    let (version, mut rest) = checked.split_first()?;
    if *version != VERSION || crc32fast::hash(checked) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let head = HeadWire::decode_length_delimited(&mut rest).ok()?;
    let mut fold = Fold::new(bounds);
    fold.last_seq = head.last_seq;
    let mut alerts = Vec::new();
    for _ in 0..head.alerts {
        let wire = AlertWire::decode_length_delimited(&mut rest).ok()?;
        alerts.push(Known::try_from(wire).ok()?);
    }
    // The longest silent first, so that a smaller bound than before keeps the most recent ones.
    sorted::sort_by(&mut alerts, |one, other| one.state.seq.cmp(&other.state.seq));
    for known in alerts {
        fold.alerts.insert(known);
    }
    let (elder, younger) = rest.split_at_checked(usize::try_from(head.elder).ok()?.checked_mul(ENTRY)?)?;
    let whole = younger.len() as u64 == head.younger.checked_mul(ENTRY as u64)?;
    whole.then(|| fold.seen.decode(elder, younger, head.since))??;
    Some(fold)
}

fn append(message: &impl Message, bytes: &mut Vec<u8>) {
    // Encoding into memory that grows does not fail.
    if message.encode_length_delimited(bytes).is_err() {
        debug_assert!(false, "a Vec has room");
    }
}

impl From<&Known> for AlertWire {
    fn from(known: &Known) -> Self {
        let state = known.state.clone();
        Self {
            fingerprint: state.fingerprint.0.to_le_bytes().to_vec(),
            scope: state.scope,
            task: state.task,
            topic: state.topic,
            id: state.id,
            message: state.message,
            level: state.level.number().into(),
            time: state.time,
            duration: state.duration,
            started: state.started,
            repeat: state.repeat,
            seq: state.seq,
            restarted: known.restarted,
        }
    }
}

impl TryFrom<AlertWire> for Known {
    type Error = ();

    fn try_from(wire: AlertWire) -> Result<Self, ()> {
        let fingerprint = wire.fingerprint.try_into().map_err(|_| ())?;
        let level = u8::try_from(wire.level).ok().and_then(Level::from_number).ok_or(())?;
        let state = AlertState {
            fingerprint: EventId(u128::from_le_bytes(fingerprint)),
            scope: wire.scope,
            task: wire.task,
            topic: wire.topic,
            id: wire.id,
            message: wire.message,
            level,
            time: wire.time,
            duration: wire.duration,
            started: wire.started,
            repeat: wire.repeat,
            seq: wire.seq,
        };
        Ok(Self { state, restarted: wire.restarted })
    }
}
