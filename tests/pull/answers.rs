//! What is answered to odd questions: Kapacitor's words, and ids that it cannot be asked for.

use crate::asking::{BASE, alert, asked, get, ids, post};
use crate::http_support::{Rig, Setup, knowing};
use kaptap::connector::Snapshot;
use kaptap::kapacitor::api::{EventState, Topic, TopicEvent};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A kaptap with the topic `rec`, in which one alert was opened and another resolved.
async fn told() -> Rig {
    let rig = Rig::start();
    for (id, level, second) in [("a", "WARNING", 1), ("b", "CRITICAL", 2), ("b", "OK", 3)] {
        post(rig.address, "rec", alert(id, level, second)).await;
    }
    rig
}

/// What a real kapacitord 1.8.3 answered to the same questions.
#[tokio::test]
async fn errors_are_kapacitors() {
    let rig = told().await;
    for (method, path, status, said) in [
        ("GET", "/alerts/topics/nope", 404, r#"unknown topic: "nope""#),
        ("GET", "/alerts/topics/", 404, r#"unknown topic: """#),
        ("GET", "/alerts/topics/nope/events", 500, r#"failed to get topic events: unknown topic "nope""#),
        ("GET", "/alerts/topics/nope/events?min-level=x", 400, "unknown alert level 'X'"),
        ("GET", "/alerts/topics/rec/events?min-level=x", 400, "unknown alert level 'X'"),
        ("GET", "/alerts/topics?min-level=KIN", 400, "unknown alert level 'KIN'"),
        ("GET", "/alerts/topics?min-level=bad%20x", 400, "unknown alert level 'BAD X'"),
        ("GET", "/alerts/topics?pattern=[", 400, "invalid pattern: syntax error in pattern"),
        ("GET", "/alerts/topics/rec/handlers?pattern=[", 400, "invalid pattern: syntax error in pattern"),
        ("GET", "/alerts/topics/nope/events/x", 404, r#"unknown event "x" in topic "nope""#),
        ("GET", "/alerts/topics/rec/events/", 404, r#"unknown event "events" in topic "rec""#),
        ("GET", "/alerts/topics/rec/events/x%22%0ay", 404, r#"unknown event "x\"\ny" in topic "rec""#),
        ("GET", "/alerts/topics/rec/handlers/nope", 404, r#"unknown handler: "nope""#),
        ("GET", "/alerts/topics/nope/handlers/nope", 404, r#"unknown handler: "nope""#),
        ("GET", "/ping/", 404, "Not Found"),
        ("POST", "/ping", 404, "Not Found"),
        ("GET", "", 404, "Not Found"),
        ("GET", "/", 404, "Not Found"),
        ("GET", "/alerts", 404, "Not Found"),
        ("GET", "/tasks", 404, "Not Found"),
        ("POST", "/alerts/topics", 404, "Not Found"),
        ("DELETE", "/alerts/topics", 404, "Not Found"),
        ("PATCH", "/nope", 404, "Not Found"),
    ] {
        let answer = asked(rig.address, method, &format!("{BASE}{path}"), "").await;
        assert_eq!(
            (answer.status, answer.json()),
            (status, json!({"error": said, "message": said})),
            "{method} {path}"
        );
        assert_eq!(answer.headers["content-length"], answer.body.len().to_string());
        assert_eq!(answer.headers["x-kapacitor-version"], "1.8.3");
        assert!(answer.text().starts_with("{\n    \"error\": "), "{}", answer.text());
    }
    // What a HEAD is answered has the length of what it has not.
    for path in ["/alerts/topics", "/alerts/topics/rec"] {
        let answer = asked(rig.address, "HEAD", &format!("{BASE}{path}"), "").await;
        assert_eq!((answer.status, &*answer.headers["content-length"], answer.text()), (404, "56", ""));
    }
    assert_eq!(asked(rig.address, "HEAD", &format!("{BASE}/ping"), "").await.status, 204);
    // Here it differs from Kapacitor, which would do it.
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = asked(rig.address, method, &format!("{BASE}/alerts/topics/rec"), "").await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.json()["error"].as_str().unwrap().contains("changes nothing"));
    }
    rig.end().await;
}

#[tokio::test]
async fn paths_are_cleaned_and_the_preview_is_the_same() {
    let rig = told().await;
    for (path, to) in [
        ("/kapacitor/v1//alerts/topics", "/kapacitor/v1/alerts/topics"),
        ("/kapacitor/v1/alerts/topics/rec/../rec", "/kapacitor/v1/alerts/topics/rec"),
        ("/kapacitor/v1/alerts/./topics?min-level=OK", "/kapacitor/v1/alerts/topics?min-level=OK"),
        ("/kapacitor/v1/alerts/topics/rec/events/..", "/kapacitor/v1/alerts/topics/rec"),
        ("/kapacitor/v1/alerts/./topics/sp%20ace", "/kapacitor/v1/alerts/topics/sp%20ace"),
    ] {
        let answer = asked(rig.address, "GET", path, "").await;
        assert_eq!((answer.status, &*answer.headers["location"]), (301, to), "{path}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.text(), format!("<a href=\"{to}\">Moved Permanently</a>.\n\n"));
        assert!(!answer.headers.contains_key("x-kapacitor-version"));
    }
    let preview = asked(rig.address, "GET", "/kapacitor/v1preview/alerts/topics/rec", "").await;
    assert_eq!(preview, get(rig.address, "/alerts/topics/rec").await);
    assert_eq!(asked(rig.address, "GET", "/kapacitor/v1preview/ping", "").await.status, 204);
    // The answer echoes what was asked.
    let list = get(rig.address, "/alerts/topics?min-level=warn&pattern=r*").await;
    assert!(list.text().contains(r#""href": "/kapacitor/v1/alerts/topics?min-level=warn\u0026pattern=r*""#));
    assert_eq!(get(rig.address, "/alerts/topics?pattern=x*").await.json()["topics"], json!([]));
    let answer = asked(rig.address, "OPTIONS", &format!("{BASE}/alerts/topics"), "Origin: http://o\r\n").await;
    assert_eq!((answer.status, &*answer.headers["content-length"]), (200, "0"));
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "no other site may read alerts");
    rig.end().await;
}

/// Encodes everything that is not a letter or a digit.
fn encoded(text: &str) -> String {
    let bytes = text.bytes();
    bytes.map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[tokio::test]
async fn every_id_can_be_asked_for() {
    let rig = Rig::start();
    let odd = [
        "a",
        "disk:/var/lib",
        "/",
        "a b",
        "new\nline",
        "per%25cent",
        "100%",
        "%2F",
        "q?x",
        "dot/../up",
        "a//b",
        ".",
        "..",
        "events",
        "x/events/y",
        "handlers/h",
        "trail/",
        "ünï",
        "",
        "#",
        "a+b",
        "<&>\"'",
        "\u{1}",
    ];
    for (index, id) in odd.iter().enumerate() {
        post(rig.address, "odd", alert(id, Level(index).name(), u32::try_from(index).unwrap())).await;
    }
    let list = get(rig.address, "/alerts/topics/odd/events").await.json();
    let mut sorted = odd.to_vec();
    sorted.sort_unstable();
    assert_eq!(ids(&list), sorted);
    for event in list["events"].as_array().unwrap() {
        let id = event["id"].as_str().unwrap();
        let answer = get(rig.address, &format!("/alerts/topics/odd/events/{}", encoded(id))).await;
        assert_eq!((answer.status, &answer.json()), (200, event), "{id:?}");
        // As it stands in the link, as far as that can be sent.
        let href = event["link"]["href"].as_str().unwrap();
        assert_eq!(href, format!("{BASE}/alerts/topics/odd/events/{id}"));
        // What decodes to another id names that one.
        if id != "%2F" && !href.contains(['?', '#', ' ', '\n', '\u{1}', '"', '<', '>']) && href.is_ascii() {
            let answer = asked(rig.address, "GET", href, "").await;
            assert_eq!((answer.status, &answer.json()), (200, event), "{href:?}");
        }
    }
    // Topics may have any name as well.
    for topic in ["main:t:alert2", "sl/ash", "sp ace", "a/events/b", "per%25cent", "t/events"] {
        post(rig.address, topic, alert("x/y", "INFO", 0)).await;
        let topic_path = format!("/alerts/topics/{}", encoded(topic));
        assert_eq!(get(rig.address, &topic_path).await.json()["id"], topic);
        let events = get(rig.address, &format!("{topic_path}/events")).await.json();
        assert_eq!((&events["topic"], ids(&events)), (&json!(topic), vec!["x/y"]));
        let event = get(rig.address, &format!("{topic_path}/events/x/y")).await.json();
        assert_eq!(event, events["events"][0], "{topic}");
        assert_eq!(get(rig.address, &format!("{topic_path}/handlers")).await.json()["topic"], topic);
    }
    rig.end().await;
}

/// A level by number, so that all occur.
struct Level(usize);

impl Level {
    fn name(&self) -> &'static str {
        ["OK", "INFO", "WARNING", "CRITICAL"][self.0 % 4]
    }
}

/// What stands in `docs/pull.md` is what is answered.
#[tokio::test]
async fn the_example_in_the_documentation() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pull.md")).unwrap();
    let between = |begin: &str, end: &str| text.split_once(begin).unwrap().1.split_once(end).unwrap().0.to_owned();
    let rig = Rig::start();
    let topic = between("X-Kapacitor-Topic: ", "'");
    post(rig.address, &topic, between("-d '", "'\n")).await;
    let answer = get(rig.address, &between("localhost:9192/kapacitor/v1", "'")).await;
    assert_eq!(answer.text(), between("```json\n", "\n```"));
    rig.end().await;
}

#[tokio::test]
async fn who_may_ask() {
    let rig = Rig::with(Setup { read_tokens: vec!["s3cret+x".to_owned()], ..Setup::default() });
    // Basic, of any user and the token; and of a wrong one.
    let (right, wrong) = ("dTpzM2NyZXQreA==", "dTp3cm9uZw==");
    for (query, headers, refused) in [
        ("", "", Some("unable to parse authentication credentials")),
        ("?u=x", "", Some("unable to parse authentication credentials")),
        ("?u=&p=s3cret%2Bx", "", Some("unable to parse authentication credentials")),
        ("?u=x&p=wrong", "", Some("authorization failed")),
        ("", "Authorization: Bearer wrong\r\n", Some("authorization failed")),
        ("", &format!("Authorization: Basic {wrong}\r\n"), Some("authorization failed")),
        ("?u=x&p=s3cret%2Bx", "", None),
        ("", "Authorization: Bearer s3cret+x\r\n", None),
        ("", &format!("Authorization: Basic {right}\r\n"), None),
    ] {
        for (path, status) in [("/ping", 204), ("/alerts/topics", 200), ("/nope", 404)] {
            let answer = asked(rig.address, "GET", &format!("{BASE}{path}{query}"), headers).await;
            match refused {
                Some(said) => {
                    assert_eq!(answer.status, 401, "{query} {headers}");
                    assert_eq!(answer.text(), format!(r#"{{"error":"{said}","message":"{said}"}}"#));
                    assert!(answer.headers["www-authenticate"].starts_with("Basic "));
                }
                None => assert_eq!(answer.status, status, "{query} {headers}"),
            }
        }
    }
    assert_eq!(asked(rig.address, "OPTIONS", &format!("{BASE}/alerts/topics"), "").await.status, 200);
    rig.end().await;
}

#[tokio::test]
async fn long_answers_come_in_chunks_and_packed() {
    let rig = Rig::start();
    for index in 0..400_u32 {
        post(rig.address, "many", alert(&format!("id-{index:04}"), "WARNING", index)).await;
    }
    let path = format!("{BASE}/alerts/topics/many/events");
    let plain = asked(rig.address, "GET", &path, "").await;
    assert!(plain.body.len() > 128 << 10, "{} bytes: several pieces", plain.body.len());
    assert_eq!(plain.headers["transfer-encoding"], "chunked");
    let list = plain.json();
    assert_eq!(ids(&list).len(), 400);
    assert!(ids(&list).is_sorted());
    for accepted in ["gzip", "deflate, gzip;q=0.5, br", "GZIP"] {
        let packed = asked(rig.address, "GET", &path, &format!("Accept-Encoding: {accepted}\r\n")).await;
        assert_eq!(packed.headers["content-encoding"], "gzip", "{accepted}");
        assert_eq!(packed.body, plain.body);
    }
    for refused in ["identity", "gzip;q=0", "gzipped", ""] {
        let answer = asked(rig.address, "GET", &path, &format!("Accept-Encoding: {refused}\r\n")).await;
        assert!(!answer.headers.contains_key("content-encoding"), "{refused}");
    }
    // A short one has its length, that of what is sent.
    let short = asked(rig.address, "GET", &format!("{BASE}/alerts/topics/many"), "Accept-Encoding: gzip\r\n").await;
    let length: usize = short.headers["content-length"].parse().unwrap();
    assert!(length < short.body.len() && short.headers["content-encoding"] == "gzip");
    rig.end().await;
}

#[tokio::test]
async fn what_a_kapacitor_has_is_known_before_anything_was_received() {
    let topics = BTreeMap::from([("quiet".to_owned(), Topic { id: "quiet".to_owned(), ..Topic::default() })]);
    let snapshot = |scope: &str| {
        let snapshot = Snapshot { scope: scope.to_owned(), topics: Arc::new(topics.clone()), ..Snapshot::default() };
        Arc::new(snapshot)
    };
    let rig = Rig::with(knowing(vec![snapshot("test"), snapshot("other")]));
    post(rig.address, "loud", alert("a", "INFO", 0)).await;
    let topics = |list: &Value| -> Vec<String> {
        list["topics"].as_array().unwrap().iter().map(|topic| topic["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(topics(&get(rig.address, "/alerts/topics").await.json()), ["loud", "quiet"]);
    assert_eq!(topics(&get(rig.address, "/alerts/topics?scope=other").await.json()), ["quiet"]);
    assert_eq!(topics(&get(rig.address, "/alerts/topics?scope=none").await.json()), [""; 0]);
    assert_eq!(topics(&get(rig.address, "/alerts/topics?min-level=INFO").await.json()), ["loud"]);
    let quiet = get(rig.address, "/alerts/topics/quiet").await.json();
    assert_eq!((&quiet["level"], &quiet["collected"]), (&json!("OK"), &json!(0)));
    assert_eq!(get(rig.address, "/alerts/topics/quiet/events").await.json()["events"], json!([]));
    rig.end().await;
}

#[tokio::test]
async fn a_topic_of_which_nothing_was_received_is_as_kapacitor_has_it() {
    use kaptap::words::Level;
    let topic = |id: &str, level| (id.to_owned(), Topic { id: id.to_owned(), level, collected: 7 });
    let event = |id: &str, level| {
        let state = EventState { level, time: 1_772_359_230_500_000_000, ..EventState::default() };
        TopicEvent { id: id.to_owned(), state: EventState { message: format!("{id} is {level}"), ..state } }
    };
    // Kapacitor says OK of a topic that has a CRITICAL, and CRITICAL of one that is only INFO.
    let topics = [topic("disk", Level::Ok), topic("net", Level::Critical), topic("unread", Level::Warning)];
    let events = [
        ("disk".to_owned(), Arc::new(vec![event("b", Level::Ok), event("a/x", Level::Critical)])),
        ("net".to_owned(), Arc::new(vec![event("n", Level::Info)])),
    ];
    let snapshot = Snapshot {
        scope: "test".to_owned(),
        topics: Arc::new(topics.into_iter().collect()),
        events: events.into_iter().collect(),
        ..Snapshot::default()
    };
    let rig = Rig::with(knowing(vec![Arc::new(snapshot)]));
    let address = rig.address;
    let listed = get(address, "/alerts/topics").await.json();
    let rows: Vec<_> =
        listed["topics"].as_array().unwrap().iter().map(|row| (&row["id"], &row["level"], &row["collected"])).collect();
    let (disk, net, unread) = (json!("disk"), json!("net"), json!("unread"));
    let (critical, info, warning, seven) = (json!("CRITICAL"), json!("INFO"), json!("WARNING"), json!(7));
    assert_eq!(rows, [(&disk, &critical, &seven), (&net, &info, &seven), (&unread, &warning, &seven)]);
    let listed = get(address, "/alerts/topics?min-level=CRITICAL").await.json();
    assert_eq!((listed["topics"].as_array().unwrap().len(), &listed["topics"][0]["id"]), (1, &disk));
    let one = get(address, "/alerts/topics/disk").await.json();
    assert_eq!((&one["level"], &one["collected"]), (&critical, &seven));
    assert_eq!(ids(&get(address, "/alerts/topics/disk/events").await.json()), ["a/x", "b"]);
    let least = get(address, "/alerts/topics/disk/events?min-level=INFO").await.json();
    assert_eq!(ids(&least), ["a/x"]);
    let state = &get(address, "/alerts/topics/disk/events/a/x").await.json()["state"];
    assert_eq!((&state["level"], &state["time"]), (&critical, &json!("2026-03-01T10:00:30.5Z")));
    assert_eq!(get(address, "/alerts/topics/disk/events/c").await.status, 404);
    assert_eq!(ids(&get(address, "/alerts/topics/unread/events").await.json()), [""; 0]);
    // What is received under the topic's name is the answer from then on.
    post(address, "disk", alert("c", "INFO", 1)).await;
    assert_eq!(ids(&get(address, "/alerts/topics/disk/events").await.json()), ["c"]);
    assert_eq!(get(address, "/alerts/topics/disk/events/b").await.status, 404);
    rig.end().await;
}
