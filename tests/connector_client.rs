//! The client of a Kapacitor's API: what was recorded, how paths are written, who it says it is, and what fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "a test fails by panicking"
)]

mod kapacitor_support;
mod wait_support;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use kapacitor_support::state::{FakeTask, Kapacitor};
use kapacitor_support::{FakeKapacitor, Reply};
use kaptap::connector::{ApiError, Client, ErrorKind, Options, SharedSecret, TASK_FIELDS};
use kaptap::http::{Hidden, Proxies};
use kaptap::kapacitor::api::Handler;
use kaptap::words::Level;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn options(fake: &FakeKapacitor) -> Options {
    Options::at("k", fake.url(), "scope")
}

fn client(fake: &FakeKapacitor) -> Client {
    Client::new(&options(fake), &Proxies::none()).unwrap()
}

#[tokio::test]
async fn what_was_recorded_is_understood() {
    let fake = FakeKapacitor::recorded();
    let client = client(&fake);
    assert_eq!(client.ping().await.unwrap(), "");
    let tasks = client.tasks(TASK_FIELDS).await.unwrap();
    let task = tasks.iter().find(|task| task.id == "alert_changes").unwrap();
    assert_eq!((tasks.len(), task.state(), task.dbrps[0].db.as_str()), (11, "executing", "telegraf"));
    let stats = task.stats.as_ref().unwrap();
    assert_eq!((stats.sum("alerts_triggered"), stats.nodes["from1"]["avg_exec_time_ns"]), (30.0, 1301.0));
    assert_eq!(task.last_enabled, Some(1_795_353_827_208_226_988));
    assert!(client.task("alert_default").await.unwrap().script.unwrap().contains(".post("));

    let topics = client.topics().await.unwrap();
    let cpu = topics.iter().find(|topic| topic.id == "cpu").unwrap();
    // Wrong, and why it is not believed.
    assert_eq!(cpu.level, Level::Ok);
    let events = client.events("cpu").await.unwrap();
    let web = events.iter().find(|event| event.id == "cpu/web-1").unwrap();
    assert_eq!((web.state.level, web.state.duration), (Level::Critical, 2_008_681_200));
    assert_eq!(web.state.time, 1_795_353_895_424_828_053);
    assert!(web.state.details.starts_with("<b>cpu/web-1</b> & \"quoted\""));
    // Kapacitor cannot be asked for it alone; the client can.
    assert_eq!(client.event("cpu", "cpu/web-1").await.unwrap(), *web);
    let handlers = client.handlers("cpu").await.unwrap();
    assert_eq!((handlers[0].kind.as_str(), handlers[0].matching.as_str()), ("post", "changed() == TRUE"));
    assert_eq!(handlers[0].options["timeout"], json!(5_000_000_000_u64));

    let vars = client.vars().await.unwrap();
    assert_eq!((vars.host.as_str(), vars.num_tasks, vars.product.as_str()), ("kap-lab", 11, "kapacitor"));
    let of_topic = |id: &str| vars.statistics.iter().find(|one| one.name == "topics" && one.tags["id"] == id).unwrap();
    assert_eq!(of_topic("main:alert_default:alert2").values["collected"], 114.0);
    assert!(vars.statistics.iter().all(|one| !one.key.is_empty() && !one.values.contains_key("avg_exec_time_ns")));
    assert!(client.service_test("httppost", &json!({ "url": "http://a" })).await.unwrap().success);

    for (found, kind, said) in [
        (client.events("nope").await.map(drop), ErrorKind::NotFound, "unknown topic"),
        (client.task("nope").await.map(drop), ErrorKind::NotFound, "no task exists"),
        (client.tasks(&["zzz"]).await.map(drop), ErrorKind::Status, "unsupported field \"zzz\""),
    ] {
        let error = found.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(said), "{error}");
    }
    let last = client.last();
    let events = last.iter().find(|last| last.what == "events").unwrap();
    assert_eq!((events.status, events.path.as_str()), (Some(500), "/kapacitor/v1/alerts/topics/nope/events"));
    assert_eq!(events.body.bytes, include_bytes!("recordings/api/topic-unknown.body"));
    assert!(events.error.as_ref().unwrap().contains("unknown topic"));
}

#[tokio::test]
async fn ids_are_escaped_and_gzip_is_not_asked_for() {
    let odd = "a/b c\n%20ü";
    let fake = FakeKapacitor::start(Kapacitor::default());
    fake.state().collect("t", odd, "INFO", "2026-01-01T00:00:00Z");
    fake.state().collect("a/b", "x", "INFO", "2026-01-01T00:00:00Z");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&seen);
    fake.answers(move |request| {
        keeps.lock().unwrap().push(request.header("accept-encoding").map(str::to_owned));
        None
    });
    let client = client(&fake);
    assert_eq!(client.event("t", odd).await.unwrap().id, odd);
    client.set_task_status(odd, true).await.unwrap_err();
    // The real one takes the topic for `a`; nothing is made of what it says about that.
    let error = client.events("a/b").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let requests = fake.requests();
    assert_eq!(requests[1], "PATCH /kapacitor/v1/tasks/a%2Fb%20c%0A%2520%C3%BC");
    assert_eq!(requests[2], "GET /kapacitor/v1/alerts/topics/a%2Fb/events");
    assert!(seen.lock().unwrap().iter().all(Option::is_none));
}

