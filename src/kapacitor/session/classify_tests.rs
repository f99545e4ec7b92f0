//! What a frame is, and why one does not go back.

use super::*;
use crate::kapacitor::proto::{Option as Call, request};

fn varint(value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

fn field(number: u64, body: &[u8]) -> Vec<u8> {
    [varint(number << 3 | 2), varint(body.len() as u64), body.to_vec()].concat()
}

fn size_field(size: i64) -> Vec<u8> {
    [varint(SIZE << 3), varint(size.cast_unsigned())].concat()
}

fn check_kind(frame: &[u8], expected: &Kind) {
    assert_eq!(classify(frame), *expected, "{:02x?}", frame.get(..40).unwrap_or(frame));
}

fn check_asked(frame: &[u8], question: Question, malformed: bool) {
    check_kind(frame, &Kind::Asked { question, malformed });
}

#[test]
fn data_of_one_field_is_not_read() {
    for body in [&[][..], &[8, 1], &[0xFF, 0xFF]] {
        check_kind(&field(17, body), &Kind::Point);
        check_kind(&field(18, body), &Kind::End);
    }
}

#[test]
fn size_of_begin() {
    let check = |body: &[u8], size| {
        check_kind(&field(16, body), &Kind::Begin(size));
        // An unknown field beside it makes it a case for the decoder, which must come to the same.
        if size != Err(mark::BAD_BEGIN) {
            check_kind(&[field(16, body), field(99, b"?")].concat(), &Kind::Begin(size));
        }
    };
    check(&[], Ok(0));
    check(&size_field(0), Ok(0));
    check(&[field(1, b"cpu"), size_field(7)].concat(), Ok(7));
    check(&size_field(MAX_SIZE), Ok(MAX_SIZE));
    check(&size_field(MAX_SIZE + 1), Err(mark::BAD_SIZE));
    check(&size_field(-1), Err(mark::BAD_SIZE));
    check(&size_field(i64::MIN), Err(mark::BAD_SIZE));
    check(&[size_field(3), size_field(4)].concat(), Ok(4));
    check(&[size_field(3), size_field(-4)].concat(), Err(mark::BAD_SIZE));
    check(&[0xFF], Err(mark::BAD_BEGIN));
    check(&[size_field(3), vec![0x0A]].concat(), Err(mark::BAD_BEGIN));
    // One that no decoder would take is out of bounds by the wire nevertheless, when it stands alone.
    check_kind(&field(16, &[size_field(-1), size_field(1)].concat()), &Kind::Begin(Err(mark::BAD_SIZE)));
    // Merged from two fields.
    check_kind(&[field(16, &size_field(3)), field(16, &field(1, b"cpu"))].concat(), &Kind::Begin(Ok(3)));
    check_kind(&[field(16, &size_field(3)), field(16, &size_field(-1))].concat(), &Kind::Begin(Err(mark::BAD_SIZE)));
}

#[test]
fn requests() {
    check_asked(&field(1, b""), Question::Info, false);
    check_asked(&field(1, &field(9, b"later")), Question::Info, false);
    check_asked(&field(1, b"\xFF"), Question::Info, true);
    let init = InitRequest { options: vec![Call::default()], task_id: "t".to_owned(), node_id: "n".to_owned() };
    let frame = Request { message: Some(request::Message::Init(init.clone())) }.encode_to_vec();
    check_asked(&frame, Question::Init(Ok(init.clone())), false);
    check_asked(&[frame, field(99, b"")].concat(), Question::Init(Ok(init)), false);
    check_asked(&field(2, b"\xFF"), Question::Init(Err("Init is not a valid message")), true);
    check_asked(&field(2, &vec![0; MAX_TYPED + 1]), Question::Init(Err("Init is longer than 1 MiB")), true);
    check_asked(&field(3, &[8, 5]), Question::Keepalive(5), false);
    check_asked(&field(3, &[8]), Question::Keepalive(0), true);
    check_asked(&field(4, b""), Question::Snapshot, false);
    check_asked(&field(4, b"\xFF"), Question::Snapshot, true);
    check_asked(&field(5, &field(1, b"state")), Question::Restore(b"state".to_vec()), false);
    check_asked(&field(5, b"\xFF"), Question::Restore(vec![]), true);
}

#[test]
fn neither_data_nor_request() {
    check_kind(b"", &Kind::Opaque(mark::NO_MESSAGE));
    // An error is nothing in a Request; sent back it would stop the task.
    check_kind(&field(6, &field(1, b"stop")), &Kind::Opaque(mark::NO_MESSAGE));
    check_kind(&field(19, b""), &Kind::Opaque(mark::NO_MESSAGE));
    check_kind(&[field(7, b""), field(19, b"")].concat(), &Kind::Opaque(mark::NO_MESSAGE));
    check_kind(b"\xFF\xFF", &Kind::Opaque(mark::MALFORMED));
    check_kind(&[field(17, b""), vec![0xFF]].concat(), &Kind::Opaque(mark::MALFORMED));
    check_kind(&[field(17, b""), field(99, &vec![0; MAX_TYPED])].concat(), &Kind::Opaque(mark::TOO_LONG));
}

#[test]
fn several_fields() {
    let unknown = field(99, b"new");
    check_kind(&[field(17, b""), unknown.clone()].concat(), &Kind::Point);
    check_kind(&[unknown.clone(), field(17, b"")].concat(), &Kind::Point);
    check_kind(&[field(18, b""), unknown].concat(), &Kind::End);
    // The last member of the oneof counts, and the error is a member in Response alone.
    check_kind(&[field(17, b""), field(6, b"")].concat(), &Kind::Opaque(mark::AMBIGUOUS));
    check_kind(&[field(16, b""), field(6, b"")].concat(), &Kind::Opaque(mark::AMBIGUOUS));
    check_kind(&[field(6, b""), field(17, b"")].concat(), &Kind::Point);
    check_kind(&[field(6, b"\xFF"), field(17, b"")].concat(), &Kind::Opaque(mark::AMBIGUOUS));
    check_kind(&[field(16, b""), field(18, b"")].concat(), &Kind::End);
    check_asked(&[field(17, b""), field(3, &[8, 5])].concat(), Question::Keepalive(5), false);
    // Info holds nothing as a request and a string as an answer: here one that is not text.
    check_kind(&[field(1, &field(3, b"\xFF")), field(17, b"")].concat(), &Kind::Opaque(mark::AMBIGUOUS));
}
