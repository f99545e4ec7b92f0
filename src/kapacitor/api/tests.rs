//! Tests of what the API says: what was recorded, what is missing, and garbage.

use super::*;

#[track_caller]
fn check_duration(text: &str, nanoseconds: Option<i64>) {
    assert_eq!(duration::parse(text), nanoseconds, "{text}");
}

#[test]
fn durations_are_gos() {
    check_duration("1m30s", Some(90_000_000_000));
    check_duration("2.0086812s", Some(2_008_681_200));
    check_duration("-1.5ms", Some(-1_500_000));
    check_duration("0s", Some(0));
    check_duration("0", Some(0));
    check_duration("4.56µs", Some(4_560));
    check_duration(".5s", Some(500_000_000));
    check_duration("2562047h47m16.854775807s", Some(i64::MAX));
    check_duration("-2562047h47m16.854775808s", Some(i64::MIN));
    for bad in ["", "-", "1", "s", "1x", "1.2.3s", "1s1", "99999999999999999999999h", "2562047h47m16.854775808s"] {
        check_duration(bad, None);
    }
}

/// Reads `text` as each of the types that hold what can go wrong.
fn read_all(text: &[u8]) {
    drop(serde_json::from_slice::<Tasks>(text));
    drop(serde_json::from_slice::<Task>(text));
    drop(serde_json::from_slice::<Topics>(text));
    drop(serde_json::from_slice::<Events>(text));
    drop(serde_json::from_slice::<Handlers>(text));
    drop(serde_json::from_slice::<Vars>(text));
    drop(serde_json::from_slice::<ServiceTest>(text));
    drop(ApiFault::sentence(text));
}

macro_rules! recording {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/api/", $name, ".body")).as_slice()
    };
}

#[test]
fn what_is_missing_or_null_is_the_default() {
    let task: Task = serde_json::from_str(r#"{"id":"a","stats":null,"dbrps":null,"error":null,"new":[1]}"#).unwrap();
    assert_eq!(task, Task { id: "a".to_owned(), ..Task::default() });
    // A task alone has empty statistics where the list has none, and an old Kapacitor has no times.
    let task: Task =
        serde_json::from_str(r#"{"status":"enabled","stats":{},"created":"0001-01-01T00:00:00Z"}"#).unwrap();
    assert_eq!((task.stats, task.created, task.modified), (Some(TaskStats::default()), None, None));
    let events: Events = serde_json::from_str(r#"{"events":[{"id":"a","state":null},{}]}"#).unwrap();
    assert_eq!(events.events[1], TopicEvent::default());
    let topics: Topics = serde_json::from_str(r#"{"topics":[{"id":"a","level":"warning"}]}"#).unwrap();
    assert_eq!(topics.topics[0].level, crate::words::Level::Warning);
    assert!(serde_json::from_str::<Topics>(r#"{"topics":[{"level":"BAD"}]}"#).is_err());
    assert!(
        serde_json::from_str::<Tasks>("[]").is_err() || serde_json::from_str::<Tasks>("[]").unwrap().tasks.is_empty()
    );
}

#[test]
fn after_a_restart_what_was_ok_is_gone() {
    let events: Events = serde_json::from_slice(recording!("events-after-restart")).unwrap();
    assert_eq!(events.topic, "cpu");
    let before: Topics = serde_json::from_slice(recording!("topics")).unwrap();
    let after: Topics = serde_json::from_slice(recording!("topics-after-restart")).unwrap();
    let collected = |topics: &Topics| topics.topics.iter().map(|topic| topic.collected).sum::<i64>();
    assert!(collected(&after) < collected(&before));
    let tasks: Tasks = serde_json::from_slice(recording!("tasks-after-restart")).unwrap();
    assert!(tasks.tasks.iter().any(|task| task.script.is_some()));
}

proptest::proptest! {
    #[test]
    fn durations_come_back(nanoseconds: i64) {
        proptest::prop_assert_eq!(duration::parse(&duration::format(nanoseconds)), Some(nanoseconds));
    }

    #[test]
    fn no_text_is_too_odd_for_a_duration(text in "[-+0-9.hmsnuµ]{0,30}") {
        // Whatever it is, it is written as Go would.
        let again = duration::parse(&text).map(duration::format);
        proptest::prop_assert_eq!(again.as_deref().map(duration::parse), again.as_ref().map(|_| duration::parse(&text)));
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        read_all(&bytes);
    }

    #[test]
    fn recordings_that_are_cut_or_changed_never_panic(
        which in 0_usize..6,
        cut in 0.0..1.0_f64,
        at in 0.0..1.0_f64,
        byte: u8,
    ) {
        let all = [
            recording!("tasks"), recording!("topics"), recording!("topic-events"), recording!("handlers"),
            recording!("debug-vars"), recording!("task-one"),
        ];
        let mut text = all[which].to_vec();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a text")]
        let place = |share: f64| (share * text.len() as f64) as usize;
        let (cut, at) = (place(cut), place(at));
        text[at] = byte;
        read_all(&text);
        text.truncate(cut);
        read_all(&text);
    }
}
