//! A whole kaptap with a `dataminer` sink, restarted twice, against the strict stand-in: what it shows is what there is.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod dataminer_support;
mod support;
mod wait_support;

use dataminer_support::Stand;
use kaptap::intake::Arrival;
use kaptap::record::{Content, Note};
use kaptap::rehearsal::dataminer::Fault;
use kaptap::rehearsal::poster::{self, Target};
use kaptap::words::{How, Lane};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use support::{Kaptap, Process, get};
use wait_support::wait_until_async;

/// Alerts, and topics that they are in.
const ALERTS: usize = 5_000;
const TOPICS: usize = 100;
const LEVELS: [&str; 4] = ["OK", "INFO", "WARNING", "CRITICAL"];

fn sinks(stand: &Stand) -> String {
    let url = stand.url();
    format!(
        "[[sink]]\nname = \"dma\"\ntype = \"dataminer\"\nurl = \"{url}\"\nidentifier = \"Kapacitor kap:01\"\ninterval = \"0s\"\n\
         heartbeat = \"1s\"\nretry_min = \"10ms\"\nretry_max = \"100ms\"\nstart = \"beginning\"\n\
         columns = {{ Room = \"tags.room\" }}\nseverities = {{ Major = 'origin.topic == \"topic-7\" && alert.level == \"CRITICAL\"' }}\n\
         [[sink]]\nname = \"table\"\ntype = \"dataminer-webhook\"\nurl = \"{url}/alarms\"\nstart = \"beginning\"\n\
         retry_min = \"10ms\"\nretry_max = \"100ms\"\nfilter = 'alert.id.startsWith(\"id-1\")'\n"
    )
}

/// One after another, the level that an alert has at a step.
fn level(alert: usize, step: usize) -> &'static str {
    LEVELS[(alert * 7 + step * (1 + alert % 3) + usize::from(step == 0)) % 4]
}

fn body(alert: usize, step: usize) -> Vec<u8> {
    let (level, second) = (level(alert, step), alert % 60);
    let time = format!("2026-11-22T10:{step:02}:{second:02}Z");
    let duration = step * 1_000_000_000;
    format!(
        "{{\"id\":\"id-{alert}\",\"message\":\"{alert} is {level}\",\"details\":\"\",\"time\":\"{time}\",\"duration\":{duration},\
         \"level\":\"{level}\",\"data\":{{\"series\":[{{\"name\":\"cpu\",\"tags\":{{\"host\":\"h{alert}\",\"room\":\"r\"}},\
         \"columns\":[\"time\",\"v\"],\"values\":[[\"{time}\",{alert}]]}}]}},\"previousLevel\":\"OK\",\"recoverable\":true}}\n"
    )
    .into_bytes()
}

