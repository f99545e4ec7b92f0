//! `kaptap udf`: a UDF as a child process. Standard input and output are the wire and are passed through to the socket
//! of the running kaptap; nothing else is ever written to standard output.
//!
//! Two blocking threads and no runtime: a byte goes on as soon as it is there, and the process is small.

use super::arguments::{SettingsArguments, UdfArguments};
use super::failure::Failure;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most that is passed on at once: what a pipe holds.
const GULP: usize = 64 << 10;

pub(super) fn run(settings: &SettingsArguments, arguments: &UdfArguments) -> Result<(), Failure> {
    let path = socket_path(settings, arguments)?;
    let socket = UnixStream::connect(&path).map_err(|error| {
        Failure::caused(format!("cannot reach kaptap at {} (is it running?)", path.display()), error)
    })?;
    let wire = |error| Failure::caused("cannot use standard input and output", error);
    // The standard library's own handles would gather lines.
    let input = unbuffered(io::stdin().as_fd()).map_err(wire)?;
    let output = unbuffered(io::stdout().as_fd()).map_err(wire)?;
    pass_through(input, output, socket)
}

fn socket_path(settings: &SettingsArguments, arguments: &UdfArguments) -> Result<PathBuf, Failure> {
    if let Some(path) = &arguments.socket {
        return Ok(path.clone());
    }
    let options = super::configuration(settings)?.intake;
    Ok(if arguments.batch { options.batch_socket } else { options.stream_socket })
}

fn unbuffered(descriptor: BorrowedFd<'_>) -> io::Result<File> {
    descriptor.try_clone_to_owned().map(File::from)
}

/// Passes both ways until the socket's side ends. The end of the input is passed on as a half-close; answers still
/// under way arrive.
fn pass_through(mut input: File, mut output: File, socket: UnixStream) -> Result<(), Failure> {
    let broken = |error| Failure::caused("cannot use the socket", error);
    let mut to_kaptap = socket.try_clone().map_err(broken)?;
    let mut from_kaptap = socket;
    let has_ended = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&has_ended);
    // Not joined: it may wait for input that never comes, and ends with the process.
    let forward = move || {
        if copy(&mut input, &mut to_kaptap).is_ok() {
            ended.store(true, Ordering::Release);
        }
        // A socket that is closed already needs no half-close.
        drop(to_kaptap.shutdown(Shutdown::Write));
    };
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(forward)
        .map_err(|error| Failure::caused("cannot start a thread", error))?;
    match copy(&mut from_kaptap, &mut output) {
        Ok(()) if has_ended.load(Ordering::Acquire) => Ok(()),
        Ok(()) => Err(Failure::because("kaptap ended the connection; Kapacitor has to start the task again")),
        Err(CopyError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(CopyError::Write(error)) => Err(Failure::caused("cannot write to standard output", error)),
        Err(CopyError::Read(error)) => Err(Failure::caused("lost the connection to kaptap", error)),
    }
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Passes on whatever one read gives, at once.
fn copy(from: &mut impl Read, to: &mut impl Write) -> Result<(), CopyError> {
    let mut buffer = vec![0; GULP];
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Read(error)),
        };
        to.write_all(buffer.get(..count).unwrap_or_default()).map_err(CopyError::Write)?;
    }
}
