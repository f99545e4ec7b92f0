//! Server processes under measurement: kaptap itself, and the baselines.

use super::Result;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take until it serves.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder that is gone when the bench ends.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A fresh one.
    pub fn new() -> Result<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kaptap-bench-{}-{number}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A server process. Dropping it kills it.
pub struct Server {
    child: Child,
    /// Its UDF socket for streams.
    pub socket: PathBuf,
    /// Its HTTP listener.
    pub http: SocketAddr,
    _folder: Folder,
}

/// The binary that is measured: it stands one folder above the examples.
pub fn binary() -> Result<PathBuf> {
    let binary = std::env::current_exe()?.ancestors().nth(2).ok_or("no folder above")?.join("kaptap");
    if binary.exists() { Ok(binary) } else { Err("run `cargo build --release` first".into()) }
}

impl Server {
    /// kaptap with this besides its addresses in its configuration, ready.
    pub fn kaptap(configuration: &str) -> Result<Self> {
        // Its port was free a moment ago, and may be taken meanwhile.
        let once = || Self::start(configuration);
        once().or_else(|_| once()).or_else(|_| once())
    }

    fn start(configuration: &str) -> Result<Self> {
        let folder = Folder::new()?;
        let file = folder.0.join("kaptap.toml");
        fs::write(&file, configuration)?;
        let data = folder.0.join("data");
        let http = free_address()?;
        let mut command = Command::new(binary()?);
        command.arg("--config").arg(&file).arg("--data-dir").arg(&data);
        command.args(["--listen", &http.to_string(), "run"]);
        let child = spawn(&mut command)?;
        let socket = data.join("stream.sock");
        Self { child, socket, http, _folder: folder }.when(|server| ready(server.http))
    }

    /// A baseline; see `baseline` for what there is.
    pub fn baseline(kind: &str) -> Result<Self> {
        let folder = Folder::new()?;
        let http = free_address()?;
        let socket = folder.0.join("baseline.sock");
        let place = if kind.starts_with("hyper") { http.to_string() } else { socket.display().to_string() };
        let child = spawn(Command::new(std::env::current_exe()?).args(["baseline", kind, &place]))?;
        let server = Self { child, socket, http, _folder: folder };
        server.when(|server| UnixStream::connect(&server.socket).is_ok() || TcpStream::connect(server.http).is_ok())
    }

    fn when(mut self, serves: impl Fn(&Self) -> bool) -> Result<Self> {
        let begun = Instant::now();
        while !serves(&self) {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended with {status}").into());
            }
            if begun.elapsed() > PATIENCE {
                return Err("the server does not serve".into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(self)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it has used, seconds; exact to a hundredth.
    pub fn cpu(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u64>)
            .sum::<std::result::Result<u64, _>>()?;
        // USER_HZ is 100 on every Linux.
        Ok(super::float(ticks) / 100.0)
    }

    /// Memory in use, MiB: now, or at most.
    pub fn memory(&self, most: bool) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let key = if most { "VmHWM:" } else { "VmRSS:" };
        let kibibytes = status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
        Ok(super::float(kibibytes.ok_or("no figure for memory")?) / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(command: &mut Command) -> Result<Child> {
    Ok(command.env("KAPTAP_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null()).spawn()?)
}

/// An address that was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Whether kaptap takes records.
pub fn ready(http: SocketAddr) -> bool {
    answer(http, "/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// The answer to a GET, as it came.
pub fn answer(http: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(http).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

/// Asks for Info on a connection of its own, as kapacitord does at its start.
pub fn info(socket: &Path) -> Option<()> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    // A frame of two bytes: field 1, InfoRequest, empty.
    stream.write_all(&[2, 0x0a, 0]).ok()?;
    let mut answer = [0; 2];
    stream.read_exact(&mut answer).ok()
}
