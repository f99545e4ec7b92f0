//! `type = "stdout"`: NDJSON to the standard output of the daemon.
//!
//! A line counts as delivered when the pipe or file behind standard output has taken it; kaptap cannot know what is done
//! with it there. A closed pipe is tried again like any peer that is gone. A reader that is too slow holds this sink up
//! and nothing else.

use super::lines::{LIMITS, LineWriter, Output, lines};
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Sink};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Standard output.
#[derive(Debug)]
pub struct Stdout {
    writer: LineWriter<Descriptor>,
}

impl Stdout {
    /// A sink of this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { writer: LineWriter::new(name, Descriptor::default()) }
    }
}

impl Sink for Stdout {
    fn limits(&self) -> Limits {
        LIMITS
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.writer.deliver(batch, false))
    }

    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        Ok(String::from_utf8_lossy(&lines(batch, false)).into_owned())
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(self.writer.close())
    }
}

/// The file descriptor, without the buffer of [`io::Stdout`]: it would keep what a failed write left.
#[derive(Debug, Default)]
struct Descriptor {
    file: Option<File>,
    /// A failed write may have left half a line.
    torn: bool,
}

impl Output for Descriptor {
    fn append(&mut self, lines: &[u8]) -> Result<(), String> {
        self.write(lines).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => "standard output is closed".to_owned(),
            _ => format!("cannot write to standard output: {error}"),
        })
    }
}

impl Descriptor {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let written = if self.torn { file.write_all(b"\n") } else { Ok(()) };
        let written = written.and_then(|()| file.write_all(lines));
        self.torn = written.is_err();
        self.file = Some(file);
        written
    }
}

#[cfg(test)]
#[path = "stdout_tests.rs"]
mod tests;
