//! (b) Directories that were damaged in every way anybody thought of, with what must be found in each.

use crate::book::{Item, open, read};
use crate::disk::SimDisk;
use crate::forge::{Files, Forge, HEADER, PASSED_OVER, Part, name, parts, payload};
use crate::run::Run;
use crate::wait_support::wait_until;
use kaptap::journal::{Entry, Journal, OpenError, Options, Recovery, Share, Sync};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

#[path = "catalogue_zeros.rs"]
mod zeros;

/// What opening a directory and reading all of it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    next_seq: u64,
    torn_bytes: u64,
    /// As the recovery tells them.
    gaps: Vec<(u64, u64, &'static str)>,
    /// Names and reasons.
    quarantined: Vec<(String, String)>,
    /// What a reader is given from the beginning: seqs, and a reason if they are missing.
    read: Vec<(u64, u64, &'static str)>,
}

/// What a reader is given for a run as it was made, with and without its description.
const WHOLE: &str = "";
const BARE: &str = "without its description";

/// The directory that is damaged: two segments that were closed, and one whose process was killed.
fn sound() -> Files {
    let a = Forge::new(1, 1, 0).context(7, b"seven").run(1, 2).run(3, 1).end(4);
    let b = Forge::new(4, 1, 0).context(7, b"seven").run(4, 3).run(7, 1).end(8);
    let c = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).run(9, 2).run(11, 1);
    [(name(1), a.bytes), (name(4), b.bytes), (name(8), c.bytes)].into()
}

/// The same, packed.
fn sound_packed() -> Files {
    let a = Forge::new(1, 1, 0).context(7, b"seven").packed(&[(1, 2), (3, 1)]).end(4);
    let b = Forge::new(4, 1, 0).context(7, b"seven").packed(&[(4, 3)]).packed(&[(7, 1)]).end(8);
    let c = Forge::new(8, 1, 0).context(7, b"seven").packed(&[(8, 1), (9, 2)]).packed(&[(11, 1)]);
    [(name(1), a.bytes), (name(4), b.bytes), (name(8), c.bytes)].into()
}

/// What is found in it if nothing is damaged.
fn all() -> Found {
    let read = [(1, 2), (3, 3), (4, 6), (7, 7), (8, 8), (9, 10), (11, 11)];
    Found {
        next_seq: 12,
        torn_bytes: 0,
        gaps: Vec::new(),
        quarantined: Vec::new(),
        read: read.map(|(first, last)| (first, last, WHOLE)).to_vec(),
    }
}

impl Found {
    /// The same, with a gap in place of what was there; `told` says whether the recovery knows of it.
    fn missing(mut self, first: u64, last: u64, told: bool) -> Self {
        self.read.retain(|run| run.1 < first || run.0 > last);
        self.read.push((first, last, "damage"));
        self.read.sort_unstable();
        if told {
            self.gaps.push((first, last, "damage"));
            self.gaps.sort_unstable();
        }
        self
    }

    /// The same, with what is between the last record and the next seq passed over.
    fn passed_over(mut self, next_seq: u64, reason: &'static str) -> Self {
        let gap = (self.next_seq, next_seq - 1, reason);
        self.gaps.push(gap);
        self.read.push(gap);
        self.next_seq = next_seq;
        self
    }

    /// The same, but the newest segment ends before this seq.
    fn cut(mut self, next_seq: u64, torn_bytes: usize) -> Self {
        self.read.retain(|run| run.0 < next_seq);
        Self { next_seq, torn_bytes: torn_bytes as u64, ..self }
    }

    /// The same, with runs from one seq to another that have lost their description.
    fn bare(mut self, first: u64, last: u64) -> Self {
        for run in self.read.iter_mut().filter(|run| run.2 == WHOLE && run.0 >= first && run.1 <= last) {
            run.2 = BARE;
        }
        self
    }

    fn quarantined(mut self, first_seq: u64, reason: &str) -> Self {
        self.quarantined.push((format!("{}.quarantined", name(first_seq)), reason.to_owned()));
        self
    }
}

