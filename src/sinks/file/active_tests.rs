//! Tests of what a disk, or somebody else, can do to the file.

use super::*;
use std::path::PathBuf;
use std::time::Duration;

const LINE: &str = "{\"schema\":\"kaptap.event/v1\",\"id\":1}\n";

struct Place {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new(content: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.ndjson");
        if !content.is_empty() {
            std::fs::write(&path, content).unwrap();
        }
        Self { _directory: directory, path }
    }

    fn options(&self) -> options::File {
        options::File {
            path: self.path.clone(),
            rotate_bytes: 1 << 20,
            rotate_age: None,
            keep_files: 3,
            gzip: false,
            raw: false,
        }
    }

    fn open(&self) -> Active {
        Active::new(&self.options())
    }

    fn text(&self) -> String {
        String::from_utf8(std::fs::read(&self.path).unwrap()).unwrap()
    }
}

/// Opens a file with this content and appends a line; what is then in it.
#[track_caller]
fn check_mended(content: &[u8], kept: &str) {
    let place = Place::new(content);
    place.open().append(LINE.as_bytes()).unwrap();
    assert_eq!(place.text(), format!("{kept}{LINE}"));
}

#[test]
fn a_torn_line_is_cut() {
    check_mended(b"", "");
    check_mended(LINE.as_bytes(), LINE);
    for length in 1..LINE.len() {
        let torn = &LINE[..length];
        check_mended(torn.as_bytes(), "");
        check_mended(format!("{LINE}{LINE}{torn}").as_bytes(), &format!("{LINE}{LINE}"));
    }
    check_mended(&[LINE.as_bytes(), &[0; 4096]].concat(), LINE);
    let long = format!("{LINE}{{\"schema\":\"kaptap.event/v1\",\"id\":\"{}", "x".repeat(200_000));
    check_mended(long.as_bytes(), LINE);
}

#[test]
fn what_is_not_ours_is_kept() {
    check_mended(b"key = 1", "key = 1\n");
    check_mended(b"a\n{\"other\":1", "a\n{\"other\":1\n");
}

#[test]
fn a_full_disk_leaves_no_half_line_and_nothing_twice() {
    let place = Place::new(b"");
    let mut active = place.open();
    active.append(LINE.as_bytes()).unwrap();
    let good = active.calls;
    active.calls.write = |file, lines| {
        file.write_all(&lines[..lines.len() / 2])?;
        Err(io::ErrorKind::StorageFull.into())
    };
    for _ in 0..3 {
        let error = active.append(LINE.repeat(3).as_bytes()).unwrap_err();
        assert!(error.starts_with("cannot write ") && error.ends_with(": no storage space"), "{error}");
        assert_eq!(place.text(), LINE);
    }
    active.calls = good;
    active.append(LINE.as_bytes()).unwrap();
    assert_eq!(place.text(), LINE.repeat(2));
}

#[test]
fn what_could_not_be_synced_is_written_again() {
    let place = Place::new(b"");
    let mut active = place.open();
    active.append(LINE.as_bytes()).unwrap();
    let good = active.calls;
    active.calls.sync = |_| Err(io::Error::other("bad sector"));
    active.append(LINE.as_bytes()).unwrap_err();
    assert_eq!(place.text(), LINE);
    assert!(active.open.is_none(), "the file is opened anew");
    active.calls = good;
    active.append(LINE.as_bytes()).unwrap();
    assert_eq!(place.text(), LINE.repeat(2));
}

#[test]
fn a_file_renamed_removed_or_cut_from_outside_goes_on() {
    let place = Place::new(b"");
    let mut active = place.open();
    active.append(LINE.as_bytes()).unwrap();
    let moved = place.path.with_extension("1");
    std::fs::rename(&place.path, &moved).unwrap();
    active.append(LINE.as_bytes()).unwrap();
    assert_eq!((std::fs::read_to_string(&moved).unwrap(), place.text()), (LINE.to_owned(), LINE.to_owned()));
    std::fs::remove_file(&place.path).unwrap();
    active.append(LINE.as_bytes()).unwrap();
    assert_eq!(place.text(), LINE);
    OpenOptions::new().write(true).open(&place.path).unwrap().set_len(0).unwrap();
    active.append(LINE.as_bytes()).unwrap();
    assert_eq!(place.text(), LINE);
}

#[test]
fn two_writers_do_not_mix() {
    let place = Place::new(b"");
    let (mut first, mut second) = (place.open(), place.open());
    first.append(LINE.as_bytes()).unwrap();
    let error = second.append(LINE.as_bytes()).unwrap_err();
    assert!(error.ends_with("is written to by another"), "{error}");
    drop(first);
    second.append(LINE.as_bytes()).unwrap();
    assert_eq!(place.text(), LINE.repeat(2));
}

#[test]
fn what_is_no_file_is_refused_with_its_path() {
    for path in ["/dev/null", "/nowhere/at/all", "/"] {
        let mut options = Place::new(b"").options();
        options.path = path.into();
        let error = Active::new(&options).append(b"{}\n").unwrap_err();
        assert!(error.contains(path), "{error}");
    }
}

fn rotations(place: &Place) -> usize {
    std::fs::read_dir(place.path.parent().unwrap()).unwrap().count() - 1
}

#[test]
fn a_file_rotates_before_it_is_too_long() {
    let place = Place::new(b"");
    let mut options = place.options();
    options.rotate_bytes = 2 * LINE.len() as u64;
    let mut active = Active::new(&options);
    for (lines, rotated) in [(1, 0), (1, 0), (1, 1), (5, 2), (1, 3), (1, 3)] {
        active.append(LINE.repeat(lines).as_bytes()).unwrap();
        assert_eq!(rotations(&place), rotated);
    }
    assert_eq!(place.text(), LINE.repeat(2));
}

#[test]
fn a_file_rotates_when_it_is_old() {
    let place = Place::new(b"");
    let mut options = place.options();
    options.rotate_age = Some(Duration::from_nanos(1));
    let mut active = Active::new(&options);
    active.append(LINE.as_bytes()).unwrap();
    active.append(LINE.as_bytes()).unwrap();
    assert_eq!((rotations(&place), place.text()), (1, LINE.to_owned()));
    options.rotate_age = Some(Duration::from_hours(1));
    drop(active);
    Active::new(&options).append(LINE.as_bytes()).unwrap();
    assert_eq!((rotations(&place), place.text()), (1, LINE.repeat(2)));
}
