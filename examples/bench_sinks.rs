//! What sinks cost: posts beside peers in trouble, and how fast the journal goes out to a webhook and to `JetStream`.
//!
//! `cargo build --release && cargo run --release --example bench_sinks [-- EVENTS SECONDS]` (default 100000 events, and 5 seconds
//! for each round of posts). Needs `nats-server` on the path for `JetStream`; without it that part is left out.
//!
//! Each trouble is measured against no sinks at all, in turns, three times. The rates are ratios to reading the journal,
//! and to a bare client that sends the same bytes to the same peer, in the same run.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

#[path = "bench_sinks/peer.rs"]
mod peer;
#[path = "bench_sinks/posts.rs"]
mod posts;
#[path = "bench_sinks/rates.rs"]
mod rates;

use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    // target/release/examples/bench_sinks: the binary stands one folder up.
    let binary = std::env::current_exe()?.ancestors().nth(2).ok_or("no folder above")?.join("kaptap");
    if !binary.exists() {
        return Err(format!("{} is missing: run `cargo build --release` first", binary.display()).into());
    }
    let folder = std::env::temp_dir().join(format!("kaptap-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let bench = Bench { binary, folder };
    let measured = async {
        rates::measure(&bench, events).await?;
        posts::measure(&bench, Duration::from_secs(seconds)).await
    };
    let measured = measured.await;
    std::fs::remove_dir_all(&bench.folder)?;
    measured
}

/// Where it happens.
struct Bench {
    binary: PathBuf,
    folder: PathBuf,
}

/// A process that is ended with this value.
struct Running {
    child: Child,
    http: SocketAddr,
}

impl Bench {
    /// Starts kaptap with this configuration and waits until it is ready.
    async fn start(&self, data: &str, config: &str) -> Result<Running> {
        let file = self.folder.join("kaptap.toml");
        std::fs::write(&file, config)?;
        let http = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(&self.binary);
        command.arg("--config").arg(&file).arg("--data-dir").arg(self.folder.join(data));
        command.args(["--listen", &http.to_string(), "run"]);
        let running = Running { child: quiet(&mut command).spawn()?, http };
        while get(http, "/readyz").await.is_none_or(|answer| !answer.starts_with("HTTP/1.0 200")) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(running)
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// One GET on a connection of its own; head and body.
async fn get(address: SocketAddr, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// Whether a program is on the path.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .map(|at| at.join(name))
        .find(|at| at.is_file())
}
