//! Kapacitor's side of what the session sends: takes a sequence of responses as `handleResponse` does, and panics where
//! kapacitord would die, or where a task would stop for something that Kapacitor did not send itself.

use crate::wire;
use kaptap::kapacitor::proto::{Response, response};
use kaptap::kapacitor::session::EdgeKind;
use prost::Message as _;
use std::collections::VecDeque;

/// Largest size that may come back.
const MAX_SIZE: i64 = 1 << 26;

/// The peer that is sent to. Knows what it sent.
pub(crate) struct Acceptor {
    edge: EdgeKind,
    /// Frames it sent and has not seen again, in order.
    sent: VecDeque<Vec<u8>>,
    in_batch: bool,
    /// How many data frames came back.
    pub(crate) returned: usize,
    /// How many answers of our own came.
    pub(crate) answers: usize,
}

impl Acceptor {
    /// A peer that sends `stream`.
    pub(crate) fn new(edge: EdgeKind, stream: &[u8]) -> Self {
        let sent = wire::frames(stream).0.into_iter().map(<[u8]>::to_vec).collect();
        Self { edge, sent, in_batch: false, returned: 0, answers: 0 }
    }

    /// Takes all that was sent to it. `error`: whether it may end with an `ErrorResponse`.
    pub(crate) fn accept(&mut self, stream: &[u8], error: bool) {
        let (frames, left) = wire::frames(stream);
        assert_eq!(left, 0, "bytes after the last whole response");
        for (index, frame) in frames.iter().enumerate() {
            match Response::decode(*frame).map(|response| response.message) {
                Ok(None) => panic!("a Response without a message: {frame:02x?}"),
                Ok(Some(response::Message::Error(_))) => {
                    assert!(error && index + 1 == frames.len(), "an ErrorResponse: {frame:02x?}");
                }
                Ok(Some(response::Message::Begin(begin))) => self.begin(frame, &[begin.size]),
                Ok(Some(response::Message::Point(_))) => self.point(frame),
                Ok(Some(response::Message::End(_))) => self.end(frame),
                Ok(Some(_)) => self.answers += 1,
                // Kapacitor's decoder may be more or less strict than this one: it must be safe whichever way it reads
                // what it sent itself.
                Err(_) => self.unreadable(frame),
            }
        }
    }

    fn begin(&mut self, frame: &[u8], sizes: &[i64]) {
        assert!(!self.in_batch, "Begin inside a batch");
        assert!(self.edge == EdgeKind::Batch, "Begin on a stream connection");
        assert!(sizes.iter().all(|size| (0..=MAX_SIZE).contains(size)), "Begin of sizes {sizes:?}");
        self.in_batch = true;
        self.seen(frame);
    }

    fn point(&mut self, frame: &[u8]) {
        assert_eq!(self.in_batch, self.edge == EdgeKind::Batch, "a point that would be of the other kind");
        self.seen(frame);
    }

    fn end(&mut self, frame: &[u8]) {
        assert!(self.in_batch, "End without Begin");
        self.in_batch = false;
        self.seen(frame);
    }

    fn unreadable(&mut self, frame: &[u8]) {
        let mut rest = frame;
        let key = wire::take_varint(&mut rest).expect("a frame that does not even begin as a message");
        let length = wire::take_varint(&mut rest).expect("a frame without a body");
        assert_eq!(length, rest.len() as u64, "an unreadable frame that is not one field");
        match key >> 3 {
            16 => self.begin(frame, &sizes(rest)),
            17 => self.point(frame),
            18 => self.end(frame),
            other => panic!("an unreadable response of kind {other}"),
        }
    }

    /// A data frame must be one it sent, byte for byte, and later than the one before.
    fn seen(&mut self, frame: &[u8]) {
        self.returned += 1;
        loop {
            let sent = self.sent.pop_front().expect("a data frame that was not sent, or not in this order");
            if sent == frame {
                break;
            }
        }
    }
}

/// Every value that any decoder could take for the size of a Begin.
fn sizes(mut body: &[u8]) -> Vec<i64> {
    let mut sizes = vec![];
    while let Some(key) = wire::take_varint(&mut body) {
        let skip = match key & 7 {
            0 => {
                let value = wire::take_varint(&mut body).expect("a Begin that is not fields to its end");
                if key >> 3 == 4 {
                    sizes.push(value.cast_signed());
                }
                0
            }
            1 => 8,
            2 => wire::take_varint(&mut body).expect("a Begin that is not fields to its end") as usize,
            5 => 4,
            other => panic!("wire type {other} in a Begin that came back"),
        };
        body = body.get(skip..).expect("a Begin that is not fields to its end");
    }
    assert!(body.is_empty(), "a Begin that is not fields to its end");
    sizes
}
