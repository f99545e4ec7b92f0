//! The kaptap that is killed: a process of its own with three sinks.

use crate::support::{self, PATIENCE};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Victim {
    directory: PathBuf,
    pub(crate) http: SocketAddr,
    child: Option<(Child, Instant)>,
    is_ready: bool,
    /// Starts that were killed before anybody had seen them ready.
    pub(crate) killed_early: u64,
    /// Longest time from the start of the process to its being ready, where that was waited for.
    pub(crate) slowest_start: Duration,
}

impl Victim {
    pub(crate) fn new(directory: &Path, webhook: SocketAddr, nats: Option<SocketAddr>) -> Self {
        // Short waits, so that much happens between two kills; small files, so that they are rotated often.
        let waits = "start = \"beginning\"\nbatch_age = \"5ms\"\nretry_min = \"10ms\"\nretry_max = \"200ms\"\n";
        let archive = directory.join("archive");
        std::fs::create_dir(&archive).unwrap();
        let mut config = format!(
            "[journal]\nsegment_bytes = \"4MiB\"\nmax_bytes = \"64GiB\"\n\
             [[sink]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://{webhook}/hook\"\ntimeout = \"2s\"\n{waits}\
             [[sink]]\nname = \"archive\"\ntype = \"file\"\npath = \"{}\"\nrotate_bytes = \"512KiB\"\nkeep_files = 100000\n\
             gzip = true\n{waits}",
            archive.join("events.ndjson").display()
        );
        if let Some(nats) = nats {
            config.push_str(&format!("[[sink]]\nname = \"stream\"\ntype = \"nats\"\nurl = \"nats://{nats}\"\n{waits}"));
        }
        std::fs::write(directory.join("kaptap.toml"), config).unwrap();
        let (killed_early, slowest_start) = (0, Duration::ZERO);
        let http = support::free_address();
        Self { directory: directory.to_owned(), http, child: None, is_ready: false, killed_early, slowest_start }
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.directory.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_kaptap"))
            .args(["--config", "kaptap.toml", "--data-dir", "data", "--listen", &self.http.to_string(), "run"])
            .current_dir(&self.directory)
            .env("KAPTAP_LOG", "warn")
            .env_remove("KAPTAP_KILL_CYCLES")
            .env_remove("KAPTAP_KILL_SEED")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some((child, Instant::now()));
        self.is_ready = false;
    }

    pub(crate) async fn wait_ready(&mut self) {
        let http = self.http;
        loop {
            let (child, started) = self.child.as_mut().unwrap();
            let ready = tokio::task::spawn_blocking(move || support::get(http, "/readyz")).await.unwrap();
            if ready.is_some_and(|(status, _)| status == 200) {
                self.slowest_start = self.slowest_start.max(started.elapsed());
                self.is_ready = true;
                return;
            }
            let ended = child.try_wait().unwrap();
            let took = started.elapsed();
            assert!(ended.is_none(), "kaptap ended with {ended:?}: {}", self.log());
            assert!(took < PATIENCE, "not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Kills it as the kernel does; it must not have ended by itself.
    pub(crate) fn kill(&mut self) {
        let (mut child, _) = self.child.take().unwrap();
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "kaptap ended with {ended:?}: {}", self.log());
        child.kill().unwrap();
        child.wait().unwrap();
        self.killed_early += u64::from(!self.is_ready);
    }

    /// Waits until every sink has everything.
    pub(crate) async fn wait_delivered(&self) {
        let (mut moved, mut before) = (Instant::now(), Vec::new());
        loop {
            let http = self.http;
            let answer = tokio::task::spawn_blocking(move || support::get(http, "/v1/sinks")).await.unwrap();
            let sinks: Vec<Value> = serde_json::from_slice(&answer.expect("it answers").1).unwrap();
            let lag: Vec<_> = sinks.iter().map(|sink| sink["lag"]["events"].as_u64().unwrap()).collect();
            assert!(sinks.iter().all(|sink| sink["parked"] == 0), "nothing may be parked: {sinks:?}");
            if lag.iter().all(|lag| *lag == 0) {
                return;
            }
            if lag != before {
                (moved, before) = (Instant::now(), lag);
            }
            assert!(moved.elapsed() < PATIENCE, "nothing moves any more: {sinks:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn stream_socket(&self) -> PathBuf {
        self.directory.join("data/stream.sock")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // A test that failed must not leave it behind.
        if let Some((mut child, _)) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
