//! `kaptap setup` and `kaptap doctor` against a real kapacitord: its path in `KAPACITORD`; without it these tests say
//! so and pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what it found by failing"
)]

mod support;
mod wait_support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use support::{PATIENCE, Process, free_address};
use wait_support::wait_until;

/// A real kapacitord in a directory, until it is dropped.
struct Kapacitord {
    child: Child,
    http: SocketAddr,
}

impl Kapacitord {
    fn start(program: &str, directory: &Path, http: SocketAddr, more: &str) -> Self {
        let inside = |name: &str| directory.join("kapacitor").join(name).display().to_string();
        std::fs::create_dir_all(directory.join("kapacitor")).unwrap();
        let conf = format!(
            "hostname = \"localhost\"\ndata_dir = {:?}\n[http]\n  bind-address = \"{http}\"\n  log-enabled = false\n\
             [logging]\n  file = {:?}\n[replay]\n  dir = {:?}\n[task]\n  dir = {:?}\n[storage]\n  boltdb = {:?}\n\
             [load]\n  enabled = false\n[reporting]\n  enabled = false\n[[influxdb]]\n  enabled = false\n{more}",
            inside(""),
            inside("log"),
            inside("replay"),
            inside("tasks"),
            inside("db"),
        );
        let path = directory.join("kapacitor.conf");
        std::fs::write(&path, conf).unwrap();
        let child = Command::new(program)
            .arg("-config")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let kapacitord = Self { child, http };
        wait_until("kapacitord listens", || TcpStream::connect(http));
        kapacitord
    }

    /// Asks its API; the body of an answer that is a success.
    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: k\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.split(' ').nth(1).unwrap().starts_with('2'), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    fn define(&self, id: &str, script: &str) {
        let dbrps = json!([{"db": "t", "rp": "autogen"}]);
        let task = json!({"id": id, "type": "stream", "dbrps": dbrps, "script": script, "status": "enabled"});
        self.ask("POST", "/kapacitor/v1/tasks", &task.to_string());
    }

    fn write(&self, lines: &str) {
        self.ask("POST", "/write?db=t&rp=autogen", lines);
    }

    fn topics(&self) -> Vec<Value> {
        self.ask("GET", "/kapacitor/v1/alerts/topics", "")["topics"].as_array().unwrap().clone()
    }

    /// Waits until a topic has collected so many events.
    fn collected(&self, topic: &str, count: i64) {
        let enough = |known: &Value| known["id"] == topic && known["collected"].as_i64() >= Some(count);
        wait_until(&format!("topic {topic} has collected {count}"), || {
            let topics = self.topics();
            if topics.iter().any(enough) { Ok(()) } else { Err(topics) }
        });
    }
}

impl Drop for Kapacitord {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Path of the program; says so when there is none.
fn program() -> Option<String> {
    let program = std::env::var("KAPACITORD").ok().filter(|path| !path.is_empty());
    if program.is_none() {
        std::io::stderr().write_all(b"\nSKIPPED, NOT TESTED: KAPACITORD does not say where a kapacitord is\n").ok();
    }
    program
}

fn kaptap(kapacitord: &Kapacitord, process: &Process, words: &[&str]) -> (i32, String, String) {
    process.command(&format!("http://{}", kapacitord.http), words)
}

/// The findings worse than fine: severity and check.
fn findings(kapacitord: &Kapacitord, process: &Process) -> (i32, Vec<(String, String)>) {
    let (code, shown, talk) = kaptap(kapacitord, process, &["doctor", "--json"]);
    assert_eq!(talk, "");
    let all = shown.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let worse = all.filter(|finding| finding["severity"] != "fine");
    (code, worse.map(|finding| (text(&finding, "severity"), text(&finding, "check"))).collect())
}

fn alerts_when(process: &Process, count: usize) -> Vec<Value> {
    wait_until(&format!("{count} alerts came"), || {
        let alerts = process.events("&filter=kind%20%3D%3D%20%22alert%22");
        if alerts.len() >= count { Ok(alerts) } else { Err(alerts) }
    })
}

const ALERT: &str = "stream|from().measurement('m').groupBy('host')|alert().crit(lambda: \"v\" > 10)";

#[test]
fn alerts_come_by_handlers_that_were_set_up_and_nothing_is_left() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path(), None);
    let http = free_address();
    let kapacitord = Kapacitord::start(&program, directory.path(), http, "");
    let log = directory.path().join("alerts.log");
    kapacitord.define("named", &format!("{ALERT}.id('{{{{ .TaskName }}}}:{{{{ .Group }}}}').topic('cpu')"));
    kapacitord
        .define("inline", &format!("{ALERT}.id('{{{{ .TaskName }}}}:{{{{ .Group }}}}').log('{}')", log.display()));

    // The topic comes with its first event, so it is set up before.
    let (code, shown, talk) =
        kaptap(&kapacitord, &process, &["setup", "--topic", "cpu", "--unseen", "--task", "inline"]);
    assert_eq!((code, talk.as_str()), (0, ""), "{shown}");
    assert!(shown.contains("a post arrived") && shown.matches("added").count() == 2, "{shown}");
    kapacitord.write("m,host=a v=20");
    let mut topics: Vec<_> = alerts_when(&process, 2).iter().map(|alert| alert["origin"]["topic"].clone()).collect();
    topics.sort_by_key(ToString::to_string);
    assert_eq!(topics, ["cpu", "main:inline:alert2"]);

    let before = kapacitord.ask("GET", "/kapacitor/v1/alerts/topics/cpu/handlers", "");
    let (code, shown, _) = kaptap(&kapacitord, &process, &["setup", "--topic", "cpu", "--task", "inline"]);
    assert!(code == 0 && shown.matches("as it was").count() == 2, "{shown}");
    assert_eq!(kapacitord.ask("GET", "/kapacitor/v1/alerts/topics/cpu/handlers", ""), before);
    let (code, found) = findings(&kapacitord, &process);
    assert_eq!((code, found), (0, Vec::new()), "nothing is wrong here");

    // Over a restart of Kapacitor and a reload of the task.
    drop(kapacitord);
    let kapacitord = Kapacitord::start(&program, directory.path(), http, "");
    for status in ["disabled", "enabled"] {
        kapacitord.ask("PATCH", "/kapacitor/v1/tasks/inline", &json!({ "status": status }).to_string());
    }
    kapacitord.write("m,host=b v=20");
    assert_eq!(alerts_when(&process, 4).len(), 4);

    let (code, shown, _) = kaptap(&kapacitord, &process, &["setup", "--all-topics", "--remove"]);
    assert!(code == 0 && shown.matches("removed").count() >= 2, "{shown}");
    for topic in ["cpu", "main:inline:alert2"] {
        let left = kapacitord.ask("GET", &format!("/kapacitor/v1/alerts/topics/{topic}/handlers"), "");
        assert_eq!(left["handlers"], json!([]), "{topic}");
    }
}

