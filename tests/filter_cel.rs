//! Random filters over random events against an independent implementation of CEL.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod filter_support;

use cel::{Context, Program, Value};
use kaptap::event::{Cell, Event};
use kaptap::filter::Filter;
use kaptap::words::{Kind, Level};
use proptest::prelude::*;
use std::collections::HashMap;

/// What random events differ in.
#[derive(Debug, Clone)]
struct Varied {
    seq: u64,
    level: Level,
    host: String,
    idle: f64,
    procs: i64,
    up: bool,
    duration: i64,
    seconds: i64,
}

fn varied() -> impl Strategy<Value = Varied> {
    let host = prop::sample::select(vec!["web-1", "web-2", "db-1", "", "é", "web"]).prop_map(str::to_owned);
    let level = prop::sample::select(Level::ALL.to_vec());
    let idle = prop_oneof![prop::sample::select(vec![0.0, -0.0, 3.0, 3.25, 1e300, f64::INFINITY]), -10.0..10.0];
    let numbers = (0..8_u64, -3..8_i64, 0..200_i64, -5..5_i64);
    (numbers, level, host, idle, any::<bool>()).prop_map(|((seq, procs, duration, seconds), level, host, idle, up)| {
        Varied { seq, level, host, idle, procs, up, duration: duration * 1_000_000_000, seconds }
    })
}

fn event(varied: &Varied) -> Event<'static> {
    let mut event = filter_support::event();
    event.seq = varied.seq;
    event.kind = Kind::Alert;
    event.time = varied.seconds * 1_000_000_000;
    let alert = event.alert.as_mut().unwrap();
    alert.level = varied.level;
    alert.duration_ns = Some(varied.duration);
    event.series[0].tags[2].1 = varied.host.clone().into();
    let row = &mut event.series[0].rows[1];
    (row[1], row[2], row[4]) = (Cell::Float(varied.idle), Cell::Int(varied.procs), Cell::Bool(varied.up));
    event
}

/// The same event as the other implementation takes it.
fn context(varied: &Varied) -> Context<'static, 'static> {
    fn map(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let entries: HashMap<String, Value> = entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        entries.into()
    }
    let empty = Context::default();
    let evaluated = |text: String| Program::compile(&text).unwrap().execute(&empty).unwrap();
    let time = jiff::Timestamp::from_second(varied.seconds).unwrap();
    let mut context = Context::default();
    context.add_variable_from_value("seq", i64::try_from(varied.seq).unwrap());
    context.add_variable_from_value("kind", "alert");
    context.add_variable_from_value("time", evaluated(format!("timestamp('{time}')")));
    let duration = evaluated(format!("duration('{}s')", varied.duration / 1_000_000_000));
    let alert = [
        ("id", "cpu:host=web-1".into()),
        ("level", varied.level.as_str().into()),
        ("duration", duration),
        ("duration_ns", varied.duration.into()),
        ("recoverable", true.into()),
        ("severity_number", 18_i64.into()),
    ];
    context.add_variable_from_value("alert", map(alert));
    context.add_variable_from_value("origin", map([("task", "cpu_alert".into()), ("n", 7_i64.into())]));
    let tags = [("a b", "spaced".into()), ("dc", "eu-1".into()), ("host", varied.host.as_str().into())];
    context.add_variable_from_value("tags", map(tags));
    context.add_variable_from_value("labels", map([("team", "platform".into())]));
    let fields = [
        ("usage_idle", varied.idle.into()),
        ("procs", varied.procs.into()),
        ("state", "s1".into()),
        ("up", varied.up.into()),
        ("nothing", Value::Null),
    ];
    context.add_variable_from_value("fields", map(fields));
    context
}

fn one_of(choices: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(choices).prop_map(str::to_owned)
}

const EQUALITIES: &[&str] = &["==", "!="];
const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];

