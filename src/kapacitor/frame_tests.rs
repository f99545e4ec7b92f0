//! Frames are cut at every place, and their lengths are believed only as far as they are true.

use super::*;
use proptest::prelude::*;

const MAX: usize = 300;

fn prefix(length: u64) -> Vec<u8> {
    let mut bytes = vec![];
    prost::encoding::encode_varint(length, &mut bytes);
    bytes
}

fn framed(message: &[u8]) -> Vec<u8> {
    [prefix(message.len() as u64), message.to_vec()].concat()
}

fn check_split(input: &[u8], expected: Result<Option<(usize, &[u8])>, FrameError>) {
    assert_eq!(split(input, MAX), expected, "{input:02x?}");
}

#[test]
fn frames_that_are_not_all_here() {
    check_split(&[], Ok(None));
    check_split(&[0x80], Ok(None));
    check_split(&[2], Ok(None));
    check_split(&[2, 7], Ok(None));
    check_split(&[2, 7, 8], Ok(Some((3, &[7, 8]))));
    check_split(&[2, 7, 8, 9], Ok(Some((3, &[7, 8]))));
    check_split(&[0, 9], Ok(Some((1, &[]))));
}

#[test]
fn lengths_longer_than_they_need_be() {
    check_split(&[0x80, 0x00], Ok(Some((2, &[]))));
    check_split(&[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 5], Ok(Some((11, &[5]))));
    check_split(&[0x80; 9], Ok(None));
    check_split(&[0x80; 10], Err(FrameError::Prefix));
    check_split(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Err(FrameError::Prefix));
    // 65 bits.
    check_split(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02], Err(FrameError::Prefix));
}

#[test]
fn lengths_that_are_too_much() {
    check_split(&prefix(300), Ok(None));
    check_split(&prefix(301), Err(FrameError::TooLong { length: 301, max: MAX }));
    check_split(&prefix(u64::MAX), Err(FrameError::TooLong { length: u64::MAX, max: MAX }));
    let error = FrameError::TooLong { length: 301, max: MAX };
    assert_eq!(error.to_string(), "a frame of 301 bytes is longer than max_frame, 300 bytes");
    assert_eq!(FrameError::Prefix.to_string(), "the length of a frame is not a varint of at most 64 bits");
}

#[test]
fn bytes_still_missing() {
    let check = |input: &[u8], expected| assert_eq!(missing(input, MAX), expected, "{input:02x?}");
    check(&[], 1);
    check(&[0x80], 1);
    check(&[5], 5);
    check(&[5, 1, 2], 3);
    check(&[2, 1, 2], 0);
    check(&[2, 1, 2, 3], 0);
    check(&prefix(301), 0);
}

#[test]
fn only_plain_points_are_a_run() {
    let point = framed(&[0x8A, 0x01, 2, 8, 1]);
    let check = |after: &[u8]| {
        let input = [&point, &point, after].concat();
        assert_eq!(points_at_front(&input, MAX), (2 * point.len(), 2), "{after:02x?}");
    };
    check(&[]);
    check(&point[..1]);
    check(&point[..point.len() - 1]);
    check(&framed(&[]));
    check(&framed(&[0x8A, 0x01]));
    check(&framed(&[0x82, 0x01, 2, 8, 1]));
    // A length inside that is short of the frame's end, or beyond it.
    check(&framed(&[0x8A, 0x01, 1, 8, 1]));
    check(&framed(&[0x8A, 0x01, 3, 8, 1]));
    check(&framed(&[0x8A, 0x01, 2, 8, 1, 0x32, 0]));
    check(&framed(&[0x8A, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]));
    check(&prefix(301));
    check(&[0xFF; 12]);
    assert_eq!(points_at_front(&[], MAX), (0, 0));
    // The body is not looked at; its length may be written at length.
    assert_eq!(points_at_front(&framed(&[0x8A, 0x01, 0x82, 0x00, 0xFF, 0xFF]), MAX), (7, 1));
}

#[test]
fn messages_of_one_field() {
    let check = |message: &[u8], expected| assert_eq!(only_field(message), expected, "{message:02x?}");
    check(&[], None);
    check(&[0x0A], None);
    check(&[0x0A, 0], Some((1, &[])));
    check(&[0x0A, 2, 5, 6], Some((1, &[5, 6])));
    check(&[0x0A, 2, 5], None);
    check(&[0x0A, 1, 5, 6], None);
    check(&[0x8A, 0x81, 0x00, 1, 9], Some((17, &[9])));
    // A varint field is not length-delimited.
    check(&[0x08, 2, 5, 6], None);
}

#[test]
fn fields_of_a_message() {
    let walk = |message: &[u8]| Fields::of(message).collect::<Vec<_>>();
    let field = |number, varint| Ok(Field { number, varint });
    assert_eq!(walk(&[]), []);
    let all = [0x08, 0x96, 0x01, 0x12, 1, 9, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4];
    assert_eq!(walk(&all), [field(1, Some(150)), field(2, None), field(3, None), field(4, None)]);
    // Cut short, field 0, groups and wire types that do not exist.
    for malformed in [&[0x08][..], &[0x12, 2, 9], &[0x19, 1], &[0x25, 1], &[0x00, 1], &[0x0B, 0x0C], &[0x0E], &[0xFF]] {
        assert_eq!(walk(malformed), [Err(Malformed)], "{malformed:02x?}");
    }
    assert_eq!(walk(&[0x08, 1, 0x12]), [field(1, Some(1)), Err(Malformed)]);
}

proptest! {
    #[test]
    fn cut_anywhere(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..MAX), 1..5)) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        let first = framed(&messages[0]).len();
        for end in 0..stream.len() {
            let here = &stream[..end];
            let found = split(here, MAX).unwrap();
            prop_assert_eq!(found, (end >= first).then_some((first, messages[0].as_slice())));
            // What is missing is never more than what is needed, and with it the prefix is known or the frame is whole.
            let more = missing(here, MAX);
            prop_assert_eq!(more == 0, end >= first);
            prop_assert!(end >= first || end + more <= first);
        }
    }

    #[test]
    fn any_bytes(input in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(Some((whole, body))) = split(&input, MAX) {
            prop_assert!(whole <= input.len() && input[..whole].ends_with(body));
        }
        prop_assert!(points_at_front(&input, MAX).0 <= input.len());
        prop_assert!(Fields::of(&input).count() <= input.len());
        if let Some((_, body)) = only_field(&input) {
            prop_assert!(input.ends_with(body));
        }
    }
}
