//! Facts, and what is found in them.

use super::facts::Owned;
use super::*;
use crate::connector::ApiError;
use crate::connector::own::OpenStream;
use crate::connector::setup::Probed;
use crate::kapacitor::api::{EventState, Handler, Task, TaskStats, Topic, TopicEvent};
use crate::words::Level;
use serde_json::json;
use std::collections::BTreeMap;

const GOOD: &str = "stream|from().measurement('cpu').groupBy('host')|alert().topic('cpu').post('http://k:9192/v1/alerts/cpu').timeout(10s)";

fn task(id: &str, script: &str) -> Task {
    let nodes = BTreeMap::from([("alert2".to_owned(), BTreeMap::from([("errors".to_owned(), 0.0)]))]);
    Task {
        id: id.to_owned(),
        status: "enabled".to_owned(),
        executing: true,
        script: Some(script.to_owned()),
        stats: Some(TaskStats { nodes, ..TaskStats::default() }),
        ..Task::default()
    }
}

fn topic(id: &str, level: Level, events: &[(&str, Level)]) -> TopicFacts {
    let topic = Topic { id: id.to_owned(), level, collected: 3 };
    let event = |(id, level): &(&str, Level)| TopicEvent {
        id: (*id).to_owned(),
        state: EventState { level: *level, ..EventState::default() },
    };
    let events = Ok(events.iter().map(event).collect());
    TopicFacts { later: Some(topic.clone()), topic, events, handlers: Ok(Vec::new()) }
}

fn post(options: serde_json::Value) -> Handler {
    let serde_json::Value::Object(options) = options else { panic!("options are an object") };
    Handler { id: "kaptap".to_owned(), kind: "post".to_owned(), options, matching: String::new() }
}

fn way(probed: Probed) -> Way {
    Way { address: "http://k:9192".to_owned(), users: Vec::new(), expected: true, probed }
}

/// Nothing is wrong here.
fn facts() -> Facts {
    let second = 1_000_000_000;
    let clock = Some(Clock { said: 1_000, asked: 1_000 * second + 1, answered: 1_000 * second + 5 });
    let socket = |path: &str| SocketFacts {
        path: path.into(),
        state: SocketState::There { owned: Owned { mode: 0o660, user: 1, group: 2 }, listening: Some(true) },
        above: vec![Directory { path: "/run/kaptap".into(), owned: Owned { mode: 0o750, user: 1, group: 2 } }],
    };
    Facts {
        kapacitor: "http://kapacitor:9092".to_owned(),
        local: true,
        ping: Ok(Ping { version: "1.8.3".to_owned(), clock }),
        tasks: Ok(vec![task("cpu", GOOD)]),
        tasks_later: vec![task("cpu", GOOD)],
        topics: Ok(vec![topic("cpu", Level::Critical, &[("a", Level::Ok), ("b", Level::Critical)])]),
        config: Ok(Vec::new()),
        ways: vec![way(Probed::Arrived)],
        own: OwnFacts {
            address: "http://k:9192".to_owned(),
            streams: Ok(Vec::new()),
            sockets: vec![socket("/run/kaptap/stream.sock")],
            account: Some(Account { name: "kapacitord".to_owned(), user: 7, groups: vec![2, 7] }),
        },
    }
}

/// Everything that is worse than fine.
fn found(facts: &Facts) -> Vec<(Severity, Check, String)> {
    let worse = examine(facts).into_iter().filter(|finding| finding.severity > Severity::Fine);
    worse
        .map(|finding| {
            assert!(finding.sentence.ends_with('.') || finding.sentence.ends_with(')'), "{finding:?}");
            assert!(!finding.remedy.is_empty(), "{finding:?}");
            (finding.severity, finding.check, finding.place)
        })
        .collect()
}

#[track_caller]
fn check_found(change: impl FnOnce(&mut Facts), severity: Severity, check: Check, place: &str) {
    let mut facts = facts();
    change(&mut facts);
    assert_eq!(found(&facts), [(severity, check, place.to_owned())]);
}

