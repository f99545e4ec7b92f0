//! HTTP intake over real connections: what is kept, what is refused and how.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod http_support;
mod parts_support;
mod wait_support;

use http_support::{Rig, Setup, WATCHDOG, post};
use kaptap::serve::listener::ListenerOptions;
use std::time::Duration;
use wait_support::wait_until_async;

/// Posts, and compares what of the answer a sender sees.
async fn check_post(rig: &Rig, request: &str, expected: (u16, &str)) {
    let answer = rig.ask(request).await;
    assert_eq!((answer.status, answer.body.as_str()), expected, "{request}");
}

/// The only event there is.
async fn event(rig: &Rig) -> serde_json::Value {
    let mut events = rig.events("raw=1").await;
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[tokio::test]
async fn what_is_kept_is_answered_204_without_a_body() {
    let rig = Rig::start();
    let answer = rig.post("/v1/rows/web", "anything").await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("transfer-encoding"), None);
    let event = event(&rig).await;
    assert_eq!(event["origin"]["lane"], "row");
    assert_eq!(event["origin"]["source"], "web");
    assert_eq!(event["raw"]["data"], "anything");
    rig.end().await;
}

#[tokio::test]
async fn sources_topics_tasks_and_lanes() {
    let rig = Rig::start();
    let headers = "X-Kapacitor-Topic: disk\r\nX-Kaptap-Lane: exec\r\nContent-Type: text/x-own\r\n";
    for request in [
        post("/v1/alerts", "", "not an alert"),
        post("/v1/alerts/", "", "not an alert"),
        post("/v1/alerts/topic/cpu", "", "not an alert"),
        post("/v1/alerts/task/a%2Fb", headers, "not an alert"),
        post("/v1/rows/task/t", "", ""),
    ] {
        check_post(&rig, &request, (204, "")).await;
    }
    let events = rig.events("raw=1").await;
    let origins: Vec<String> = events
        .iter()
        .map(|event| {
            let origin = &event["origin"];
            let word = |key: &str| origin[key].as_str().unwrap_or("-").to_owned();
            let how = |key: &str| origin["how"][key].as_str().unwrap_or("-").to_owned();
            let said = [word("lane"), word("source"), word("topic"), how("topic"), word("task"), how("task")];
            said.join(" ")
        })
        .collect();
    assert_eq!(
        origins,
        [
            "post default - - - -",
            "post default - - - -",
            "post topic/cpu cpu path - -",
            "exec task/a/b disk header a/b path",
            "row task/t - - t path",
        ]
    );
    assert_eq!(events[3]["raw"]["media"], "text/x-own");
    rig.end().await;
}

#[tokio::test]
async fn too_large_bodies_are_413_claimed_or_sent() {
    let rig = Rig::with(Setup { max_body: 10, ..Setup::default() });
    let said = "the body is larger than 10 bytes";
    check_post(&rig, &post("/v1/alerts", "", "0123456789"), (204, "")).await;
    check_post(&rig, &post("/v1/alerts", "", "0123456789a"), (413, said)).await;
    let chunked = "POST /v1/rows/x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n";
    check_post(&rig, chunked, (413, said)).await;
    // A length is only a claim: nothing is waited for, and a client that asks first is told at once.
    let asking = "POST /v1/alerts HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n";
    check_post(&rig, asking, (413, said)).await;
    assert_eq!(rig.metric("kaptap_refused_total{lane=\"post\",source=\"\",reason=\"too_large\"}").await, 2);
    assert_eq!(rig.metric("kaptap_refused_total{lane=\"row\",source=\"\",reason=\"too_large\"}").await, 1);

    let mut client = rig.client().await;
    client.send(post("/v1/alerts", "", "0123456789a").as_bytes()).await;
    assert_eq!(client.answer().await.header("connection"), Some("close"));
    assert!(client.is_closed().await);
    rig.end().await;
}

#[tokio::test]
async fn a_client_that_sends_far_too_much_still_reads_the_answer() {
    let rig = Rig::with(Setup { max_body: 10, ..Setup::default() });
    let mut client = rig.client().await;
    client.send(post("/v1/alerts", "", &"x".repeat(8 << 20)).as_bytes()).await;
    assert_eq!(client.answer().await.status, 413);
    rig.end().await;
}

