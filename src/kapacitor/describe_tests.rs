//! Every message by its fields, and whatever is not one.

use super::*;
use crate::kapacitor::proto::{self, request, response};
use crate::kapacitor::reply;
use proptest::prelude::*;
use std::fmt::Write;

fn framed(message: &impl prost::Message) -> Vec<u8> {
    message.encode_length_delimited_to_vec()
}

/// A line a frame and a line a field: value and bytes.
fn check_describe(side: Side, bytes: &[u8], expected: &str) {
    let mut shown = String::new();
    for frame in describe(side, bytes) {
        writeln!(shown, "{} {:?}", frame.title, frame.range).unwrap();
        for field in &frame.fields {
            let hex: Vec<String> = bytes[field.range.clone()].iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(shown, "  {} = {} <{}>", field.name, field.value, hex.join(" ")).unwrap();
        }
    }
    assert_eq!(shown.trim_end(), expected.trim());
}

#[test]
fn requests_and_responses() {
    let point = proto::Point {
        time: 5,
        name: "cpu".to_owned(),
        dimensions: vec!["host".to_owned()],
        tags: [("host".to_owned(), "a\n".to_owned())].into(),
        fields_double: [("v".to_owned(), 1.5)].into(),
        fields_bool: [("up".to_owned(), false)].into(),
        ..Default::default()
    };
    let request = |message| framed(&proto::Request { message: Some(message) });
    let bytes =
        [request(request::Message::Point(point)), request(request::Message::Info(proto::InfoRequest {}))].concat();
    check_describe(
        Side::Request,
        &bytes,
        r#"
point 0..49
  time = 5 <08 05>
  name = "cpu" <12 03 63 70 75>
  dimensions = "host" <32 04 68 6f 73 74>
  tags["host"] = "a\n" <3a 0a 0a 04 68 6f 73 74 12 02 61 0a>
  fieldsDouble["v"] = 1.5 <42 0c 0a 01 76 11 00 00 00 00 00 00 f8 3f>
  fieldsBool["up"] = false <62 04 0a 02 75 70>
info 49..52
"#,
    );
    check_describe(Side::Response, &reply::keepalive(7), "keepalive 0..5\n  time = 7 <08 07>");
    check_describe(Side::Response, &reply::error("no"), "error 0..7\n  error = \"no\" <0a 02 6e 6f>");
    check_describe(Side::Response, &reply::snapshot(b"xyz"), "snapshot 0..8\n  snapshot = 3 bytes <0a 03 78 79 7a>");
    let info = response::Message::Info(proto::InfoResponse {
        wants: 1,
        provides: 1,
        options: [("echo".to_owned(), proto::OptionInfo { value_types: vec![0, 4] })].into(),
    });
    check_describe(
        Side::Response,
        &framed(&proto::Response { message: Some(info) }),
        r#"
info 0..21
  wants = BATCH <08 01>
  provides = BATCH <10 01>
  options["echo"].valueTypes = BOOL, DURATION <1a 0c 0a 04 65 63 68 6f 12 04 0a 02 00 04>
"#,
    );
}

#[test]
fn what_is_no_frame_is_shown_as_such() {
    check_describe(Side::Request, b"", "");
    check_describe(
        Side::Request,
        &[9, 0x1A],
        "frame 0..2\n  ? = cannot be read: the beginning of a frame, or no frame <09 1a>",
    );
    check_describe(
        Side::Request,
        &[2, 0x32, 0],
        "frame 0..3\n  6? = a field that Kapacitor's protocol does not have <32 00>",
    );
    check_describe(
        Side::Request,
        &[4, 0x1A, 2, 0x08, 0xFF],
        "keepalive 0..5\n  ? = cannot be read: not a valid protobuf message: varint without an end at byte 3 <ff>",
    );
    check_describe(Side::Request, &[0], "frame 0..1");
}

proptest! {
    #[test]
    fn anything_can_be_described(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for side in [Side::Request, Side::Response] {
            let frames = describe(side, &bytes);
            // All of the bytes are in a frame, and all fields within theirs.
            prop_assert_eq!(frames.last().map_or(0, |frame| frame.range.end), bytes.len());
            for frame in frames {
                for field in frame.fields {
                    prop_assert!(frame.range.start <= field.range.start && field.range.end <= frame.range.end);
                    prop_assert!(field.range.start <= field.range.end);
                }
            }
        }
    }
}
