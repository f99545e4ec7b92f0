//! Tests of the names, and of what is kept.

use super::*;
use flate2::read::GzDecoder;
use std::collections::BTreeMap;

const FIRST: &str = "20260301T100030.500000000Z";
const SECOND: &str = "20260301T100030.500000001Z";
const THIRD: &str = "20270101T000000.000000000Z";

/// A directory with these files, each behind `events.ndjson`, swept; the names that are left, and their text.
fn check_swept(files: &[(&str, &str)], keep_files: usize, gzip: bool, left: &[(&str, &str)]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.ndjson");
    for (name, text) in files {
        let bytes = match name.strip_suffix(COMPRESSED) {
            Some(_) => {
                let mut to = GzEncoder::new(Vec::new(), Compression::default());
                to.write_all(text.as_bytes()).unwrap();
                to.finish().unwrap()
            }
            None => text.as_bytes().to_vec(),
        };
        std::fs::write(with_suffix(&path, name), bytes).unwrap();
    }
    let options = options::File { path: path.clone(), rotate_bytes: 0, rotate_age: None, keep_files, gzip, raw: false };
    Sweep { options, stop: Arc::default() }.once().unwrap();
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut text = String::new();
        if name.ends_with(COMPRESSED) {
            GzDecoder::new(File::open(entry.path()).unwrap()).read_to_string(&mut text).unwrap();
        } else {
            text = std::fs::read_to_string(entry.path()).unwrap();
        }
        found.insert(name.strip_prefix("events.ndjson").unwrap_or(&name).to_owned(), text);
    }
    let left = left.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    assert_eq!(found, left);
}

#[test]
fn the_oldest_go_and_the_rest_is_compressed() {
    let [first, second, third] = [FIRST, SECOND, THIRD].map(|stamp| format!(".{stamp}"));
    let [first_gz, second_gz, third_gz] = [FIRST, SECOND, THIRD].map(|stamp| format!(".{stamp}.gz"));
    let all = [("", "now"), (&*third, "c"), (&*first, "a"), (&*second, "b")];
    check_swept(&all, 9, false, &all);
    check_swept(&all, 2, false, &[("", "now"), (&third, "c"), (&second, "b")]);
    check_swept(&all, 0, true, &[("", "now")]);
    check_swept(&all, 2, true, &[("", "now"), (&third_gz, "c"), (&second_gz, "b")]);
    // Compressed ones count as well, and stay when there is no compressing any more.
    let mixed = [("", "now"), (&*first_gz, "a"), (&*second_gz, "b"), (&*third, "c")];
    check_swept(&mixed, 2, false, &[("", "now"), (&second_gz, "b"), (&third, "c")]);
}

#[test]
fn what_a_crash_left_of_compressing_is_cleared() {
    let (first, first_gz, part) = (format!(".{FIRST}"), format!(".{FIRST}.gz"), format!(".{FIRST}.gz.part"));
    check_swept(&[(&first, "a"), (&part, "half")], 9, true, &[(&first_gz, "a")]);
    check_swept(&[(&first, "a"), (&first_gz, "a")], 9, true, &[(&first_gz, "a")]);
    check_swept(&[(&first, "a"), (&first_gz, "a")], 9, false, &[(&first_gz, "a")]);
}

#[test]
fn files_of_others_are_left_alone() {
    let short = format!(".{}", &FIRST[1..]);
    let longer = format!(".{FIRST}.bak");
    let odd = format!(".{}", FIRST.replace('T', "t"));
    let others = [(".1", "x"), (".old.gz", "y"), (&*short, "z"), (&*longer, "z"), (&*odd, "z"), ("2", "z")];
    check_swept(&others, 0, true, &others);
}

#[test]
fn names_only_increase() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("e");
    let mut last = String::new();
    for n in 0..20 {
        if n == 10 {
            // From a clock that was ahead.
            std::fs::write(with_suffix(&path, ".29991231T235959.999999999Z.gz"), "").unwrap();
        }
        let next = next_name(&path).unwrap();
        std::fs::write(&next, "").unwrap();
        let next = next.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(next > last && rotated(&path).unwrap().last().unwrap().path.ends_with(&next), "{next} after {last}");
        last = next;
    }
    assert_eq!(after(FIRST), SECOND);
    assert_eq!(after("20260301T100030.599999999Z"), "20260301T100030.600000000Z");
}

#[test]
fn a_stopped_sweep_leaves_the_file_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("e");
    let from = with_suffix(&path, &format!(".{FIRST}"));
    std::fs::write(&from, "text").unwrap();
    let options = options::File { path, rotate_bytes: 0, rotate_age: None, keep_files: 9, gzip: true, raw: false };
    Sweep { options, stop: Arc::new(AtomicBool::new(true)) }.compress(&from).unwrap();
    assert_eq!(std::fs::read_to_string(&from).unwrap(), "text");
}
