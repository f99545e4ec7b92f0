//! Rings: what is kept, what goes, and that nothing secret stays.

use super::*;

fn numbers(wire: &Wire, after: u64) -> Vec<u64> {
    wire.recent(after, |_, _| true).into_iter().map(|(_, exchange)| exchange.number).collect()
}

#[test]
fn the_newest_exchanges_of_each_connection_are_kept() {
    let wire = Wire::new(Options { ring: 4096 });
    let (busy, quiet) = (wire.open(Lane::Udf, "stream", 1), wire.open(Lane::Udf, "batch", 2));
    quiet.record(Direction::Received, 3, b"first");
    for n in 0..100 {
        busy.record(Direction::Received, n, &[7; 1000]);
    }
    let found = wire.recent(0, |_, _| true);
    assert_eq!(found.first().map(|(_, exchange)| exchange.bytes.as_slice()), Some(&b"first"[..]));
    assert_eq!(found.iter().map(|(_, exchange)| exchange.number).collect::<Vec<_>>(), [1, 99, 100, 101]);
    assert_eq!(numbers(&wire, 100), [101]);
    let large = wire.open(Lane::Udf, "stream", 1);
    large.record(Direction::Sent, 1, &vec![1; SHOWN + 5]);
    let exchange = large.exchanges(0).remove(0);
    assert_eq!((exchange.bytes.len(), exchange.left_out, exchange.direction.as_str()), (SHOWN, 5, "sent"));
    // One that is larger than the ring stays until the next comes.
    let tiny = Wire::new(Options { ring: 1 }).open(Lane::Udf, "stream", 1);
    tiny.record(Direction::Sent, 1, b"one");
    tiny.record(Direction::Sent, 1, b"two");
    assert_eq!(tiny.exchanges(0).iter().map(|exchange| exchange.bytes.as_slice()).collect::<Vec<_>>(), [b"two"]);
}

#[test]
fn each_exchange_has_its_own_bytes() {
    let tap = Wire::new(Options { ring: 4096 }).open(Lane::Udf, "stream", 1);
    let bytes =
        |number: u64| vec![u8::try_from(number % 251).unwrap(); usize::try_from(number * 37 % 900).unwrap() + 1];
    for number in 1..500 {
        tap.record(Direction::Received, 1, &bytes(number));
        let held = tap.exchanges(0);
        assert!(held.len() > 2 || number < 3, "{number}");
        assert_eq!(held.last().map(|exchange| exchange.number), Some(number));
        for exchange in held {
            assert_eq!(exchange.bytes, bytes(exchange.number), "{number}");
        }
    }
}

#[test]
fn a_ring_takes_no_more_memory_for_what_came_before() {
    const BOUND: usize = 16 << 10;
    let mut ring = Ring::new(BOUND);
    let mut most = 0;
    for round in 0..4 {
        // Many small ones need room for their heads, large ones for their bytes.
        let length = if round % 2 == 0 { 10 } else { SHOWN };
        for number in 0..1000 {
            ring.push(number, Direction::Received, 1, 0, |draft| draft.resize(length, 7));
            most = most.max(ring.memory());
        }
    }
    assert!(most <= BOUND + BOUND / 2 + 2 * SHOWN, "{most} bytes");
}

#[test]
fn closed_connections_and_sources_are_bounded() {
    let wire = Wire::new(Options::default());
    for n in 0..100 {
        let tap = wire.open(Lane::Udf, "stream", n);
        tap.record(Direction::Received, n, b"x");
        wire.close(&tap);
    }
    assert_eq!(numbers(&wire, 0), (100 - CLOSED as u64 + 1..=100).collect::<Vec<_>>());
    for n in 0..1000 {
        wire.source(Lane::Post, &format!("{}", n % 400), n).record(Direction::Received, n, b"x");
    }
    assert_eq!(numbers(&wire, 100).len(), SOURCES);
    assert_eq!(wire.source(Lane::Post, "399", 0).connection, wire.source(Lane::Post, "399", 0).connection);
}

#[test]
fn what_is_off_keeps_nothing() {
    let wire = Wire::new(Options { ring: 0 });
    wire.open(Lane::Udf, "stream", 1).record(Direction::Received, 3, b"first");
    assert!(numbers(&wire, 0).is_empty() && !wire.is_on());
}

#[test]
fn a_request_is_written_without_secrets_and_taken_apart() {
    let mut bytes = Vec::new();
    let headers = [("host", &b"kaptap"[..]), ("authorization", b"Bearer hunter2")];
    http::write_head(&mut bytes, &["POST ", "/v1/alerts", " HTTP/1.1"], headers);
    bytes.extend_from_slice(b"{\"id\": 1}");
    let shown: Vec<(String, String)> = http::parts(&bytes)
        .into_iter()
        .map(|part| (part.name, String::from_utf8_lossy(&bytes[part.value]).into_owned()))
        .collect();
    let expected =
        [("", "POST /v1/alerts HTTP/1.1"), ("host", "kaptap"), ("authorization", "[secret]"), ("body", "{\"id\": 1}")];
    assert_eq!(shown, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(http::parts(b"no head").len(), 1);
    assert!(http::parts(b"").is_empty());
}
