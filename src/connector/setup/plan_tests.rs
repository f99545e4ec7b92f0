//! Which topics are chosen, and what is done about them.

use super::super::choose::{Asked, Choice, ChoiceError, choose, choose_removal};
use super::super::handler::Address;
use super::*;
use crate::kapacitor::api::{Task, TaskStats, Topic};
use serde_json::json;
use std::time::Duration;

fn aim() -> Aim {
    let address = Address::parse("http://k:9192").unwrap();
    Aim { id: "kaptap".to_owned(), address, token: None, timeout: Duration::from_secs(10), matching: None }
}

fn topics(ids: &[&str]) -> Vec<Topic> {
    ids.iter().map(|id| Topic { id: (*id).to_owned(), ..Topic::default() }).collect()
}

fn task(id: &str, nodes: &[&str]) -> Task {
    let nodes = nodes.iter().map(|node| ((*node).to_owned(), BTreeMap::new())).collect();
    let stats = Some(TaskStats { nodes, ..TaskStats::default() });
    Task { id: id.to_owned(), executing: true, status: "enabled".to_owned(), stats, ..Task::default() }
}

fn asked(topics: &[&str], tasks: &[&str]) -> Asked {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Asked { topics: owned(topics), tasks: owned(tasks), ..Asked::default() }
}

fn names(choice: &Choice) -> Vec<(&str, Option<&str>)> {
    choice.chosen.iter().map(|chosen| (chosen.topic.as_str(), chosen.task.as_deref())).collect()
}

#[test]
fn topics_and_tasks_are_chosen_each_once() {
    let known = topics(&["cpu", "main:a:alert2", "main:a:alert9", "main:ab:alert2", "main:b:alert3"]);
    let tasks = [task("a", &["stream0", "alert2", "alert4"]), task("b", &[])];
    let choice = choose(&asked(&["cpu", "cpu"], &["a"]), &known, &tasks).unwrap();
    assert_eq!(names(&choice), [("cpu", None), ("main:a:alert2", Some("a"))]);
    assert_eq!(
        choice.notes.len(),
        2,
        "alert9 is left from an older script, alert4 publishes nothing: {:?}",
        choice.notes
    );
    // Without statistics the list of topics is all there is to go by.
    let without = Task { stats: None, ..task("a", &[]) };
    let choice = choose(&asked(&[], &["a"]), &known, &[without]).unwrap();
    assert_eq!(names(&choice), [("main:a:alert2", Some("a")), ("main:a:alert9", Some("a"))]);
    let all = Asked { all: true, ..Asked::default() };
    let choice = choose(&all, &topics(&["cpu", "a b", "main:gone:alert1", "main:a:alert2"]), &tasks).unwrap();
    assert_eq!(names(&choice), [("cpu", None), ("main:a:alert2", Some("a"))]);
    assert_eq!(choice.notes.len(), 2);
}

#[test]
fn everything_that_is_wrong_is_said() {
    let dead = Task { executing: false, ..task("dead", &[]) };
    let tasks = [task("bare", &["alert2"]), dead];
    let wrong = choose(&asked(&["nope", "a b"], &["nix", "dead", "bare"]), &topics(&["cpu"]), &tasks).unwrap_err();
    assert_eq!(
        wrong,
        [
            ChoiceError::UnknownTopic { topic: "nope".to_owned(), known: "it has cpu".to_owned() },
            ChoiceError::Unfit("a b".to_owned()),
            ChoiceError::UnknownTask("nix".to_owned()),
            ChoiceError::NotExecuting("dead".to_owned()),
            ChoiceError::NoTopic("bare".to_owned()),
        ]
    );
    assert_eq!(choose(&Asked::default(), &[], &[]), Err(vec![ChoiceError::Nothing]));
    let unseen = Asked { unseen: true, ..asked(&["nope"], &[]) };
    assert_eq!(names(&choose(&unseen, &[], &[]).unwrap()), [("nope", None)]);
}

#[test]
fn a_plan_says_every_request() {
    let chosen = choose(&asked(&["new", "old", "same"], &[]), &topics(&["new", "old", "same"]), &[]).unwrap().chosen;
    let old = Aim { timeout: Duration::from_secs(5), ..aim() };
    let found = BTreeMap::from([
        ("old".to_owned(), vec![old.handler("old", None)]),
        (
            "same".to_owned(),
            vec![aim().handler("same", None), Handler { id: "other".to_owned(), ..Handler::default() }],
        ),
    ]);
    let steps = plan(&aim(), &chosen, &found).unwrap();
    let actions: Vec<_> = steps.iter().map(|step| step.action.clone()).collect();
    assert_eq!(actions, [Action::Create, Action::Update(vec!["timeout".to_owned()]), Action::Keep]);
    let requests: Vec<_> = steps.iter().filter_map(Step::request).collect();
    assert_eq!(
        (&requests[0].method, requests[0].path.as_str()),
        (&Method::POST, "/kapacitor/v1/alerts/topics/new/handlers")
    );
    assert_eq!(
        (&requests[1].method, requests[1].path.as_str()),
        (&Method::PUT, "/kapacitor/v1/alerts/topics/old/handlers/kaptap")
    );
    assert_eq!(requests.len(), 2);
    assert_eq!(
        requests[0].body,
        Some(json!({
            "id": "kaptap", "kind": "post", "match": "",
            "options": {
                "url": "http://k:9192/v1/alerts/new",
                "headers": {"X-Kapacitor-Topic": "new"},
                "timeout": 10_000_000_000_u64,
            },
        }))
    );

    let foreign = Handler { id: "kaptap".to_owned(), kind: "slack".to_owned(), ..Handler::default() };
    let found = BTreeMap::from([("old".to_owned(), vec![foreign.clone()])]);
    let wrong = PlanError::Foreign { topic: "old".to_owned(), id: "kaptap".to_owned(), kind: "slack".to_owned() };
    assert_eq!(plan(&aim(), &chosen, &found), Err(vec![wrong]));
    let steps = plan_removal(&aim(), &chosen, &found);
    assert!(steps.iter().all(|step| step.action == Action::Nothing), "{steps:?}");
}

#[test]
fn what_is_left_of_a_task_is_found_without_it() {
    let choice = choose_removal(&asked(&[], &["gone"]), &[], &[]).unwrap();
    assert_eq!(choice.chosen.len(), 64);
    let found = BTreeMap::from([("main:gone:alert7".to_owned(), vec![aim().handler("main:gone:alert7", None)])]);
    let steps = plan_removal(&aim(), &choice.chosen, &found);
    assert_eq!(steps.len(), 1);
    let request = steps[0].request().unwrap();
    assert_eq!(request.method, Method::DELETE);
    assert_eq!(request.path, "/kapacitor/v1/alerts/topics/main%3Agone%3Aalert7/handlers/kaptap");
}
