//! Tests of expiry: one row of its table each.

use super::*;
use crate::event::id;

/// A look: topics with events read, topics listed only, tasks.
#[derive(Default)]
struct Scene {
    read: Vec<&'static str>,
    listed: Vec<&'static str>,
    tasks: Option<Vec<(&'static str, bool)>>,
}

impl Look for Scene {
    fn topic(&self, topic: &str) -> Listing {
        if self.read.contains(&topic) {
            Listing::Read
        } else if self.listed.contains(&topic) {
            Listing::NotRead
        } else {
            Listing::Gone
        }
    }

    fn task(&self, task: &str) -> Tasks {
        match &self.tasks {
            None => Tasks::NotRead,
            Some(tasks) => match tasks.iter().find(|(name, _)| *name == task) {
                None => Tasks::Gone,
                Some((_, true)) => Tasks::Executes,
                Some((_, false)) => Tasks::Rests,
            },
        }
    }
}

fn alert() -> EventId {
    id::fingerprint("s", "t", "a")
}

fn open(topic: Option<&str>) -> Vec<Open> {
    vec![Open { fingerprint: alert(), id: "a".to_owned(), topic: topic.map(str::to_owned) }]
}

fn present(topic: &str) -> Present {
    Present { alerts: std::iter::once((alert(), topic.into())).collect(), ids: HashSet::new() }
}

/// Whether an alert last seen in `seen` expires when later looks are `scene`, and exactly when its grace is over.
fn check_expires(seen: Option<&str>, named: Option<&str>, scene: &Scene, is: bool) {
    let (mut absent, nothing) = (Absent::default(), Present::default());
    if let Some(topic) = seen {
        let before = Scene { read: vec!["rec", "main:t:alert2"], ..Scene::default() };
        assert!(absent.look(&open(named), &present(topic), &before, 0, 10).is_empty());
    }
    assert!(absent.look(&open(named), &nothing, scene, 5, 10).is_empty());
    assert!(absent.look(&open(named), &nothing, scene, 14, 10).is_empty());
    let expired = absent.look(&open(named), &nothing, scene, 15, 10);
    assert_eq!(expired, if is { vec![alert()] } else { Vec::new() }, "{seen:?} {named:?}");
}

#[test]
fn of_a_topic_that_was_read() {
    check_expires(Some("rec"), None, &Scene { read: vec!["rec"], ..Scene::default() }, true);
    check_expires(Some("rec"), None, &Scene { listed: vec!["rec"], ..Scene::default() }, false);
    check_expires(None, Some("rec"), &Scene { read: vec!["rec"], ..Scene::default() }, true);
    check_expires(None, Some("rec"), &Scene::default(), false);
    check_expires(None, None, &Scene { read: vec!["rec"], ..Scene::default() }, false);
}

#[test]
fn of_a_topic_that_is_not_listed() {
    check_expires(Some("rec"), None, &Scene::default(), true);
    let anonymous = Some("main:t:alert2");
    check_expires(anonymous, None, &Scene::default(), false);
    check_expires(anonymous, None, &Scene { tasks: Some(vec![("t", false)]), ..Scene::default() }, false);
    check_expires(anonymous, None, &Scene { tasks: Some(vec![("t", true)]), ..Scene::default() }, true);
    check_expires(anonymous, None, &Scene { tasks: Some(vec![]), ..Scene::default() }, true);
}

#[test]
fn what_comes_back_begins_the_grace_anew() {
    let scene = Scene { read: vec!["rec"], ..Scene::default() };
    let (mut absent, nothing) = (Absent::default(), Present::default());
    assert!(absent.look(&open(None), &present("rec"), &scene, 0, 10).is_empty());
    assert!(absent.look(&open(None), &nothing, &scene, 1, 10).is_empty());
    assert_eq!(absent.absent(), 1);
    assert!(absent.look(&open(None), &present("rec"), &scene, 9, 10).is_empty());
    assert!(absent.look(&open(None), &nothing, &scene, 12, 10).is_empty());
    assert!(absent.look(&open(None), &nothing, &scene, 21, 10).is_empty());
    assert_eq!(absent.look(&open(None), &nothing, &scene, 22, 10), [alert()]);
}

#[test]
fn an_id_that_cannot_be_told_counts_as_present() {
    let scene = Scene { read: vec!["rec"], ..Scene::default() };
    let mut absent = Absent::default();
    let untold = Present { alerts: HashMap::new(), ids: std::iter::once("a".to_owned()).collect() };
    for looked_at in [0, 10, 20] {
        assert!(absent.look(&open(Some("rec")), &untold, &scene, looked_at, 10).is_empty());
    }
}
