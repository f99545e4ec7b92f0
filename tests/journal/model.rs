//! Anything in any order, against a list of what was appended.

use crate::run::Run;
use crate::support::{Gap, Home, eventually, payload, read};
use kaptap::journal::faulty::FaultyDisk;
use kaptap::journal::{AppendError, Entry, Health, Journal, Reader, Share, Sync};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::ErrorKind;
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
enum Step {
    Append {
        context: u64,
        count: u32,
        length: usize,
        sync: Sync,
    },
    Describe {
        context: u64,
        version: u8,
    },
    Forget {
        context: u64,
    },
    /// Waits until all that was appended is durable.
    Settle,
    /// Waits until all that was appended can be read, if the disk is well.
    Write,
    Read,
    Fault(Fault),
    Mend,
    Reopen,
    Kill,
    PowerLoss {
        seed: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Write,
    TornWrite,
    Sync,
    Create,
}

/// What was appended with [`Sync::Os`] is not kept in memory once it is written, so a sync that fails and a power loss
/// after it may take it: in one story there are either such appends or a disk that fails.
fn step(relaxed: bool) -> impl Strategy<Value = Step> {
    let sync = if relaxed {
        prop_oneof![Just(Sync::Commit), Just(Sync::Interval), Just(Sync::Os)].boxed()
    } else {
        prop_oneof![Just(Sync::Commit), Just(Sync::Interval)].boxed()
    };
    let append = (0..4_u64, 1..5_u32, 0..900_usize, sync).prop_map(|(context, count, length, sync)| Step::Append {
        context,
        count,
        length,
        sync,
    });
    let describe = (0..4_u64, any::<u8>()).prop_map(|(context, version)| Step::Describe { context, version });
    let fault = prop_oneof![Just(Fault::Write), Just(Fault::TornWrite), Just(Fault::Sync), Just(Fault::Create)];
    prop_oneof![
        12 => append,
        2 => describe,
        1 => (0..4_u64).prop_map(|context| Step::Forget { context }),
        2 => Just(Step::Settle),
        4 => Just(Step::Write),
        2 => Just(Step::Read),
        1 => if relaxed { Just(Step::Mend).boxed() } else { fault.prop_map(Step::Fault).boxed() },
        1 => Just(Step::Mend),
        1 => Just(Step::Reopen),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(|seed| Step::PowerLoss { seed }),
    ]
}

/// What should be there.
struct Model {
    home: Home,
    journal: Option<Journal>,
    follower: Reader,
    /// All that was appended and may be there.
    kept: Vec<Run>,
    descriptions: [Vec<u8>; 4],
    /// Runs up to here have been read by the follower.
    read_to: u64,
    /// Gaps that must be there, all of them by power loss.
    skipped: Vec<Gap>,
    number: u32,
}

impl Model {
    fn new(compression: bool, sync_soon: bool) -> Self {
        let home = Home::with(|options| {
            options.segment_bytes = 8 << 10;
            options.compression = compression;
            options.sync_interval = if sync_soon { Duration::from_millis(1) } else { Duration::from_hours(1) };
        });
        let (journal, _) = home.open();
        let follower = journal.reader(0);
        Self {
            home,
            journal: Some(journal),
            follower,
            kept: Vec::new(),
            descriptions: Default::default(),
            read_to: 0,
            skipped: Vec::new(),
            number: 0,
        }
    }

    fn journal(&self) -> &Journal {
        self.journal.as_ref().expect("it is open between steps")
    }

