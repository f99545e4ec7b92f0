//! Health, metrics, streams, and who may read, over real connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod http_support;
mod parts_support;
mod wait_support;

use http_support::{Rig, Setup, post};

#[tokio::test]
async fn health_and_what_is_here() {
    let rig = Rig::start();
    assert_eq!(rig.get("/healthz").await.body, "ok\n");
    assert_eq!(rig.get("/readyz").await.body, "ready\n");
    let index = rig.get("/").await;
    assert!(index.body.contains("GET  /v1/events"), "{}", index.body);
    let lost = rig.get("/v1/wrong").await;
    assert_eq!((lost.status, lost.body.as_str()), (404, "there is nothing here; GET / says what there is\n"));
    assert_eq!(rig.metric("kaptap_refused_total{lane=\"self\",source=\"\",reason=\"path\"}").await, 1);
    rig.end().await;
}

#[tokio::test]
async fn reading_asks_for_a_read_token() {
    let setup = Setup { tokens: vec!["in".to_owned()], read_tokens: vec!["out".to_owned()], ..Setup::default() };
    let rig = Rig::with(setup);
    for path in ["/", "/v1/events", "/v1/events/1", "/v1/alerts", "/v1/streams", "/metrics"] {
        let answer = rig.get(path).await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer realm=\"kaptap\"")),
            "{path}"
        );
        let with = |token: &str| format!("GET {path} HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n");
        assert_eq!(rig.ask(&with("in")).await.status, 401, "{path}");
        assert_ne!(rig.ask(&with("out")).await.status, 401, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(rig.get(path).await.status, 200, "{path}");
    }
    // Posting has tokens of its own.
    assert_eq!(rig.ask(&post("/v1/alerts", "Authorization: Bearer in\r\n", "x")).await.status, 204);
    assert_eq!(rig.ask(&post("/v1/alerts", "Authorization: Bearer out\r\n", "x")).await.status, 401);
    rig.end().await;
}

#[tokio::test]
async fn metrics_in_both_formats() {
    let rig = Rig::start();
    rig.keep_rows(1, 3).await;
    let classic = rig.get("/metrics").await;
    assert_eq!(classic.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "# TYPE kaptap_kept_records_total counter",
        "kaptap_kept_records_total{lane=\"row\",source=\"rows\"} 3",
        "kaptap_journal_written_seq 3",
        "kaptap_journal_blocked 0",
        "# TYPE kaptap_journal_syncs_total counter",
        "kaptap_open_alerts{level=\"CRITICAL\"} 0",
        "# TYPE kaptap_build_info gauge",
    ] {
        assert!(classic.body.lines().any(|found| found == line), "{line} is not in\n{}", classic.body);
    }
    assert!(classic.body.lines().any(|line| line.starts_with("kaptap_start_time_seconds 1")), "{}", classic.body);

    let asked =
        "GET /metrics HTTP/1.1\r\nHost: t\r\nAccept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\n\r\n";
    let open = rig.ask(asked).await;
    assert_eq!(open.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.body.ends_with("# EOF\n"));
    assert!(open.body.contains("# TYPE kaptap_kept_records counter\n"), "{}", open.body);
    rig.end().await;
}

#[tokio::test]
async fn streams_that_are_open() {
    let rig = Rig::start();
    assert_eq!(rig.get("/v1/streams").await.body, "[]\n");
    rig.post("/v1/rows/a", "1").await;
    rig.post("/v1/rows/a", "2").await;
    rig.post("/v1/alerts/b", "3").await;
    let streams = rig.get("/v1/streams").await.json();
    let said: Vec<String> = streams
        .as_array()
        .unwrap()
        .iter()
        .map(|stream| format!("{} {} {} {}", stream["lane"], stream["source"], stream["received"], stream["kept"]))
        .collect();
    assert_eq!(said, ["\"row\" \"a\" 2 2", "\"post\" \"b\" 1 1"]);
    assert_eq!(streams[0]["id"], rig.events("limit=1").await[0]["origin"]["stream"]);
    assert_eq!(streams[0]["held"], false);
    rig.end().await;
}

fn alert(id: &str, level: &str, second: u32) -> String {
    format!(
        r#"{{"id":"{id}","message":"{id} is {level}","details":"","time":"2026-01-01T00:00:{second:02}Z","duration":{second},"level":"{level}","previousLevel":"OK","recoverable":true,"data":{{"series":[]}}}}"#
    )
}

#[tokio::test]
async fn alerts_that_fire() {
    let rig = Rig::start();
    assert_eq!(rig.get("/v1/alerts").await.body, "[]\n");
    for (id, level, second) in [
        ("late", "CRITICAL", 9),
        ("low", "INFO", 1),
        ("early", "CRITICAL", 2),
        ("gone", "WARNING", 3),
        ("gone", "OK", 5),
        ("early", "CRITICAL", 8),
    ] {
        assert_eq!(rig.post("/v1/alerts/topic/cpu", &alert(id, level, second)).await.status, 204);
    }
    let list = |answer: &http_support::Answer| -> Vec<String> {
        answer.json().as_array().unwrap().iter().map(|alert| format!("{} {}", alert["id"], alert["state"])).collect()
    };
    let firing = rig.get("/v1/alerts").await;
    assert_eq!(list(&firing), [r#""early" "firing""#, r#""late" "firing""#, r#""low" "firing""#]);
    let all = rig.get("/v1/alerts?all=1").await;
    assert_eq!(list(&all).last().unwrap(), r#""gone" "resolved""#);

    let event = rig.events("last=1").await.remove(0);
    let expected = serde_json::json!({
        "fingerprint": event["alert"]["fingerprint"], "scope": "test", "topic": "cpu", "id": "early",
        "message": "early is CRITICAL", "level": "CRITICAL", "severity": "critical", "severity_number": 18,
        "state": "firing", "since": "2026-01-01T00:00:02.000000000Z", "last": "2026-01-01T00:00:08.000000000Z",
        "duration_ns": 8, "repeat": 1, "seq": 6,
    });
    assert_eq!(firing.json()[0], expected);

    // Known to the alert state, so found without a search.
    let id = event["id"].as_str().unwrap();
    assert_eq!(rig.get(&format!("/v1/events/{id}")).await.json(), event);
    assert_eq!(rig.metric("kaptap_open_alerts{level=\"CRITICAL\"}").await, 2);
    assert_eq!(rig.metric("kaptap_open_alerts{level=\"WARNING\"}").await, 0);
    rig.end().await;
}