#[tokio::test]
async fn other_methods_are_405_with_allow() {
    let rig = Rig::start();
    for (path, allow) in
        [("/v1/alerts/x", "POST"), ("/v1/rows", "POST"), ("/v1/events", "GET,HEAD"), ("/healthz", "GET,HEAD")]
    {
        let answer = rig.ask(&format!("DELETE {path} HTTP/1.1\r\nHost: t\r\n\r\n")).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), Some(allow), "{path}");
        assert!(answer.body.contains("the header Allow says which"), "{}", answer.body);
    }
    // Taken by both, for different methods.
    let answer = rig.ask("DELETE /v1/alerts HTTP/1.1\r\nHost: t\r\n\r\n").await;
    let mut allow: Vec<&str> = answer.header("allow").unwrap().split(',').collect();
    allow.sort_unstable();
    assert_eq!(allow, ["GET", "HEAD", "POST"]);
    assert_eq!(rig.get("/v1/alerts").await.status, 200);
    rig.end().await;
}

#[tokio::test]
async fn tokens_are_asked_for() {
    let rig = Rig::with(Setup { tokens: vec!["s3cret".to_owned()], ..Setup::default() });
    let said = "a token is needed: Authorization: Bearer <token>";
    check_post(&rig, &post("/v1/alerts", "", "x"), (401, said)).await;
    check_post(&rig, &post("/v1/alerts", "Authorization: Bearer wrong\r\n", "x"), (401, said)).await;
    check_post(&rig, &post("/v1/alerts", "Authorization: Bearer s3cret\r\n", "x"), (204, "")).await;
    check_post(&rig, &post("/v1/rows/x", "Authorization: Basic a2FwYWNpdG9yOnMzY3JldA==\r\n", "x"), (204, "")).await;
    let refused = rig.ask(&post("/v1/alerts", "", "x")).await;
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"kaptap\""));
    assert_eq!(rig.metric("kaptap_refused_total{lane=\"post\",source=\"\",reason=\"token\"}").await, 3);
    // Reading has tokens of its own.
    assert_eq!(rig.seqs("").await, [1, 2]);
    rig.end().await;
}

#[tokio::test]
async fn long_names_are_400() {
    let rig = Rig::start();
    let said = "a source, task or topic may have 256 bytes";
    check_post(&rig, &post(&format!("/v1/alerts/{}", "x".repeat(257)), "", "x"), (400, said)).await;
    check_post(&rig, &post(&format!("/v1/alerts/{}", "x".repeat(256)), "", "x"), (204, "")).await;
    rig.end().await;
}

#[tokio::test]
async fn connections_are_closed_for_kapacitor_and_kept_for_others() {
    let rig = Rig::start();
    let mut client = rig.client().await;
    for _ in 0..3 {
        client.send(post("/v1/alerts", "User-Agent: curl/8\r\n", "x").as_bytes()).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (204, None));
    }
    // The same for an answer that refuses, and for a path that is not there.
    for (path, status) in [("/v1/alerts", 204), ("/v1/wrong", 404)] {
        let mut kapacitor = rig.client().await;
        kapacitor.send(post(path, "User-Agent: Go-http-client/1.1\r\n", "x").as_bytes()).await;
        let answer = kapacitor.answer().await;
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{path}");
        assert!(kapacitor.is_closed().await);
    }
    let mut kapacitor = rig.client().await;
    kapacitor.send(b"DELETE /v1/alerts HTTP/1.1\r\nHost: t\r\nUser-Agent: Go-http-client/1.1\r\n\r\n").await;
    assert_eq!(kapacitor.answer().await.header("connection"), Some("close"));
    rig.end().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let rig = Rig::start();
    let mut client = rig.client().await;
    let three = [
        post("/v1/alerts/a", "", "1"),
        "GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n".to_owned(),
        post("/v1/rows/b", "", "2"),
    ];
    client.send(three.concat().as_bytes()).await;
    for status in [204, 200, 204] {
        assert_eq!(client.answer().await.status, status);
    }
    let sources: Vec<_> = rig.events("").await.iter().map(|event| event["origin"]["source"].clone()).collect();
    assert_eq!(sources, ["a", "b"]);
    rig.end().await;
}