fn error() -> ApiError {
    ApiError::Unreachable("http://kapacitor:9092 cannot be reached".to_owned())
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    assert_eq!(found(&facts()), []);
    let fine = examine(&facts());
    for check in [Check::KapacitorReachable, Check::KaptapReachable, Check::Clock, Check::Socket, Check::TopicLevel] {
        assert!(fine.iter().any(|finding| finding.check == check), "nothing is said of {check:?}");
    }
}

#[test]
fn reachability_version_and_clock() {
    use Severity::{Broken, CannotTell, Warning};
    let peer = "http://kapacitor:9092";
    let down = |facts: &mut Facts| {
        (facts.ping, facts.tasks, facts.topics, facts.config) =
            (Err(error()), Err(error()), Err(error()), Err(error()));
    };
    check_found(down, Broken, Check::KapacitorReachable, peer);
    let stuck = |facts: &mut Facts| facts.tasks = Err(ApiError::TimedOut("no answer".to_owned()));
    check_found(stuck, Broken, Check::KapacitorReachable, peer);
    for (version, severity) in
        [("1.4.1", Warning), ("1.9.0", Warning), ("2.0", Warning), ("", CannotTell), ("x", CannotTell)]
    {
        let other = |facts: &mut Facts| facts.ping.as_mut().unwrap().version = version.to_owned();
        check_found(other, severity, Check::Version, peer);
    }
    for seconds in [-4, 4, 3_600] {
        let skewed = |facts: &mut Facts| facts.ping.as_mut().unwrap().clock.as_mut().unwrap().said += seconds;
        check_found(skewed, Warning, Check::Clock, peer);
    }
    let ours = "http://k:9192";
    let why = || "why".to_owned();
    for (probed, severity) in [
        (Probed::NoToken, Broken),
        (Probed::Elsewhere, Broken),
        (Probed::Failed { message: why() }, Broken),
        (Probed::Answered { why: why() }, CannotTell),
        (Probed::CannotTell { why: why() }, CannotTell),
    ] {
        check_found(|facts| facts.ways = vec![way(probed)], severity, Check::KaptapReachable, ours);
    }
    let failing = |facts: &mut Facts| {
        facts.ways[0].users = vec!["handler kaptap of topic cpu".to_owned()];
        facts.ways[0].probed = Probed::Failed { message: "connection refused".to_owned() };
    };
    check_found(failing, Broken, Check::Handler, ours);
    check_found(|facts| facts.own.streams = Err("it is down".to_owned()), Broken, Check::KaptapAnswers, ours);
}

#[test]
fn tasks_and_their_scripts() {
    use Severity::{Broken, Warning};
    let dead = |facts: &mut Facts| {
        let task = &mut facts.tasks.as_mut().unwrap()[0];
        (task.executing, task.error) = (false, "stopping UDF server: write error: broken pipe".to_owned());
    };
    check_found(dead, Broken, Check::DeadTask, "task cpu");
    let counting = |facts: &mut Facts| {
        let stats = facts.tasks_later[0].stats.as_mut().unwrap();
        stats.nodes.get_mut("alert2").unwrap().insert("errors".to_owned(), 3.0);
    };
    check_found(counting, Warning, Check::NodeErrors, "task cpu, alert2");
    let script =
        |text: &'static str| move |facts: &mut Facts| facts.tasks.as_mut().unwrap()[0].script = Some(text.to_owned());
    let posting = "stream|from()\n.groupBy('h')|alert()\n.post('http://x').header('a', 'b')";
    check_found(script(posting), Warning, Check::PostTimeout, "task cpu, line 3");
    check_found(script("stream|from()|httpPost('http://x')"), Warning, Check::HttpPostTimeout, "task cpu, line 1");
    check_found(script("stream|from()\n|alert().log('/x')"), Warning, Check::GroupBy, "task cpu, line 2");
    check_found(|facts| facts.tasks.as_mut().unwrap().push(task("cpu2", GOOD)), Warning, Check::AlertId, "topic cpu");
    let named = GOOD.replace(".topic", ".id('{{ .TaskName }}/{{ .Group }}').topic");
    let mut good = facts();
    good.tasks.as_mut().unwrap().extend([task("a", &named), task("b", &named)]);
    assert_eq!(found(&good), [], "ids with the task's name in them are different");
    let twice = |facts: &mut Facts| {
        let of = |name: &str| topic(name, Level::Info, &[("cpu:host=a", Level::Info)]);
        facts.topics = Ok(vec![of("main:a:alert2"), of("main:b:alert2"), of("named")]);
    };
    check_found(twice, Warning, Check::AlertId, "tasks a, b");
}

