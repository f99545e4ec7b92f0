//! (a) Any history of one journal, over several lives, against a plain list of what was appended.
//!
//! `KAPTAP_JOURNAL_SEED=<n>` runs one history, the one of that seed, as often as `KAPTAP_JOURNAL_HISTORIES` says;
//! without a seed that many are run, each with a seed of its own. The first seed is printed, and that of a history
//! that fails, with its steps.

use crate::book::Failed;
use crate::dice::{Dice, seed, seed_is_given, setting};
use crate::history::{History, Tally};
use crate::steps::{Manner, Step, manner, steps};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seeds of histories that failed once, and what was wrong.
const REGRESSIONS: &[(u64, &str)] = &[
    (1_882_578_119_795_019, "what a killed process had written was taken as durable and never synced"),
    (1_882_577_763_713_756, "so it was when the process was killed between writing a segment's end and syncing it"),
    (20_262_813, "a segment with its end and zeros behind it was closed only when those had been cut off"),
];

/// The history of a seed.
fn run(directory: &Path, seed: u64) -> Result<Tally, (Failed, Vec<Step>)> {
    let mut dice = Dice::new(seed);
    let manner = manner(&mut dice);
    let steps = steps(&mut dice);
    play(directory, seed, manner, &steps).map_err(|failed| {
        let (failed, steps) = shorten(directory, seed, manner, failed, steps);
        (format!("{failed}\n{manner:?}"), steps)
    })
}

fn play(directory: &Path, seed: u64, manner: Manner, steps: &[Step]) -> Result<Tally, Failed> {
    let mut history = History::begin(directory, seed, manner)?;
    for (number, step) in steps.iter().enumerate() {
        history.step(step).map_err(|failed| format!("step {number}, {step:?}: {failed}"))?;
    }
    history.end().map_err(|failed| format!("at the end: {failed}"))
}

/// Leaves out what is not needed to fail, for as long as that is of use to somebody who looks.
fn shorten(directory: &Path, seed: u64, manner: Manner, failed: Failed, steps: Vec<Step>) -> (Failed, Vec<Step>) {
    let begun = Instant::now();
    let (mut failed, mut steps) = (failed, steps);
    let mut size = steps.len() / 2;
    while size > 0 && begun.elapsed() < Duration::from_secs(20) {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len()));
            // Threads are not the same twice.
            match (0..5).find_map(|_| play(directory, seed, manner, &fewer).err()) {
                Some(still) => (failed, steps) = (still, fewer),
                None => at += size,
            }
        }
        size /= 2;
    }
    (failed, steps)
}

/// Plays a history for each number that is below `histories`, on several threads: most of the time all of them wait
/// for a pause after a failure to be over.
fn check_histories(histories: u64, seed_of: impl Fn(u64) -> u64 + std::marker::Sync) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let directory = tempfile::tempdir().unwrap();
                while failed.lock().unwrap().is_none() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= histories {
                        break;
                    }
                    let seed = seed_of(number);
                    match run(directory.path(), seed) {
                        Ok(one) => tally.lock().unwrap().add(&one),
                        Err((reason, steps)) => {
                            let steps: Vec<_> = steps.iter().map(|step| format!("\n  {step:?}")).collect();
                            let again = format!("KAPTAP_JOURNAL_SEED={seed}");
                            failed.lock().unwrap().get_or_insert(format!("{again}: {reason}{}", steps.concat()));
                        }
                    }
                }
            });
        }
    });
    if let Some(failed) = failed.into_inner().unwrap() {
        panic!("{failed}");
    }
    tally.into_inner().unwrap()
}

#[test]
fn whatever_happens_nothing_durable_is_missing() {
    let first = seed();
    let histories = setting("KAPTAP_JOURNAL_HISTORIES", 10_000);
    println!("{histories} histories from KAPTAP_JOURNAL_SEED={first}");
    let same = seed_is_given();
    let tally = check_histories(histories, |number| if same { first } else { first.wrapping_add(number) });
    println!("{tally:?}");
    assert!(same || histories < 1_000 || tally.least() > histories / 200, "it meets too little: {tally:?}");
}

#[test]
fn histories_that_failed_once_go_well() {
    // Threads are not the same twice.
    let times = 20;
    for (seed, what) in REGRESSIONS {
        println!("{what}");
        check_histories(times, |_| *seed);
    }
}