/// A directory of the real disk for the lock, and all the rest in memory.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    fn options(&self) -> Options {
        Options {
            directory: self.directory.path().to_owned(),
            segment_bytes: 1 << 20,
            max_bytes: 1 << 30,
            max_age: None,
            buffer_bytes: 64 << 10,
            sync_interval: Duration::from_millis(1),
            compression: false,
        }
    }

    fn open(&self, disk: &SimDisk) -> Result<(Journal, Recovery), OpenError> {
        open(&self.options(), disk.clone())
    }

    fn found(&self, disk: &SimDisk) -> (Journal, Found) {
        let (journal, recovery) = self.open(disk).unwrap();
        let items = read(&mut journal.reader(0)).unwrap();
        let file = |path: &std::path::Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let quarantined = recovery.quarantined.iter().map(|(path, reason)| (file(path), reason.clone())).collect();
        let found = Found {
            next_seq: recovery.next_seq,
            torn_bytes: recovery.torn_bytes,
            gaps: recovery.gaps,
            quarantined,
            read: items.iter().map(as_made).collect(),
        };
        assert_eq!(journal.next_seq(), found.next_seq);
        (journal, found)
    }

    /// Opens the directory and checks what is found; then, that opening it once more changes nothing more, that it can
    /// be written to, and that all is there after that.
    #[track_caller]
    fn check(&self, what: &str, files: &Files, expected: &Found) -> Files {
        let disk = SimDisk::with_files(files);
        let (journal, found) = self.found(&disk);
        assert_eq!(found, *expected, "{what}");
        drop(journal);
        let after = disk.files();

        // What was put in order once is in order.
        let (journal, found) = self.found(&disk);
        let in_order = Found { torn_bytes: 0, quarantined: Vec::new(), ..expected.clone() };
        check_again(&format!("{what}, opened again"), &found, &in_order);
        assert_eq!(disk.files(), after, "{what}, opened again");

        journal.describe(7, b"seven");
        let bytes = payload(found.next_seq);
        let time = i64::try_from(found.next_seq).unwrap() * 10;
        let entry = Entry { context: 7, count: 1, time, payload: &[&bytes] };
        let first_seq = journal.append(entry, Sync::Commit, Share::Last).unwrap();
        assert_eq!(first_seq, found.next_seq, "{what}, written to");
        let written = || (*journal.durable().borrow() >= first_seq).then_some(());
        wait_until(&format!("{what}: something can be written"), written);
        // The process is killed.
        let disk = disk.next_life();
        drop(journal);
        let (journal, found) = self.found(&disk);
        let mut more = Found { next_seq: in_order.next_seq + 1, ..in_order };
        more.read.push((first_seq, first_seq, WHOLE));
        check_again(&format!("{what}, written to and opened again"), &found, &more);
        drop(journal);
        after
    }
}

/// Reading finds the same; what is missing may be left to it, and need not be told again when opening.
#[track_caller]
fn check_again(what: &str, found: &Found, expected: &Found) {
    assert!(found.gaps.iter().all(|gap| expected.gaps.contains(gap)), "{what}: {found:?} {expected:?}");
    assert_eq!(*found, Found { gaps: found.gaps.clone(), ..expected.clone() }, "{what}");
}

