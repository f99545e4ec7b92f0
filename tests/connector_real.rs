//! Reconciliation and the medic against a real kapacitord; without one (environment `KAPACITORD`) the
//! tests say so and pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod wait_support;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use wait_support::wait_until;

/// Nothing takes that long unless something is broken.
const WATCHDOG: Duration = Duration::from_mins(1);
const BEGIN: i64 = 1_795_353_827_000_000_000;

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One request; status and body, or nothing when nobody is there.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// A kapacitord and a kaptap that know each other.
struct Scene {
    directory: tempfile::TempDir,
    kapacitor: SocketAddr,
    kaptap: SocketAddr,
    time: i64,
    running: Option<Process>,
    /// Ends with the scene, before the directory does.
    kapacitord: Option<Process>,
}

impl Scene {
    fn new(kapacitord: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (kapacitor, kaptap) = (free_address(), free_address());
        let path = directory.path().display();
        let socket = directory.path().join("s.sock");
        let ours = format!(
            "data_dir = \"{path}/data\"\n[http]\nlisten = \"{kaptap}\"\n[udf]\nstream_socket = \"{}\"\n[[kapacitor]]\n\
             name = \"k\"\nurl = \"http://{kapacitor}\"\npoll = \"1s\"\npoll_tasks = \"1s\"\nmedic = true\n\
             medic_backoff = \"1s\"\n",
            socket.display()
        );
        std::fs::write(directory.path().join("kaptap.toml"), ours).unwrap();
        let theirs = format!(
            "hostname = \"localhost\"\ndata_dir = \"{path}/k\"\n[http]\nbind-address = \"{kapacitor}\"\n[logging]\n\
             file = \"{path}/k.log\"\nlevel = \"ERROR\"\n[replay]\ndir = \"{path}/replay\"\n[storage]\n\
             boltdb = \"{path}/k.db\"\n[reporting]\nenabled = false\n[load]\nenabled = false\n[stats]\n\
             enabled = false\n[[influxdb]]\nenabled = false\n[udf.functions.kaptap]\nsocket = \"{}\"\ntimeout = \"10s\"\n",
            socket.display()
        );
        std::fs::write(directory.path().join("k.conf"), theirs).unwrap();
        let mut scene = Self { directory, kapacitor, kaptap, time: BEGIN, running: None, kapacitord: None };
        scene.start();
        let arguments = ["-config".into(), scene.path("k.conf").into_os_string()];
        scene.kapacitord = Some(run(Path::new(kapacitord), &arguments));
        wait_until("kapacitord", || {
            ask(kapacitor, "GET", "/kapacitor/v1/ping", "").filter(|(status, _)| *status == 204)
        });
        scene
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn start(&mut self) {
        let arguments = ["run".into(), "--config".into(), self.path("kaptap.toml").into_os_string()];
        self.running = Some(run(Path::new(env!("CARGO_BIN_EXE_kaptap")), &arguments));
        let kaptap = self.kaptap;
        wait_until("kaptap", || ask(kaptap, "GET", "/readyz", "").filter(|(status, _)| *status == 200));
    }

    /// As with kill -9.
    fn kill(&mut self) {
        self.running = None;
    }

    fn api(&self, method: &str, path: &str, body: &str) -> String {
        let (status, answer) = ask(self.kapacitor, method, &format!("/kapacitor/v1{path}"), body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    fn define(&self, id: &str, script: &str) {
        let task = json!({"id": id, "type": "stream", "script": script, "status": "enabled"});
        self.api("POST", "/tasks", &task.to_string());
    }

    fn write(&mut self, host: usize, value: u32) {
        self.time += 1_000_000_000;
        let point = format!("cpu,host=h{host} v={value} {}\n", self.time);
        self.api("POST", "/write?db=d&rp=r&precision=ns", &point);
    }

    fn task(&self, id: &str) -> Value {
        serde_json::from_str(&self.api("GET", &format!("/tasks/{id}"), "")).unwrap()
    }

    fn events(&self) -> Vec<Value> {
        let (_, body) = ask(self.kaptap, "GET", "/v1/events?since=0", "").unwrap();
        body.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn run(program: &Path, arguments: &[std::ffi::OsString]) -> Process {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Process(command.spawn().unwrap())
}

/// Levels that are not OK, by id.
fn firing(body: &str) -> BTreeMap<String, String> {
    let topic: Value = serde_json::from_str(body).unwrap_or_default();
    let events = topic["events"].as_array().cloned().unwrap_or_default();
    let levels = events
        .iter()
        .map(|event| (event["id"].as_str().unwrap().to_owned(), event["state"]["level"].as_str().unwrap().to_owned()));
    levels.filter(|(_, level)| level != "OK").collect()
}

/// The real kapacitord, if there is one.
fn kapacitord() -> Option<String> {
    let found = std::env::var("KAPACITORD").ok();
    if found.is_none() {
        // Not by `eprintln!`, which is not shown for a test that passes.
        std::io::stderr().write_all(b"\nSKIPPED, NOT TESTED: KAPACITORD does not say where a kapacitord is\n").ok();
    }
    found
}

#[test]
fn what_was_not_posted_is_recovered() {
    let Some(kapacitord) = kapacitord() else { return };
    let mut scene = Scene::new(&kapacitord);
    scene.define(
        "t",
        &format!(
            "dbrp \"d\".\"r\"\nstream\n    |from()\n        .measurement('cpu')\n        .groupBy('host')\n    |alert()\n        \
             .crit(lambda: \"v\" > 90)\n        .warn(lambda: \"v\" > 70)\n        .stateChangesOnly()\n        .topic('rec')\n        \
             .post('http://{}/v1/alerts/rec')\n            .header('X-Kapacitor-Topic', 'rec')\n",
            scene.kaptap
        ),
    );
    for (step, value) in [80, 95, 10, 95, 80, 10, 95, 95, 10, 80].into_iter().enumerate() {
        if step == 3 {
            wait_until("a POST", || scene.events().iter().any(|event| event["origin"]["lane"] == "post").then_some(()));
            scene.kill();
        }
        for host in 0..5 {
            scene.write(host, if host % 2 == 0 { value } else { 105 - value });
        }
    }
    // All that came after the third step was posted to nobody. The last point has a host of its own, to be known by.
    scene.write(7, 95);
    wait_until("the last state", || {
        let theirs = firing(&scene.api("GET", "/alerts/topics/rec/events", ""));
        theirs.contains_key("cpu:host=h7").then_some(())
    });
    scene.start();
    wait_until("the same levels", || {
        let theirs = firing(&scene.api("GET", "/alerts/topics/rec/events", ""));
        let (_, body) = ask(scene.kaptap, "GET", "/kapacitor/v1/alerts/topics/rec/events", "")?;
        (theirs.len() == 4 && theirs == firing(&body)).then_some(())
    });
    // Handlers are read after the first look at the topics.
    wait_until("the loss", || {
        let (_, loss) = ask(scene.kaptap, "GET", "/v1/kapacitor/k/loss", "")?;
        let loss: Value = serde_json::from_str(&loss).ok()?;
        let topic = loss["loss"]["topics"].as_array()?.iter().find(|topic| topic["topic"] == "rec")?.clone();
        (topic["verdict"] == "told" && topic["recovered"].as_u64()? > 0).then_some(())
    });
}

#[test]
fn the_medic_treats_what_lost_its_connection_and_nothing_else() {
    let Some(kapacitord) = kapacitord() else { return };
    let mut scene = Scene::new(&kapacitord);
    scene.define("ours", "dbrp \"d\".\"r\"\nstream\n    |from()\n        .measurement('cpu')\n    @kaptap()\n");
    // Dies of its template with the first point.
    scene.define(
        "other",
        "dbrp \"d\".\"r\"\nstream\n    |from()\n        .measurement('cpu')\n    |alert()\n        .crit(lambda: TRUE)\n        \
         .message('{{ index .Tags \"a\" \"b\" }}')\n        .log('/dev/null')\n",
    );
    scene.write(0, 1);
    wait_until("the other task to die", || (scene.task("other")["executing"] == false).then_some(()));
    wait_until("the UDF", || scene.events().iter().any(|event| event["kind"] == "point").then_some(()));
    // That the task is connected is remembered within a second.
    wait_until("its memory", || {
        std::fs::read_to_string(scene.path("data/state/connected.json")).ok()?.contains("\"ours\"").then_some(())
    });
    scene.kill();
    scene.start();
    wait_until("a try of the medic", || {
        scene.write(0, 1);
        scene.events().into_iter().find(|event| event["system"]["what"] == "medic")
    });
    wait_until("the task to run", || (scene.task("ours")["executing"] == true).then_some(()));
    let others = scene.events().into_iter().filter(|event| event["system"]["what"] == "medic");
    assert!(others.into_iter().all(|event| event["system"]["task"] == "ours"));
    assert_eq!(scene.task("other")["status"], "enabled");
    assert_eq!(scene.task("other")["executing"], false);
}
