//! The sink `dataminer-webhook` against the strict stand-in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod dataminer_support;
mod peers;
mod wait_support;

use dataminer_support::{Stand, columns, http, severities};
use kaptap::delivery::sink::{Batch, Outcome, Sink};
use kaptap::event::Event;
use kaptap::rehearsal::dataminer::Fault;
use kaptap::sinks::dataminer::{Severities, Severity};
use kaptap::sinks::dataminer_webhook::DataminerWebhook;
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options;
use kaptap::words::{Level, Transition};
use peers::events::{alert, deliver, point, why};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

fn options_for(url: &str) -> options::DataminerWebhook {
    options::DataminerWebhook {
        http: http(&format!("{url}/alarms")),
        max_rows: 100,
        max_age: Duration::from_hours(24),
        columns: Vec::new(),
        severities: Severities::default(),
        severity_words: BTreeMap::new(),
    }
}

fn sink(options: &options::DataminerWebhook) -> DataminerWebhook {
    DataminerWebhook::new("a", options, None, &Proxies::none()).unwrap()
}

fn severity(stand: &Stand, id: &str) -> String {
    stand.desk().alarm_table.rows[id].severity.clone()
}

#[test]
fn an_alarm_is_written_so() {
    let mut options = options_for("http://dma.example");
    options.columns = columns(&[("Property13", "tags.cpu")]);
    let event = alert("cpu:web-1", Level::Critical, Transition::Opened, 30);
    let text = sink(&options).preview(&Batch { events: std::slice::from_ref(&event), replay: false }).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap();
    assert!(head.starts_with("POST /alarms HTTP/1.1\nhost: dma.example\n"), "{head}");
    let fingerprint = event.alert.as_ref().unwrap().fingerprint.to_string();
    let expected = json!({
        "alarm_id": "cpu:web-1", "severity": "critical", "value": "cpu:web-1 is CRITICAL", "numericValue": 9.5,
        "alarm_properties": {
            "Property1": "cpu_alert", "Property2": "cpu_alert", "Property3": "cpu", "Property4": "", "Property5": "web-1",
            "Property6": "CRITICAL", "Property7": "OK", "Property8": "2026-01-31T12:00:30.000000000Z", "Property9": "30",
            "Property10": "cpu:web-1 is CRITICAL", "Property11": "stream", "Property12": fingerprint,
            "Property13": "cpu-total", "Property14": "", "Property15": "",
        },
    });
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
}

#[tokio::test]
async fn alarms_rise_fall_and_end() {
    let stand = Stand::start().await;
    let mut options = options_for(&stand.url());
    options.severities = severities(&[("Major", "alert.level == \"CRITICAL\""), ("Minor", "alert.level != \"INFO\"")]);
    let mut sink = sink(&options);
    for (level, transition, after, expected) in [
        (Level::Info, Transition::Opened, 0, "information"),
        (Level::Warning, Transition::Escalated, 1, "minor"),
        (Level::Critical, Transition::Escalated, 2, "major"),
        (Level::Warning, Transition::Deescalated, 3, "minor"),
        (Level::Ok, Transition::Resolved, 4, "normal"),
    ] {
        assert_eq!(
            deliver(&mut sink, &[alert("a", level, transition, after), point(9)]).await,
            [Outcome::Delivered, Outcome::Delivered]
        );
        assert_eq!(severity(&stand, "a"), expected);
    }
    assert_eq!(stand.desk().entries.len(), 5);
}

#[tokio::test]
async fn words_of_the_configuration_are_sent_and_what_is_refused_is_parked() {
    let stand = Stand::start().await;
    let mut options = options_for(&stand.url());
    options.severity_words = BTreeMap::from([(Severity::Critical, "Crit".to_owned())]);
    let mut sink = sink(&options);
    let events =
        [alert("a", Level::Critical, Transition::Opened, 0), alert("b", Level::Warning, Transition::Opened, 0)];
    let outcomes = deliver(&mut sink, &events).await;
    let (what, _, sentence) = why(&outcomes[0]);
    assert!(what == "reject" && sentence.contains("\"Crit\" is none of"), "{sentence}");
    assert_eq!((outcomes[1].clone(), severity(&stand, "b")), (Outcome::Delivered, "warning".to_owned()));
}

#[tokio::test]
async fn nothing_overtakes_what_has_to_be_tried_again() {
    let stand = Stand::start().await;
    let mut sink = sink(&options_for(&stand.url()));
    let events: Vec<Event<'_>> = ["a", "b", "c"].map(|id| alert(id, Level::Critical, Transition::Opened, 0)).into();
    stand.desk().faults.extend([Fault::Answer(200, String::new()), Fault::Answer(500, String::new())]);
    let outcomes = deliver(&mut sink, &events).await;
    assert_eq!(outcomes.iter().map(|outcome| why(outcome).0).collect::<Vec<_>>(), ["delivered", "retry", "retry"]);
    assert_eq!(stand.desk().entries.len(), 2);
}

#[tokio::test]
async fn what_will_not_recover_is_cleared_when_it_is_too_old_also_after_a_restart() {
    let stand = Stand::start().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("sink-a.ndjson");
    let new = || DataminerWebhook::new("a", &options_for(&stand.url()), Some(state.clone()), &Proxies::none()).unwrap();
    let mut sink = new();
    let mut old = alert("a", Level::Critical, Transition::Opened, 0);
    old.alert.as_mut().unwrap().recoverable = Some(false);
    assert_eq!(deliver(&mut sink, &[old]).await, [Outcome::Delivered]);
    assert_eq!(severity(&stand, "a"), "critical");
    let mut sink = new();
    stand.desk().faults.push_back(Fault::Answer(503, String::new()));
    sink.tick().await;
    assert_eq!(severity(&stand, "a"), "critical");
    sink.tick().await;
    assert_eq!(severity(&stand, "a"), "normal");
    let before = stand.desk().entries.len();
    sink.tick().await;
    assert_eq!(stand.desk().entries.len(), before);
}

#[test]
fn properties_that_are_taken_cannot_be_set() {
    let mut options = options_for("http://dma.example");
    options.columns = columns(&[("Property1", "tags.cpu")]);
    let error = DataminerWebhook::new("a", &options, None, &Proxies::none()).unwrap_err().to_string();
    assert!(error.contains("Property13, Property14, Property15"), "{error}");
}
