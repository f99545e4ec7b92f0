//! Topics over restarts: from the checkpoint, from the journal alone, and from the checkpoint of an older version.

use crate::asking::{Raw, alert, get, post};
use crate::support::Kaptap;
use std::path::Path;

async fn state(kaptap: &Kaptap) -> Vec<Raw> {
    let mut answers = Vec::new();
    for path in ["/alerts/topics", "/alerts/topics/cpu/events", "/alerts/topics/disk/events"] {
        answers.push(get(kaptap.addresses.http, path).await);
    }
    answers
}

async fn checked_restart(directory: &Path, before: &[Raw]) {
    let kaptap = Kaptap::start(directory, "").await;
    assert_eq!(state(&kaptap).await, before);
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_survive_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Kaptap::start(directory.path(), "").await;
    for (topic, id, level, second) in [
        ("cpu", "a", "WARNING", 1),
        ("cpu", "b", "CRITICAL", 2),
        ("disk", "a", "INFO", 3),
        ("cpu", "b", "OK", 4),
        ("cpu", "b", "CRITICAL", 3),
        ("cpu", "a", "WARNING", 1),
    ] {
        post(kaptap.addresses.http, topic, alert(id, level, second)).await;
    }
    let before = state(&kaptap).await;
    let cpu = &before[0].json()["topics"][0];
    assert_eq!((&cpu["level"], &cpu["collected"]), (&"WARNING".into(), &5.into()));
    kaptap.stop().await;

    checked_restart(directory.path(), &before).await;
    let file = directory.path().join("data/state/checkpoint");
    let mut checkpoint = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    checked_restart(directory.path(), &before).await;

    // As if an older kaptap had written it: the version behind the magic bytes, and a checksum that is right.
    checkpoint[7] = 1;
    let end = checkpoint.len() - 4;
    let checksum = crc32fast::hash(&checkpoint[..end]);
    checkpoint[end..].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&file, checkpoint).unwrap();
    checked_restart(directory.path(), &before).await;
}
