//! Real peers, as installed on this machine: each started on a free port, with a directory of its own.
//!
//! A peer that is not installed is said aloud and the test passes without it; with `KAPTAP_REQUIRE_PEERS=1` in the
//! environment it fails instead.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

pub mod events;

use crate::wait_support::wait_until;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest wait for anything; only a test that has failed already comes near it.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Where a program is: on the path, or where distributions put daemons.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/bin", "/usr/sbin", "/usr/local/bin"].map(PathBuf::from));
    let found = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = found.into_iter().find(|program| program.is_file());
    if found.is_none() {
        let wanted = names.join(" or ");
        assert!(std::env::var("KAPTAP_REQUIRE_PEERS").as_deref() != Ok("1"), "{wanted} is not installed");
        // Not by `eprintln!`, which is not shown for a test that passes.
        let said =
            format!("\nSKIPPED, NOT TESTED: {wanted} is not installed; KAPTAP_REQUIRE_PEERS=1 makes this a failure\n");
        std::io::stderr().write_all(said.as_bytes()).ok();
    }
    found
}

/// An address nobody listens on now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// A daemon that is ended with this value.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Daemon {
    fn start(mut command: Command, directory: &Path, address: SocketAddr) -> Self {
        let log = directory.join("log");
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).current_dir(directory);
        let mut daemon = Self { child: command.spawn().unwrap(), log, address };
        wait_until("the peer listens", || {
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            let ended = daemon.child.try_wait().unwrap();
            assert!(ended.is_none(), "the peer ended with {ended:?}: {}", daemon.log());
            Err(daemon.log())
        });
        daemon
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as the kernel does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A test that failed must not leave it behind; one that is gone already is no matter.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a NATS server with `JetStream`; the same directory and address again is a restart. `more` is configuration.
pub fn nats_server(directory: &Path, address: SocketAddr, more: &str) -> Option<Daemon> {
    let program = find(&["nats-server"])?;
    let configuration = format!(
        "listen: \"{address}\"\njetstream {{ store_dir: \"{}\", max_file_store: 8GB }}\n{more}\n",
        directory.join("jetstream").display()
    );
    std::fs::write(directory.join("nats.conf"), configuration).unwrap();
    let mut command = Command::new(program);
    command.args(["-c", "nats.conf"]);
    Some(Daemon::start(command, directory, address))
}

/// Starts an Alertmanager that notifies nobody.
pub fn alertmanager(directory: &Path, address: SocketAddr) -> Option<Daemon> {
    let program = find(&["prometheus-alertmanager", "alertmanager"])?;
    let configuration = "route:\n  receiver: nobody\n  group_by: ['...']\nreceivers:\n  - name: nobody\n";
    std::fs::write(directory.join("alertmanager.yml"), configuration).unwrap();
    let mut command = Command::new(program);
    command.args([
        "--config.file=alertmanager.yml",
        "--storage.path=data",
        "--cluster.listen-address=",
        &format!("--web.listen-address={address}"),
    ]);
    Some(Daemon::start(command, directory, address))
}
