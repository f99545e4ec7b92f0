//! What Alertmanager was told and has to be told again, in memory and in a file.
//!
//! The file is a JSON object, `{"version":1,"alerts":{fingerprint: …}}`, replaced as a whole: written beside, synced,
//! renamed. It is a convenience of this sink and not the journal: what cannot be read is reported, kept under another
//! name and begun anew.

use super::RESOLVED;
use super::told::Told;
use crate::delivery::durable::replace;
use crate::event::id::EventId;
use crate::sorted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Most alerts that are told again. Beyond that resolved ones are forgotten first; a firing one that finds no room is
/// told once per event.
pub(super) const MOST: usize = 10_000;

/// What was told, by fingerprint.
#[derive(Debug)]
pub(super) struct Memory {
    path: Option<PathBuf>,
    loaded: bool,
    /// Not in the file as it is here.
    changed: bool,
    alerts: BTreeMap<EventId, Told>,
    /// Times that a firing alert found no room.
    forgotten: u64,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    alerts: BTreeMap<String, Told>,
}

impl Memory {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { loaded: path.is_none(), path, changed: false, alerts: BTreeMap::new(), forgotten: 0 }
    }

    /// Reads the file, once.
    pub(super) async fn load(&mut self) {
        let Some(path) = self.path.clone().filter(|_| !self.loaded) else { return };
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        self.loaded = true;
        match read {
            Ok(alerts) => self.alerts = alerts,
            Err(error) => {
                tracing::error!(%error, "reading what Alertmanager was told ended unexpectedly; beginning anew");
            }
        }
    }

    /// Times that a firing alert found no room, so that it is not told again.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn get(&self, fingerprint: EventId) -> Option<&Told> {
        self.alerts.get(&fingerprint)
    }

    pub(super) fn all(&self) -> Vec<(EventId, Told)> {
        self.alerts.iter().map(|(fingerprint, told)| (*fingerprint, told.clone())).collect()
    }

    pub(super) fn remember(&mut self, fingerprint: EventId, told: Told) {
        if !self.alerts.contains_key(&fingerprint) && self.alerts.len() >= MOST {
            let oldest = self.alerts.iter().filter_map(|(of, told)| Some((told.announced?, *of))).min();
            let Some((_, oldest)) = oldest else {
                // Said once in a while; the number of them is on the sink.
                if self.forgotten.is_multiple_of(MOST as u64) {
                    tracing::warn!(%fingerprint, most = MOST, "too many firing alerts: some are not told again");
                }
                self.forgotten += 1;
                return;
            };
            self.alerts.remove(&oldest);
        }
        self.changed |= self.alerts.get(&fingerprint) != Some(&told);
        self.alerts.insert(fingerprint, told);
    }

    pub(super) fn forget(&mut self, fingerprint: EventId) {
        self.changed |= self.alerts.remove(&fingerprint).is_some();
    }

    /// Forgets what was resolved long enough ago.
    pub(super) fn forget_resolved(&mut self, now: i64) {
        let before = self.alerts.len();
        let long_ago = now.saturating_sub(i64::try_from(RESOLVED.as_nanos()).unwrap_or(i64::MAX));
        self.alerts.retain(|_, told| told.announced.is_none_or(|at| at > long_ago));
        self.changed |= self.alerts.len() != before;
    }

    /// Writes the file, if it would change.
    pub(super) async fn store(&mut self) -> io::Result<()> {
        let Some(path) = self.path.clone().filter(|_| self.changed) else { return Ok(()) };
        let alerts = sorted::map(self.alerts.iter().map(|(fingerprint, told)| (fingerprint.to_string(), told.clone())));
        let text = serde_json::to_vec(&Kept { version: 1, alerts })?;
        tokio::task::spawn_blocking(move || replace(&path, &text)).await.map_err(io::Error::other)??;
        self.changed = false;
        Ok(())
    }
}

fn read(path: &Path) -> BTreeMap<EventId, Told> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "cannot read what Alertmanager was told; beginning anew");
            return BTreeMap::new();
        }
    };
    if let Some(alerts) = parse(&text) {
        return alerts;
    }
    let aside = path.with_extension("damaged");
    let moved = std::fs::rename(path, &aside);
    tracing::warn!(
        path = %path.display(),
        kept_as = moved.is_ok().then(|| tracing::field::display(aside.display())),
        not_kept = moved.err().map(tracing::field::display),
        "what Alertmanager was told cannot be read; beginning anew, and alerts that are firing are told with their next event"
    );
    BTreeMap::new()
}

fn parse(text: &[u8]) -> Option<BTreeMap<EventId, Told>> {
    let kept: Kept = serde_json::from_slice(text).ok().filter(|kept: &Kept| kept.version == 1)?;
    kept.alerts.into_iter().map(|(fingerprint, told)| Some((EventId::parse(&fingerprint)?, told))).collect()
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
