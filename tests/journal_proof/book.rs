//! What must be in the journal, in a plain list, and the checks of what is read against it.

use crate::run::Run;
use crate::wait_support::try_wait_until;
use kaptap::journal::{Journal, OpenError, Options, ReadError, Reader, Recovery, Storage, Sync};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any machine needs; only a test that hangs gets there.
pub(crate) const WATCHDOG: Duration = Duration::from_mins(1);

/// Why a check failed.
pub(crate) type Failed = String;

/// Fails unless something is so.
macro_rules! ensure {
    ($good:expr, $($said:tt)+) => {
        if !$good {
            return Err(format!($($said)+));
        }
    };
}
pub(crate) use ensure;

/// Opens a journal that nobody has open. Whoever starts a process meanwhile, as the proof by killing does on another
/// thread, lends it every lock of this one for a moment, so a directory that was just closed may seem to be in use.
pub(crate) fn open(options: &Options, storage: impl Storage) -> Result<(Journal, Recovery), OpenError> {
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let opened = try_wait_until(|| match Journal::open(options.clone(), Arc::clone(&storage)) {
        Err(locked @ OpenError::Locked { .. }) => Err(locked),
        other => Ok(other),
    });
    opened.unwrap_or_else(Err)
}

/// What a reader gives, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Run(Run),
    Gap(u64, u64, &'static str),
}

/// Everything that a reader gives now.
pub(crate) fn read(reader: &mut Reader) -> Result<Vec<Item>, Failed> {
    let mut items = Vec::new();
    loop {
        match reader.next_block() {
            Ok(Some(block)) => items.push(Item::Run(block.into())),
            Ok(None) => return Ok(items),
            Err(ReadError::Gap { first, last, reason }) => items.push(Item::Gap(first, last, reason)),
            Err(ReadError::Io { path, source }) => return Err(format!("{}: {source}", path.display())),
        }
    }
}

/// A run that was appended, and what is known of it.
#[derive(Debug)]
struct Entry {
    run: Run,
    sync: Sync,
    /// The disk's failures when it was appended.
    failures: u64,
    /// Whether it must be there even if the power goes, whatever happened before.
    safe: bool,
    /// Whether it must be there as long as the machine is on.
    there: bool,
    /// Whether the disk may have forgotten it, and the process that was told so was killed.
    frail: bool,
}

/// All that was appended and is not known to be gone.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: Vec<Entry>,
    /// Retention may have taken what is before this.
    pub(crate) first_seq: u64,
    /// Nothing up to here may be given again: a reader has passed it.
    pub(crate) seen: u64,
}

impl Book {
    pub(crate) fn append(&mut self, run: Run, sync: Sync, failures: u64) -> Result<(), Failed> {
        let last = self.last();
        ensure!(run.first_seq > last.max(self.seen), "{run:?} was given a seq again: {last}, {}", self.seen);
        self.entries.push(Entry { run, sync, failures, safe: false, there: false, frail: false });
        Ok(())
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.entries.iter().map(|entry| &entry.run)
    }

