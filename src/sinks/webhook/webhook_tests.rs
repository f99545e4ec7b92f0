//! Tests of when halving ends.

use super::*;
use crate::delivery::sink::Reason;
use crate::event::id::EventId;
use crate::event::{Origin, Raw};
use crate::words::{Kind, Lane};
use std::io::{Read, Write};
use std::net::TcpListener;

fn event(seq: u64) -> Event<'static> {
    let (origin, raw) = (Origin::new(Lane::Post, "a", 1, seq), Raw { media: "text/plain".into(), data: b"" });
    Event::new(EventId(seq.into()), seq, Kind::Opaque, 0, origin, raw)
}

#[tokio::test]
async fn halving_ends_but_not_before_something_is_settled() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let refusing = std::thread::spawn(move || {
        let mut requests = 0;
        // 8, 4, 2, 1, 1: then the next part is refused as a whole, and its events are left for another time.
        while requests < 6 {
            let (mut stream, _) = listener.accept().unwrap();
            requests += 1;
            let mut request = Vec::new();
            while !request.ends_with(b"]") {
                let mut bytes = [0; 4096];
                let length = stream.read(&mut bytes).unwrap();
                request.extend_from_slice(&bytes[..length]);
            }
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let http = options::Http { timeout: Duration::from_mins(1), ..options::Http::at(format!("http://{address}/")) };
    let options = options::Webhook {
        http,
        method: "POST".to_owned(),
        format: options::Format::JsonArray,
        hmac: None,
        raw: false,
    };
    let mut sink = Webhook::new(&options, &Proxies::none()).unwrap();
    sink.splitting = Duration::ZERO;
    let events: Vec<_> = (1..=8).map(event).collect();
    let outcomes = sink.deliver(&Batch { events: &events, replay: false }).await;
    refusing.join().unwrap();
    assert_eq!(outcomes.len(), 8);
    assert!(outcomes[..2].iter().all(|outcome| matches!(outcome, Outcome::Reject { .. })), "{outcomes:?}");
    for outcome in &outcomes[2..] {
        let Outcome::Retry { after, reason, error } = outcome else { panic!("{outcome:?}") };
        assert_eq!((*after, *reason), (Some(Duration::ZERO), Reason::Refused));
        assert!(error.ends_with("which events it refuses is not yet found out"), "{error}");
    }
}