#[test]
fn udfs_and_sockets() {
    use Severity::{Broken, CannotTell, Warning};
    let udf = "stream|from()@kaptap()";
    let stream = |keepalive_ns: Option<u64>| OpenStream {
        lane: "udf".to_owned(),
        task: Some("cpu".to_owned()),
        node: Some("kaptap2".to_owned()),
        keepalive_ns,
    };
    let with = |keepalive_ns| {
        move |facts: &mut Facts| {
            facts.tasks.as_mut().unwrap()[0].script = Some(udf.to_owned());
            facts.own.streams = Ok(vec![stream(keepalive_ns)]);
        }
    };
    let second = 1_000_000_000;
    check_found(with(Some(2 * second)), Warning, Check::UdfTimeout, "task cpu, kaptap2");
    check_found(with(None), CannotTell, Check::UdfTimeout, "task cpu, kaptap2");
    let mut good = facts();
    with(Some(30 * second - 2_000))(&mut good);
    assert_eq!(found(&good), []);
    good.own.streams = Ok(Vec::new());
    let lost = [
        (Broken, Check::UdfConnected, "task cpu".to_owned()),
        (CannotTell, Check::UdfTimeout, "http://kapacitor:9092".to_owned()),
    ];
    assert_eq!(found(&good), lost);

    let path = "/run/kaptap/stream.sock";
    for state in [SocketState::Missing, SocketState::NotASocket] {
        check_found(|facts| facts.own.sockets[0].state = state, Warning, Check::Socket, path);
    }
    let stale = |facts: &mut Facts| {
        let owned = Owned { mode: 0o660, user: 1, group: 2 };
        facts.own.sockets[0].state = SocketState::There { owned, listening: Some(false) };
    };
    check_found(stale, Warning, Check::Socket, path);
    check_found(|facts| facts.own.account = None, CannotTell, Check::Socket, path);
    let stranger = |facts: &mut Facts| facts.own.account.as_mut().unwrap().groups = vec![7];
    check_found(stranger, Warning, Check::Socket, path);
    let closed = |facts: &mut Facts| facts.own.sockets[0].above[0].owned.mode = 0o700;
    check_found(closed, Warning, Check::Socket, path);
    let needed = |facts: &mut Facts| {
        with(Some(30 * second))(facts);
        facts.own.sockets[0].state = SocketState::Missing;
    };
    check_found(needed, Broken, Check::Socket, path);
}

