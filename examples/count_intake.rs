//! The intake path of 200,000 points and nothing else, for counting instructions: from read bytes over the session, the
//! echo and the run to the journal's sealed chunks. What is read comes from memory, and the disk keeps nothing.
//!
//! `cargo build --release --example count_intake && valgrind --tool=callgrind target/release/examples/count_intake`;
//! `.ci/run` does so and compares with the bound in `.ci/intake-instructions`.

#[path = "bench/mod.rs"]
mod bench;

use bench::{Result, load};
use bytes::Bytes;
use kaptap::config::Config;
use kaptap::intake::gather::Flowing;
use kaptap::intake::{Intake, checkpoint, udf};
use kaptap::journal::{Disk, Journal, Listed, Storage, StorageFile};
use kaptap::kapacitor::proto::{InitRequest, request};
use kaptap::record::Edge;
use kaptap::rehearsal::wire;
use kaptap::telemetry::Metrics;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

/// Points counted.
const POINTS: usize = 200_000;
/// Points that are made; they come again and again.
const MADE: usize = 1000;

#[expect(clippy::print_stdout, reason = "what was done is what it says")]
fn main() -> Result<()> {
    let folder = bench::process::Folder::new()?;
    let mut config = Config::in_directory(&folder.0).map_err(|errors| format!("{errors:?}"))?;
    // Nothing waits for the disk: what is counted is the work.
    config.journal.buffer_bytes = 256 << 20;
    let (journal, _) = Journal::open(config.journal, Arc::new(Nothing::default()))?;
    let recovered = checkpoint::recover(&folder.0, &journal);
    let intake = Intake::new(config.intake, journal.clone(), Metrics::default(), recovered);
    let init = InitRequest { options: Vec::new(), task_id: "counted".to_owned(), node_id: "kaptap2".to_owned() };
    let reader = Gulps {
        next: wire::framed(&wire::request(request::Message::Init(init))).into(),
        again: load::frames(MADE as u64).concat().into(),
        left: POINTS / MADE,
    };
    let serving =
        udf::serve(intake, Edge::Stream, reader, tokio::io::sink(), Flowing::default(), CancellationToken::new());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serving);
    let kept = journal.next_seq() - 1;
    journal.close()?;
    println!("{POINTS} points, {kept} records");
    if kept < POINTS as u64 { Err("points were lost".into()) } else { Ok(()) }
}

/// Gives what there is in gulps as large as asked for.
struct Gulps {
    next: Bytes,
    again: Bytes,
    left: usize,
}

impl AsyncRead for Gulps {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.next.is_empty() && self.left > 0 {
            self.left -= 1;
            self.next = self.again.clone();
        }
        let length = self.next.len().min(buffer.remaining());
        buffer.put_slice(&self.next.split_to(length));
        Poll::Ready(Ok(()))
    }
}

/// A disk that takes everything and keeps nothing.
#[derive(Debug, Default)]
struct Nothing {
    disk: Disk,
}

impl Storage for Nothing {
    fn create_directory(&self, path: &Path) -> io::Result<()> {
        self.disk.create_directory(path)
    }

    fn list(&self, _: &Path) -> io::Result<Vec<Listed>> {
        Ok(Vec::new())
    }

    fn create(&self, _: &Path) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(NoFile { length: 0 }))
    }

    fn open(&self, _: &Path) -> io::Result<Box<dyn StorageFile>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn truncate(&self, _: &Path, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn boot(&self) -> u64 {
        0
    }
}

struct NoFile {
    length: u64,
}

impl StorageFile for NoFile {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.length = self.length.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn fill(&mut self, offset: u64, length: u64) -> io::Result<()> {
        self.length = self.length.max(offset + length);
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.length = self.length.min(length);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.length)
    }
}
