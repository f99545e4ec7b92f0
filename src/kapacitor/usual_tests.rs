//! Tests of numbers; that whole frames are read as the generated decoder reads them is tested with the general way.

use super::*;
use proptest::prelude::*;

/// As the generated decoder reads it.
fn expected(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut rest = bytes;
    prost::encoding::decode_varint(&mut rest).ok().map(|value| (value, rest.len()))
}

#[track_caller]
fn check_varint(bytes: &[u8]) {
    let found = varint(bytes).map(|(value, rest)| (value, rest.len()));
    assert_eq!(found, expected(bytes), "{bytes:02x?}");
}

#[test]
fn numbers_of_every_length() {
    for bit in 0..64 {
        for value in [1_u64 << bit, (1 << bit) - 1, u64::MAX << bit] {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            let length = bytes.len();
            for behind in [0x00, 0x7f, 0xff] {
                for more in 0..10 {
                    bytes.truncate(length);
                    bytes.resize(length + more, behind);
                    check_varint(&bytes);
                }
            }
            for cut in 0..length {
                check_varint(bytes.get(..cut).unwrap());
            }
        }
    }
}

#[test]
fn numbers_longer_than_need_be() {
    for length in 1..=12 {
        for last in [0x00, 0x01, 0x02, 0x7f] {
            let mut bytes = vec![0x80; length - 1];
            bytes.push(last);
            check_varint(&bytes);
            bytes.extend([0xff; 9]);
            check_varint(&bytes);
        }
    }
    check_varint(&[0xff; 20]);
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xff_u8], 0..14)) {
        let found = varint(&bytes).map(|(value, rest)| (value, rest.len()));
        prop_assert_eq!(found, expected(&bytes));
    }
}