#[tokio::test]
async fn garbage_ends_its_connection_only() {
    let rig = Rig::start();
    for garbage in [
        "\x16\x03\x01\x02\x00\x01\x00",
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /v1/alerts HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ] {
        let mut client = rig.client().await;
        client.send(garbage.as_bytes()).await;
        if let Some((status, _)) = client.head().await {
            assert_eq!(status, 400, "{garbage:?}");
        }
    }
    let mut client = rig.client().await;
    let head = format!("GET / HTTP/1.1\r\nHost: t\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let _cut_off = client.try_send(head.as_bytes()).await;
    if let Some((status, _)) = client.head().await {
        assert_eq!(status, 431);
    }
    assert_eq!(rig.get("/healthz").await.status, 200);
    rig.end().await;
}

#[tokio::test]
async fn a_broken_body_is_not_kept() {
    let rig = Rig::start();
    let chunked = "POST /v1/alerts HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    assert_eq!(rig.ask(chunked).await.status, 400);
    let mut client = rig.client().await;
    client.send(b"POST /v1/alerts HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc").await;
    drop(client);
    rig.metric_becomes("kaptap_http_connections", 1).await;
    assert_eq!(rig.seqs("").await, [0_u64; 0]);
    rig.end().await;
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_cut() {
    let listener = ListenerOptions { connections: 8, header_timeout: Duration::from_secs(1), grace: WATCHDOG };
    let rig = Rig::with(Setup { listener, ..Setup::default() });
    let mut slow = rig.client().await;
    slow.send(b"POST /v1/alerts HTTP/1.1\r\nHo").await;
    let mut idle = rig.client().await;
    idle.send(post("/v1/alerts", "", "x").as_bytes()).await;
    assert_eq!(idle.answer().await.status, 204);
    let mut silent = rig.client().await;
    assert!(slow.is_closed().await);
    assert!(idle.is_closed().await);
    assert!(silent.is_closed().await);
    rig.end().await;
}

#[tokio::test]
async fn slow_bodies_are_408_and_cut() {
    let rig = Rig::with(Setup { body_timeout: Duration::from_millis(100), ..Setup::default() });
    let mut client = rig.client().await;
    client.send(b"POST /v1/alerts HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (408, "the body did not arrive in time"));
    assert!(client.is_closed().await);
    assert_eq!(rig.metric("kaptap_refused_total{lane=\"post\",source=\"\",reason=\"slow\"}").await, 1);
    rig.end().await;
}

#[tokio::test]
async fn expect_continue_is_answered() {
    let rig = Rig::start();
    let mut client = rig.client().await;
    client.send(b"POST /v1/alerts HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").await;
    assert_eq!(client.head().await.unwrap().0, 100);
    client.send(b"abc").await;
    assert_eq!(client.answer().await.status, 204);
    rig.end().await;
}

#[tokio::test]
async fn beyond_the_connection_limit_clients_wait_for_their_turn() {
    let listener = ListenerOptions { connections: 2, header_timeout: WATCHDOG, grace: WATCHDOG };
    let rig = Rig::with(Setup { listener, ..Setup::default() });
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut client = rig.client().await;
        client.send(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n").await;
        assert_eq!(client.answer().await.status, 200);
        open.push(client);
    }
    let mut waiting = rig.client().await;
    waiting.send(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n").await;
    assert_eq!(rig.intake.metrics().http_connections.get(), 2);
    open.pop();
    assert_eq!(waiting.answer().await.status, 200);
    rig.end().await;
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_refuses_new_ones() {
    let rig = Rig::start();
    let mut idle = rig.client().await;
    idle.send(b"GET /healthz HTTP/1.1\r\nHost: t\r\n\r\n").await;
    assert_eq!(idle.answer().await.status, 200);
    let mut halfway = rig.client().await;
    halfway.send(b"POST /v1/alerts HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\na").await;
    let both = async || (rig.intake.metrics().http_connections.get() == 2).then_some(());
    wait_until_async("both are connected", both).await;
    rig.stop.cancel();
    assert!(idle.is_closed().await);
    // Cut off at the end of the grace time.
    assert!(halfway.head().await.is_none());
    let address = rig.address;
    rig.end().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
