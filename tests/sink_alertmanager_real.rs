//! The sink `alertmanager` against a real Alertmanager: what its API shows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod wait_support;

use kaptap::delivery::sink::{Outcome, Sink};
use kaptap::event::Event;
use kaptap::sinks::{build, options};
use kaptap::words::{Level, Transition};
use peers::events::{alert, deliver};
use peers::free_address;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;
use wait_support::wait_until;

fn sink(address: SocketAddr, directory: &Path) -> Box<dyn Sink> {
    let options = options::Alertmanager {
        http: options::Http::at(format!("http://{address}")),
        resend: Duration::from_secs(1),
        generator_url: Some("http://localhost:9192/?id={{ alert.fingerprint }}".to_owned()),
        labels: BTreeMap::from([("env".to_owned(), "test".to_owned())]),
    };
    build("ops", &options::Peer::Alertmanager(options), directory).unwrap()
}

/// The alerts that Alertmanager's API shows, by `alert_id`.
fn shown(address: SocketAddr) -> BTreeMap<String, Value> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /api/v2/alerts HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    let alerts: Vec<Value> = serde_json::from_str(body).unwrap();
    alerts
        .into_iter()
        .map(|alert| (alert["labels"]["alert_id"].as_str().unwrap_or_default().to_owned(), alert))
        .collect()
}

/// What is shown once it is as it should be; Alertmanager shows what it takes a moment later.
fn shown_when(address: SocketAddr, enough: impl Fn(&BTreeMap<String, Value>) -> bool) -> BTreeMap<String, Value> {
    wait_until("it shows what it was told", || {
        let alerts = shown(address);
        if enough(&alerts) { Ok(alerts) } else { Err(alerts) }
    })
}

async fn take(sink: &mut dyn Sink, events: &[Event<'_>]) {
    assert_eq!(deliver(sink, events).await, vec![Outcome::Delivered; events.len()]);
}

#[tokio::test]
async fn an_alert_opens_escalates_and_resolves() {
    let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
    let Some(daemon) = peers::alertmanager(directory.path(), address) else { return };
    let mut sink_of_first_life = sink(address, directory.path());
    let ops = sink_of_first_life.as_mut();
    let odd = "cpu:host=web-1,dc=\"eu\"\nü";
    let other = alert("other", Level::Info, Transition::Opened, 0);

    take(ops, &[alert(odd, Level::Warning, Transition::Opened, 0), other]).await;
    let opened = shown_when(address, |alerts| alerts.len() == 2);
    let first = &opened[odd];
    assert_eq!(first["status"]["state"], "active", "{first:#}");
    assert_eq!((&first["labels"]["host"], &first["labels"]["env"]), (&"web-1".into(), &"test".into()));
    assert_eq!(first["labels"]["alertname"], "cpu_alert");
    assert_eq!(first["annotations"]["level"], "WARNING");
    assert_eq!(first["startsAt"], "2026-01-31T12:00:00.000Z");
    assert!(first["generatorURL"].as_str().unwrap().starts_with("http://localhost:9192/?id="), "{first:#}");

    take(ops, &[alert(odd, Level::Critical, Transition::Escalated, 30)]).await;
    let escalated = shown_when(address, |alerts| alerts[odd]["annotations"]["level"] == "CRITICAL");
    assert_eq!(escalated.len(), 2, "an escalation is no other alert: {escalated:#?}");
    assert_eq!(escalated[odd]["fingerprint"], first["fingerprint"]);
    assert_eq!(escalated[odd]["startsAt"], first["startsAt"]);

    // Both restart; Alertmanager keeps no alerts, and is told again.
    drop(sink_of_first_life);
    daemon.kill();
    let daemon = peers::alertmanager(directory.path(), address).unwrap();
    assert!(shown(address).is_empty());
    let mut sink_of_second_life = sink(address, directory.path());
    let ops = sink_of_second_life.as_mut();
    ops.tick().await.unwrap();
    let again = shown_when(address, |alerts| alerts.len() == 2);
    assert_eq!(again[odd]["fingerprint"], first["fingerprint"]);
    assert_eq!(again[odd]["annotations"]["level"], "CRITICAL");

    take(ops, &[alert(odd, Level::Ok, Transition::Resolved, 60)]).await;
    shown_when(address, |alerts| alerts.len() == 1 && alerts.contains_key("other"));
    // Told again, the resolved one stays resolved and the other one stays.
    let next = ops.tick().await.unwrap();
    // As long as the sink asks its caller to wait: that nothing changes by it cannot be waited for.
    tokio::time::sleep(next).await;
    ops.tick().await.unwrap();
    assert_eq!(shown(address).keys().collect::<Vec<_>>(), ["other"]);

    // A new episode of the same alert.
    let mut reopened = alert(odd, Level::Info, Transition::Opened, 120);
    reopened.alert.as_mut().unwrap().started = Some(reopened.time);
    take(ops, &[reopened]).await;
    let reopened = shown_when(address, |alerts| alerts.len() == 2);
    assert_eq!(reopened[odd]["startsAt"], "2026-01-31T12:02:00.000Z");
    assert_eq!(reopened[odd]["fingerprint"], first["fingerprint"]);
    assert!(!daemon.log().contains("level=error"), "{}", daemon.log());
}

/// Names, values and times that a real Alertmanager must take.
#[tokio::test]
async fn odd_alerts_are_taken() {
    let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
    let Some(_daemon) = peers::alertmanager(directory.path(), address) else { return };
    let mut sink = sink(address, directory.path());
    let mut events = Vec::new();
    for (n, name) in ["", " ", "\u{0}", "a\u{2028}b", "{{ x }}", "\u{1f4a5}"].into_iter().enumerate() {
        let mut event = alert(name, Level::Critical, Transition::Opened, i64::try_from(n).unwrap());
        event.series[0].tags.push((name.into(), name.into()));
        event.labels.push(("9 lives".into(), "\u{feff}".into()));
        events.push(event);
    }
    let mut before_time = alert("before", Level::Info, Transition::Opened, 0);
    before_time.alert.as_mut().unwrap().started = Some(i64::MIN);
    let mut after_time = alert("after", Level::Ok, Transition::Resolved, 0);
    (after_time.time, after_time.alert.as_mut().unwrap().started) = (i64::MAX, Some(i64::MAX));
    events.extend([before_time, after_time]);
    take(sink.as_mut(), &events).await;
    let alerts = shown_when(address, |alerts| alerts.len() >= 5);
    assert!(alerts.contains_key("\u{1f4a5}") && alerts.contains_key("before"), "{alerts:#?}");
}
