//! Which segments go, and their going: whole, oldest first, never the newest.

use super::Options;
use super::catalog::Catalog;
use super::segment::Segment;
use std::path::PathBuf;
use std::time::Duration;

/// Time between looks at the age of segments while nothing else happens.
pub(super) const LOOK: Duration = Duration::from_mins(1);

/// Retention of one journal.
pub(super) struct Retention {
    max_bytes: u64,
    segment_limit: u64,
    max_age: Option<i64>,
    /// Files that could not be removed yet. At most one per segment that was there.
    doomed: Vec<PathBuf>,
}

impl Retention {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            max_bytes: options.max_bytes,
            segment_limit: options.segment_limit(),
            max_age: options.max_age.map(|age| i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)),
            doomed: Vec::new(),
        }
    }

    /// Whether a segment spans so much time that it must be closed for retention by age to work.
    pub(super) fn spans_too_much(&self, segment: &Segment, now: i64) -> bool {
        self.max_age.is_some_and(|age| now.saturating_sub(segment.created) > age / 8)
    }

    /// Whether time alone can change anything.
    pub(super) fn needs_looks(&self, catalog: &Catalog) -> bool {
        !self.doomed.is_empty() || self.max_age.is_some() && catalog.count() > 1
    }

    /// Removes what has to go. Returns how many segments went from the catalog.
    ///
    /// A file that cannot be removed is out of the catalog all the same, and is tried again at the next look.
    pub(super) fn run(&mut self, catalog: &Catalog, now: i64) -> u64 {
        let mut removed = 0;
        while let Some(segment) = catalog.pop_oldest(|oldest, bytes| self.is_expired(oldest, bytes, now)) {
            removed += 1;
            self.doomed.push(segment.path.clone());
        }
        if let Some(directory) = self.doomed.first().and_then(|path| path.parent()).map(ToOwned::to_owned) {
            self.doomed.retain(|path| {
                catalog.storage.remove(path).is_err_and(|error| error.kind() != std::io::ErrorKind::NotFound)
            });
            // If this fails, removed files may be back after a power loss, and go again then.
            drop(catalog.storage.sync_directory(&directory));
        }
        removed
    }

    fn is_expired(&self, oldest: &Segment, older_bytes: u64, now: i64) -> bool {
        older_bytes.saturating_add(self.segment_limit) > self.max_bytes
            || self.max_age.is_some_and(|age| now.saturating_sub(oldest.extent().newest) > age)
    }
}
