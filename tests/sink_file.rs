//! The file sink, from the outside: what is delivered is on the disk, once and in order, over rotations and restarts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod sink_support;
mod wait_support;

use flate2::read::GzDecoder;
use kaptap::delivery::sink::{Batch, Outcome, Reason, Sink};
use kaptap::sinks::options::{self, Peer};
use kaptap::sinks::{BuildError, build};
use serde_json::Value;
use sink_support::*;
use std::io::Read;
use std::path::{Path, PathBuf};
use wait_support::wait_until_async;

fn options(path: &Path) -> options::File {
    options::File {
        path: path.to_owned(),
        rotate_bytes: 1 << 20,
        rotate_age: None,
        keep_files: 1000,
        gzip: false,
        raw: false,
    }
}

fn sink(options: options::File) -> Box<dyn Sink> {
    build("archive", &Peer::File(options), Path::new("unused")).unwrap()
}

/// All files of the sink, oldest first; the one that is written to last.
fn files(path: &Path) -> Vec<PathBuf> {
    let mut rotated: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|e| e.unwrap().path()).collect();
    rotated.retain(|found| found != path);
    rotated.sort();
    rotated.push(path.to_owned());
    rotated
}

fn events_of(file: &Path) -> Vec<Value> {
    let mut text = String::new();
    let mut opened = std::fs::File::open(file).unwrap();
    if file.extension().is_some_and(|extension| extension == "gz") {
        GzDecoder::new(opened).read_to_string(&mut text).unwrap();
    } else {
        opened.read_to_string(&mut text).unwrap();
    }
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn events_are_lines_and_a_restart_goes_on_behind_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.ndjson");
    for numbers in [1..=3, 4..=4] {
        let mut sink = sink(options(&path));
        let events = alerts(numbers);
        assert_eq!(deliver(&mut *sink, &events).await, vec![Outcome::Delivered; events.len()]);
        sink.close().await;
    }
    assert_eq!(events_of(&path), as_json(&alerts(1..=4)));
}

#[tokio::test]
async fn rotated_files_are_compressed_and_nothing_is_lost_between_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.ndjson");
    let with = |keep_files| options::File { rotate_bytes: 5000, gzip: true, keep_files, ..options(&path) };
    let mut archive = sink(with(1000));
    for n in (1..=200).step_by(4) {
        deliver(&mut *archive, &alerts(n..n + 4)).await;
    }
    let whole = |file: &PathBuf| *file == path || file.extension().is_some_and(|extension| extension == "gz");
    let compressed = async |most: usize| {
        let files = files(&path);
        if files.len() <= most && files.iter().all(whole) { Ok(()) } else { Err(files) }
    };
    wait_until_async("all are compressed", async || compressed(usize::MAX).await).await;
    let found: Vec<_> = files(&path).iter().flat_map(|file| events_of(file)).collect();
    assert_eq!(found, as_json(&alerts(1..=200)));
    assert!(files(&path).len() > 20);
    archive.close().await;

    let mut archive = sink(with(2));
    deliver(&mut *archive, &alerts([201])).await;
    wait_until_async("the oldest are gone", async || compressed(4).await).await;
    let last = files(&path).iter().flat_map(|file| events_of(file)).next_back().unwrap();
    assert_eq!(last["seq"], 201);
}

#[tokio::test]
async fn a_missing_directory_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mount/events.ndjson");
    let mut sink = sink(options(&path));
    let events = alerts([1, 2]);
    for outcome in deliver(&mut *sink, &events).await {
        check_retry(&outcome, Reason::Local, None, &format!("cannot open {}: ", path.display()));
    }
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    assert_eq!(deliver(&mut *sink, &events).await, vec![Outcome::Delivered; 2]);
    assert_eq!(events_of(&path), as_json(&events));
}

#[test]
fn building_and_previewing_touch_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.ndjson");
    let events = alerts([1]);
    let batch = Batch { events: &events, replay: false };
    let preview = sink(options::File { raw: true, ..options(&path) }).preview(&batch).unwrap();
    let (head, line) = preview.split_once('\n').unwrap();
    assert_eq!(head, format!("append to {}:", path.display()));
    assert_eq!(serde_json::from_str::<Value>(line).unwrap()["raw"]["data"], "as received");
    let on_stdout = build("out", &Peer::Stdout, Path::new("unused")).unwrap().preview(&batch).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&on_stdout).unwrap(), value(&events[0]));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    let error = build("archive", &Peer::File(options(directory.path())), directory.path()).err().unwrap();
    assert!(matches!(error, BuildError::Value { key: "path", .. }), "{error}");
}
