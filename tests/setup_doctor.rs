//! `kaptap setup` and `kaptap doctor` as commands, against a Kapacitor of the tests and a whole kaptap.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what it found by failing"
)]

mod kapacitor_support;
mod support;
mod wait_support;

use kapacitor_support::state::{FakeTask, Kapacitor};
use kapacitor_support::{FakeKapacitor, Reply};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use support::Process;

/// Runs a command against both; exit code, standard output and standard error.
fn kaptap(fake: &FakeKapacitor, process: &Process, words: &[&str]) -> (i32, String, String) {
    process.command(&fake.url(), words)
}

/// A Kapacitor with a task, two topics, and service tests that really post.
fn fake() -> FakeKapacitor {
    let mut state = Kapacitor::default();
    let script = "stream|from().measurement('cpu').groupBy('host')|alert().topic('cpu').log('/tmp/x')";
    state.tasks.insert("cpu".to_owned(), FakeTask { script: script.to_owned(), ..FakeTask::running() });
    state.collect("cpu", "a", "CRITICAL", "2026-11-22T13:00:00Z");
    state.collect("main:cpu:alert2", "a", "CRITICAL", "2026-11-22T13:00:00Z");
    let fake = FakeKapacitor::start(state);
    fake.answers(|request| match request.path.as_str() {
        "/kapacitor/v1/service-tests/httppost" => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            Some(Reply::json(200, &posted(asked["url"].as_str().unwrap())))
        }
        "/kapacitor/v1/config" => Some(Reply::json(200, &serde_json::json!({ "sections": {} }))),
        _ => None,
    });
    fake
}

/// Posts as Kapacitor's service test does: any answer is a success.
fn posted(url: &str) -> Value {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let post = || {
        let mut stream = TcpStream::connect(host)?;
        write!(stream, "POST /{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}")?;
        // Some keep the connection; that there is an answer is all that counts.
        stream.read(&mut [0; 512])
    };
    match post() {
        Ok(_) => serde_json::json!({"success": true, "message": ""}),
        Err(error) => serde_json::json!({"success": false, "message": format!("failed to POST alert data: {error}")}),
    }
}

/// The requests that change something.
fn changes(fake: &FakeKapacitor) -> Vec<String> {
    let requests = fake.requests();
    fake.forget_requests();
    let changing = |request: &String| !request.starts_with("GET ") && !request.contains("service-tests");
    requests.into_iter().filter(changing).collect()
}

#[test]
fn set_up_twice_changes_nothing_and_removal_takes_ours_only() {
    let directory = tempfile::tempdir().unwrap();
    let (process, fake) = (Process::start(directory.path(), None), fake());
    let theirs = serde_json::json!({"id": "theirs", "kind": "slack", "options": {}, "match": ""});
    fake.state().topics.get_mut("cpu").unwrap().handlers.insert("theirs".to_owned(), theirs.clone());
    let words = ["setup", "--topic", "cpu", "--task", "cpu"];

    let (code, shown, talk) = kaptap(&fake, &process, &[&words[..], &["--dry-run"]].concat());
    assert_eq!((code, talk.as_str()), (0, ""));
    assert!(shown.contains("POST /kapacitor/v1/alerts/topics/cpu/handlers\n{"), "{shown}");
    assert!(shown.contains("\"timeout\": 20000000000"), "{shown}");
    assert_eq!(changes(&fake), Vec::<String>::new());

    let (code, shown, talk) = kaptap(&fake, &process, &words);
    assert_eq!((code, talk.as_str()), (0, ""), "{shown}");
    assert!(shown.contains("a post arrived"), "{shown}");
    assert!(shown.contains(&format!("socket = {:?}", process.stream_socket())), "{shown}");
    assert_eq!(
        changes(&fake),
        [
            "POST /kapacitor/v1/alerts/topics/cpu/handlers",
            "POST /kapacitor/v1/alerts/topics/main%3Acpu%3Aalert2/handlers",
        ]
    );
    let made = fake.state().topics["main:cpu:alert2"].handlers["kaptap"].clone();
    assert_eq!(made["options"]["headers"]["X-Kapacitor-Topic"], "main:cpu:alert2");
    assert_eq!(made["options"]["url"], format!("http://{}/v1/alerts/main:cpu:alert2", process.http));

    let (code, shown, _) = kaptap(&fake, &process, &words);
    assert_eq!((code, changes(&fake)), (0, Vec::new()), "{shown}");
    let (code, shown, _) = kaptap(&fake, &process, &["setup", "--all-topics", "--timeout", "5s"]);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(
        changes(&fake),
        [
            "PUT /kapacitor/v1/alerts/topics/cpu/handlers/kaptap",
            "PUT /kapacitor/v1/alerts/topics/main%3Acpu%3Aalert2/handlers/kaptap",
        ]
    );

    let (code, shown, _) = kaptap(&fake, &process, &["setup", "--all-topics", "--remove"]);
    assert_eq!(code, 0, "{shown}");
    assert_eq!(changes(&fake).len(), 2);
    assert_eq!(fake.state().topics["cpu"].handlers.values().collect::<Vec<_>>(), [&theirs]);
    assert!(fake.state().topics["main:cpu:alert2"].handlers.is_empty());
    assert_eq!(process.events("").len(), 0, "what was posted to try the way is not kept");
}