#[tokio::test]
async fn tasks_come_in_pages_and_can_be_changed() {
    let fake = FakeKapacitor::start(Kapacitor::default());
    for number in 0..250 {
        fake.state().tasks.insert(format!("t{number:03}"), FakeTask::running());
    }
    let client = client(&fake);
    let tasks = client.tasks(TASK_FIELDS).await.unwrap();
    assert_eq!((tasks.len(), tasks[249].id.as_str(), fake.requests().len()), (250, "t249", 3));
    assert!(fake.requests().iter().all(|path| !path.contains("script") && !path.contains("dot")));
    client.set_task_status("t001", false).await.unwrap();
    assert!(!fake.state().tasks["t001"].executing);

    let handler = Handler { id: "kaptap".to_owned(), kind: "post".to_owned(), ..Handler::default() };
    client.put_handler("cpu", &handler).await.unwrap();
    let changed = Handler { matching: "changed()".to_owned(), ..handler };
    client.put_handler("cpu", &changed).await.unwrap();
    assert_eq!(client.handlers("cpu").await.unwrap(), [changed]);
    client.delete_handler("cpu", "kaptap").await.unwrap();
    client.delete_handler("cpu", "kaptap").await.unwrap();
    assert_eq!(client.handlers("cpu").await.unwrap(), []);
}

#[tokio::test]
async fn a_shared_secret_becomes_a_token() {
    let fake = FakeKapacitor::recorded();
    let shown = Arc::new(Mutex::new(String::new()));
    let sees = Arc::clone(&shown);
    fake.answers(move |request| {
        *sees.lock().unwrap() = request.header("authorization").unwrap().to_owned();
        None
    });
    let secret = SharedSecret { username: "kaptap".to_owned(), secret: Hidden("geheim-42".to_owned()) };
    let options = Options { shared_secret: Some(secret), ..options(&fake) };
    assert!(!format!("{options:?}").contains("geheim"));
    Client::new(&options, &Proxies::none()).unwrap().ping().await.unwrap();
    let token = shown.lock().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    let parts: Vec<&str> = token.split('.').collect();
    let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&decoded(parts[1])).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(claims["username"], "kaptap");
    assert!((now + 60..now + 3600).contains(&claims["exp"].as_u64().unwrap()), "{claims}");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"geheim-42");
    let signed = format!("{}.{}", parts[0], parts[1]);
    ring::hmac::verify(&key, signed.as_bytes(), &decoded(parts[2])).unwrap();
}

#[tokio::test]
async fn proxies_count_only_when_they_are_not_bypassed() {
    let fake = FakeKapacitor::recorded();
    let proxy = FakeKapacitor::recorded();
    let proxies = Proxies::of(&proxy.url(), "", "");
    let mut options = options(&fake);
    Client::new(&options, &proxies).unwrap().ping().await.unwrap();
    assert_eq!((fake.requests().len(), proxy.requests().len()), (1, 0));
    options.http.bypass_proxy = false;
    Client::new(&options, &proxies).unwrap().ping().await.unwrap();
    assert_eq!(proxy.requests(), [format!("GET {}/kapacitor/v1/ping", fake.url())]);
}

#[tokio::test]
async fn every_failure_has_its_kind() {
    let fake = FakeKapacitor::start(Kapacitor::default());
    let mut options = options(&fake);
    options.http.timeout = Duration::from_secs(3);
    let client = Client::new(&options, &Proxies::none()).unwrap();
    let replies: [(Reply, ErrorKind); 7] = [
        (Reply::Late(Duration::from_secs(12), Box::new(Reply::Cut)), ErrorKind::TimedOut),
        (Reply::status(500, "boom"), ErrorKind::Status),
        (Reply::status(401, "no"), ErrorKind::Denied),
        (Reply::status(403, "no"), ErrorKind::Denied),
        (Reply::Half { status: 200, body: b"{\"topics\": []}".to_vec() }, ErrorKind::NotUnderstood),
        (Reply::json(200, &json!([1, 2])), ErrorKind::NotUnderstood),
        (Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html".to_vec()), ErrorKind::NotUnderstood),
    ];
    for (reply, kind) in replies {
        let said = format!("{reply:?}");
        fake.answers(move |_| Some(reply.clone()));
        let error = client.topics().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{said}: {error}");
        let last = client.last();
        assert!(last[0].what == "topics" && last[0].error.is_some(), "{last:?}");
    }
    // Of what is no HTTP at all, the end of the connection may be seen before the bytes.
    fake.answers(|_| Some(Reply::Bytes(b"SSH-2.0-x\r\n".to_vec())));
    let kind = client.topics().await.unwrap_err().kind();
    assert!(matches!(kind, ErrorKind::NotUnderstood | ErrorKind::Unreachable), "{kind:?}");
    fake.answers(|_| Some(Reply::Cut));
    assert_eq!(client.ping().await.unwrap_err().kind(), ErrorKind::Unreachable);
    fake.down();
    assert!(matches!(client.ping().await, Err(ApiError::Unreachable(_))));
    fake.up();
    fake.answers_itself();
    assert_eq!(client.ping().await.unwrap(), "1.8.3");
    // Something else that answers is no Kapacitor.
    fake.answers(|_| Some(Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec())));
    assert_eq!(client.ping().await.unwrap_err().kind(), ErrorKind::NotUnderstood);
}

#[tokio::test]
async fn what_kapacitor_says_never_shows_a_secret() {
    let fake = FakeKapacitor::recorded();
    fake.answers(|request| {
        let shown = request.header("authorization").unwrap().to_owned();
        Some(Reply::status(401, &format!("bad {shown} token-of-mine")))
    });
    let mut options = options(&fake);
    options.http.token = Some(Hidden("token-of-mine".to_owned()));
    let client = Client::new(&options, &Proxies::none()).unwrap();
    let error = client.ping().await.unwrap_err();
    let all = format!("{error} {:?}", client.last());
    assert!(all.contains("[secret]") && !all.contains("token-of-mine"), "{all}");
}
