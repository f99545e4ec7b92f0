//! Tests of what needs no server: names, and the window of ids.

use super::link::Servers;
use super::seen::Seen;
use super::{is_stream_name, is_subject};
use crate::event::id::EventId;

#[test]
fn names_of_streams() {
    for good in ["KAPTAP", "kaptap-1_x", "ä"] {
        assert!(is_stream_name(good), "{good}");
    }
    for bad in ["", "a b", "a.b", "a*", ">", "a/b", "a\\b", "a\n"] {
        assert!(!is_stream_name(bad), "{bad}");
    }
}

#[test]
fn what_can_be_subscribed_to() {
    for good in ["kaptap", "kaptap.alert", "kaptap.*", "*.alert", "kaptap.>", ">", "*.*.x"] {
        assert!(is_subject(good), "{good}");
    }
    for bad in ["", ".", "a.", ".a", "a..b", "a b", "a.>.b", "a.b>", "a*.b", "a\t"] {
        assert!(!is_subject(bad), "{bad}");
    }
}

#[test]
fn addresses_show_no_password() {
    let servers = Servers::parse("nats://me:hunter2@a, tls://b:7").unwrap();
    assert_eq!(
        (servers.shown(), format!("{servers:?}").as_str()),
        ("nats://a:4222,tls://b:7", "nats://a:4222,tls://b:7")
    );
    for bad in ["", ",", "ws://a", "nats://a,wss://b", "http://a", "nats://"] {
        assert!(Servers::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn an_id_is_known_until_so_many_others_came() {
    let mut seen = Seen::new(3);
    for (id, position) in [(1, 10), (2, 20), (3, 30)] {
        assert_eq!(seen.take(EventId(id), position), None);
    }
    assert_eq!(seen.take(EventId(1), 40), Some(10));
    assert_eq!(seen.take(EventId(3), 41), Some(30));
    // The fourth pushes the first one out, which then is new again and pushes the second.
    assert_eq!(seen.take(EventId(4), 42), None);
    assert_eq!(seen.take(EventId(1), 43), None);
    assert_eq!(seen.take(EventId(3), 44), Some(30));
    assert_eq!(seen.take(EventId(2), 45), None);
}