/// A condition of which every path is there and every type is right.
fn right_leaf() -> impl Strategy<Value = String> {
    let number = one_of(&[
        "seq",
        "origin.n",
        "fields.procs",
        "fields.usage_idle",
        "alert.severity_number",
        "size(tags.host)",
        "size(tags)",
        "tags.dc.size()",
        "3",
        "-2",
        "0x3",
        "3.0",
        "3.25",
        "-1.5",
        ".5",
        "1e2",
        "0",
        "-0.0",
    ]);
    let text = one_of(&[
        "tags.host",
        "tags.dc",
        "tags['a b']",
        "alert.level",
        "alert.id",
        "origin.task",
        "labels.team",
        "fields.state",
        "kind",
        "'web-1'",
        "\"web-\"",
        "'CRITICAL'",
        "''",
        "'eu-1'",
        r"'w\x65b'",
        "r'web'",
        "'é'",
        "'s1'",
    ]);
    let bool = one_of(&["fields.up", "alert.recoverable", "true", "false", "(seq < 4)", "('host' in tags)"]);
    let time = one_of(&["time", "timestamp('1970-01-01T00:00:02Z')", "timestamp('1970-01-01T01:00:00+01:00')"]);
    let duration =
        one_of(&["alert.duration", "duration('1m40s')", "duration('90s')", "duration('1.5h')", "duration('-1s')"]);
    let any = one_of(&["fields.state", "fields.procs", "fields.up", "fields.nothing", "fields.usage_idle"]);
    let method = one_of(&["startsWith", "endsWith", "contains", "matches"]);
    let comparison = || one_of(COMPARISONS);
    let binary = |(a, operator, b): (String, String, String)| format!("{a} {operator} {b}");
    prop_oneof![
        4 => (number.clone(), comparison(), number.clone()).prop_map(binary),
        4 => (text.clone(), comparison(), text.clone()).prop_map(binary),
        1 => (bool.clone(), comparison(), bool.clone()).prop_map(binary),
        1 => (time.clone(), comparison(), time).prop_map(binary),
        1 => (duration.clone(), comparison(), duration).prop_map(binary),
        2 => (any.clone(), one_of(EQUALITIES), any).prop_map(binary),
        2 => (text.clone(), prop::collection::vec(text.clone(), 0..4)).prop_map(|(a, list)| format!("{a} in [{}]", list.join(", "))),
        1 => (number.clone(), prop::collection::vec(number, 0..4)).prop_map(|(a, list)| format!("{a} in [{}]", list.join(","))),
        1 => (text.clone(), one_of(&["tags", "labels", "fields"])).prop_map(|(a, map)| format!("{a} in {map}")),
        3 => (text.clone(), method, one_of(&["'web-'", "'1'", "''", "'e'", "'[a-z]-'", "r'^w.b$'"]))
            .prop_map(|(a, method, b)| if method == "matches" || !b.contains('[') { format!("{a}.{method}({b})") } else { format!("{a} == {b}") }),
        1 => one_of(&["has(tags.host)", "has(tags.absent)", "has(alert.level)", "has(fields.nothing)", "has(labels.dc)"]),
        1 => bool,
    ]
}

/// A condition that CEL calls an error, at least sometimes.
fn wrong_leaf() -> impl Strategy<Value = String> {
    one_of(&[
        "tags.absent == 'a'",
        "tags.absent != 'a'",
        "tags.host != labels.absent",
        "fields.absent > 1",
        "fields.state < 5",
        "fields.up > fields.procs",
        "fields.absent in [1, 2]",
        "fields.procs.startsWith('a')",
        "tags.absent.contains('')",
        "size(fields.absent) > 0",
        "size(fields.procs) > 0",
        "fields.nothing > 0",
        "fields.state >= fields.usage_idle",
    ])
}

/// Leaves joined by operators; `!` only when asked for.
fn tree(leaf: BoxedStrategy<String>, with_not: bool) -> impl Strategy<Value = String> {
    leaf.prop_recursive(4, 24, 3, move |inner| {
        let joined = |operator: &'static str| {
            prop::collection::vec(inner.clone(), 2..4).prop_map(move |parts| parts.join(&format!(" {operator} ")))
        };
        let in_parentheses = inner.clone().prop_map(|part| format!("({part})"));
        let negated =
            inner.clone().prop_map(move |part| if with_not { format!("!({part})") } else { format!("({part})") });
        prop_oneof![3 => joined("&&"), 3 => joined("||"), 1 => in_parentheses, 2 => negated]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn means_what_cel_means(expression in tree(right_leaf().boxed(), true), varied in varied()) {
        let expected = Program::compile(&expression).unwrap().execute(&context(&varied));
        let found = Filter::compile(&expression).unwrap().matches(&event(&varied));
        prop_assert_eq!(expected.ok(), Some(Value::Bool(found)), "{}", expression);
    }

    /// Without a negation, what is false here for want of a value is an error in CEL, or absorbed by && and ||.
    #[test]
    fn what_is_an_error_in_cel_is_false(
        expression in tree(prop_oneof![right_leaf(), wrong_leaf()].boxed(), false), varied in varied(),
    ) {
        let expected = Program::compile(&expression).unwrap().execute(&context(&varied));
        let found = Filter::compile(&expression).unwrap().matches(&event(&varied));
        prop_assert_eq!(Value::Bool(found), expected.unwrap_or(Value::Bool(false)), "{}", expression);
    }
}
