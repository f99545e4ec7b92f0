//! A real kapacitord and kaptap, told the same and asked the same: `KAPACITORD` in the environment says where the program
//! is. Without it this is said aloud, and nothing is tested.

use crate::asking::{BASE, Raw, ask};
use crate::http_support::{Rig, Setup};
use crate::wait_support::wait_until;
use kaptap::connector::Snapshot;
use kaptap::kapacitor::api::Handlers;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio::sync::watch;

/// A kapacitord that is ended with this value.
struct Kapacitord {
    child: Child,
    address: SocketAddr,
}

impl Kapacitord {
    fn start(directory: &Path) -> Option<Self> {
        let Some(program) = std::env::var_os("KAPACITORD") else {
            // Not by `eprintln!`, which is not shown for a test that passes.
            std::io::stderr().write_all(b"\nSKIPPED, NOT TESTED: KAPACITORD does not say where a kapacitord is\n").ok();
            return None;
        };
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let place = directory.display();
        let configuration = format!(
            "hostname = \"t\"\ndata_dir = \"{place}/data\"\n[http]\nbind-address = \"{address}\"\nlog-enabled = false\n\
             [logging]\nfile = \"{place}/log\"\nlevel = \"ERROR\"\n[replay]\ndir = \"{place}/replay\"\n\
             [storage]\nboltdb = \"{place}/k.db\"\n[reporting]\nenabled = false\n[load]\nenabled = false\n\
             [stats]\nenabled = false\n[[influxdb]]\nenabled = false\n"
        );
        std::fs::write(directory.join("k.conf"), configuration).unwrap();
        let mut command = Command::new(program);
        command.arg("-config").arg(directory.join("k.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let kapacitord = Self { child: command.spawn().unwrap(), address };
        wait_until("kapacitord listens", || TcpStream::connect(address));
        Some(kapacitord)
    }

    fn send(&self, method: &str, path: &str, body: &str) {
        let answer = ask(self.address, method, &format!("{BASE}{path}"), "", body);
        assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text());
    }
}

impl Drop for Kapacitord {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Has kapacitord raise alerts in the topic `rec`, each posted to kaptap as well.
fn raise(kapacitord: &Kapacitord, kaptap: SocketAddr) {
    let script = format!(
        "dbrp \"d\".\"r\"\nstream\n|from()\n.measurement('cpu')\n.groupBy('host')\n|alert()\n\
         .id('{{{{ index .Tags \"host\" }}}}')\n.crit(lambda: \"v\" > 90)\n.warn(lambda: \"v\" > 70)\n\
         .info(lambda: \"v\" > 50)\n.topic('rec')\n.post('http://{kaptap}/v1/alerts')\n.header('X-Kapacitor-Topic', 'rec')\n"
    );
    let task = json!({"id": "t", "type": "stream", "status": "enabled", "script": script}).to_string();
    kapacitord.send("POST", "/tasks", &task);
    let handler = json!({
        "id": "h1", "kind": "post", "match": "changed() == TRUE",
        "options": {"url": "http://127.0.0.1:1/<&>", "timeout": 5_000_000_000_u64, "headers": {"b": "1", "a": "2"}},
    });
    kapacitord.send("POST", "/alerts/topics/rec/handlers", &handler.to_string());
    let mut lines = String::new();
    for (round, values) in [[95, 60, 75, 95, 95], [10, 60, 95, 75, 95]].iter().enumerate() {
        for (host, value) in ["a", "disk:/var", "b\\ c", "per%25cent<&>", "ünï"].iter().zip(values) {
            let time = 1_795_353_827_000_000_000_u64 + round as u64 * 90_500_000_000;
            writeln!(lines, "cpu,host={host} v={value} {time}").unwrap();
        }
    }
    kapacitord.send("POST", "/write?db=d&rp=r&precision=ns", &lines);
}

fn collected(address: SocketAddr) -> Option<u64> {
    let topic = ask(address, "GET", &format!("{BASE}/alerts/topics/rec"), "", "");
    (topic.status == 200).then(|| topic.json()["collected"].as_u64())?
}

/// Lists in the order of their ids: Kapacitor's have none.
fn sorted(answer: &Raw) -> Value {
    let mut json = answer.json();
    for list in ["events", "topics"] {
        if let Some(list) = json.get_mut(list).and_then(Value::as_array_mut) {
            list.sort_by_key(|one| one["id"].as_str().unwrap().to_owned());
        }
    }
    json
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_answers_as_a_real_kapacitord() {
    let directory = tempfile::tempdir().unwrap();
    let Some(kapacitord) = Kapacitord::start(directory.path()) else { return };
    let (handlers, known) = watch::channel(Arc::new(Snapshot { scope: "test".to_owned(), ..Snapshot::default() }));
    let rig = Rig::with(Setup { snapshots: Arc::new(move || vec![Arc::clone(&known.borrow())]), ..Setup::default() });
    let ours = rig.address;
    let compared = tokio::task::spawn_blocking(move || {
        raise(&kapacitord, ours);
        wait_until("both have collected everything", || match (collected(ours), collected(kapacitord.address)) {
            (Some(10), Some(10)) => Ok(()),
            fewer => Err(fewer),
        });
        let list = ask(kapacitord.address, "GET", &format!("{BASE}/alerts/topics/rec/handlers"), "", "");
        let list: Handlers = serde_json::from_slice(&list.body).unwrap();
        let list = Arc::new(BTreeMap::from([(list.topic, list.handlers)]));
        handlers.send_modify(|snapshot| Arc::make_mut(snapshot).handlers = list);
        compare(ours, kapacitord.address)
    })
    .await
    .unwrap();
    assert!(compared > 40, "{compared} answers compared");
    rig.end().await;
}

fn compare(ours: SocketAddr, theirs: SocketAddr) -> usize {
    let mut compared = 0;
    for (method, path) in [
        ("GET", "/ping"),
        ("HEAD", "/ping"),
        ("POST", "/ping"),
        ("GET", "/ping/"),
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/nope"),
        ("PATCH", "/nope"),
        ("GET", "//alerts/topics"),
        ("HEAD", "/alerts/./topics"),
        ("GET", "/alerts/topics/rec/../rec?x=%20y&z"),
        ("GET", "/alerts/topics?pattern=rec"),
        ("GET", "/alerts/topics?pattern=[^m]*&min-level=i"),
        ("GET", "/alerts/topics?pattern=x%zz&pattern=r??"),
        ("GET", "/alerts/topics?pattern=nope"),
        ("GET", "/alerts/topics?pattern=a["),
        ("GET", "/alerts/topics?min-level=none"),
        ("HEAD", "/alerts/topics"),
        ("POST", "/alerts/topics"),
        ("GET", "/alerts/topics/"),
        ("GET", "/alerts/topics/rec"),
        ("GET", "/alerts/topics/rec/"),
        ("GET", "/alerts/topics/nope"),
        ("GET", "/alerts/topics/no%22pe%0a%01%C3%A9"),
        ("HEAD", "/alerts/topics/rec"),
        ("GET", "/alerts/topics/rec/events"),
        ("GET", "/alerts/topics/rec/events?min-level=OK"),
        ("GET", "/alerts/topics/rec/events?min-level=x"),
        ("GET", "/alerts/topics/nope/events"),
        ("GET", "/alerts/topics/nope/events?min-level=1"),
        ("GET", "/alerts/topics/rec/events/"),
        ("GET", "/alerts/topics/rec/events/a"),
        ("GET", "/alerts/topics/rec/events/b%20c"),
        ("GET", "/alerts/topics/rec/events/per%2525cent%3C%26%3E"),
        ("GET", "/alerts/topics/rec/events/%C3%BCn%C3%AF"),
        ("GET", "/alerts/topics/rec/events/nope"),
        ("GET", "/alerts/topics/nope/events/a%09b"),
        ("GET", "/alerts/topics/rec/handlers"),
        ("GET", "/alerts/topics/rec/handlers?pattern=h*"),
        ("GET", "/alerts/topics/rec/handlers?pattern=x"),
        ("GET", "/alerts/topics/rec/handlers?pattern=["),
        ("GET", "/alerts/topics/nope/handlers"),
        ("GET", "/alerts/topics/rec/handlers/h1"),
        ("GET", "/alerts/topics/rec/handlers/nope"),
    ] {
        for packed in ["", "Accept-Encoding: gzip\r\n"] {
            let target = format!("{BASE}{path}");
            let [mut ours, mut theirs] = [ours, theirs].map(|address| ask(address, method, &target, packed, ""));
            if theirs.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
                // Not packed alike; and theirs says of an answer without a body that it is packed.
                for answer in [&mut ours, &mut theirs] {
                    answer.headers.remove("content-length");
                    if answer.body.is_empty() {
                        answer.headers.remove("content-encoding");
                    }
                }
            }
            if ours.body.starts_with(b"{\n    \"link\"") {
                // The level of a topic is right only here.
                let mut right = sorted(&theirs);
                let mut corrected = false;
                for topic in right.get_mut("topics").and_then(Value::as_array_mut).into_iter().flatten() {
                    (topic["level"], corrected) = ("CRITICAL".into(), true);
                }
                if right.get("level").is_some() {
                    (right["level"], corrected) = ("CRITICAL".into(), true);
                }
                assert_eq!(ours.json(), right, "{target}");
                if corrected {
                    theirs.headers.remove("content-length");
                    ours.headers.remove("content-length");
                } else {
                    assert_eq!(ours.body.len(), theirs.body.len(), "{target}");
                }
                ours.body.clear();
                theirs.body.clear();
            }
            assert_eq!(ours, theirs, "{method} {target} {packed}");
            compared += 1;
        }
    }
    // The filter by level, against theirs applied to all that they have.
    let list = |address, level: &str| {
        sorted(&ask(address, "GET", &format!("{BASE}/alerts/topics/rec/events?min-level={level}"), "", ""))
    };
    let all = list(theirs, "OK");
    for (rank, level) in ["OK", "INFO", "WARNING", "CRITICAL"].iter().enumerate() {
        let order = ["OK", "INFO", "WARNING", "CRITICAL"];
        let mut right = all.clone();
        let worse = |event: &Value| order.iter().position(|word| event["state"]["level"] == *word).unwrap() >= rank;
        right["events"].as_array_mut().unwrap().retain(worse);
        assert_eq!(list(ours, level), right, "{level}");
        compared += 1;
    }
    compared
}
