//! Tests of what changed between two polls.

use super::*;
use crate::words::Level;
use serde_json::json;

fn tasks(all: &[(&str, &str, bool)]) -> BTreeMap<String, Task> {
    let task = |(id, status, executing): &(&str, &str, bool)| Task {
        id: (*id).to_owned(),
        status: (*status).to_owned(),
        executing: *executing,
        error: if *executing { String::new() } else { "e".to_owned() },
        ..Task::default()
    };
    all.iter().map(|one| (one.0.to_owned(), task(one))).collect()
}

#[track_caller]
fn check_tasks(before: Option<&[(&str, &str, bool)]>, now: &[(&str, &str, bool)], expected: &[(ChangeKind, &str)]) {
    let before = before.map(tasks);
    let found = of_tasks(before.as_ref(), &tasks(now));
    let found: Vec<_> = found.iter().map(|change| (change.kind, change.task.as_deref().unwrap())).collect();
    assert_eq!(found, expected);
}

#[test]
fn tasks_come_go_die_and_revive() {
    use ChangeKind::{TaskAppeared, TaskDied, TaskDisabled, TaskEnabled, TaskRevived, TaskVanished};
    let (running, dead, off) = (("a", "enabled", true), ("a", "enabled", false), ("a", "disabled", false));
    check_tasks(None, &[running, ("b", "disabled", false)], &[]);
    check_tasks(None, &[dead], &[(TaskDied, "a")]);
    check_tasks(Some(&[]), &[running], &[(TaskAppeared, "a")]);
    check_tasks(Some(&[]), &[dead], &[(TaskAppeared, "a"), (TaskDied, "a")]);
    check_tasks(Some(&[running]), &[dead], &[(TaskDied, "a")]);
    check_tasks(Some(&[dead]), &[dead], &[]);
    check_tasks(Some(&[dead]), &[running], &[(TaskRevived, "a")]);
    check_tasks(Some(&[dead]), &[off], &[(TaskDisabled, "a")]);
    check_tasks(Some(&[off]), &[running], &[(TaskEnabled, "a")]);
    check_tasks(Some(&[off]), &[dead], &[(TaskEnabled, "a"), (TaskDied, "a")]);
    check_tasks(Some(&[running]), &[], &[(TaskVanished, "a")]);
}

#[test]
fn what_a_task_does_and_what_it_died_of_may_change() {
    let task = |modified, last_enabled, error: &str| {
        let (id, status) = ("a".to_owned(), "enabled".to_owned());
        let executing = error.is_empty();
        let error = error.to_owned();
        let task = Task { id, status, executing, error, modified, last_enabled, ..Task::default() };
        BTreeMap::from([("a".to_owned(), task)])
    };
    let changes = |before, now| -> Vec<_> {
        of_tasks(Some(&before), &now).into_iter().map(|change| (change.kind, change.detail)).collect()
    };
    let running = || task(Some(1), Some(1), "");
    assert_eq!(changes(running(), task(Some(2), Some(1), "")), [(ChangeKind::TaskChanged, None)]);
    assert_eq!(changes(running(), running()), []);
    // Disabled and enabled between two looks: nobody knows whether as it was.
    assert_eq!(changes(running(), task(Some(2), Some(2), "")), []);
    let died = |error: &str| (ChangeKind::TaskDied, Some(error.to_owned()));
    assert_eq!(changes(task(Some(1), Some(1), "x"), task(Some(1), Some(1), "y")), [died("y")]);
    assert_eq!(changes(task(Some(1), Some(1), "x"), task(Some(1), Some(1), "x")), []);
}

#[test]
fn a_run_is_known_by_what_lives_longest() {
    let statistic =
        |key: usize, name: &str| Statistic { key: key.to_string(), name: name.to_owned(), ..Statistic::default() };
    let mut all: Vec<_> = (0..MARKS).map(|key| statistic(key, "nodes")).collect();
    all.push(statistic(1_000, "load"));
    let marks = run_marks(&all);
    assert!(marks.contains("1000") && marks.len() == MARKS, "{marks:?}");
    assert!(run_marks(&[]).is_empty());
}

#[test]
fn handlers_are_compared_where_the_topic_was_known() {
    let handler = |id: &str, url: &str| Handler {
        id: id.to_owned(),
        kind: "post".to_owned(),
        options: json!({ "url": url }).as_object().unwrap().clone(),
        matching: String::new(),
    };
    let before = Handlers::from([("t".to_owned(), vec![handler("a", "1"), handler("b", "1")])]);
    let now = Handlers::from([
        ("t".to_owned(), vec![handler("a", "2"), handler("c", "1")]),
        ("new".to_owned(), vec![handler("a", "1")]),
    ]);
    let found: Vec<_> =
        of_handlers(&before, &now).into_iter().map(|change| (change.kind, change.handler.unwrap())).collect();
    let expected = [
        (ChangeKind::HandlerChanged, "a".to_owned()),
        (ChangeKind::HandlerAdded, "c".to_owned()),
        (ChangeKind::HandlerRemoved, "b".to_owned()),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_restart_is_seen_by_what_every_run_has_of_its_own() {
    let run = |keys: &[&str]| -> Vec<Statistic> {
        keys.iter().map(|key| Statistic { key: (*key).to_owned(), ..Statistic::default() }).collect()
    };
    assert!(is_other_run(&run(&["a", "b"]), &run(&["c", "d"])));
    assert!(!is_other_run(&run(&["a", "b"]), &run(&["b", "d"])));
    assert!(!is_other_run(&run(&[]), &run(&["c"])) && !is_other_run(&run(&["c"]), &run(&[])));

    let topics = |all: &[(&str, i64)]| -> BTreeMap<String, Topic> {
        let topic =
            |(id, collected): &(&str, i64)| Topic { id: (*id).to_owned(), level: Level::Ok, collected: *collected };
        all.iter().map(|one| (one.0.to_owned(), topic(one))).collect()
    };
    assert!(all_began_again(&topics(&[("a", 5), ("b", 0)]), &topics(&[("a", 1)])));
    assert!(all_began_again(&topics(&[("a", 5)]), &topics(&[])));
    assert!(!all_began_again(&topics(&[("a", 5), ("b", 5)]), &topics(&[("a", 1), ("b", 5)])));
    assert!(!all_began_again(&topics(&[("a", 0)]), &topics(&[])));
}

#[test]
fn many_changes_at_once_are_summarized() {
    let before: BTreeMap<String, Topic> =
        (0..30).map(|n| (format!("t{n:02}"), Topic { id: format!("t{n:02}"), ..Topic::default() })).collect();
    let changes = KapacitorChange::summarized(of_topics(&before, &BTreeMap::new()));
    assert_eq!((changes.len(), changes[0].count, changes[0].names.len()), (1, 30, 10));
    assert_eq!(KapacitorChange::summarized(of_topics(&BTreeMap::new(), &tasks_as_topics(3))).len(), 3);
}

fn tasks_as_topics(count: usize) -> BTreeMap<String, Topic> {
    (0..count).map(|n| (n.to_string(), Topic { id: n.to_string(), ..Topic::default() })).collect()
}