    fn disk(&self) -> &FaultyDisk {
        &self.home.disk
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append { context, count, length, sync } => {
                self.number += 1;
                let payload = payload(self.number, length);
                let time = i64::from(self.number);
                let entry = Entry { context, count, time, payload: &[&payload] };
                match self.journal().append(entry, sync, Share::Common) {
                    Ok(first_seq) => {
                        let description = self.descriptions[context as usize].clone();
                        self.kept.push(Run { first_seq, count, time, context, description, payload });
                    }
                    Err(error) => assert_eq!(error, AppendError::Full),
                }
            }
            Step::Describe { context, version } => {
                self.journal().describe(context, &[version]);
                self.descriptions[context as usize] = vec![version];
            }
            Step::Forget { context } => {
                self.journal().forget(context);
                self.descriptions[context as usize].clear();
            }
            Step::Settle => {
                self.mend();
                let last = self.last();
                self.journal().sync();
                eventually("all is durable", || *self.journal().durable().borrow() >= last);
                // Contexts alone do not go out; there are at most as many as steps.
                assert!(self.journal().stats().buffered_bytes < 60 * 30);
            }
            Step::Write => {
                let last = self.last();
                let journal = self.journal();
                let well = || *journal.health().borrow() == Health::Well;
                eventually("all is written", || *journal.written().borrow() >= last || !well());
            }
            Step::Read => self.read(),
            Step::Fault(Fault::Write) => self.disk().fail_writes(Some(ErrorKind::StorageFull)),
            Step::Fault(Fault::TornWrite) => {
                self.disk().tear_writes(true);
                self.disk().fail_writes(Some(ErrorKind::StorageFull));
            }
            Step::Fault(Fault::Sync) => self.disk().fail_syncs(Some(ErrorKind::Other)),
            Step::Fault(Fault::Create) => self.disk().fail_creates(Some(ErrorKind::StorageFull)),
            Step::Mend => self.mend(),
            Step::Reopen => {
                self.mend();
                self.journal().close().unwrap();
                self.reopen(self.last(), false);
            }
            Step::Kill => {
                let disk = self.disk().kill();
                let written = *self.journal().written().borrow();
                self.home.disk = disk;
                self.reopen(written, false);
            }
            Step::PowerLoss { seed } => {
                let durable = *self.journal().durable().borrow();
                let disk = self.disk().crash(seed).unwrap();
                self.home.disk = disk;
                self.reopen(durable, true);
            }
        }
        assert_eq!(self.disk().touched_after_failure(), 0);
    }

    fn last(&self) -> u64 {
        self.journal().next_seq() - 1
    }

    fn mend(&self) {
        self.disk().fail_writes(None);
        self.disk().fail_syncs(None);
        self.disk().fail_creates(None);
        self.disk().tear_writes(false);
        eventually("the journal is well", || *self.journal().health().borrow() == Health::Well);
    }

    /// Reads on with the follower: each run once, in order, nothing left out.
    fn read(&mut self) {
        loop {
            match self.follower.next_block() {
                Ok(Some(block)) => {
                    let block = Run::from(block);
                    let expected = self.kept.iter().find(|run| run.last() > self.read_to);
                    assert_eq!(Some(&block), expected);
                    self.read_to = block.last();
                }
                Ok(None) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(self.read_to <= *self.journal().written().borrow());
    }

    /// Opens it again. All up to `certain` must be there, and after that a front part of the rest.
    fn reopen(&mut self, certain: u64, power_loss: bool) {
        self.journal = None;
        let (journal, recovery) = self.home.open();
        assert!(recovery.quarantined.is_empty(), "{recovery:?}");
        assert!(recovery.next_seq > self.read_to, "what was read is never given again");
        let (found, gaps) = read(&mut journal.reader(0));
        let there = |run: &Run| found.iter().any(|other| other.first_seq == run.first_seq);
        self.kept.retain(|run| run.last() <= certain || there(run));
        assert_eq!(found, self.kept);
        for (first, last, reason) in gaps {
            // Behind what was certain a power loss may leave holes; whatever is missing there was not acknowledged.
            let known = self.skipped.contains(&(first, last, reason));
            if !known {
                assert!(power_loss && first > certain && last < recovery.next_seq, "{first} to {last}, {reason}");
                self.skipped.push((first, last, reason));
            }
        }
        self.follower = journal.reader(recovery.next_seq);
        self.read_to = recovery.next_seq - 1;
        self.descriptions = Default::default();
        self.journal = Some(journal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: 60_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_durable_is_missing(
        steps in any::<bool>().prop_flat_map(|relaxed| vec(step(relaxed), 1..60)),
        compression: bool,
        sync_soon: bool,
    ) {
        let mut model = Model::new(compression, sync_soon);
        for step in steps {
            model.step(step);
        }
        model.step(Step::Settle);
        model.read();
        model.step(Step::Reopen);
    }
}
