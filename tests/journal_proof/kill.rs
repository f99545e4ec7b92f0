//! (c) A process that writes as fast as it can is killed at any moment, again and again, on the real disk. What it had
//! been told to be durable, and what it had seen to be written, was told on to this process, which holds it against
//! what is there afterwards.
//!
//! `KAPTAP_JOURNAL_SEED` and `KAPTAP_JOURNAL_CYCLES` say where the chances begin and how often it is killed.

use crate::book::{Item, WATCHDOG, open, read};
use crate::dice::{Dice, seed, setting};
use crate::run::Run;
use kaptap::journal::{AppendError, Disk, Entry, Journal, Options, Share, Sync};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;

/// What makes this very test play the process that is killed: directory, seed and cycle.
const CHILD: &str = "KAPTAP_JOURNAL_CHILD";
const THREADS: u32 = 4;

/// How the journal of a cycle is kept; every cycle differs.
fn options(directory: &Path, seed: u64, cycle: u64) -> Options {
    let mut dice = Dice::new(seed ^ cycle);
    Options {
        directory: directory.to_owned(),
        segment_bytes: dice.pick(&[16 << 10, 64 << 10, 1 << 20]),
        max_bytes: 8 << 20,
        max_age: None,
        buffer_bytes: dice.pick(&[64 << 10, 1 << 20]),
        sync_interval: Duration::from_millis(dice.pick(&[1, 5, 50])),
        compression: dice.once_in(3),
    }
}

/// The run of this number of a thread of a cycle.
fn payload(seed: u64, cycle: u64, thread: u32, number: u32) -> Vec<u8> {
    let mut bytes = cycle.to_le_bytes().to_vec();
    bytes.extend(thread.to_le_bytes());
    bytes.extend(number.to_le_bytes());
    let mut dice = Dice::new(seed ^ cycle << 40 ^ u64::from(thread) << 32 ^ u64::from(number));
    let length = if dice.once_in(50) { dice.index(20_000) } else { dice.index(300) };
    let mut word = dice.roll();
    bytes.extend((0..length).map(|_| {
        word = word.rotate_left(5).wrapping_add(1);
        word as u8
    }));
    bytes
}

fn description(cycle: u64, thread: u32) -> Vec<u8> {
    format!("thread {thread} of cycle {cycle}").into_bytes()
}

/// The process that is killed, or ends by itself after a while, which fails the test: appends on several threads, and says what it is told.
fn be_killed(directory: &Path, seed: u64, cycle: u64) {
    // What is to be told goes where standard input comes from: one end of a pair of sockets.
    let teller = || File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let (journal, recovery) = open(&options(directory, seed, cycle), Disk::default()).unwrap();
    tell(&teller(), &format!("opened {}\n", recovery.next_seq));
    for thread in 0..THREADS {
        let (journal, teller) = (journal.clone(), teller());
        std::thread::spawn(move || append(&journal, &teller, seed, cycle, thread));
    }
    let teller = teller();
    let mut written = journal.written();
    let begun = Instant::now();
    while begun.elapsed() < WATCHDOG {
        let seq = wait(&mut written, |_| true);
        tell(&teller, &format!("written {seq}\n"));
    }
}

/// Each line is told at once and as a whole; the end of those who listen is the end.
fn tell(mut teller: &File, line: &str) {
    if teller.write_all(line.as_bytes()).is_err() {
        std::process::exit(1);
    }
}

