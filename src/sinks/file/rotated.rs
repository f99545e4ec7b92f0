//! Rotated files: their names, and the thread that compresses and removes them.

use super::super::options;
use crate::event::time;
use crate::sorted;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::warn;

/// How much is compressed between two looks at whether to stop.
const STEP: usize = 64 << 10;
/// Form of the time in names, digits shown as 0.
const STAMP: &str = "00000000T000000.000000000Z";
/// Behind the name of a compressed file.
const COMPRESSED: &str = ".gz";
/// Behind the name of a compressed file that is not whole yet.
const PART: &str = ".gz.part";

/// A rotated file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rotated {
    stamp: String,
    /// What is behind the time: nothing, [`COMPRESSED`] or [`PART`].
    ending: &'static str,
    path: PathBuf,
}

/// The rotated files of a file, oldest first.
fn rotated(path: &Path) -> io::Result<Vec<Rotated>> {
    let Some(base) = path.file_name() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(base.as_encoded_bytes());
        let Some(rest) = rest.and_then(|rest| std::str::from_utf8(rest).ok()?.strip_prefix('.')) else { continue };
        let Some((stamp, ending)) = rest.split_at_checked(STAMP.len()) else { continue };
        let Some(ending) = ["", COMPRESSED, PART].into_iter().find(|known| *known == ending) else { continue };
        let form = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
        if form.eq(STAMP.chars()) {
            found.push(Rotated { stamp: stamp.to_owned(), ending, path: entry.path() });
        }
    }
    sorted::sort_by(&mut found, Ord::cmp);
    Ok(found)
}

/// The name for a file that is rotated now: after all that there are.
pub(super) fn next_name(path: &Path) -> io::Result<PathBuf> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut stamp = stamp(i64::try_from(now.as_nanos()).unwrap_or(i64::MAX));
    if let Some(newest) = rotated(path)?.pop().filter(|newest| newest.stamp >= stamp) {
        stamp = after(&newest.stamp);
    }
    Ok(with_suffix(path, &format!(".{stamp}")))
}

fn stamp(nanoseconds: i64) -> String {
    time::text(nanoseconds).replace(['-', ':'], "")
}

/// The next larger text of the form: digits counted up from the right.
fn after(stamp: &str) -> String {
    let mut characters: Vec<char> = stamp.chars().collect();
    for character in characters.iter_mut().rev().filter(|character| character.is_ascii_digit()) {
        if *character == '9' {
            *character = '0';
        } else {
            *character = char::from(u8::try_from(*character).map_or(b'9', |digit| digit + 1));
            break;
        }
    }
    characters.into_iter().collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes names durable.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

/// The thread that compresses rotated files and removes those that are too many. Dropping this ends it, and waits for
/// that: two of them must not write the same compressed file.
#[derive(Debug)]
pub(super) struct Sweeper {
    /// `None` at the end.
    wake: Option<SyncSender<()>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// Starts with what there is already.
    pub(super) fn start(options: &options::File) -> Result<Self, String> {
        // One: a wake-up that waits says all that a second could say.
        let (wake, calls) = sync_channel(1);
        let stop = Arc::new(AtomicBool::new(false));
        let sweep = Sweep { options: options.clone(), stop: Arc::clone(&stop) };
        let thread = std::thread::Builder::new()
            .name("sink-rotated".to_owned())
            .spawn(move || sweep.run(&calls))
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        let sweeper = Self { wake: Some(wake), stop, thread: Some(thread) };
        sweeper.wake();
        Ok(sweeper)
    }

    /// Says that there is a rotated file.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            match wake.try_send(()) {
                // Full: it will look anyway.
                Ok(()) | Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => {
                    warn!(
                        "The thread that keeps rotated files in order has ended; they stay until the sink is started again"
                    );
                }
            }
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            warn!("The thread that keeps rotated files in order has panicked");
        }
    }
}

struct Sweep {
    options: options::File,
    stop: Arc<AtomicBool>,
}

impl Sweep {
    fn run(&self, calls: &Receiver<()>) {
        while calls.recv().is_ok() {
            if let Err(error) = self.once() {
                let path = self.options.path.display();
                warn!(%path, %error, "Rotated files cannot be kept in order, will try again at the next rotation");
            }
        }
    }

    fn once(&self) -> io::Result<()> {
        self.remove()?;
        if !self.options.gzip {
            return Ok(());
        }
        for file in rotated(&self.options.path)?.iter().filter(|file| file.ending.is_empty()) {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.compress(&file.path)?;
        }
        Ok(())
    }

    /// Removes what is too old, what is there twice, and what is left of compressing that was cut off.
    fn remove(&self) -> io::Result<()> {
        let found = rotated(&self.options.path)?;
        let mut stamps: Vec<&str> =
            found.iter().filter(|file| file.ending != PART).map(|file| file.stamp.as_str()).collect();
        stamps.dedup();
        let (old, _) = stamps.split_at(stamps.len().saturating_sub(self.options.keep_files));
        for (file, next) in found.iter().zip(found.iter().skip(1).map(Some).chain([None])) {
            // A compressed file gets its name when it is whole.
            let twice = file.ending.is_empty()
                && next.is_some_and(|next| next.stamp == file.stamp && next.ending == COMPRESSED);
            if twice || file.ending == PART || old.contains(&file.stamp.as_str()) {
                std::fs::remove_file(&file.path)?;
            }
        }
        Ok(())
    }

    fn compress(&self, path: &Path) -> io::Result<()> {
        let part = with_suffix(path, PART);
        let mut from = File::open(path)?;
        let mut to = GzEncoder::new(BufWriter::new(File::create(&part)?), Compression::default());
        let mut buffer = vec![0; STEP];
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            match from.read(&mut buffer)? {
                0 => break,
                length => to.write_all(buffer.get(..length).unwrap_or_default())?,
            }
        }
        let to = to.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        to.sync_all()?;
        std::fs::rename(part, with_suffix(path, COMPRESSED))?;
        sync_directory(path)?;
        std::fs::remove_file(path)
    }
}

#[cfg(test)]
#[path = "rotated_tests.rs"]
mod tests;