#[test]
fn the_doctor_names_every_fault_that_was_planted() {
    let Some(program) = program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let process = Process::start(directory.path(), None);
    let udf = format!(
        "[udf.functions.kaptap]\n  socket = {:?}\n  timeout = \"4s\"\n[[slack]]\n  enabled = false\n  url = \"http://127.0.0.1:9/\"\n  \
         default = true\n  \
         global = true\n  state-changes-only = true\n",
        process.stream_socket()
    );
    let kapacitord = Kapacitord::start(&program, directory.path(), free_address(), &udf);
    let nobody = free_address();
    kapacitord.define("slow_post", &format!("{ALERT}.post('http://{nobody}/v1/alerts/slow')"));
    kapacitord.define("slow_rows", &format!("stream|from().measurement('x')|httpPost('http://{nobody}/v1/rows/x')"));
    kapacitord.define("one", "stream|from().measurement('y')|alert().crit(lambda: \"v\" > 10).topic('y')");
    kapacitord.define("shared_1", &format!("{ALERT}.topic('shared')"));
    kapacitord.define("shared_2", &format!("{ALERT}.topic('shared')"));
    kapacitord.define("points", "stream|from().measurement('m')@kaptap()");
    let bad = json!({"id": "short", "kind": "post", "options": {"url": "http://127.0.0.1:9/", "timeout": 10}});
    kapacitord.ask("POST", "/kapacitor/v1/alerts/topics/shared/handlers", &bad.to_string());
    let left = json!({"id": "kaptap", "kind": "post",
        "options": {"url": format!("http://{}/v1/alerts/x", process.http), "timeout": 10_000_000_000_i64}});
    kapacitord.ask("POST", "/kapacitor/v1/alerts/topics/main:gone:alert2/handlers", &left.to_string());
    // Kapacitor's order of events is none: what is left is a WARNING, and it says OK.
    let level = "stream|from().measurement('w').groupBy('host')|alert().id('{{ .Group }}').warn(lambda: \"v\" > 5).crit(lambda: \"v\" > 10).topic('wrong')";
    kapacitord.define("wrong", level);
    for (lines, count) in [("w,host=b v=20", 1), ("w,host=a v=20", 2), ("w,host=a v=1", 3), ("w,host=b v=7", 4)] {
        kapacitord.write(lines);
        kapacitord.collected("wrong", count);
    }
    // The time limit of a UDF is known once Kapacitor has asked twice for a sign of life.
    let found = wait_until("the time limit of the UDF is known", || {
        let (code, found) = findings(&kapacitord, &process);
        assert_eq!(code, 1);
        let known = found.contains(&("warning".to_owned(), "udf_timeout".to_owned()));
        if known { Ok(found) } else { Err(found) }
    });
    let expected = [
        ("broken", "handler"),
        ("broken", "handler_timeout"),
        ("warning", "udf_timeout"),
        ("warning", "post_timeout"),
        ("warning", "http_post_timeout"),
        ("warning", "alert_id"),
        ("warning", "group_by"),
        ("warning", "state_changes_only"),
        ("warning", "tap_left"),
        ("warning", "topic_level"),
    ];
    for (severity, check) in expected {
        assert!(found.contains(&(severity.to_owned(), check.to_owned())), "{severity} {check} is not in {found:?}");
    }
    // A lost connection: what it says before and after its next point.
    let http = process.kill();
    let process = Process::start(directory.path(), Some(http));
    let (_, found) = findings(&kapacitord, &process);
    assert!(found.contains(&("broken".to_owned(), "udf_connected".to_owned())), "{found:?}");
    kapacitord.write("m,host=a v=1");
    wait_until("the task without a connection has ended", || {
        let (_, found) = findings(&kapacitord, &process);
        if found.contains(&("broken".to_owned(), "dead_task".to_owned())) {
            return Ok(());
        }
        kapacitord.write("m,host=a v=1");
        Err(found)
    });
}
