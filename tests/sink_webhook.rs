//! The webhook sink against a peer that is good, slow, full, broken or gone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod sink_support;

use kaptap::delivery::sink::{Batch, Outcome, Reason, Sink};
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options::{self, Format, Hidden, Hmac};
use kaptap::sinks::webhook::Webhook;
use sink_support::receiver::{Receiver, Step, answer, ok};
use sink_support::*;
use std::time::Duration;

fn sink(options: &options::Webhook) -> Webhook {
    Webhook::new(options, &Proxies::none()).unwrap()
}

fn array_sink(receiver: &Receiver) -> Webhook {
    sink(&webhook(&receiver.url("/hook?team=a"), Format::JsonArray))
}

/// One step of a peer, then the same events again: what the first delivery says, and that the second one arrives.
async fn check_step(step: Step, check: impl FnOnce(&Outcome)) {
    let receiver = Receiver::start([step]).await;
    let mut sink = array_sink(&receiver);
    let events = alerts(1..=3);
    let outcomes = deliver(&mut sink, &events).await;
    check(&outcomes[0]);
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
    assert_eq!(deliver(&mut sink, &events).await, vec![Outcome::Delivered; 3]);
    assert_eq!(receiver.requests().last().unwrap().numbers(), [1, 2, 3]);
}

#[tokio::test]
async fn a_batch_is_one_request_and_connections_are_kept() {
    let receiver = Receiver::start([]).await;
    let mut sink = array_sink(&receiver);
    for part in [1..=3, 4..=6] {
        assert_eq!(deliver(&mut sink, &alerts(part)).await, vec![Outcome::Delivered; 3]);
    }
    let requests = receiver.requests();
    assert_eq!((requests.len(), receiver.connections()), (2, 1));
    let first = &requests[0];
    assert_eq!(first.line, "POST /hook?team=a HTTP/1.1");
    assert_eq!(first.header("content-type"), Some("application/json"));
    assert_eq!(first.header("host"), Some(receiver.address.to_string().as_str()));
    assert!(first.header("user-agent").unwrap().starts_with("kaptap/"));
    assert_eq!(first.header("x-kaptap-replay"), None);
    assert_eq!(first.json().as_array().unwrap(), &as_json(&alerts(1..=3)));
}

#[tokio::test]
async fn what_a_peer_cannot_do_now_is_tried_again() {
    check_step(answer("503 Service Unavailable", "Retry-After: 7\r\n", "busy"), |outcome| {
        check_retry(outcome, Reason::Throttled, Some(7), "answered 503 Service Unavailable: busy");
    })
    .await;
    let dates = "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2015 07:29:30 GMT\r\n";
    check_step(answer("429 Too Many Requests", dates, ""), |outcome| {
        check_retry(outcome, Reason::Throttled, Some(90), "429");
    })
    .await;
    for (status, reason) in [
        ("500 Oops", Reason::PeerFailed),
        ("502 Bad Gateway", Reason::PeerFailed),
        ("503 Service Unavailable", Reason::PeerFailed),
        ("408 Request Timeout", Reason::PeerFailed),
        ("425 Too Early", Reason::PeerFailed),
        ("401 Unauthorized", Reason::Unauthorized),
        ("403 Forbidden", Reason::Unauthorized),
    ] {
        check_step(answer(status, "", ""), |outcome| check_retry(outcome, reason, None, &status[..3])).await;
    }
    check_step(answer("301 Moved Permanently", "Location: http://127.0.0.1:1/\r\n", ""), |outcome| {
        check_retry(outcome, Reason::Refused, None, "redirects are not followed");
    })
    .await;
}

