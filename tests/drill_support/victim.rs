//! The kaptap that things are done to: a process of its own.

use crate::support;
use crate::wait_support::wait_until_async;
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
    /// One that was not started yet. Everything it has is in the directory, and the configuration may say so relatively.
    pub(crate) fn new(directory: &Path, config: &str) -> Self {
        std::fs::write(directory.join("kaptap.toml"), config).unwrap();
        let (killed_early, slowest_start) = (0, Duration::ZERO);
        let http = support::free_address();
        Self { directory: directory.to_owned(), http, child: None, is_ready: false, killed_early, slowest_start }
    }

    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.directory.join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaptap"));
        // What is said to the test is not for kaptap, which would take it for settings of its own.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("KAPTAP_")) {
            command.env_remove(name);
        }
        let child = command
            .args(["--config", "kaptap.toml", "--data-dir", "data", "--listen", &self.http.to_string(), "run"])
            .current_dir(&self.directory)
            .env("KAPTAP_LOG", "warn")
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
        let took = wait_until_async("kaptap is ready", async || {
            let ready = tokio::task::spawn_blocking(move || support::get(http, "/readyz")).await.unwrap();
            let (child, started) = self.child.as_mut().unwrap();
            if ready.is_some_and(|(status, _)| status == 200) {
                return Ok(started.elapsed());
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "kaptap ended with {ended:?}: {}", self.log());
            Err(self.log())
        })
        .await;
        self.slowest_start = self.slowest_start.max(took);
        self.is_ready = true;
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

    /// Asks it to read its configuration again.
    pub(crate) fn hang_up(&self) {
        let (child, _) = self.child.as_ref().unwrap();
        let told = Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
        assert!(told.success());
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