fn append(journal: &Journal, teller: &File, seed: u64, cycle: u64, thread: u32) {
    let context = cycle * 10 + u64::from(thread);
    let mut durable = journal.durable();
    let mut space = journal.space();
    let mut dice = Dice::new(seed ^ cycle ^ u64::from(thread) << 20);
    for number in 0.. {
        if number % 97 == 0 {
            // Over, and begun again.
            journal.forget(context);
            journal.describe(context, &description(cycle, thread));
        }
        let payload = payload(seed, cycle, thread, number);
        let sync = match thread {
            0 => Sync::Commit,
            1 => Sync::Interval,
            2 => Sync::Os,
            _ => dice.pick(&[Sync::Commit, Sync::Interval, Sync::Os]),
        };
        let (count, time) = (number % 3 + 1, i64::from(number));
        let entry = Entry { context, count, time, payload: &[&payload] };
        let first_seq = loop {
            match journal.append(entry, sync, Share::Common) {
                Ok(first_seq) => break first_seq,
                Err(AppendError::Full) => drop(wait(&mut space, |_| true)),
                Err(error) => panic!("{error}"),
            }
        };
        if sync == Sync::Commit || dice.once_in(20) && sync == Sync::Interval {
            let last = first_seq + u64::from(count) - 1;
            if *durable.borrow_and_update() < last {
                while wait(&mut durable, |_| true) < last {}
            }
            tell(teller, &format!("durable {first_seq} {thread} {number}\n"));
        }
    }
}

/// The next value that is good.
fn wait(watched: &mut watch::Receiver<u64>, good: impl Fn(u64) -> bool) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        loop {
            watched.changed().await.expect("the journal goes on until it is killed");
            let value = *watched.borrow_and_update();
            if good(value) {
                return value;
            }
        }
    })
}

/// What a process told before it was killed.
#[derive(Debug, Default)]
struct Told {
    opened: bool,
    written: u64,
    /// By first seq: thread and number.
    durable: BTreeMap<u64, (u32, u32)>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        let mut words = line.split(' ');
        let what = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<u64>().unwrap();
        match what {
            "opened" => self.opened = number() > 0,
            "written" => self.written = self.written.max(number()),
            "durable" => {
                let (first_seq, thread, number) = (number(), number(), number());
                self.durable.insert(first_seq, (u32::try_from(thread).unwrap(), u32::try_from(number).unwrap()));
            }
            other => panic!("{other}"),
        }
    }
}

/// Lets one process live for a while, and hears what it tells.
fn one_life(directory: &Path, seed: u64, cycle: u64, dice: &mut Dice) -> Told {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let begun = Instant::now();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["kill::whenever_a_process_is_killed_nothing_it_was_told_of_is_lost", "--exact", "--nocapture"])
        .env(CHILD, directory)
        .env("KAPTAP_JOURNAL_SEED", seed.to_string())
        .env("KAPTAP_JOURNAL_CYCLE", cycle.to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = Told::default();
    let mut lines = BufReader::new(ours);
    let mut line = String::new();
    // Some are killed while they start; most after they have told something, and a moment later.
    let lines_heard = if dice.once_in(5) { 0 } else { 1 + dice.below(250) };
    for _ in 0..lines_heard {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended by itself, after {:?}", begun.elapsed());
        told.hear(line.trim_end());
    }
    let moment = Duration::from_micros(dice.below(if lines_heard == 0 { 30_000 } else { 3_000 }));
    // A chance of the proof: a kill comes at any moment.
    std::thread::sleep(moment);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
    loop {
        line.clear();
        match lines.read_line(&mut line) {
            Ok(0) => return told,
            Ok(_) if line.ends_with('\n') => told.hear(line.trim_end()),
            // The rest of the last line went with the process.
            Ok(_) | Err(_) => return told,
        }
    }
}

/// Checks one run by itself, and returns its cycle, thread and number.
fn check_run(run: &Run, seed: u64) -> (u64, u32, u32) {
    let field = |at: usize| u32::from_le_bytes(run.payload[at..at + 4].try_into().unwrap());
    let cycle = u64::from_le_bytes(run.payload[..8].try_into().unwrap());
    let (thread, number) = (field(8), field(12));
    assert!(run.payload == payload(seed, cycle, thread, number), "{run:?} is not what was appended");
    assert_eq!(run.description, description(cycle, thread), "{run:?}");
    assert_eq!((run.count, run.time), (number % 3 + 1, i64::from(number)), "{run:?}");
    assert_eq!(run.context, cycle * 10 + u64::from(thread), "{run:?}");
    (cycle, thread, number)
}