#[tokio::test]
async fn a_broken_connection_or_answer_is_tried_again() {
    check_step(Step::CutInRequest, |outcome| {
        check_retry(outcome, Reason::PeerFailed, None, "ended the connection before its answer");
    })
    .await;
    check_step(Step::CutAfterTaking, |outcome| {
        check_retry(outcome, Reason::PeerFailed, None, "ended the connection before its answer");
    })
    .await;
    check_step(Step::AnswerAndCut("SSH-2.0-OpenSSH_9.2\r\n".to_owned()), |outcome| {
        check_retry(outcome, Reason::Garbage, None, "answered what is not HTTP");
    })
    .await;
    check_step(Step::AnswerAndCut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned()), |outcome| {
        check_retry(outcome, Reason::Garbage, None, "broke off its answer");
    })
    .await;
}

#[tokio::test]
async fn a_peer_that_does_not_answer_is_given_up_in_time() {
    for step in [Step::Silence, Step::Answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned())] {
        let receiver = Receiver::start([step]).await;
        let mut options = webhook(&receiver.url("/"), Format::JsonArray);
        options.http.timeout = Duration::from_millis(200);
        let outcomes = deliver(&mut sink(&options), &alerts([1])).await;
        check_retry(&outcomes[0], Reason::TimedOut, None, "no whole answer within 200ms");
    }
}

