//! Every reply is one whole frame with a message in it.

use super::*;
use crate::kapacitor::frame::split;

fn check_reply(frame: &[u8], expected: &response::Message) {
    let (length, body) = split(frame, usize::MAX).unwrap().unwrap();
    assert_eq!(length, frame.len());
    assert_eq!(Response::decode(body).unwrap().message.as_ref(), Some(expected));
}

#[test]
fn every_reply() {
    use response::Message;
    check_reply(&initialised(), &Message::Init(InitResponse { success: true, error: String::new() }));
    check_reply(&refused("no"), &Message::Init(InitResponse { success: false, error: "no".to_owned() }));
    check_reply(&keepalive(-1), &Message::Keepalive(KeepaliveResponse { time: -1 }));
    check_reply(&snapshot(b"x"), &Message::Snapshot(SnapshotResponse { snapshot: b"x".to_vec() }));
    check_reply(&restored(), &Message::Restore(RestoreResponse { success: true, error: String::new() }));
    check_reply(&error("why"), &Message::Error(ErrorResponse { error: "why".to_owned() }));
    // Messages whose fields all have their defaults are there nevertheless.
    assert_eq!(keepalive(0), [2, 0x1A, 0]);
    assert_eq!(snapshot(b""), [2, 0x22, 0]);
    assert_eq!(error(""), [2, 0x32, 0]);
}

#[test]
fn info_wants_and_provides_the_edge() {
    for (edge, number) in [(EdgeKind::Stream, 0), (EdgeKind::Batch, 1)] {
        let info = InfoResponse { wants: number, provides: number, options: options::announced() };
        check_reply(&super::info(edge), &response::Message::Info(info));
    }
}
