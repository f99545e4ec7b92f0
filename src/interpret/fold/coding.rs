//! The fold as bytes: version (1) · protobuf message · CRC-32 of both (4, little-endian).

use super::alerts::Known;
use super::{AlertState, Bounds, Fold, seen};
use crate::event::id::EventId;
use crate::words::Level;
use prost::Message;

const VERSION: u8 = 1;

/// Bytes of one id: the id, then seq and transition as `seen` packs them.
const ENTRY: usize = 24;

#[derive(Clone, PartialEq, prost::Message)]
struct FoldWire {
    #[prost(uint64, tag = "1")]
    last_seq: u64,
    #[prost(message, repeated, tag = "2")]
    alerts: Vec<AlertWire>,
    #[prost(bytes = "vec", tag = "3")]
    elder: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    younger: Vec<u8>,
    #[prost(sfixed64, tag = "5")]
    since: i64,
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
    let (elder, younger, since) = fold.seen.parts();
    let wire = FoldWire {
        last_seq: fold.last_seq,
        alerts: fold.alerts.iter().map(AlertWire::from).collect(),
        elder: pack(elder),
        younger: pack(younger),
        since,
    };
    let mut bytes = Vec::with_capacity(5 + wire.encoded_len());
    bytes.push(VERSION);
    wire.encode_raw(&mut bytes);
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

pub(super) fn decode(bytes: &[u8], bounds: Bounds) -> Option<Fold> {
    let (checked, checksum) = bytes.split_last_chunk()?;
    let (version, message) = checked.split_first()?;
    if *version != VERSION || crc32fast::hash(checked) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let wire = FoldWire::decode(message).ok()?;
    let mut fold = Fold::new(bounds);
    fold.last_seq = wire.last_seq;
    // The longest silent first, so that a smaller bound than before keeps the most recent ones.
    let mut alerts = wire.alerts.into_iter().map(Known::try_from).collect::<Result<Vec<_>, ()>>().ok()?;
    alerts.sort_by_key(|known| known.state.seq);
    for known in alerts {
        fold.alerts.insert(known);
    }
    fold.seen.restore(unpack(&wire.elder)?, unpack(&wire.younger)?, wire.since);
    Some(fold)
}

fn pack(ids: impl Iterator<Item = (EventId, u64)>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.size_hint().0 * ENTRY);
    for (id, packed) in ids {
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes.extend_from_slice(&packed.to_le_bytes());
    }
    bytes
}

fn unpack(bytes: &[u8]) -> Option<Vec<(EventId, u64)>> {
    let entry = |entry: &[u8]| {
        let (id, packed) = entry.split_first_chunk()?;
        let packed = u64::from_le_bytes(packed.try_into().ok()?);
        seen::unpack(packed)?;
        Some((EventId(u128::from_le_bytes(*id)), packed))
    };
    bytes.chunks(ENTRY).map(entry).collect()
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
