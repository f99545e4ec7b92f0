//! Tests of the identity of polled events.

use super::super::compare::testing::State;
use super::*;
use crate::words::Level::{Critical, Ok as Well};

fn check_task(
    learned: &Learned,
    ours: &State,
    topic: &str,
    header: Option<&str>,
    details: Option<&str>,
    is: &Identity,
) {
    assert_eq!(learned.task(topic, "id", header, details, ours), *is, "{topic} {header:?} {details:?}");
}

fn task(name: &str) -> Identity {
    Identity::Task(name.to_owned())
}

#[test]
fn a_header_wins_then_what_was_learned_then_details() {
    let (mut learned, ours) = (Learned::default(), State::default());
    check_task(&learned, &ours, "rec", None, Some("t"), &Identity::Details);
    check_task(&learned, &ours, "rec", Some("h"), Some("t"), &task("h"));
    learned.note("rec", Some("t"), "other");
    check_task(&learned, &ours, "rec", None, Some("t"), &task("other"));
    check_task(&learned, &ours, "rec", Some("h"), Some("t"), &task("h"));
    // Not always the same: nothing learned.
    learned.note("rec", Some("t"), "t");
    check_task(&learned, &ours, "rec", None, Some("t"), &Identity::Details);
}

#[test]
fn details_of_an_alert_known_under_a_header_only() {
    let mut ours = State::default();
    ours.told("rec", "by_header", "id", Critical, 5);
    check_task(&Learned::default(), &ours, "rec", None, Some("t"), &task("by_header"));
    // Known under both: two tasks share the id.
    ours.told("rec", "t", "id", Critical, 4);
    ours.told("rec", "by_header", "id", Critical, 5);
    check_task(&Learned::default(), &ours, "rec", None, Some("t"), &Identity::Details);
}

#[test]
fn own_details_go_by_what_is_known() {
    let mut ours = State::default();
    check_task(&Learned::default(), &ours, "rec", None, None, &task(""));
    check_task(&Learned::default(), &ours, "main:t:alert2", None, None, &task(""));
    ours.told("elsewhere", "t", "id", Critical, 5);
    // The id is known under a task, and nothing says that it is the one meant.
    check_task(&Learned::default(), &ours, "rec", None, None, &Identity::CannotTell);
    // But here the topic names it.
    check_task(&Learned::default(), &ours, "main:t:alert2", None, None, &task("t"));
    ours.told("elsewhere", "", "id", Well, 6);
    check_task(&Learned::default(), &ours, "rec", None, None, &task(""));
    ours.told("rec", "u", "id", Critical, 5);
    check_task(&Learned::default(), &ours, "rec", None, None, &task("u"));
}

#[test]
fn others_of_an_anonymous_topic_tell_its_task() {
    let (mut learned, ours) = (Learned::default(), State::default());
    learned.note("main:t:alert2", Some("t"), "t");
    check_task(&learned, &ours, "main:t:alert2", None, None, &task("t"));
}

#[test]
fn anonymous_topics() {
    for (topic, is) in [
        ("main:cpu:alert2", Some("cpu")),
        ("main:cpu.load-x:alert10", Some("cpu.load-x")),
        ("cpu", None),
        ("main:cpu:alert", None),
        ("main:cpu:post2", None),
        ("main::alert2", None),
        ("main:a:b:alert2", None),
        ("replay:cpu:alert2", None),
    ] {
        assert_eq!(anonymous_task(topic), is, "{topic}");
    }
}
