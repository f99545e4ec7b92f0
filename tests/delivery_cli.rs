//! The commands about sinks, against a kaptap that runs, and SIGHUP as a person sends it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;
mod wait_support;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use support::{free_address, get};
use wait_support::wait_until;

/// A webhook that answers every request with one status.
struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    bodies: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (status, bodies) = (Arc::new(AtomicU16::new(200)), Arc::new(Mutex::new(Vec::new())));
        let (answers, taken) = (Arc::clone(&status), Arc::clone(&bodies));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut head, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head.push_str(&line);
                }
                let mut body = vec![0; length];
                if reader.read_exact(&mut body).is_err() {
                    continue;
                }
                let status = answers.load(Ordering::Relaxed);
                if status == 200 {
                    taken.lock().unwrap().push((head.to_lowercase(), serde_json::from_slice(&body).unwrap()));
                }
                let mut stream = stream;
                drop(write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
            }
        });
        Self { address, status, bodies }
    }

    fn events(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().flat_map(|(_, body)| body.as_array().unwrap().clone()).collect()
    }
}

/// A kaptap with a configuration file.
struct Daemon {
    child: Child,
    http: SocketAddr,
    config: String,
    log: std::path::PathBuf,
}

impl Daemon {
    fn start(directory: &Path, more: &str) -> Self {
        let (http, config) = (free_address(), directory.join("kaptap.toml"));
        let log = directory.join("log");
        write_config(&config, directory, http, more);
        let child = Command::new(env!("CARGO_BIN_EXE_kaptap"))
            .args(["run", "--config", config.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self { child, http, config: config.to_str().unwrap().to_owned(), log };
        wait_until("ready", || get(http, "/readyz").filter(|(status, _)| *status == 200));
        daemon
    }

    /// Runs a command against it; exit code, standard output, standard error.
    fn run(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kaptap"))
            .args(arguments)
            .args(["--config", &self.config])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn hang_up(&self) {
        let killed = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn write_config(path: &Path, directory: &Path, http: SocketAddr, more: &str) {
    let data = directory.join("data");
    std::fs::write(path, format!("data_dir = \"{}\"\n[http]\nlisten = \"{http}\"\n{more}\n", data.display())).unwrap();
}

fn webhook(name: &str, address: SocketAddr, more: &str) -> String {
    format!(
        "[[sink]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"http://{address}/hook\"\nkinds = [\"alert\"]\nbatch_age = \"1ms\"\n\
         retry_min = \"10ms\"\nretry_max = \"50ms\"\n{more}\n"
    )
}

fn alert(id: &str, second: u32) -> String {
    format!(
        r#"{{"id":"{id}","message":"{id} is CRITICAL","details":"","time":"2026-11-22T10:00:{second:02}Z","duration":0,"level":"CRITICAL",
        "previousLevel":"OK","data":{{"series":[]}},"recoverable":true}}"#
    )
}

#[test]
fn sinks_are_listed_parked_tried_replayed_and_changed() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    receiver.status.store(400, Ordering::Relaxed);
    let daemon = Daemon::start(directory.path(), &webhook("ops", receiver.address, ""));
    for second in 0..3 {
        assert_eq!(daemon.run(&["send"], &alert(&format!("id-{second}"), second)).0, 0);
    }
    wait_until("parked", || {
        let (code, listed, talk) = daemon.run(&["parked", "ls", "ops"], "");
        assert_eq!(code, 0, "{talk}");
        (listed.lines().count() == 3).then_some(())
    });
    let (_, listed, _) = daemon.run(&["parked", "ls", "ops"], "");
    let first = listed.lines().next().unwrap();
    assert!(first.contains("CRITICAL id-0") && first.contains("refused"), "{listed}");
    let seq = first.split("  ").next().unwrap();
    let (code, shown, _) = daemon.run(&["parked", "show", "ops", seq], "");
    assert_eq!(
        (code, serde_json::from_str::<Value>(&shown).unwrap()["event"]["alert"]["id"].as_str().unwrap()),
        (0, "id-0")
    );
    let (_, json, _) = daemon.run(&["parked", "ls", "ops", "--json"], "");
    assert!(json.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let (code, table, _) = daemon.run(&["sinks"], "");
    assert!(code == 0 && table.lines().nth(1).unwrap().starts_with("ops   webhook  closed"), "{table}");

    assert_eq!(daemon.run(&["parked", "drop", "ops", seq], "").2, "kaptap: 1 event dropped\n");
    receiver.status.store(200, Ordering::Relaxed);
    assert_eq!(daemon.run(&["parked", "retry", "ops", "--all"], "").2, "kaptap: 2 events are tried again\n");
    wait_until("delivered", || (receiver.events().len() == 2).then_some(()));
    wait_until("off the list", || daemon.run(&["parked", "ls", "ops"], "").1.is_empty().then_some(()));
    let (code, _, talk) = daemon.run(&["parked", "ls", "other"], "");
    assert!(code == 1 && talk.contains("there is no sink of this name"), "{talk}");

    let (code, _, talk) =
        daemon.run(&["replay", "--sink", "ops", "--since", "0", "--filter", "alert.id == \"id-0\""], "");
    assert_eq!((code, talk.as_str()), (0, "kaptap: 1 delivered again, 0 refused and parked\n"));
    let bodies = receiver.bodies.lock().unwrap().clone();
    assert!(bodies.last().unwrap().0.contains("x-kaptap-replay: true"), "{bodies:?}");

    // A faulty configuration is said and changes nothing; a good one is taken over.
    let second = Receiver::start();
    let path = directory.path().join("kaptap.toml");
    write_config(&path, directory.path(), daemon.http, "[[sink]]\nname = \"x\"\n");
    daemon.hang_up();
    wait_until("said", || {
        std::fs::read_to_string(&daemon.log).unwrap().contains("sink.x.type: is missing").then_some(())
    });
    write_config(&path, directory.path(), daemon.http, &webhook("second", second.address, ""));
    daemon.hang_up();
    wait_until("taken over", || daemon.run(&["sinks"], "").1.contains("second").then_some(()));
    assert_eq!(daemon.run(&["send"], &alert("late", 9)).0, 0);
    wait_until("delivered", || (second.events().len() == 1).then_some(()));
    assert_eq!(receiver.events().len(), 3);
}

#[test]
fn a_sink_is_tried_out_without_sending() {
    let directory = tempfile::tempdir().unwrap();
    let receiver = Receiver::start();
    let more = "token = \"hunter2\"\nfilter = 'alert.level == \"WARNING\"'\nlabels = { site = \"berlin\" }";
    let daemon = Daemon::start(directory.path(), &webhook("ops", receiver.address, more));
    let file = directory.path().join("f.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, alert("tried", 1)).unwrap();
    let (code, shown, talk) = daemon.run(&["check", "--sink", "ops", "--event", path], "");
    assert_eq!(code, 0, "{talk}");
    assert!(shown.contains("POST") && shown.contains("\"id\":\"tried\"") && shown.contains("berlin"), "{shown}");
    assert!(shown.contains("\"transition\":\"opened\"") && !shown.contains("hunter2"), "{shown}");
    assert_eq!(talk, "kaptap: event 1 would not be sent: it does not pass the filter\n");

    // What was exported gives the very same event.
    assert_eq!(daemon.run(&["send"], &alert("kept", 2)).0, 0);
    let (_, exported, _) = daemon.run(&["journal", "export", "--raw", "--filter", "kind == \"alert\""], "");
    std::fs::write(&file, &exported).unwrap();
    let (code, shown, talk) = daemon.run(&["check", "--sink", "ops", "--event", path], "");
    let id = serde_json::from_str::<Value>(exported.trim()).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(code == 0 && shown.contains(&id), "{shown} {talk}");
    let (_, exported, _) = daemon.run(&["journal", "export", "--filter", "kind == \"alert\""], "");
    std::fs::write(&file, &exported).unwrap();
    let (code, _, talk) = daemon.run(&["check", "--sink", "ops", "--event", path], "");
    assert!(code == 1 && talk.contains("has no bytes; export it with `kaptap journal export --raw`"), "{talk}");
    std::fs::write(&file, "neither").unwrap();
    assert_eq!(daemon.run(&["check", "--sink", "ops", "--event", path], "").0, 1);
    let (code, _, talk) = daemon.run(&["check", "--sink", "nope", "--event", path], "");
    assert!(code == 2 && talk.contains("there are: ops"), "{talk}");
    assert!(receiver.events().is_empty());
    let (code, summary, _) = daemon.run(&["check"], "");
    assert!(code == 0 && summary.contains("ops (webhook): alert, where alert.level == \"WARNING\""), "{summary}");
}
