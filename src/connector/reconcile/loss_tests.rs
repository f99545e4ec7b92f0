//! Tests of the counts and of what can be told.

use super::super::handlers::tests::{handler, ours};
use super::*;
use serde_json::json;

fn told(posted: u64, polled: u64) -> Told {
    Told { posted, polled }
}

#[test]
fn counts_begin_at_the_first_look_and_go_on_over_restarts() {
    let mut count = Count::begin(100, told(90, 0), 5);
    assert_eq!((count.collected(), count.arrived(), count.missing()), (0, 0, 0));
    count.step(110, told(96, 1), false);
    assert_eq!((count.collected(), count.arrived(), count.recovered(), count.missing()), (10, 6, 1, 3));
    count.step(4, told(99, 1), false);
    assert_eq!((count.collected(), count.arrived(), count.missing(), count.restarts), (14, 9, 4, 1));
    // It has passed its old count meanwhile, but it is known that it began anew, after that fall.
    count.was_no_restart();
    count.step(7, told(100, 1), true);
    assert_eq!((count.collected(), count.restarts), (21, 2));
    let kept = serde_json::to_string(&count).unwrap();
    assert_eq!(serde_json::from_str::<Count>(&kept).unwrap(), count);
}

#[test]
fn a_restart_counts_once_whichever_is_learned_first() {
    let counted = |steps: &[(u64, bool)]| {
        let mut count = Count::begin(100, told(0, 0), 5);
        for (collected, anew) in steps {
            count.step(*collected, told(0, 0), *anew);
        }
        (count.collected(), count.restarts)
    };
    assert_eq!(counted(&[(4, true), (6, false)]), (6, 1));
    assert_eq!(counted(&[(4, false), (6, true)]), (6, 1));
    assert_eq!(counted(&[(4, false), (5, false), (6, true), (7, false)]), (7, 1));
    assert_eq!(counted(&[(4, false), (6, true), (2, false), (3, true)]), (9, 2));
    assert_eq!(counted(&[(4, false), (2, true)]), (6, 2), "it fell again");
    let mut count = Count::begin(100, told(0, 0), 5);
    count.step(4, told(0, 0), false);
    count.was_no_restart();
    count.step(6, told(0, 0), true);
    assert_eq!((count.collected(), count.restarts), (10, 2), "the fall was another one");
}

#[test]
fn more_here_than_there_is_no_loss() {
    let mut count = Count::begin(0, told(0, 0), 5);
    count.step(3, told(4, 0), false);
    assert_eq!(count.missing(), 0);
}

#[test]
fn what_can_be_told() {
    let url = "http://h:9192/v1/alerts/x";
    let plain = || handler(url, "", &json!({}));
    let named = || handler(url, "", &json!({"x-kapacitor-topic": "rec"}));
    let matching = || handler(url, "changed() == TRUE", &json!({"X-Kapacitor-Topic": "rec"}));
    let by_path = || handler("http://h:9192/v1/alerts/topic/rec", "", &json!({}));
    for (handlers, arrived, is) in [
        (None, true, Verdict::HandlersUnknown),
        (Some(vec![]), false, Verdict::NotApplicable),
        (Some(vec![]), true, Verdict::Told),
        (Some(vec![plain()]), false, Verdict::Unnamed),
        (Some(vec![plain()]), true, Verdict::Told),
        (Some(vec![named()]), false, Verdict::Told),
        (Some(vec![by_path()]), false, Verdict::Told),
        (Some(vec![matching()]), true, Verdict::Matching),
        (Some(vec![matching(), named()]), true, Verdict::Told),
        (
            Some(vec![handler("http://another:9193/v1/alerts/x", "", &json!({"x-kapacitor-topic": "rec"}))]),
            false,
            Verdict::NotApplicable,
        ),
        (Some(vec![handler("http://h/other", "changed()", &json!({}))]), false, Verdict::NotApplicable),
    ] {
        assert_eq!(
            Verdict::of("rec", handlers.as_deref().map(|all| ours().among(all, arrived)).as_ref(), arrived),
            is,
            "{handlers:?} {arrived}"
        );
    }
}

#[test]
fn the_name_under_which_events_arrive() {
    let one: BTreeMap<_, _> = [("t", 1)].into();
    let two: BTreeMap<_, _> = [("t", 2)].into();
    assert_eq!(arrives_as("main:t:alert2", &one, |name| name == "t"), Some("t"));
    assert_eq!(arrives_as("main:t:alert2", &two, |name| name == "t"), None);
    assert_eq!(arrives_as("main:t:alert2", &one, |_| true), Some("main:t:alert2"));
    assert_eq!(arrives_as("rec", &one, |name| name == "rec"), Some("rec"));
    assert_eq!(arrives_as("rec", &one, |_| false), None);
}