#[test]
fn whenever_a_process_is_killed_nothing_it_was_told_of_is_lost() {
    let seed = seed();
    if let Some(directory) = std::env::var_os(CHILD) {
        return be_killed(Path::new(&directory), seed, setting("KAPTAP_JOURNAL_CYCLE", 0));
    }
    let cycles = setting("KAPTAP_JOURNAL_CYCLES", 30);
    println!("{cycles} cycles from KAPTAP_JOURNAL_SEED={seed}");
    let home = TempDir::new().unwrap();
    let directory = home.path().join("journal");
    let mut dice = Dice::new(seed);
    // All that was ever found, by first seq: it must be found again, the same.
    let mut known: BTreeMap<u64, (u64, u32, u32)> = BTreeMap::new();
    let (mut acknowledged, mut highest) = (0, 0);
    for cycle in 0..cycles {
        let told = one_life(&directory, seed, cycle, &mut dice);
        acknowledged += told.durable.len();
        let (journal, recovery) = open(&options(&directory, seed, cycle), Disk::default()).unwrap();
        assert!(recovery.gaps.is_empty() && recovery.quarantined.is_empty(), "cycle {cycle}: {recovery:?}");
        assert!(recovery.next_seq > told.written.max(highest), "cycle {cycle}: {recovery:?}, {}", told.written);
        highest = recovery.next_seq - 1;
        let items = read(&mut journal.reader(0)).unwrap();
        // Retention works when opening, perhaps while this reads.
        let first_seq = journal.stats().first_seq;
        let mut next = None;
        let mut found = BTreeMap::new();
        for item in &items {
            match item {
                Item::Run(run) => {
                    assert!(next.is_none_or(|next| next == run.first_seq), "cycle {cycle}: {run:?} at {next:?}");
                    next = Some(run.last() + 1);
                    found.insert(run.first_seq, check_run(run, seed));
                }
                Item::Gap(first, last, reason) => {
                    assert!(*reason == "retention" && *last < first_seq, "cycle {cycle}: {first} to {last}, {reason}");
                    next = Some(last + 1);
                }
            }
        }
        assert!(next.is_none_or(|next| next == recovery.next_seq), "cycle {cycle}: it ends before {next:?}");
        for (first, run) in known.iter().filter(|(first, _)| **first >= first_seq) {
            assert_eq!(found.get(first), Some(run), "cycle {cycle}: {first} was there before");
        }
        for (first, (thread, number)) in told.durable.iter().filter(|(first, _)| **first >= first_seq) {
            assert_eq!(found.get(first), Some(&(cycle, *thread, *number)), "cycle {cycle}: {first} was acknowledged");
        }
        // Of each thread everything up to its last run that is there: nothing is lost in between.
        let mut numbers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (_, thread, number) in found.values().filter(|(of, ..)| *of == cycle) {
            numbers.entry(*thread).or_default().push(*number);
        }
        for (thread, numbers) in numbers {
            let all = numbers[0]..=numbers[0] + u32::try_from(numbers.len()).unwrap() - 1;
            assert!(numbers.iter().copied().eq(all), "cycle {cycle}, thread {thread}: {numbers:?}");
        }
        known = found;
        // Sometimes the one that looks closes it properly.
        if dice.once_in(2) {
            journal.close().unwrap();
        }
    }
    println!("{acknowledged} acknowledged, {highest} seqs given, {} runs there at the end", known.len());
    let contexts: BTreeSet<_> = known.values().map(|(cycle, thread, _)| (cycle, thread)).collect();
    assert!(cycles < 10 || acknowledged > 100 && contexts.len() > 2, "too little happens before it is killed");
}
