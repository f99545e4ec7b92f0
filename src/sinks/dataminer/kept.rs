//! What a sink must not forget over a restart: a file of lines, each a JSON value, of which later ones win. Lines are
//! appended and synced; when most of them are overtaken the file is written anew, beside and then renamed.
//!
//! It is a convenience of the sink and not the journal: a torn last line is left out (its event comes again), and lines
//! that cannot be read are left out with a warning, after a copy was set aside.

use crate::delivery::durable::replace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Lines beyond twice of what is kept that a file may have before it is written anew.
const SLACK: usize = 1000;

/// The file.
#[derive(Debug)]
pub(super) struct Kept {
    path: Option<PathBuf>,
    lines: usize,
    /// What is in the file cannot be appended to.
    dirty: bool,
}

impl Kept {
    /// A file at this path; without one, nothing is kept.
    pub(super) const fn new(path: Option<PathBuf>) -> Self {
        Self { path, lines: 0, dirty: false }
    }

    /// Reads all lines, oldest first.
    pub(super) async fn load<T: DeserializeOwned + Send + 'static>(&mut self) -> Vec<T> {
        let Some(path) = self.path.clone() else { return Vec::new() };
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let (lines, dirty) = read.unwrap_or_else(|error| {
            tracing::error!(%error, "reading what DataMiner was told ended unexpectedly; beginning anew");
            (Vec::new(), true)
        });
        (self.lines, self.dirty) = (lines.len(), dirty);
        lines
    }

    /// Whether it should be written anew, with so many lines that count.
    pub(super) const fn wants_rewrite(&self, live: usize) -> bool {
        self.path.is_some() && (self.dirty || self.lines > 2 * live + SLACK)
    }

    /// Appends lines.
    pub(super) async fn append<T: Serialize + Sync>(&mut self, lines: &[T]) -> io::Result<()> {
        let Some(path) = self.path.clone().filter(|_| !lines.is_empty()) else { return Ok(()) };
        let text = text(lines)?;
        // Half a line may be there when this fails or is dropped: then all is written anew.
        self.dirty = true;
        tokio::task::spawn_blocking(move || append(&path, &text)).await.map_err(io::Error::other)??;
        self.lines += lines.len();
        self.dirty = false;
        Ok(())
    }

    /// Writes it anew.
    pub(super) async fn rewrite<T: Serialize + Sync>(&mut self, lines: &[T]) -> io::Result<()> {
        let Some(path) = self.path.clone() else { return Ok(()) };
        let text = text(lines)?;
        tokio::task::spawn_blocking(move || replace(&path, &text)).await.map_err(io::Error::other)??;
        (self.lines, self.dirty) = (lines.len(), false);
        Ok(())
    }
}

fn text<T: Serialize>(lines: &[T]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    Ok(text)
}

/// The lines, and whether the file has to be written anew before anything is appended.
fn read<T: DeserializeOwned>(path: &Path) -> (Vec<T>, bool) {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Vec::new(), false),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read what DataMiner was told; beginning anew");
            return (Vec::new(), true);
        }
    };
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let torn = whole < text.len();
    let (mut lines, mut bad) = (Vec::new(), 0_usize);
    for line in text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(line) => lines.push(line),
            Err(_) => bad += 1,
        }
    }
    if bad > 0 {
        let aside = path.with_extension("damaged");
        let copied = std::fs::copy(path, &aside);
        tracing::warn!(
            path = %path.display(),
            bad,
            good = lines.len(),
            kept_as = copied.is_ok().then(|| tracing::field::display(aside.display())),
            not_kept = copied.err().map(tracing::field::display),
            "some of what DataMiner was told cannot be read; going on with the rest"
        );
    }
    (lines, torn || bad > 0)
}

fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    if !path.exists() {
        return replace(path, text);
    }
    let mut file = File::options().append(true).open(path)?;
    file.write_all(text)?;
    file.sync_data()
}

#[cfg(test)]
#[path = "kept_tests.rs"]
mod tests;