/// Seqs of what was read, and whether it is as the forge makes it.
fn as_made(item: &Item) -> (u64, u64, &'static str) {
    match item {
        Item::Gap(first, last, reason) => (*first, *last, reason),
        Item::Run(run) => {
            let Run { first_seq, time, context, description, payload: bytes, .. } = run;
            assert_eq!((*bytes).clone(), payload(*first_seq), "{run:?}");
            assert_eq!((*time, *context), (i64::try_from(*first_seq).unwrap() * 10, 7), "{run:?}");
            match &**description {
                b"seven" => (*first_seq, run.last(), WHOLE),
                b"" => (*first_seq, run.last(), BARE),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// How much behind the last whole entry is torn; see [`zeros`].
fn torn(tail: &[u8]) -> usize {
    let Some(last) = tail.iter().rposition(|byte| *byte != 0) else { return 0 };
    let says = tail.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
    let says = says.filter(|says| (16..1 << 30).contains(says)).map_or(40, |says| says + 8);
    tail.len().min(says.max(last + 1))
}

/// What must be found when bytes of one segment were changed and none added or taken away: every entry that was hit is
/// gone, and nothing else.
fn expected_of_change(files: &Files, hit: &str, changed: &[u8]) -> Found {
    let bytes = &files[hit];
    let is_hit = |from: usize, to: usize| bytes[from..to] != changed[from..to];
    let parts = parts(bytes);
    let newest = hit == name(8);
    let mut expected = all();
    let last_whole = parts.iter().rposition(|part| !is_hit(part.from, part.to));
    let tail = last_whole.map_or(HEADER, |last| parts[last].to);
    if newest && tail < bytes.len() {
        let first_gone = parts.iter().find(|part| part.from >= tail && part.seqs.is_some());
        let next_seq = first_gone.and_then(|part| part.seqs).map_or(12, |seqs| seqs.0);
        expected = expected.cut(next_seq, torn(&changed[tail..]));
    }
    let lost: Vec<Part> = parts.iter().filter(|part| is_hit(part.from, part.to)).copied().collect();
    let mut gaps: Vec<(u64, u64)> = Vec::new();
    for (first, last) in lost.iter().filter_map(|part| part.seqs).filter(|seqs| seqs.0 < expected.next_seq) {
        match gaps.last_mut() {
            Some(gap) if gap.1 + 1 == first => gap.1 = last,
            _ => gaps.push((first, last)),
        }
    }
    for (first, last) in gaps {
        expected = expected.missing(first, last, newest);
    }
    if lost.iter().any(|part| part.kind == 1) {
        let seqs = parts.iter().filter_map(|part| part.seqs);
        expected =
            expected.bare(seqs.clone().map(|seqs| seqs.0).min().unwrap(), seqs.map(|seqs| seqs.1).max().unwrap());
    }
    if newest && is_hit(0, HEADER) {
        // It cannot be known whether power was lost.
        let next_seq = expected.next_seq + PASSED_OVER;
        expected = expected.passed_over(next_seq, "skipped");
    }
    expected
}

#[test]
fn what_the_forge_makes_is_read() {
    let place = Place::new();
    for files in [sound(), sound_packed()] {
        assert_eq!(place.check("sound", &files, &all()), files);
    }
}

#[test]
fn every_bit_of_every_segment_may_turn() {
    let place = Place::new();
    for files in [sound(), sound_packed()] {
        for hit in files.keys() {
            for at in 0..files[hit].len() {
                let bits: &[u8] = if at < 16 || at % 5 == 0 { &[1, 2, 4, 8, 16, 32, 64, 128, 255] } else { &[1, 64] };
                for bit in bits {
                    let mut damaged = files.clone();
                    damaged.get_mut(hit).unwrap()[at] ^= bit;
                    let expected = expected_of_change(&files, hit, &damaged[hit]);
                    let disk = SimDisk::with_files(&damaged);
                    let (_, found) = place.found(&disk);
                    assert_eq!(found, expected, "{hit}, byte {at}, bits {bit:08b}");
                }
            }
        }
    }
}

#[test]
fn every_stretch_may_be_zeros_or_garbage() {
    let place = Place::new();
    for files in [sound(), sound_packed()] {
        for hit in files.keys() {
            for length in [1, 8, 40, 64, 150] {
                for at in (HEADER..files[hit].len()).step_by(7) {
                    for filling in [0, 0xFF, b'k'] {
                        let mut damaged = files.clone();
                        let bytes = damaged.get_mut(hit).unwrap();
                        let to = bytes.len().min(at + length);
                        bytes[at..to].fill(filling);
                        let expected = expected_of_change(&files, hit, &damaged[hit]);
                        let (_, found) = place.found(&SimDisk::with_files(&damaged));
                        assert_eq!(found, expected, "{hit}, {length} bytes from {at} on are {filling}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_newest_segment_may_end_anywhere() {
    let place = Place::new();
    for files in [sound(), sound_packed()] {
        let whole = &files[&name(8)];
        let parts = parts(whole);
        for length in 0..whole.len() {
            let mut damaged = files.clone();
            damaged.insert(name(8), whole[..length].to_vec());
            let left = parts.iter().rfind(|part| part.to <= length).map_or(HEADER, |part| part.to);
            let next_seq =
                parts.iter().filter(|part| part.to > left).find_map(|part| part.seqs).map_or(12, |seqs| seqs.0);
            let expected = if length < HEADER {
                // No crash does that. What it may have held is passed over.
                let beyond = 8 + length as u64 * 256 + PASSED_OVER;
                let expected = all().cut(8, 0).passed_over(beyond, "damage");
                expected.quarantined(8, "shorter than a segment's header")
            } else {
                all().cut(next_seq, length - left)
            };
            let after = place.check(&format!("cut to {length} bytes"), &damaged, &expected);
            if length >= HEADER {
                assert_eq!(after[&name(8)], whole[..left], "what is torn is cut off");
            }
        }
    }
}

#[test]
fn an_older_segment_may_end_anywhere() {
    let place = Place::new();
    for files in [sound(), sound_packed()] {
        let whole = &files[&name(4)];
        let parts = parts(whole);
        for length in 0..whole.len() {
            let mut damaged = files.clone();
            damaged.insert(name(4), whole[..length].to_vec());
            let gone = parts.iter().filter(|part| part.to > length).find_map(|part| part.seqs);
            let mut expected = all();
            if let Some((first, _)) = gone {
                // Reading tells it; only a file that is none at all is known when opening.
                expected = expected.missing(first, 7, length < HEADER);
            }
            if length < HEADER {
                expected = expected.quarantined(4, "shorter than a segment's header");
            }
            place.check(&format!("cut to {length} bytes"), &damaged, &expected);
        }
    }
}

#[test]
fn whatever_stands_behind_the_end_is_no_entry() {
    let place = Place::new();
    let files = sound();
    let others = &files[&name(1)][HEADER..];
    for filling in [&[0; 3][..], &[0; 4096], &[0xFF; 100], b"\x10\0\0\0", others, &others[..50]] {
        // Behind the newest it is a torn tail; behind others nobody ever looks.
        // Zeros are what a segment is filled with ahead.
        for (hit, torn) in [(1, 0), (4, 0), (8, torn(filling))] {
            let mut damaged = files.clone();
            damaged.get_mut(&name(hit)).unwrap().extend(filling);
            let after = place.check("more behind it", &damaged, &all().cut(12, torn));
            assert_eq!(after.get(&name(8)), files.get(&name(8)));
        }
    }
}

#[test]
fn segments_may_be_missing() {
    let place = Place::new();
    let without = |gone: &[u64]| {
        let mut files = sound();
        files.retain(|file, _| !gone.iter().any(|first| *file == name(*first)));
        files
    };
    let from = |first: u64, found: Found| Found {
        read: found.read.iter().filter(|run| run.0 >= first).copied().collect(),
        ..found
    };
    // The oldest might have been taken by retention.
    place.check("without the oldest", &without(&[1]), &from(4, all()));
    place.check("without the older ones", &without(&[1, 4]), &from(8, all()));
    place.check("without the middle one", &without(&[4]), &all().missing(4, 7, true));
    // Nothing says that there was one.
    place.check("without the newest", &without(&[8]), &all().cut(8, 0));
    place.check("without any", &Files::new(), &all().cut(1, 0));
}

#[test]
fn files_that_are_no_segments_are_set_aside() {
    let place = Place::new();
    for (first, last) in [(1, 3), (4, 7), (8, 11)] {
        for (content, reason) in [
            (&b""[..], "shorter than a segment's header"),
            (b"kaptap\r\n", "shorter than a segment's header"),
            (&[0; 64], "not a segment, or its front is damaged"),
            (&[0; 4096], "not a segment, or its front is damaged"),
            (&[b'?'; 200], "not a segment, or its front is damaged"),
            (
                &sound()[&name(if first == 4 { 1 } else { 4 })],
                if first == 4 {
                    "its name says 4 and its header 1"
                } else if first == 1 {
                    "its name says 1 and its header 4"
                } else {
                    "its name says 8 and its header 4"
                },
            ),
        ] {
            let mut files = sound();
            files.insert(name(first), content.to_vec());
            let beyond = 8 + content.len() as u64 * 256 + PASSED_OVER;
            let expected = match first {
                8 => all().cut(8, 0).passed_over(beyond, "damage"),
                1 => {
                    let mut expected = all().missing(1, 3, true);
                    // There is nothing before the oldest that can be read.
                    expected.read.remove(0);
                    expected
                }
                _ => all().missing(first, last, true),
            };
            let after = place.check(reason, &files, &expected.quarantined(first, reason));
            assert_eq!(after[&format!("{}.quarantined", name(first))], content);
            assert!(!after.contains_key(&name(first)));
        }
    }
}

#[test]
fn swapped_segments_are_both_set_aside() {
    let mut files = sound();
    let (b, c) = (files[&name(4)].clone(), files[&name(8)].clone());
    let beyond = (4 + c.len() as u64 * 256).max(8 + b.len() as u64 * 256) + PASSED_OVER;
    files.insert(name(4), c);
    files.insert(name(8), b);
    let expected = all().cut(4, 0).passed_over(beyond, "damage");
    let expected = expected.quarantined(4, "its name says 4 and its header 8");
    Place::new().check("swapped", &files, &expected.quarantined(8, "its name says 8 and its header 4"));
}

#[test]
fn of_records_that_are_there_twice_the_later_segment_counts() {
    let place = Place::new();
    // As after a failure: the older one was not closed, and the next one holds what it held, and goes on.
    let mut files = sound();
    let failed = Forge::new(4, 1, 0).context(7, b"seven").run(4, 3).run(7, 1).run(8, 1).run(9, 2);
    files.insert(name(4), failed.bytes);
    place.check("written again", &files, &all());
    // Half an entry was written.
    files.get_mut(&name(4)).unwrap().extend([1; 30]);
    place.check("written again after half a write", &files, &all());
    // What is missing in the older one goes no further than to where the later one begins.
    let hole = Forge::new(4, 1, 0).context(7, b"seven").run(4, 3).run(9, 2);
    files.insert(name(4), hole.bytes);
    place.check("written again behind a hole", &files, &all().missing(7, 7, false));
    // A run that goes beyond the beginning of the next segment is given whole, and so is the next one.
    let across = Forge::new(4, 1, 0).context(7, b"seven").run(4, 3).run(7, 3).end(10);
    files.insert(name(4), across.bytes);
    let mut expected = all();
    expected.read = vec![(1, 2, WHOLE), (3, 3, WHOLE), (4, 6, WHOLE), (7, 9, WHOLE), (9, 10, WHOLE), (11, 11, WHOLE)];
    place.check("a run across", &files, &expected);

    // The same entry twice, and entries in the wrong order, within a segment.
    let mut files = sound();
    let twice = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).run(8, 1).run(9, 2).run(8, 1).run(11, 1);
    files.insert(name(8), twice.bytes);
    place.check("twice", &files, &all());
    let wrong = Forge::new(8, 1, 0).context(7, b"seven").run(9, 2).run(8, 1).run(11, 1);
    files.insert(name(8), wrong.bytes);
    place.check("in the wrong order", &files, &all().missing(8, 8, true));
}

#[test]
fn entries_may_be_cut_out_and_garbage_may_be_put_in() {
    let place = Place::new();
    let mut files = sound();
    let hole = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).run(11, 1);
    files.insert(name(8), hole.bytes);
    place.check("cut out of the newest", &files, &all().missing(9, 10, true));

    let mut files = sound();
    let hole = Forge::new(4, 1, 0).context(7, b"seven").run(7, 1).end(8);
    files.insert(name(4), hole.bytes);
    place.check("cut out of an older one", &files, &all().missing(4, 6, false));

    let looks_like_one = &Forge::new(99, 1, 0).run(9, 2).bytes[HEADER..];
    for garbage in [&[0; 500][..], b"?", b"\xFF\xFF\xFF\x3F", looks_like_one] {
        let mut files = sound();
        let c = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).bytes(garbage).run(9, 2).bytes(garbage).run(11, 1);
        files.insert(name(8), c.bytes);
        place.check("put in", &files, &all());
    }
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let place = Place::new();
    let mut files = sound();
    let c = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).entry(77, 5, &[6], b"later").run(9, 2).run(11, 1);
    files.insert(name(8), c.entry(6, 0, &[1], b"").bytes);
    place.check("kinds not known", &files, &all());

    for number in [1, 4, 8] {
        let mut files = sound();
        files.insert(name(number), Forge::new(number, 1, 0).version(2).run(number, 1).bytes);
        let disk = SimDisk::with_files(&files);
        let error = place.open(&disk).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Version { found: 2, known: 1, .. }), "{error}");
        assert_eq!(disk.files(), files, "nothing is touched");
    }
}

#[test]
fn a_context_that_is_over_is_over() {
    let mut files = sound();
    let c = Forge::new(8, 1, 0).run(8, 1).context(7, b"seven").run(9, 2).forget(7).run(11, 1);
    files.insert(name(8), c.bytes);
    Place::new().check("forgotten", &files, &all().bare(8, 8).bare(11, 11));
}

#[test]
fn power_was_lost() {
    let place = Place::new();
    // Another boot wrote the newest, and did not close it: what readers have seen of it may be gone.
    let mut files = sound();
    let c = || Forge::new(8, 9, 0).context(7, b"seven").run(8, 1).run(9, 2).run(11, 1);
    files.insert(name(8), c().bytes);
    let passed = all().passed_over(12 + PASSED_OVER, "skipped");
    place.check("another boot", &files, &passed);
    files.insert(name(8), c().end(12).bytes);
    place.check("another boot, and closed", &files, &all());
    // It goes on after that, and says what was passed over.
    let next = Forge::new(12 + PASSED_OVER, 1, PASSED_OVER).context(7, b"seven").run(12 + PASSED_OVER, 1);
    files.insert(name(12 + PASSED_OVER), next.bytes);
    let mut expected = passed;
    expected.read.push((expected.next_seq, expected.next_seq, WHOLE));
    expected.next_seq += 1;
    place.check("passed over long ago", &files, &expected);
}

#[test]
fn leftovers_go_and_files_of_others_stay() {
    let mut files = sound();
    for leftover in [format!("{}.new", name(12)), format!("{}.new", name(8))] {
        files.insert(leftover, sound()[&name(8)][..100].to_vec());
    }
    let mut others: Files = [
        "notes.txt",
        "lock.old",
        "1.kseg",
        "00000000000000000000.kseg",
        "99999999999999999999.kseg",
        "0000000000000000004x.kseg",
        "00000000000000000004.kseg.old",
        "00000000000000000004.ksegment",
        "core",
    ]
    .into_iter()
    .map(|other| (other.to_owned(), b"mine".to_vec()))
    .collect();
    files.append(&mut others.clone());
    let after = Place::new().check("files of others", &files, &all());
    others.append(&mut sound());
    assert_eq!(after, others);
}

#[test]
fn what_was_set_aside_before_still_counts() {
    let place = Place::new();
    let mut files = sound();
    let aside = format!("{}.quarantined", name(12));
    files.insert(aside.clone(), vec![b'?'; 10]);
    let after = place.check("set aside before", &files, &all().passed_over(12 + 2560 + PASSED_OVER, "damage"));
    assert_eq!(after, files);
    // Behind it something was written since.
    let mut files = sound();
    files.insert(format!("{}.quarantined", name(6)), vec![b'?'; 10]);
    place.check("set aside long ago", &files, &all());
}

#[test]
fn a_lock_left_behind_is_no_lock() {
    let place = Place::new();
    std::fs::write(place.directory.path().join("lock"), b"4711\n").unwrap();
    place.check("a stale lock", &sound(), &all());
    let (journal, _) = place.found(&SimDisk::with_files(&sound()));
    let second = Journal::open(place.options(), Arc::new(SimDisk::with_files(&sound())));
    let error = second.map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(journal);

    let place = Place::new();
    std::fs::create_dir(place.directory.path().join("lock")).unwrap();
    let error = place.open(&SimDisk::with_files(&sound())).map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::Io { path, .. } if path.ends_with("lock")), "{error}");
}
