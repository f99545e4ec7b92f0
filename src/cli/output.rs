//! Standard output, and what is known about the terminal.

use super::failure::Failure;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

/// Standard output for data. Lines are gathered and go out with [`Output::flush`] or when 64 KiB are there.
#[derive(Debug)]
pub(super) struct Output {
    writer: io::BufWriter<io::Stdout>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { writer: io::BufWriter::with_capacity(64 << 10, io::stdout()) }
    }

    /// Writes one line.
    pub(super) fn line(&mut self, line: impl AsRef<[u8]>) -> Result<(), Failure> {
        self.writer.write_all(line.as_ref()).and_then(|()| self.writer.write_all(b"\n")).map_err(failed)
    }

    /// Writes whole lines as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.writer.write_all(bytes).map_err(failed)
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(failed)
    }
}

fn failed(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Failure::ReaderGone
    } else {
        Failure::caused("cannot write to standard output", error)
    }
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether standard output may have colours: a terminal that can, and no `NO_COLOR` (<https://no-color.org>).
pub(super) fn colour() -> bool {
    is_terminal() && !no_color() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether `NO_COLOR` is set to something.
pub(super) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Columns of the terminal on standard output, if it is one and says so. Asks `COLUMNS`, then `stty`: the standard
/// library has no call for it and this package has no unsafe code.
pub(super) fn width() -> Option<usize> {
    if !is_terminal() {
        return None;
    }
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok()) {
        return Some(columns).filter(|columns| *columns > 0);
    }
    let terminal = std::fs::File::open("/dev/tty").ok()?;
    let answer = Command::new("stty").arg("size").stdin(terminal).stderr(Stdio::null()).output().ok()?;
    let columns = std::str::from_utf8(&answer.stdout).ok()?.split_whitespace().nth(1)?.parse().ok()?;
    Some(columns).filter(|columns| *columns > 0)
}