/// Posts one event of each of these alerts, some dozens at once.
async fn post(kaptap: &Kaptap, alerts: impl Iterator<Item = usize>, step: usize) {
    let alerts: Vec<usize> = alerts.collect();
    for some in alerts.chunks(64) {
        let mut tasks = tokio::task::JoinSet::new();
        for &alert in some {
            let intake = kaptap.intake.clone();
            tasks.spawn(async move {
                let topic = Some((format!("topic-{}", alert % TOPICS), How::Header));
                let note = Note { topic, ..Note::default() };
                let raw = body(alert, step);
                let arrival = Arrival { lane: Lane::Post, source: "ops", content: Content::Alert, note, raw: &raw };
                intake.keep(arrival).await.unwrap();
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }
}

async fn delivered(address: SocketAddr) {
    let sinks = wait_until_async("nothing waits for a sink", async || {
        let (_, text) = tokio::task::spawn_blocking(move || get(address, "/v1/sinks")).await.unwrap().unwrap();
        let sinks: Vec<Value> = serde_json::from_slice(&text).unwrap();
        let done = |sink: &Value| sink["lag"]["events"] == 0 && sink["in_window"] == 0;
        sinks.iter().all(done).then_some(sinks)
    })
    .await;
    for sink in sinks {
        assert_eq!(sink["parked"], 0, "{sink}");
    }
}

fn expected(steps: &[usize]) -> BTreeMap<String, (String, String)> {
    let last = |alert: usize| {
        let level = level(alert, steps[alert]);
        let severity = match level {
            "CRITICAL" if alert % TOPICS == 7 => "Major",
            "CRITICAL" => "Critical",
            "WARNING" => "Warning",
            "INFO" => "Information",
            _ => "Normal",
        };
        (format!("id-{alert}"), (level.to_owned(), severity.to_owned()))
    };
    (0..ALERTS).map(last).collect()
}

/// Every column whose value does not depend on what was before: as the last event said it.
#[track_caller]
fn check_row(row: &BTreeMap<String, Value>, alert: usize, step: usize, told: u32) {
    let level = level(alert, step);
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let expected = json!({
        "Topic": format!("topic-{}", alert % TOPICS), "Task": "", "Alert Level": level,
        "Alert Level Code": number(LEVELS.iter().position(|known| *known == level).unwrap()),
        "Message": format!("{alert} is {level}"), "Measurement": "cpu", "Host": format!("h{alert}"),
        "Alert Value": number(alert), "Event Time": format!("2026-11-22T10:{step:02}:{:02}", alert % 60),
        "Alert Duration": number(step), "Recoverable": "Yes", "Missing Since": "", "Room": "r",
        "Alert Status": if level == "OK" { "Cleared" } else { "Active" }, "Occurrences": f64::from(told),
    });
    for (name, value) in expected.as_object().unwrap() {
        let is = if name == "Event Time" {
            row[name].as_str().unwrap().starts_with(value.as_str().unwrap())
        } else {
            row[name] == *value
        };
        assert!(is, "id-{alert}, {name}: {} and not {value} in {row:?}", row[name]);
    }
}

/// Killed three times in the middle of deliveries, as kill -9 does: what was acknowledged is shown, as it was last.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_kills_is_shown() {
    const KILLED: usize = 600;
    let (stand, directory) = (Stand::start().await, tempfile::tempdir().unwrap());
    let (directory, more): (&Path, _) = (directory.path(), sinks(&stand));
    let mut http = None;
    let mut steps = vec![0; KILLED];
    for step in 0..4 {
        let kaptap = tokio::task::block_in_place(|| Process::start_with(directory, http, &more));
        for alert in (0..KILLED).filter(|alert| alert % (step + 1) == 0) {
            let headers = vec![("X-Kapacitor-Topic".to_owned(), format!("topic-{}", alert % TOPICS))];
            let target = Target { address: kaptap.http, path: "/v1/alerts/ops".to_owned(), headers };
            assert_eq!(poster::post(&target, &body(alert, step)).await.unwrap().status, 204);
            steps[alert] = step;
        }
        if step == 3 {
            delivered(kaptap.http).await;
        }
        http = Some(kaptap.kill());
    }
    let desk = stand.desk();
    let rows = &desk.data_api.elements["Kapacitor kap-01"].tables["Alerts"];
    assert_eq!(rows.len(), KILLED);
    for (alert, step) in steps.iter().enumerate() {
        let told = (0..4).filter(|step| alert % (step + 1) == 0).count();
        check_row(&rows[&format!("id-{alert}")], alert, *step, u32::try_from(told).unwrap());
    }
    let refused: Vec<_> = desk.refused().collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_thousand_alerts_over_two_restarts_are_shown_as_they_are() {
    let (stand, directory) = (Stand::start().await, tempfile::tempdir().unwrap());
    let directory: &Path = directory.path();
    let more = sinks(&stand);
    let mut steps = vec![0; ALERTS];

    let kaptap = Kaptap::start(directory, &more).await;
    stand.desk().faults.extend([
        Fault::Answer(503, "starting".to_owned()),
        Fault::TakeAndCut,
        Fault::Answer(429, String::new()),
    ]);
    post(&kaptap, 0..ALERTS, 0).await;
    // Stopped with much of it under way.
    kaptap.stop().await;

    let kaptap = Kaptap::start(directory, &more).await;
    stand.desk().faults.extend([Fault::Answer(500, "broken".to_owned()), Fault::TakeAndCut]);
    post(&kaptap, (0..ALERTS).filter(|alert| alert.is_multiple_of(3)), 1).await;
    (0..ALERTS).filter(|alert| alert.is_multiple_of(3)).for_each(|alert| steps[alert] = 1);
    delivered(kaptap.addresses.http).await;
    kaptap.stop().await;

    let kaptap = Kaptap::start(directory, &more).await;
    post(&kaptap, (0..ALERTS).filter(|alert| alert.is_multiple_of(5)), 2).await;
    (0..ALERTS).filter(|alert| alert.is_multiple_of(5)).for_each(|alert| steps[alert] = 2);
    delivered(kaptap.addresses.http).await;

    let expected = expected(&steps);
    let of_row = |row: &BTreeMap<String, Value>| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("Alert Level"), text("Alert Severity"))
    };
    {
        let desk = stand.desk();
        let element = &desk.data_api.elements["Kapacitor kap-01"];
        let shown: BTreeMap<_, _> =
            element.tables["Alerts"].iter().map(|(id, row)| (id.clone(), of_row(row))).collect();
        let wrong: Vec<_> = expected.iter().filter(|(id, row)| shown.get(*id) != Some(*row)).take(10).collect();
        assert!(wrong.is_empty() && shown.len() == ALERTS, "{} shown, wrong: {wrong:?}", shown.len());
        for (id, row) in &element.tables["Alerts"] {
            let alert: usize = id.strip_prefix("id-").unwrap().parse().unwrap();
            // How often it was told: at the first step all were, then every third, then every fifth.
            let told = 1 + u32::from(alert.is_multiple_of(3)) + u32::from(alert.is_multiple_of(5));
            check_row(row, alert, steps[alert], told);
        }
        assert_eq!(element.tables["Alert Events"].len(), 500);
        assert!(element.without_id.is_empty());
        // What was refused was refused because the test said so.
        let refused: Vec<_> = desk.refused().collect();
        assert!(refused.is_empty(), "{refused:?}");
        let table: BTreeMap<_, _> =
            desk.alarm_table.rows.iter().map(|(id, row)| (id.clone(), row.severity.clone())).collect();
        let wanted = expected.iter().filter(|(id, _)| id.starts_with("id-1"));
        let wanted: BTreeMap<_, _> = wanted
            .map(|(id, (level, severity))| {
                let severity = if severity == "Major" { level } else { severity };
                (id.clone(), severity.to_lowercase())
            })
            .collect();
        assert_eq!(table, wanted);
    }

    // And it equals what kaptap itself says is on.
    let address = kaptap.addresses.http;
    let (status, text) = tokio::task::spawn_blocking(move || get(address, "/v1/alerts")).await.unwrap().unwrap();
    assert_eq!(status, 200);
    let open = String::from_utf8(text).unwrap();
    let on = expected.values().filter(|(level, _)| level != "OK").count();
    assert_eq!(open.matches("\"fingerprint\"").count(), on, "{}", &open[..open.len().min(500)]);
    let values = wait_until_async("the numbers of active alerts are right", async || {
        let values = stand.desk().data_api.elements["Kapacitor kap-01"].values.clone();
        let count = |name: &str| values.get(name).and_then(Value::as_f64).unwrap_or_default();
        let shown = count("Active Critical Alerts") + count("Active Warning Alerts") + count("Active Info Alerts");
        ((shown - f64::from(u32::try_from(on).unwrap())).abs() < 0.5).then_some(values)
    })
    .await;
    assert_eq!(values["Sidecar Version"], env!("CARGO_PKG_VERSION"));
    kaptap.stop().await;
}