#[tokio::test]
async fn a_peer_that_restarts_is_found_again() {
    let receiver = Receiver::start([]).await;
    let address = receiver.address;
    let mut sink = array_sink(&receiver);
    let events = alerts([1]);
    assert_eq!(deliver(&mut sink, &events).await, [Outcome::Delivered]);
    drop(receiver);
    let outcomes = deliver(&mut sink, &events).await;
    // The connection that was kept may end in the middle of the request, before it is known to have ended.
    assert!(
        matches!(outcomes[0], Outcome::Retry { reason: Reason::Unreachable | Reason::PeerFailed, .. }),
        "{outcomes:?}"
    );
    let outcomes = deliver(&mut sink, &events).await;
    check_retry(&outcomes[0], Reason::Unreachable, None, "cannot be reached: ");
    let receiver = Receiver::start_at(address, None, []).await;
    assert_eq!(deliver(&mut sink, &events).await, [Outcome::Delivered]);
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_not_read_to_its_end() {
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{}", "x".repeat(200_000));
    let receiver = Receiver::start([Step::Answer(endless)]).await;
    let mut sink = array_sink(&receiver);
    assert_eq!(deliver(&mut sink, &alerts([1])).await, [Outcome::Delivered]);
    assert_eq!(deliver(&mut sink, &alerts([2])).await, [Outcome::Delivered]);
    assert_eq!(receiver.connections(), 2);
}

/// A peer that refuses some events; who is parked, and how many requests it took.
async fn check_refused(format: Format, count: u64, bad: &'static [u64], most: usize) {
    let refuse = answer("400 Bad Request", "", "no\u{1b}[31m such\r\nthing");
    let receiver = Receiver::by_rule(move |request| {
        let has = |n: &u64| request.text().contains(&format!("\"seq\":{n},"));
        if bad.iter().any(has) { refuse.clone() } else { ok() }
    })
    .await;
    let mut sink = sink(&webhook(&receiver.url("/"), format));
    let outcomes = deliver(&mut sink, &alerts(1..=count)).await;
    for (n, outcome) in (1..).zip(&outcomes) {
        if bad.contains(&n) {
            check_reject(
                outcome,
                Reason::Refused,
                "answered 400 Bad Request: no [31m such  thing",
                Some("no [31m such  thing"),
            );
        } else {
            assert_eq!(*outcome, Outcome::Delivered, "{n}");
        }
    }
    let requests = receiver.requests();
    assert!(requests.len() <= most, "{} requests", requests.len());
    // Whatever was taken was taken once and in order.
    let taken =
        requests.iter().filter(|request| bad.iter().all(|n| !request.text().contains(&format!("\"seq\":{n},"))));
    let mut seen = Vec::new();
    for request in taken {
        let ids = request.text();
        seen.extend((1..=count).filter(|n| ids.contains(&format!("\"seq\":{n},"))));
    }
    let good: Vec<u64> = (1..=count).filter(|n| !bad.contains(n)).collect();
    assert_eq!(seen, good);
}

#[tokio::test]
async fn one_refused_event_does_not_park_the_others() {
    check_refused(Format::JsonArray, 500, &[317], 20).await;
    check_refused(Format::Ndjson, 8, &[1, 8], 15).await;
    check_refused(Format::JsonArray, 5, &[1, 2, 3, 4, 5], 9).await;
    check_refused(Format::JsonArray, 1, &[1], 1).await;
    check_refused(Format::Json, 1, &[1], 1).await;
}

#[tokio::test]
async fn nothing_overtakes_what_is_tried_again_while_a_batch_is_halved() {
    let script = [answer("400 Bad Request", "", ""), ok(), answer("503 Service Unavailable", "", "")];
    let receiver = Receiver::start(script).await;
    let mut sink = array_sink(&receiver);
    let outcomes = deliver(&mut sink, &alerts(1..=8)).await;
    assert_eq!(outcomes[..4], vec![Outcome::Delivered; 4]);
    for outcome in &outcomes[4..] {
        check_retry(outcome, Reason::PeerFailed, None, "503");
    }
    assert_eq!(receiver.requests().len(), 3);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_and_a_single_event_is_parked() {
    let receiver =
        Receiver::by_rule(
            |request| {
                if request.numbers().len() > 2 { answer("413 Payload Too Large", "", "") } else { ok() }
            },
        )
        .await;
    assert_eq!(deliver(&mut array_sink(&receiver), &alerts(1..=7)).await, vec![Outcome::Delivered; 7]);
    let receiver = Receiver::by_rule(|_| answer("413 Payload Too Large", "", "")).await;
    let outcomes = deliver(&mut array_sink(&receiver), &alerts([1])).await;
    check_reject(&outcomes[0], Reason::TooLarge, "413", None);
}

#[tokio::test]
async fn requests_are_signed_as_grafana_signs_them() {
    let receiver = Receiver::start([]).await;
    let mut options = webhook(&receiver.url("/"), Format::Json);
    let header = "X-Grafana-Alerting-Signature".to_owned();
    options.hmac = Some(Hmac { secret: Hidden("key".to_owned()), header, timestamp_header: None });
    deliver(&mut sink(&options), &alerts([1])).await;
    options.hmac.as_mut().unwrap().timestamp_header = Some("X-Time".to_owned());
    deliver(&mut sink(&options), &alerts([1])).await;

    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    let requests = receiver.requests();
    let time = requests[1].header("x-time").unwrap();
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() - time.parse::<u64>().unwrap();
    assert!(elapsed < 3600, "{time} is not now");
    let signed = [requests[0].body.clone(), [time.as_bytes(), b":", &requests[1].body].concat()];
    for (request, signed) in requests.iter().zip(signed) {
        let signature = request.header("x-grafana-alerting-signature").unwrap();
        assert_eq!(signature.len(), 64);
        let bytes: Vec<u8> =
            (0..32).map(|at| u8::from_str_radix(&signature[2 * at..2 * at + 2], 16).unwrap()).collect();
        ring::hmac::verify(&key, &signed, &bytes).unwrap();
    }
}

#[tokio::test]
async fn each_format_has_its_body_and_headers() {
    let receiver = Receiver::start([]).await;
    let template =
        |body: &str, content_type: &str| Format::Template { body: body.into(), content_type: content_type.into() };
    let event = alert(1);
    let id = event.id.to_string();
    let single = [
        (Format::Json, "application/json", None),
        (Format::CloudEvents, "application/cloudevents+json; charset=UTF-8", None),
        (Format::CloudEventsBinary, "application/json", None),
        (
            template(r#"{"text":"{{ alert.message }}","n":{{ seq }}}"#, "application/json"),
            "application/json",
            Some(r#"{"text":"web-1 is \"CRITICAL\" ✗","n":1}"#),
        ),
        (template("{{ alert.message }}", "text/plain"), "text/plain", Some("web-1 is \"CRITICAL\" ✗")),
        (
            template("text={{ alert.message }}", "application/x-www-form-urlencoded; charset=utf-8"),
            "application/x-www-form-urlencoded; charset=utf-8",
            Some("text=web-1%20is%20%22CRITICAL%22%20%E2%9C%97"),
        ),
    ];
    for (format, media, body) in single {
        let mut sink = sink(&webhook(&receiver.url("/"), format.clone()));
        assert_eq!(sink.limits().events, 1);
        deliver(&mut sink, std::slice::from_ref(&event)).await;
        let request = receiver.requests().pop().unwrap();
        assert_eq!(request.header("content-type"), Some(media), "{format:?}");
        assert_eq!(request.header("x-kaptap-event-id"), Some(id.as_str()), "{format:?}");
        match (&format, body) {
            (Format::CloudEvents, _) => assert_eq!(request.json()["data"], value(&event)),
            (_, Some(body)) => assert_eq!(request.text(), body),
            (_, None) => assert_eq!(request.json(), value(&event)),
        }
        let in_headers = (format == Format::CloudEventsBinary).then_some(id.as_str());
        assert_eq!(request.header("ce-id"), in_headers);
    }
    for (format, media) in [
        (Format::JsonArray, "application/json"),
        (Format::Ndjson, "application/x-ndjson"),
        (Format::CloudEventsBatch, "application/cloudevents-batch+json; charset=UTF-8"),
    ] {
        let events = alerts([1, 2]);
        let mut sink = sink(&webhook(&receiver.url("/"), format.clone()));
        deliver(&mut sink, &events).await;
        let request = receiver.requests().pop().unwrap();
        assert_eq!((request.header("content-type"), request.header("x-kaptap-event-id")), (Some(media), None));
        let found = match format {
            Format::Ndjson => request.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            Format::JsonArray => request.json().as_array().unwrap().clone(),
            _ => request.json().as_array().unwrap().iter().map(|event| event["data"].clone()).collect::<Vec<_>>(),
        };
        assert_eq!(found, as_json(&events));
    }
}

#[tokio::test]
async fn replays_say_so_and_raw_bytes_come_along_when_asked_for() {
    let receiver = Receiver::start([]).await;
    let mut options = webhook(&receiver.url("/"), Format::Json);
    options.raw = true;
    options.method = "PUT".to_owned();
    let events = alerts([1]);
    sink(&options).deliver(&Batch { events: &events, replay: true }).await;
    let request = receiver.requests().pop().unwrap();
    assert_eq!(request.line, "PUT / HTTP/1.1");
    assert_eq!(request.header("x-kaptap-replay"), Some("true"));
    assert_eq!(request.json()["raw"]["data"], "as received");
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let echo = |request: &sink_support::receiver::Request| {
        let said: Vec<_> = request.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        answer("400 Bad Request", "", &said.join(" "))
    };
    let receiver = Receiver::by_rule(echo).await;
    let base = webhook(&receiver.url("/services/T000/secretpath?key=querysecret"), Format::Json);
    let mut with_token = base.clone();
    with_token.http.token = Some(Hidden("tokensecret".to_owned()));
    with_token.http.headers.insert("X-Api-Key".to_owned(), Hidden("Token headersecret".to_owned()));
    let mut with_password = base.clone();
    with_password.http.basic = Some(("me".to_owned(), Hidden("passwordsecret".to_owned())));
    let mut in_url = base.clone();
    in_url.http.url = base.http.url.replace("http://", "http://you:url%40secret@");
    for (options, authorization) in [
        (with_token, "Bearer tokensecret"),
        (with_password, "Basic bWU6cGFzc3dvcmRzZWNyZXQ="),
        (in_url, "Basic eW91OnVybEBzZWNyZXQ="),
    ] {
        let mut sink = sink(&options);
        let outcomes = deliver(&mut sink, &alerts([1])).await;
        assert_eq!(receiver.requests().last().unwrap().header("authorization"), Some(authorization));
        let preview = sink.preview(&Batch { events: &alerts([1]), replay: false }).unwrap();
        let shown = format!("{outcomes:?} {preview} {sink:?} {options:?}").replace(&options.http.url, "");
        let (_, encoded) = authorization.split_once(' ').unwrap();
        for secret in ["tokensecret", "headersecret", "passwordsecret", "url@secret", "querysecret", encoded] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(!format!("{outcomes:?}").contains("secretpath"), "{outcomes:?}");
    }
}

#[test]
fn a_preview_is_the_request() {
    let mut options = webhook(
        "https://me:geheim1@ops.example:8443/hook?key=abc&x",
        Format::Template { body: "{\"text\":\"{{ alert.id }}\"}".into(), content_type: "application/json".into() },
    );
    options.http.headers.insert("X-Team".to_owned(), Hidden("infra".to_owned()));
    options.http.skip_verify = true;
    let timestamp_header = Some("X-Time".to_owned());
    options.hmac =
        Some(Hmac { secret: Hidden("s3cret".to_owned()), header: "X-Signature".to_owned(), timestamp_header });
    let preview = sink(&options).preview(&Batch { events: &alerts([1, 2]), replay: true }).unwrap();
    let request = |n: u64, id: &str| {
        format!(
            "POST /hook?key=[secret]&[secret] HTTP/1.1\nhost: ops.example:8443\ncontent-type: application/json\n\
             x-kaptap-event-id: {id}\nx-kaptap-replay: true\nx-time: [unix time]\n\
             x-signature: [HMAC-SHA256 of time:body]\nuser-agent: kaptap/{}\nauthorization: [secret]\n\
             x-team: [secret]\ncontent-length: 16\n\n{{\"text\":\"web-{n}\"}}\n",
            env!("CARGO_PKG_VERSION")
        )
    };
    let [first, second] = [1, 2].map(|n| request(n, &alert(n).id.to_string()));
    assert_eq!(preview, format!("{first}\n{second}"));
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    let good = webhook("http://ops.example/", Format::Json);
    let refused = |change: fn(&mut options::Webhook)| {
        let mut options = good.clone();
        change(&mut options);
        let error = Webhook::new(&options, &Proxies::none()).unwrap_err();
        format!("{error}")
    };
    assert_eq!(
        refused(|o| o.http.url = "ops.example/x".into()),
        "`url`: is not a URL such as https://ops.example:8443/hook"
    );
    assert_eq!(refused(|o| o.http.url = "ftp://ops.example/".into()), "`url`: must begin with http:// or https://");
    assert_eq!(
        refused(|o| o.http.url = "http://a:pass word@b/".into()),
        "`url`: is not a URL such as https://ops.example:8443/hook"
    );
    assert_eq!(refused(|o| o.http.url = "http://b:99999/".into()), "`url`: names no host, or a port that is none");
    assert_eq!(refused(|o| o.method = "PO ST".into()), "`method`: \"PO ST\" is no HTTP method");
    assert_eq!(
        refused(|o| drop(o.http.headers.insert("Content-Length".into(), Hidden("1".into())))),
        "`headers`: content-length belongs to the connection"
    );
    assert_eq!(
        refused(|o| drop(o.http.headers.insert("X".into(), Hidden("a\nb".into())))),
        "`headers`: has characters that no HTTP header can carry"
    );
    assert_eq!(refused(|o| o.http.ca_file = Some("/nowhere/ca.pem".into())), "`ca_file`: cannot read /nowhere/ca.pem");
    assert_eq!(
        refused(|o| o.hmac = Some(Hmac { secret: Hidden(String::new()), header: "X".into(), timestamp_header: None })),
        "`hmac_secret`: is empty"
    );
    let template =
        refused(|o| o.format = Format::Template { body: "{{ alert.levle }}".into(), content_type: "a/b".into() });
    assert!(template.starts_with("`body`: ") && template.contains("no `levle`"), "{template}");
}
