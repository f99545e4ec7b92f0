//! What the integration tests share: a whole kaptap on free addresses, in this process or as a child, and a client.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use crate::wait_support::{wait_until, wait_until_async};
use kaptap::app::{Addresses, App};
use kaptap::config::{self, Config, Flags};
use kaptap::intake::Intake;
use kaptap::journal::{Disk, Storage};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longest wait for anything; only a test that has failed already comes near it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Where the recordings are.
pub fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

/// A configuration in a directory of its own, on a free port, with more TOML if need be.
pub fn configuration(directory: &Path, more: &str) -> Config {
    let flags = Flags {
        data_dir: Some(directory.join("data").to_string_lossy().into_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
    };
    match config::load(Some(more), "test.toml", &[], &flags) {
        Ok(config) => config,
        Err(errors) => panic!("{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// A whole kaptap in this process.
pub struct Kaptap {
    pub addresses: Addresses,
    pub intake: Intake,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Kaptap {
    /// Starts one in the directory; the same directory again is a restart.
    pub async fn start(directory: &Path, more: &str) -> Self {
        Self::start_on(directory, more, Arc::new(Disk::default())).await
    }

    /// Starts one on a storage that may fail.
    pub async fn start_on(directory: &Path, more: &str, storage: Arc<dyn Storage>) -> Self {
        let app = App::bind_on(configuration(directory, more), storage).await.unwrap_or_else(|e| panic!("{e:?}"));
        let (addresses, intake, stop) = (app.addresses().clone(), app.intake().clone(), CancellationToken::new());
        let until = stop.clone();
        let running = tokio::spawn(async move { app.run(until).await.unwrap() });
        Self { addresses, intake, stop, running }
    }

    /// Stops it as SIGTERM does.
    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }

    /// All events, or those of a query such as `&filter=…`.
    pub async fn events(&self, query: &str) -> Vec<Value> {
        let address = self.addresses.http;
        let path = format!("/v1/events?since=0{query}");
        tokio::task::spawn_blocking(move || lines(address, &path)).await.unwrap()
    }

    /// All events once `enough` of them says so.
    pub async fn events_when(&self, query: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        wait_until_async("events say so", async || {
            let events = self.events(query).await;
            if enough(&events) { Ok(events) } else { Err((events.len(), events.last().cloned())) }
        })
        .await
    }
}

/// A whole kaptap as a process of its own.
pub struct Process {
    child: Child,
    pub http: SocketAddr,
    pub directory: PathBuf,
}

impl Process {
    /// Starts one in the directory and waits until it is ready. The port is chosen by the first start and kept.
    pub fn start(directory: &Path, http: Option<SocketAddr>) -> Self {
        Self::start_with(directory, http, "")
    }

    /// Starts one with more TOML.
    pub fn start_with(directory: &Path, http: Option<SocketAddr>, more: &str) -> Self {
        let http = http.unwrap_or_else(free_address);
        let configuration = directory.join("kaptap.toml");
        std::fs::write(&configuration, more).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_kaptap"))
            .arg("--config")
            .arg(&configuration)
            .arg("--data-dir")
            .arg(directory.join("data"))
            .args(["--listen", &http.to_string(), "run"])
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::options().create(true).append(true).open(directory.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut process = Self { child, http, directory: directory.to_owned() };
        process.wait_ready();
        process
    }

    fn wait_ready(&mut self) {
        wait_until("kaptap is ready", || {
            if get(self.http, "/readyz").is_some_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("kaptap ended with {status}: {}", self.log());
            }
            Err(self.log())
        });
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    pub fn stream_socket(&self) -> PathBuf {
        self.directory.join("data/stream.sock")
    }

    pub fn batch_socket(&self) -> PathBuf {
        self.directory.join("data/batch.sock")
    }

    /// Kills it as the kernel does.
    pub fn kill(mut self) -> SocketAddr {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.http
    }

    /// Memory that it has taken for itself and that is resident, bytes. Without the pages of the program file, of which a
    /// debug build has several times as many as what is shipped.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
    }

    /// Runs a command against it and a Kapacitor at this URL; exit code, standard output and standard error.
    pub fn command(&self, url: &str, words: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_kaptap"))
            .args(words)
            .args(["--url", url])
            .args(["--listen", &self.http.to_string(), "--data-dir", "data"])
            .current_dir(&self.directory)
            .env_remove("KAPTAP_URL")
            .env_remove("KAPTAP_TOKEN")
            .env_remove("KAPTAP_CONFIG")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    pub fn events(&self, query: &str) -> Vec<Value> {
        lines(self.http, &format!("/v1/events?since=0{query}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed must not leave it behind; one that is gone already is no matter.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An alert as Kapacitor posts it.
pub fn alert_body(id: &str, level: &str, previous: &str, second: u64) -> Vec<u8> {
    let time = format!("2026-11-22T{:02}:{:02}:{:02}Z", second / 3600 % 24, second / 60 % 60, second % 60);
    format!(
        "{{\"id\":\"{id}\",\"message\":\"{id} is {level}\",\"details\":\"\",\"time\":\"{time}\",\"duration\":0,\"level\":\"{level}\",\
         \"data\":{{\"series\":[{{\"name\":\"cpu\",\"tags\":{{\"host\":\"web-1\"}},\"columns\":[\"time\",\"v\"],\
         \"values\":[[\"{time}\",{second}]]}}]}},\"previousLevel\":\"{previous}\",\"recoverable\":true}}\n"
    )
    .into_bytes()
}

/// An address nobody listens on now.
pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One GET on a connection of its own: status and body. `None` when nobody answers.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let status = std::str::from_utf8(&answer[..head]).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer.split_off(head + 4)))
}

/// The JSON lines of a GET, but for what kaptap says of its own starts and stops.
pub fn lines(address: SocketAddr, path: &str) -> Vec<Value> {
    let (status, body) = get(address, path).unwrap_or_else(|| panic!("no answer to {path}"));
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line))))
        .filter(|event: &Value| event["system"]["what"] != "started" && event["system"]["what"] != "stopped")
        .collect()
}
