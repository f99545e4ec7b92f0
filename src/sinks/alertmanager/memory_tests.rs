//! Tests of what is remembered, and of the file.

use super::{BTreeMap, EventId, MOST, Memory, RESOLVED, Told, parse};

const SECOND: i64 = 1_000_000_000;

fn told(time: i64, resolved: Option<i64>) -> Told {
    Told {
        labels: BTreeMap::from([("alertname".to_owned(), "cpu\n\"é".to_owned())]),
        annotations: BTreeMap::new(),
        generator_url: None,
        started: 1,
        resolved,
        announced: resolved,
        time,
    }
}

#[tokio::test]
async fn the_file_gives_back_what_was_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/ops.json");
    let mut memory = Memory::new(Some(path.clone()));
    memory.load().await;
    memory.store().await.unwrap();
    assert!(!path.exists(), "nothing to keep");
    memory.remember(EventId(1), told(i64::MAX, None));
    memory.remember(EventId(u128::MAX), told(i64::MIN, Some(7)));
    memory.remember(EventId(2), told(3, None));
    memory.forget(EventId(2));
    memory.store().await.unwrap();

    let mut again = Memory::new(Some(path.clone()));
    assert!(again.all().is_empty(), "nothing is read before it is asked for");
    again.load().await;
    assert_eq!(again.all(), memory.all());
    assert_eq!(again.all().len(), 2);

    // The same again changes nothing; not even the file.
    std::fs::remove_file(&path).unwrap();
    again.remember(EventId(1), told(i64::MAX, None));
    again.store().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_damaged_file_is_kept_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ops.json");
    for damaged in
        ["", "{\"version\":1,\"alerts\":{\"0", "{\"version\":2,\"alerts\":{}}", "{\"version\":1,\"alerts\":{\"x\":1}}"]
    {
        std::fs::write(&path, damaged).unwrap();
        let mut memory = Memory::new(Some(path.clone()));
        memory.load().await;
        assert!(memory.all().is_empty());
        assert_eq!(std::fs::read_to_string(directory.path().join("ops.damaged")).unwrap(), damaged);
        memory.remember(EventId(1), told(1, None));
        memory.store().await.unwrap();
        assert_eq!(parse(&std::fs::read(&path).unwrap()).unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("state");
    std::fs::write(&folder, "a file where a folder should be").unwrap();
    let mut memory = Memory::new(Some(folder.join("ops.json")));
    memory.load().await;
    memory.remember(EventId(1), told(1, None));
    memory.store().await.unwrap_err();
    std::fs::remove_file(&folder).unwrap();
    memory.store().await.unwrap();
    assert!(folder.join("ops.json").exists());
}

#[test]
fn resolved_alerts_are_forgotten_in_time() {
    let mut memory = Memory::new(None);
    memory.remember(EventId(1), told(0, Some(0)));
    memory.remember(EventId(2), told(0, None));
    let end = i64::try_from(RESOLVED.as_secs()).unwrap() * SECOND;
    memory.forget_resolved(end - 1);
    assert_eq!(memory.all().len(), 2);
    memory.forget_resolved(end);
    assert_eq!(memory.all(), [(EventId(2), told(0, None))]);
}

#[test]
fn the_bound_holds_and_resolved_ones_give_way() {
    let mut memory = Memory::new(None);
    for n in 0..MOST {
        let resolved = (n == 5 || n == 7).then(|| i64::try_from(100 - n).unwrap());
        memory.remember(EventId(n as u128), told(1, resolved));
    }
    let known = |memory: &Memory, n: usize| memory.get(EventId(n as u128)).is_some();
    memory.remember(EventId(MOST as u128), told(1, None));
    assert!(!known(&memory, 7) && known(&memory, 5) && known(&memory, MOST), "the longest resolved one went");
    memory.remember(EventId(MOST as u128 + 1), told(1, None));
    memory.remember(EventId(MOST as u128 + 2), told(1, None));
    assert_eq!(memory.forgotten(), 1);
    assert!(known(&memory, MOST + 1) && !known(&memory, MOST + 2) && memory.all().len() == MOST);
    // What is known already is updated all the same.
    memory.remember(EventId(0), told(2, None));
    assert_eq!(memory.get(EventId(0)).unwrap().time, 2);
}
