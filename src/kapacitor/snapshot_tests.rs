//! Only our own bytes are read, and only undamaged.

use super::*;

const OURS: Snapshot = Snapshot { stream: 0x0102_0304_0506_0708, last_n: 967 };

#[test]
fn layout() {
    let bytes = OURS.encode();
    assert_eq!(bytes.len(), LENGTH);
    assert_eq!(bytes[..20], *b"KTAPSNAP\x01\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01");
    assert_eq!(bytes[20..28], 967_u64.to_le_bytes());
    // Changes of this value break what running Kapacitors have stored.
    assert_eq!(bytes[28..], crc32fast::hash(&bytes[..28]).to_le_bytes());
    assert_eq!(Snapshot::decode(&bytes), Some(OURS));
}

#[test]
fn whatever_is_not_exactly_ours() {
    let bytes = OURS.encode();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(Snapshot::decode(&damaged), None, "byte {at} damaged");
        assert_eq!(Snapshot::decode(&bytes[..at]), None, "cut at {at}");
    }
    assert_eq!(Snapshot::decode(&[bytes, vec![0]].concat()), None);
    assert_eq!(Snapshot::decode(b"{\"state\":1}"), None);
}

#[test]
fn another_version() {
    let mut bytes = OURS.encode();
    bytes[8] = 2;
    let sum = crc32fast::hash(&bytes[..28]).to_le_bytes();
    bytes[28..].copy_from_slice(&sum);
    assert_eq!(Snapshot::decode(&bytes), None);
}