#[test]
fn topics_and_handlers() {
    use Severity::{Broken, CannotTell, Warning};
    let wrong = |facts: &mut Facts| facts.topics = Ok(vec![topic("cpu", Level::Ok, &[("b", Level::Critical)])]);
    check_found(wrong, Warning, Check::TopicLevel, "topic cpu");
    let mut moving = facts();
    wrong(&mut moving);
    moving.topics.as_mut().unwrap()[0].later.as_mut().unwrap().collected += 1;
    assert_eq!(found(&moving), [], "an event that came meanwhile may be why");

    let with = |id: &'static str, handler: Handler| {
        move |facts: &mut Facts| {
            facts
                .topics
                .as_mut()
                .unwrap()
                .push(TopicFacts { handlers: Ok(vec![handler]), ..topic(id, Level::Ok, &[]) });
        }
    };
    let url = "http://k:9192/v1/alerts/x";
    let place = "topic x, handler kaptap";
    check_found(with("x", post(json!({"url": url, "timeout": 10}))), Broken, Check::HandlerTimeout, place);
    check_found(with("x", post(json!({"url": url}))), Warning, Check::HandlerTimeout, place);
    let aggregate = Handler { kind: "aggregate".to_owned(), ..post(json!({"interval": 30})) };
    check_found(with("x", aggregate), Broken, Check::HandlerTimeout, place);
    let tap = || post(json!({"url": url, "timeout": 10_000_000_000_i64}));
    let place = |topic: &str| format!("topic {topic}, handler kaptap");
    check_found(with("main:cpu:alert9", tap()), Warning, Check::TapLeft, &place("main:cpu:alert9"));
    check_found(with("main:gone:alert2", tap()), Warning, Check::TapLeft, &place("main:gone:alert2"));
    let mut good = facts();
    with("main:cpu:alert2", tap())(&mut good);
    assert_eq!(found(&good), []);
    let unread = |facts: &mut Facts| facts.topics.as_mut().unwrap()[0].events = Err(error());
    check_found(unread, CannotTell, Check::TopicLevel, "topic cpu");
}

#[test]
fn global_handlers() {
    let flags =
        |global: bool, only: bool| json!({"elements": [{"options": {"global": global, "state-changes-only": only}}]});
    let two = json!({"elements": [
        {"options": {"default": false, "global": true, "state-changes-only": true}},
        {"options": {"default": true, "global": false, "state-changes-only": true}},
    ]});
    let sections = |sections: serde_json::Value| Section::all(&json!({"sections": sections}));
    let config = sections(
        json!({"slack": two, "smtp": flags(true, false), "kafka": {"elements": []}, "discord": flags(false, true)}),
    );
    let mut facts = facts();
    facts.config = Ok(config);
    assert_eq!(found(&facts), []);
    for (name, only) in [("slack", true), ("discord", false)] {
        facts.config = Ok(sections(json!({name: flags(true, only)})));
        assert_eq!(found(&facts), [(Severity::Warning, Check::StateChangesOnly, format!("[{name}]"))]);
    }
    facts.config = Err(ApiError::Denied { code: 403, message: "no".to_owned() });
    let place = "http://kapacitor:9092".to_owned();
    assert_eq!(found(&facts), [(Severity::CannotTell, Check::StateChangesOnly, place)]);
}

#[test]
fn who_kapacitord_runs_as() {
    let status = "Name:\tkapacitord\nUid:\t1\t998\t998\t998\nGid:\t1\t997\t997\t997\nGroups:\t4 27 \n";
    let account = machine::of_status(status).unwrap();
    assert_eq!((account.user, account.groups), (998, vec![4, 27, 997]));
    let users = "root:x:0:0::/:/bin/sh\nkapacitor:x:998:997::/:/bin/false\n";
    let account = machine::packaged(users, "a:x:5:\nkaptap:x:6:x,kapacitor\nbroken\n").unwrap();
    assert_eq!((account.user, account.groups.clone()), (998, vec![997, 6]));
    assert!(account.may(Owned { mode: 0o660, user: 1, group: 6 }, 2));
    assert!(!account.may(Owned { mode: 0o640, user: 1, group: 6 }, 2));
    assert!(!account.may(Owned { mode: 0o606, user: 1, group: 6 }, 2), "the group's bits count, not everybody's");
    assert!(account.may(Owned { mode: 0o602, user: 1, group: 8 }, 2));
    assert_eq!(machine::packaged("root:x:0:0::/:/bin/sh\n", ""), None);
    for (url, address) in [
        ("http://k:1/v1/alerts/x", Some("http://k:1")),
        ("https://k/under/v1/rows", Some("https://k/under")),
        ("http://k/v1/alertsx", None),
        ("/v1/alerts", None),
    ] {
        assert_eq!(topics::address_of(url), address, "{url}");
    }
}
