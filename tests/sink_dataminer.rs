//! The sink `dataminer` against the strict stand-in: what it writes, and how it stands a peer that fails or refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod dataminer_support;
mod peers;
mod wait_support;

use dataminer_support::{Stand, TOKEN, columns, options_for, severities};
use kaptap::delivery::sink::{Batch, Outcome, Sink};
use kaptap::event::{Event, id};
use kaptap::http::Hidden;
use kaptap::rehearsal::dataminer::Fault;
use kaptap::rehearsal::dataminer::data_api::Rows;
use kaptap::sinks::dataminer::{Cell, Dataminer, NoPages, Pages, Row, Shown, Table, named};
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options::{self, Route};
use kaptap::words::{Level, Transition};
use peers::PATIENCE;
use peers::events::{alert, deliver, point, why};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn sink(options: &options::Dataminer) -> Dataminer {
    Dataminer::new("a", options, None, &Proxies::none(), Arc::new(NoPages)).unwrap()
}

/// Rounds until nothing is left to tell.
async fn rounds(sink: &mut Dataminer) {
    let begun = Instant::now();
    loop {
        let wait = sink.tick().await.unwrap();
        if wait > Duration::from_millis(500) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "rounds do not end");
    }
}

fn alerts(stand: &Stand) -> Rows {
    stand
        .desk()
        .data_api
        .elements
        .get("Kapacitor kap01")
        .and_then(|e| e.tables.get("Alerts"))
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn an_alert_is_a_row_from_its_beginning_to_its_end() {
    let stand = Stand::start().await;
    let mut options = options_for(&stand.url());
    options.columns = columns(&[("Cpu", "tags.cpu"), ("Site", "tags.site")]);
    options.severities = severities(&[("Major", "alert.level == \"CRITICAL\" && tags.host == \"web-1\"")]);
    let mut sink = sink(&options);
    rounds(&mut sink).await;
    let events = [
        alert("cpu:web-1", Level::Warning, Transition::Opened, 0),
        alert("cpu:web-1", Level::Critical, Transition::Escalated, 30),
        alert("mem:web-1", Level::Info, Transition::Opened, 31),
    ];
    assert_eq!(deliver(&mut sink, &events).await, [Outcome::Delivered, Outcome::Delivered, Outcome::Delivered]);
    let mut row = json!({
        "Topic": "cpu_alert", "Task": "cpu_alert", "Alert Level": "CRITICAL", "Alert Level Code": 3.0,
        "Previous Level": "WARNING", "Alert Severity": "Major", "Message": "cpu:web-1 is CRITICAL",
        "Measurement": "cpu", "Group": "", "Host": "web-1", "Alert Value": 9.5, "Event Time": "2026-01-31T12:00:30.000Z",
        "Raised Time": "2026-01-31T12:00:00.000Z", "Alert Duration": 30.0, "Recoverable": "Yes",
        "Alert Status": "Active", "Occurrences": 2.0, "Missing Since": "", "Cpu": "cpu-total", "Site": "",
    });
    assert_eq!(serde_json::to_value(&alerts(&stand)["cpu:web-1"]).unwrap(), row);
    deliver(&mut sink, &[alert("cpu:web-1", Level::Ok, Transition::Resolved, 60)]).await;
    for (name, value) in [
        ("Alert Level", json!("OK")),
        ("Alert Level Code", json!(0.0)),
        ("Previous Level", json!("CRITICAL")),
        ("Alert Severity", json!("Normal")),
        ("Message", json!("cpu:web-1 is OK")),
        ("Alert Status", json!("Cleared")),
        ("Event Time", json!("2026-01-31T12:01:00.000Z")),
        ("Alert Duration", json!(60.0)),
        ("Occurrences", json!(3.0)),
    ] {
        row[name] = value;
    }
    assert_eq!(serde_json::to_value(&alerts(&stand)["cpu:web-1"]).unwrap(), row);

    sink.tick().await;
    let desk = stand.desk();
    let element = &desk.data_api.elements["Kapacitor kap01"];
    assert_eq!(element.kind, "Kapacitor Sidecar");
    let log: Vec<String> = element.tables["Alert Events"]
        .values()
        .map(|row| format!("{} {}>{} {}", row["Alert ID"], row["Level From"], row["Level To"], row["Delivery Result"]))
        .collect();
    assert_eq!(log.len(), 4, "{log:?}");
    assert_eq!(log[1], "\"cpu:web-1\" \"WARNING\">\"CRITICAL\" \"Delivered Late\"");
    assert!(element.without_id.is_empty() && desk.refused().count() == 0 && desk.overlaps == 0);
}

/// Shows what the test says.
struct Screen(Arc<Mutex<Shown>>);
impl Pages for Screen {
    fn shown(&self) -> Shown {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn values_beat_and_tables_follow_what_is_shown() {
    let stand = Stand::start().await;
    let shown = Arc::new(Mutex::new(Shown::default()));
    let show = |rows: &[(&str, &str)]| {
        let rows =
            rows.iter().map(|(id, status)| Row::new("Tasks", id, vec![named("Task Status", Cell::text(*status))]));
        let gone = vec![named("Task Status", Cell::text("Removed"))];
        let table = Table { name: "Tasks", rows: rows.collect(), gone };
        *shown.lock().unwrap() = Shown { values: vec![named("Total Tasks", Cell::count(2))], tables: vec![table] };
    };
    show(&[]);
    let options = options_for(&stand.url());
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("sink-a.ndjson");
    let new = || {
        Dataminer::new("a", &options, Some(state.clone()), &Proxies::none(), Arc::new(Screen(Arc::clone(&shown))))
            .unwrap()
    };
    let mut sink = new();
    rounds(&mut sink).await;
    let table = |name: &str| stand.desk().data_api.elements["Kapacitor kap01"].tables[name].clone();
    assert!(table("Tasks").is_empty() && table("Alerts").is_empty() && table("Alert Events").is_empty());
    let beat = |name: &str| stand.desk().data_api.elements["Kapacitor kap01"].values[name].clone();
    assert!(beat("Heartbeat Counter").as_f64().unwrap() >= 1.0);
    assert_eq!((beat("Total Tasks"), beat("Highest Alert Level")), (json!(2.0), json!("OK")));

    let status = |id: &str| table("Tasks")[id]["Task Status"].clone();
    let next_beat = async |sink: &mut Dataminer| {
        // As long as the sink asks its caller to wait: there is nothing else to be seen of it.
        tokio::time::sleep(sink.tick().await.unwrap()).await;
        rounds(sink).await;
    };
    show(&[("one", "Enabled"), ("two\\three", "Disabled")]);
    next_beat(&mut sink).await;
    assert_eq!(status("one"), "Enabled");
    let sent = stand.desk().entries.back().unwrap().bytes;
    next_beat(&mut sink).await;
    assert!(stand.desk().entries.back().unwrap().bytes < sent, "what has not changed is not sent again");
    // A task that goes while kaptap is down is seen as well.
    drop(sink);
    show(&[("one", "Disabled")]);
    let mut sink = new();
    rounds(&mut sink).await;
    assert_eq!(status("one"), "Disabled");
    let removed: Vec<_> = table("Tasks").into_iter().filter(|(_, row)| row["Task Status"] == "Removed").collect();
    assert!(removed.len() == 1 && removed[0].0.starts_with("two_three~"), "{removed:?}");
    assert_eq!(stand.desk().refused().count(), 0);
}

#[tokio::test]
async fn bad_input_becomes_rows_that_are_taken() {
    let stand = Stand::start().await;
    let mut sink = sink(&options_for(&stand.url()));
    let odd =
        ["", " ", "a\\b", "\u{0}", "line\nbreak", "ÄÖÜ ✗ 🦀", "x/y?z#%&=+", "ID", "id", "\"quoted\"", "~", "\t tab"];
    let mut events: Vec<Event<'_>> = odd.iter().map(|id| alert(id, Level::Critical, Transition::Opened, 1)).collect();
    let long: &'static str = "long ".repeat(100).leak();
    events.push(alert(long, Level::Critical, Transition::Opened, 1));
    let other: &'static str = format!("{long}!").leak();
    events.push(alert(other, Level::Critical, Transition::Opened, 1));
    let mut strange = alert("strange", Level::Critical, Transition::Opened, 1);
    strange.series[0].rows[0][1] = kaptap::event::Cell::Float(f64::NAN);
    strange.alert.as_mut().unwrap().message = Some("m".repeat(2 << 20).into());
    strange.alert.as_mut().unwrap().duration_ns = Some(i64::MIN);
    strange.alert.as_mut().unwrap().started = Some(i64::MAX);
    events.push(strange);
    // The same id in another task is another alert.
    let mut twin = alert("strange", Level::Warning, Transition::Opened, 1);
    twin.alert.as_mut().unwrap().fingerprint = id::fingerprint("default", "another task", "strange");
    twin.id = id::alert("default", "another task", "strange", twin.time, Level::Warning);
    events.push(twin);
    let mut late = alert("late", Level::Ok, Transition::Late, 1);
    late.alert.as_mut().unwrap().transition = Some(Transition::Late);
    let mut again = alert("id", Level::Critical, Transition::Opened, 1);
    again.duplicate_of = Some(3);
    events.extend([point(1), late, again]);
    let outcomes = deliver(&mut sink, &events).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered), "{outcomes:?}");
    let rows = alerts(&stand);
    assert_eq!(rows.len(), odd.len() + 4, "{:?}", rows.keys());
    assert!(!rows["strange"].contains_key("Alert Value"));
    let twin = rows.iter().find(|(key, _)| key.starts_with("strange~")).unwrap();
    assert_eq!(twin.1["Alert Level"], "WARNING");
    assert_eq!(stand.desk().refused().count(), 0);
}

#[tokio::test]
async fn a_refused_row_is_parked_alone_with_the_reason() {
    let stand = Stand::start().await;
    // A person made this column a number before.
    let body = json!({"Alerts": [{"Id": "x", "Site": 1}]}).to_string();
    stand.put("Kapacitor Sidecar", "Somebody else", &body);
    let mut options = options_for(&stand.url());
    options.columns = columns(&[("Site", "tags.site")]);
    let mut sink = sink(&options);
    let events: Vec<Event<'_>> = ["a", "b", "c"].map(|id| alert(id, Level::Critical, Transition::Opened, 1)).into();
    let outcomes = deliver(&mut sink, &events).await;
    for outcome in &outcomes {
        let (what, reason, sentence) = why(outcome);
        assert_eq!((what, reason), ("reject", "refused"));
        assert!(sentence.contains("400 Bad Request") && sentence.contains("Site is a Number"), "{sentence}");
    }
    assert!(alerts(&stand).is_empty());
}

#[tokio::test]
async fn a_refusal_of_everything_parks_nothing() {
    let stand = Stand::start().await;
    let mut options = options_for(&stand.url());
    options.identifier = "Kapacitor kap02".to_owned();
    stand.put("Another Type", "Kapacitor kap02", "{\"Topic\": \"t\"}");
    let mut sink = sink(&options);
    let events: Vec<Event<'_>> =
        ["a", "b", "c", "d"].map(|id| alert(id, Level::Critical, Transition::Opened, 1)).into();
    let outcomes = deliver(&mut sink, &events).await;
    for outcome in &outcomes {
        let (what, reason, sentence) = why(outcome);
        assert_eq!((what, reason), ("retry", "refused"));
        assert!(sentence.contains("is an element of type") && sentence.contains("not about a row"), "{sentence}");
    }
    assert_eq!(stand.desk().refused().count(), 2, "one request, and one without rows");
}

#[tokio::test]
async fn failures_are_tried_again_and_everything_is_told_after_a_streak() {
    let stand = Stand::start().await;
    let mut sink = sink(&options_for(&stand.url()));
    rounds(&mut sink).await;
    let event =
        |n: i64| alert("a", if n % 2 == 0 { Level::Critical } else { Level::Warning }, Transition::Escalated, n);
    deliver(&mut sink, &[event(0)]).await;
    let faults = [
        (Fault::Answer(503, "busy".to_owned()), "peer_failed"),
        (Fault::Answer(429, "{\"errors\":[{\"errorCode\":1014}]}".to_owned()), "throttled"),
        (Fault::Answer(401, "{\"errors\":[{\"errorCode\":1008}]}".to_owned()), "unauthorized"),
        (Fault::TakeAndCut, "peer_failed"),
    ];
    for (fault, expected) in faults {
        stand.desk().faults.push_back(fault.clone());
        let outcomes = deliver(&mut sink, &[event(1)]).await;
        let (what, reason, sentence) = why(&outcomes[0]);
        assert_eq!((what, reason), ("retry", expected), "{fault:?}: {sentence}");
    }
    // The agent has lost what it had.
    stand.desk().data_api.elements.clear();
    assert_eq!(deliver(&mut sink, &[event(1)]).await, [Outcome::Delivered]);
    deliver(&mut sink, &[alert("b", Level::Info, Transition::Opened, 2)]).await;
    stand.desk().data_api.elements.clear();
    rounds(&mut sink).await;
    let desk = stand.desk();
    let element = &desk.data_api.elements["Kapacitor kap01"];
    assert_eq!(element.tables["Alerts"].keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(element.tables["Alerts"]["a"]["Occurrences"], 2.0, "what came twice counts once");
    assert_eq!(element.tables["Alert Events"].len(), 3);
    assert!(element.values["Heartbeat Counter"].as_f64().unwrap() >= 2.0);
}

#[tokio::test]
async fn what_is_missing_or_too_old_is_cleared() {
    let stand = Stand::start().await;
    let mut sink = sink(&options_for(&stand.url()));
    let mut old = alert("old", Level::Critical, Transition::Opened, 0);
    old.alert.as_mut().unwrap().recoverable = Some(false);
    let expired = alert("gone", Level::Warning, Transition::Expired, 5);
    deliver(&mut sink, &[old, alert("gone", Level::Warning, Transition::Opened, 0), expired]).await;
    let missing = |row: &std::collections::BTreeMap<String, Value>| {
        (row["Alert Level"].clone(), row["Previous Level"].clone(), row["Alert Status"].clone())
    };
    assert_eq!(missing(&alerts(&stand)["gone"]), (json!("OK"), json!("WARNING"), json!("Missing")));
    assert_eq!(alerts(&stand)["gone"]["Missing Since"], "2026-01-31T12:00:05.000Z");
    assert_eq!(alerts(&stand)["old"]["Alert Level"], "CRITICAL");
    rounds(&mut sink).await;
    assert_eq!(missing(&alerts(&stand)["old"]), (json!("OK"), json!("CRITICAL"), json!("Missing")));
    // It may come back.
    let back = alert("old", Level::Warning, Transition::Opened, 3600);
    deliver(&mut sink, &[back]).await;
    assert_eq!(missing(&alerts(&stand)["old"]), (json!("WARNING"), json!("OK"), json!("Active")));
    assert_eq!(alerts(&stand)["old"]["Missing Since"], "");
}

#[tokio::test]
async fn what_is_older_or_replayed_does_not_turn_back_the_clock() {
    let stand = Stand::start().await;
    let mut sink = sink(&options_for(&stand.url()));
    let newer = alert("a", Level::Critical, Transition::Escalated, 60);
    deliver(&mut sink, std::slice::from_ref(&newer)).await;
    let older = alert("a", Level::Warning, Transition::Opened, 0);
    let before = stand.desk().entries.len();
    assert_eq!(deliver(&mut sink, std::slice::from_ref(&older)).await, [Outcome::Delivered]);
    let unknown = alert("b", Level::Info, Transition::Opened, 0);
    let events = [older, newer, unknown];
    let outcomes = sink.deliver(&Batch { events: &events, replay: true }).await;
    assert_eq!(outcomes.len(), 3);
    assert_eq!(stand.desk().entries.len(), before + 1);
    assert_eq!(alerts(&stand)["a"]["Alert Level"], "CRITICAL");
    assert_eq!(alerts(&stand)["b"]["Alert Level"], "INFO");
    let log = stand.desk().data_api.elements["Kapacitor kap01"].tables["Alert Events"].len();
    assert_eq!(log, 1, "a replay is not logged again");
}

#[tokio::test]
async fn the_way_from_outside_carries_a_token_and_a_query() {
    let stand = Stand::start().await;
    let mut options = options_for(&stand.url());
    options.route = Route::UserDefinedApi;
    options.http.token = Some(Hidden(TOKEN.to_owned()));
    let mut sink = sink(&options);
    assert_eq!(deliver(&mut sink, &[alert("a", Level::Critical, Transition::Opened, 0)]).await, [Outcome::Delivered]);
    rounds(&mut sink).await;
    assert!(alerts(&stand).contains_key("a"));
    let paths: std::collections::BTreeSet<String> =
        stand.desk().entries.iter().map(|entry| entry.what.clone()).collect();
    assert_eq!(
        paths.into_iter().collect::<Vec<_>>(),
        ["PUT /api/custom/data/config", "PUT /api/custom/data/parameters"]
    );
    let text =
        sink.preview(&Batch { events: &[alert("a", Level::Ok, Transition::Resolved, 9)], replay: false }).unwrap();
    assert!(!text.contains(TOKEN), "{text}");

    stand.desk().user_api.token = "another-token-of-thirty-two-chars".to_owned();
    let outcomes = deliver(&mut sink, &[alert("a", Level::Warning, Transition::Deescalated, 10)]).await;
    let (what, reason, sentence) = why(&outcomes[0]);
    assert_eq!((what, reason), ("retry", "unauthorized"));
    assert!(sentence.contains("1008") && !sentence.contains(TOKEN), "{sentence}");
}

#[tokio::test]
async fn requests_keep_their_distance_and_the_window() {
    let stand = Stand::start().await;
    let mut options = options_for(&stand.url());
    options.interval = Duration::from_millis(40);
    let mut sink = sink(&options);
    let begun = Instant::now();
    for n in 0..5 {
        deliver(&mut sink, &[alert("a", Level::Critical, Transition::Repeated, n)]).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(160));
    assert_eq!(stand.desk().entries.len(), 5);
}

#[test]
fn names_that_cannot_be_are_refused_when_it_is_made() {
    let refused = |change: fn(&mut options::Dataminer)| {
        let mut options = options_for("http://localhost:34567");
        change(&mut options);
        Dataminer::new("a", &options, None, &Proxies::none(), Arc::new(NoPages)).unwrap_err().to_string()
    };
    for (problem, sentence) in [
        (refused(|o| o.columns = columns(&[("State", "tags.a")])), "keeps for itself"),
        (refused(|o| o.columns = columns(&[("Topic", "tags.a")])), "a column already"),
        (refused(|o| o.columns = columns(&[("Site", "tags.a"), ("Site", "tags.b")])), "a column already"),
        (refused(|o| o.columns = columns(&[("my site", "tags.a")])), "\"My Site\""),
        (refused(|o| o.identifier = "a:b".to_owned()), "no name that an element"),
        (refused(|o| o.element_type = "Production".to_owned()), "keeps for itself"),
        (refused(|o| o.identifier = "Ä".to_owned()), "write it in ASCII"),
    ] {
        assert!(problem.contains(sentence), "{problem}");
    }
}