#[track_caller]
fn check_refused(fake: &FakeKapacitor, process: &Process, words: &[&str], code: i32, said: &str) {
    let (ended, shown, talk) = kaptap(fake, process, words);
    assert_eq!(ended, code, "{words:?}: {shown}{talk}");
    assert!(talk.contains(said), "{words:?}: {talk}");
    assert_eq!(changes(fake), Vec::<String>::new(), "{words:?}");
}

#[test]
fn nothing_is_changed_when_anything_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let (process, fake) = (Process::start(directory.path(), None), fake());
    check_refused(&fake, &process, &["setup"], 2, "say which topics");
    check_refused(
        &fake,
        &process,
        &["setup", "--topic", "cpu", "--topic", "nope"],
        2,
        "no topic \"nope\" (it has cpu,",
    );
    check_refused(&fake, &process, &["setup", "--topic", "cpu", "--task", "nix"], 2, "no task \"nix\"");
    check_refused(&fake, &process, &["setup", "--topic", "cpu", "--id", "a b"], 2, "no id of a handler");
    check_refused(&fake, &process, &["setup", "--topic", "cpu", "--timeout", "1m"], 2, "gives up after 30s");
    check_refused(
        &fake,
        &process,
        &["setup", "--topic", "cpu", "--address", "http://0.0.0.0:1"],
        2,
        "no address of kaptap",
    );
    let nobody = format!("http://{}", support::free_address());
    check_refused(&fake, &process, &["setup", "--topic", "cpu", "--address", &nobody], 1, "Kapacitor cannot post to");
    // Something answers there, but not kaptap.
    let other = FakeKapacitor::start(Kapacitor::default());
    check_refused(&fake, &process, &["setup", "--topic", "cpu", "--address", &other.url()], 1, "not this kaptap");
    let foreign = serde_json::json!({"id": "kaptap", "kind": "slack", "options": {}, "match": ""});
    fake.state().topics.get_mut("cpu").unwrap().handlers.insert("kaptap".to_owned(), foreign);
    check_refused(&fake, &process, &["setup", "--all-topics"], 2, "not ours (kind slack)");
    fake.down();
    check_refused(&fake, &process, &["setup", "--all-topics"], 1, "cannot ask Kapacitor for its topics");
}

/// The findings worse than fine: severity, check and place.
fn findings(fake: &FakeKapacitor, process: &Process) -> (i32, Vec<(String, String, String)>) {
    let (code, shown, talk) = kaptap(fake, process, &["doctor", "--json"]);
    assert_eq!(talk, "");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let all = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let worse = all.filter(|finding| finding["severity"] != "fine" && finding["severity"] != "cannot_tell");
    (
        code,
        worse.map(|finding| (text(&finding, "severity"), text(&finding, "check"), text(&finding, "place"))).collect(),
    )
}

#[test]
fn the_doctor_names_each_fault() {
    let directory = tempfile::tempdir().unwrap();
    let (process, fake) = (Process::start(directory.path(), None), fake());
    let errors = ("warning".to_owned(), "node_errors".to_owned(), "task cpu, alert2".to_owned());
    assert_eq!(findings(&fake, &process), (0, vec![errors.clone()]), "the test's Kapacitor counts an error");
    {
        let mut state = fake.state();
        let dead = FakeTask { executing: false, error: "broken pipe".to_owned(), ..FakeTask::running() };
        state.tasks.insert("dead".to_owned(), dead);
        let nobody = format!("http://{}/v1/alerts/cpu", support::free_address());
        let bad = serde_json::json!({"id": "bad", "kind": "post", "options": {"url": nobody, "timeout": 10}});
        state.topics.get_mut("cpu").unwrap().handlers.insert("bad".to_owned(), bad);
        state.collect("wrong", "b", "CRITICAL", "2026-11-22T13:00:00Z");
        state.collect("wrong", "a", "CRITICAL", "2026-11-22T13:00:00Z");
        state.collect("wrong", "a", "OK", "2026-11-22T13:00:01Z");
        state.collect("wrong", "b", "WARNING", "2026-11-22T13:00:02Z");
    }
    let (code, found) = findings(&fake, &process);
    let found: Vec<_> = found.iter().map(|(severity, check, _)| (severity.as_str(), check.as_str())).collect();
    assert_eq!(code, 1);
    assert_eq!(
        found,
        [
            ("broken", "dead_task"),
            ("broken", "handler"),
            ("broken", "handler_timeout"),
            ("warning", "node_errors"),
            ("warning", "topic_level"),
        ]
    );
    let (_, shown, _) = kaptap(&fake, &process, &["doctor"]);
    assert!(shown.contains("kapacitor reload dead") && shown.contains("nanoseconds"), "{shown}");
    assert_eq!(changes(&fake), Vec::<String>::new(), "a doctor changes nothing");
    fake.down();
    let (code, found) = findings(&fake, &process);
    assert_eq!((code, found.len(), found[0].1.as_str()), (1, 1, "kapacitor_reachable"));
}
