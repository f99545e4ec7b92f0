//! A real nats-server with what tests ask it, and `kaptap tail --nats` as a process.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use crate::peers::{Daemon, PATIENCE, free_address, nats_server};
use crate::wait_support::wait_until_async;
use async_nats::jetstream::{self, stream};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A server in a directory of its own.
pub(crate) struct Server {
    directory: TempDir,
    pub(crate) address: SocketAddr,
    daemon: Option<Daemon>,
}

impl Server {
    /// Starts one; nothing where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
        let daemon = Some(nats_server(directory.path(), address, "")?);
        Some(Self { directory, address, daemon })
    }

    /// Kills it as the kernel does.
    pub(crate) fn kill(&mut self) {
        self.daemon.take().unwrap().kill();
    }

    /// Starts it again.
    pub(crate) fn revive(&mut self) {
        self.daemon = nats_server(self.directory.path(), self.address, "");
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// TOML of a sink that publishes here, with short waits.
    pub(crate) fn sink(&self, more: &str) -> String {
        format!(
            "[[sink]]\nname = \"nats\"\ntype = \"nats\"\nurl = \"{}\"\nkinds = [\"alert\"]\nbatch_age = \"1ms\"\n\
             retry_min = \"10ms\"\nretry_max = \"100ms\"\ntimeout = \"3s\"\n{more}\n",
            self.url()
        )
    }

    /// TOML of a kaptap that reads here.
    pub(crate) fn read(&self) -> String {
        format!("[read]\nfrom = \"nats\"\n[read.nats]\nurl = \"{}\"\n", self.url())
    }

    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(async_nats::connect(self.address.to_string()).await.unwrap())
    }

    pub(crate) async fn create(&self, duplicate_window: Duration) {
        let config = stream::Config {
            name: "KAPTAP".to_owned(),
            subjects: vec!["kaptap.>".to_owned()],
            duplicate_window,
            ..stream::Config::default()
        };
        self.jetstream().await.create_stream(config).await.unwrap();
    }

    /// The events in the stream, as they were published.
    pub(crate) async fn stored(&self) -> Vec<Value> {
        let Ok(mut stream) = self.jetstream().await.get_stream("KAPTAP").await else { return Vec::new() };
        let state = stream.info().await.unwrap().state.clone();
        let mut found = Vec::new();
        for sequence in state.first_sequence.max(1)..=state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            found.extend(serde_json::from_slice::<Value>(&message.payload));
        }
        found
    }

    /// The events in the stream, once there are so many.
    pub(crate) async fn stores(&self, count: usize) -> Vec<Value> {
        wait_until_async(&format!("{count} events are in the stream"), async || {
            let stored = self.stored().await;
            if stored.len() >= count { Ok(stored) } else { Err(stored.len()) }
        })
        .await
    }
}

/// The command line program.
pub(crate) fn kaptap(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaptap"));
    command.args(arguments).env_clear().env("TZ", "UTC");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end: exit code, lines of standard output, standard error.
pub(crate) async fn run(arguments: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let mut command = kaptap(arguments);
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let lines = String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect();
    (status.code(), lines, String::from_utf8(stderr).unwrap())
}

/// A `tail` that follows.
pub(crate) struct Tail {
    child: Child,
    lines: Option<Lines<BufReader<ChildStdout>>>,
}

impl Tail {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = kaptap(arguments).spawn().unwrap();
        let lines = Some(BufReader::new(child.stdout.take().unwrap()).lines());
        Self { child, lines }
    }

    /// The next so many lines.
    pub(crate) async fn lines(&mut self, count: usize) -> Vec<String> {
        let mut lines = self.lines.take().unwrap();
        let reading = tokio::task::spawn_blocking(move || {
            let found = lines.by_ref().take(count).map(Result::unwrap).collect::<Vec<_>>();
            (lines, found)
        });
        let (lines, found) = tokio::time::timeout(PATIENCE, reading).await.expect("tail prints too little").unwrap();
        self.lines = Some(lines);
        assert_eq!(found.len(), count, "tail ended: {found:?}");
        found
    }

    /// Interrupts it; what else it printed, and what it said.
    pub(crate) fn end(mut self) -> (Vec<String>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.lines.take().unwrap().map(Result::unwrap).collect(), said)
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // A test that failed must not leave it behind; one that is gone already is no matter.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
