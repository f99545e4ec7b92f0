//! Tests of what is remembered of streams.

use super::Streams;
use crate::record::{Stream, StreamId};
use crate::words::Lane;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const ID: StreamId = StreamId(7);

#[track_caller]
fn check_number(streams: &Streams, expected: u64) {
    let numbers: Vec<_> = streams.numbers().into_iter().map(|(id, last_n, _)| (id, last_n)).collect();
    assert_eq!(numbers, [(ID, expected)], "one number for the checkpoint");
    assert_eq!(streams.last_n(ID), Some(expected));
}

/// A number that the checkpoint had forgotten would be given again after a kill, and ids with it.
#[test]
fn a_stream_has_one_number_open_and_closed() {
    let streams = Streams::default();
    streams.found(ID, 5, 1);
    check_number(&streams, 5);
    for opened_at in [5, 9] {
        let live = streams.open(Arc::new(Stream::new(ID, Lane::Udf, "stream", "default")), opened_at);
        check_number(&streams, opened_at);
        live.last_n.store(opened_at + 3, Ordering::Release);
        check_number(&streams, opened_at + 3);
        streams.close(ID);
        check_number(&streams, opened_at + 3);
    }
}