    /// The last seq of all that is known.
    pub(crate) fn last(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.run.last())
    }

    pub(crate) fn find(&self, first_seq: u64) -> Option<&Run> {
        let at = self.entries.binary_search_by_key(&first_seq, |entry| entry.run.first_seq).ok()?;
        Some(&self.entries[at].run)
    }

    /// Notes what the journal says. Its numbers must be asked for in this order.
    ///
    /// What was appended with [`Sync::Os`] is let go of once it is written, so a failure after it may cost it if the
    /// power goes too, although all before and behind it is durable. Nothing else may.
    pub(crate) fn note(&mut self, written: u64, durable: u64, failures: u64) {
        for entry in &mut self.entries {
            let last = entry.run.last();
            entry.there |= last <= written;
            entry.safe |= last <= durable && !entry.frail && (entry.sync != Sync::Os || entry.failures == failures);
        }
    }

    /// Compares with what a journal that was just opened holds. What is missing and may be missing is forgotten;
    /// what is there must stay. Returns all that was read. `forgetful` says that a sync failed in the life before, which makes it uncertain what
    /// the disk has of that which was not acknowledged then.
    pub(crate) fn reconcile(
        &mut self,
        journal: &Journal,
        recovery: &Recovery,
        power: bool,
        forgetful: bool,
    ) -> Result<Vec<Item>, Failed> {
        let next_seq = recovery.next_seq;
        ensure!(next_seq > self.seen, "{next_seq} is given again, {} was seen", self.seen);
        ensure!(journal.next_seq() == next_seq, "it goes on at {}", journal.next_seq());
        ensure!(recovery.quarantined.is_empty(), "{:?}", recovery.quarantined);
        let items = read(&mut journal.reader(0))?;
        if power {
            self.forgive_descriptions(&items);
        }
        // Retention may have been at work meanwhile.
        self.first_seq = self.first_seq.max(journal.stats().first_seq);
        self.check(&items, next_seq - 1, |entry| if power { entry.safe } else { entry.there })?;
        for gap in &recovery.gaps {
            // Behind what retention has taken there is nothing to tell a reader of.
            let told = |item: &Item| matches!(item, Item::Gap(first, last, _) if *first <= gap.0 && gap.1 <= *last);
            ensure!(items.iter().any(told) || gap.1 < self.first_seq, "{gap:?} is not told: {items:?}");
        }
        let there = |run: &Run| items.iter().any(|item| matches!(item, Item::Run(other) if other == run));
        let first_seq = self.first_seq;
        self.entries.retain(|entry| entry.run.first_seq < first_seq || there(&entry.run));
        for entry in &mut self.entries {
            entry.there = true;
            entry.safe |= power;
            entry.frail = !entry.safe && (entry.frail || forgetful);
        }
        Ok(items)
    }

    /// A run that was not durable may come out of a power loss although what was said of its context just before it
    /// was lost. It is read with what was said before that then, for good.
    fn forgive_descriptions(&mut self, items: &[Item]) {
        for item in items {
            let Item::Run(run) = item else { continue };
            let entry = self.entries.binary_search_by_key(&run.first_seq, |entry| entry.run.first_seq);
            let entry = entry.ok().and_then(|at| self.entries.get_mut(at));
            if let Some(entry) = entry.filter(|entry| !entry.safe) {
                entry.run.description.clone_from(&run.description);
            }
        }
    }

    /// Checks what was read of a journal that holds all up to `last`.
    pub(crate) fn check_all(&self, items: &[Item], last: u64) -> Result<(), Failed> {
        self.check(items, last, |entry| entry.there)
    }

    /// Everything read is as it was appended; together with the gaps it makes up every seq; nothing is missing that
    /// must be there.
    fn check(&self, items: &[Item], last: u64, must: impl Fn(&Entry) -> bool) -> Result<(), Failed> {
        let mut next = None;
        let mut found = std::collections::BTreeSet::new();
        for item in items {
            let (first, last) = match item {
                Item::Run(run) => {
                    ensure!(self.find(run.first_seq) == Some(run), "{run:?} is not {:?}", self.find(run.first_seq));
                    found.insert(run.first_seq);
                    (run.first_seq, run.last())
                }
                Item::Gap(first, last, reason) => {
                    // Retention may come between two reads.
                    let retention = *reason == "retention" && *last < self.first_seq;
                    ensure!(matches!(*reason, "damage" | "skipped") || retention, "{item:?}");
                    (*first, *last)
                }
            };
            ensure!(next.is_none_or(|next| next == first) && first <= last, "{item:?} after {next:?}: {items:?}");
            next = Some(last + 1);
        }
        ensure!(next.is_none_or(|next| next == last + 1), "it ends before {next:?}, not behind {last}: {items:?}");
        let kept = self.entries.iter().filter(|entry| entry.run.first_seq >= self.first_seq && must(entry));
        let missing: Vec<_> = kept.map(|entry| &entry.run).filter(|run| !found.contains(&run.first_seq)).collect();
        ensure!(missing.is_empty(), "{missing:?} must be there: {items:?}");
        Ok(())
    }
}
