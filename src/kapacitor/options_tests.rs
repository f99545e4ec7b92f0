//! Options as a script gives them, and the sentences for those it should not.

use super::*;

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn call(name: &str, values: impl IntoIterator<Item = Value>) -> Call {
    // The type beside the value is left out: it says nothing that the value does not.
    let values = values.into_iter().map(|value| OptionValue { r#type: 0, value: Some(value) }).collect();
    Call { name: name.to_owned(), values }
}

fn check_options(calls: Vec<Call>, expected: impl FnOnce(&mut Options)) {
    let mut options = Options::default();
    expected(&mut options);
    assert_eq!(Options::parse(calls), Ok(options));
}

fn check_refused(call: Call, sentence: &str) {
    assert_eq!(Options::parse(vec![call]).unwrap_err().to_string(), sentence);
}

#[test]
fn nothing_asked() {
    check_options(vec![], |options| {
        assert!(options.echo && !options.alert);
        assert_eq!(options.id_tag, "alert_id");
        assert_eq!(options.level_tag, "alert_level");
        assert_eq!(options.message_field, "alert_message");
        assert_eq!(options.duration_field, "alert_duration");
    });
}

#[test]
fn every_option() {
    let calls = vec![
        call("echo", [Value::BoolValue(false)]),
        call("alert", [Value::BoolValue(true)]),
        call("label", [text("dc"), text("eu-1")]),
        call("label", [text("team"), text("")]),
        call("db", [text("telegraf")]),
        call("rp", [text("autogen")]),
        call("idTag", [text("id")]),
        call("levelTag", [text("level")]),
        call("messageField", [text("message")]),
        call("durationField", [text("duration")]),
    ];
    check_options(calls, |options| {
        *options = Options {
            echo: false,
            labels: vec![("dc".to_owned(), "eu-1".to_owned()), ("team".to_owned(), String::new())],
            database: Some("telegraf".to_owned()),
            retention_policy: Some("autogen".to_owned()),
            alert: true,
            id_tag: "id".to_owned(),
            level_tag: "level".to_owned(),
            message_field: "message".to_owned(),
            duration_field: "duration".to_owned(),
        };
    });
}

#[test]
fn given_twice_the_last_counts() {
    check_options(vec![call("echo", [Value::BoolValue(false)]), call("echo", [Value::BoolValue(true)])], |_| {});
    let label = |value| call("label", [text("dc"), text(value)]);
    check_options(vec![label("a"), call("label", [text("x"), text("y")]), label("b")], |options| {
        options.labels = vec![("dc".to_owned(), "b".to_owned()), ("x".to_owned(), "y".to_owned())];
    });
}

#[test]
fn sentences() {
    let known = "alert, db, durationField, echo, idTag, label, levelTag, messageField, rp";
    check_refused(call("ehco", []), &format!("there is no option ehco; the options are {known}"));
    check_refused(
        call(&"é".repeat(100), []),
        &format!("there is no option {}…; the options are {known}", "é".repeat(64)),
    );
    check_refused(call("echo", [text("yes")]), "option echo takes (BOOL), not (STRING)");
    check_refused(call("echo", []), "option echo takes (BOOL), not ()");
    check_refused(call("db", [text("a"), text("b")]), "option db takes (STRING), not (STRING, STRING)");
    check_refused(call("label", [text("a")]), "option label takes (STRING, STRING), not (STRING)");
    check_refused(
        call("label", [text("a"), Value::IntValue(1)]),
        "option label takes (STRING, STRING), not (STRING, INT)",
    );
    check_refused(
        call("label", [text("a"), text("b"), text("c"), text("d")]),
        "option label takes (STRING, STRING), not (STRING, STRING, …)",
    );
    check_refused(call("rp", [Value::DurationValue(1)]), "option rp takes (STRING), not (DURATION)");
    check_refused(call("rp", [Value::DoubleValue(1.0)]), "option rp takes (STRING), not (DOUBLE)");
    let nothing = Call { name: "alert".to_owned(), values: vec![OptionValue::default()] };
    check_refused(nothing, "option alert takes (BOOL), not (nothing)");
}

#[test]
fn bounds() {
    let long = "x".repeat(MAX_TEXT);
    check_options(vec![call("db", [text(&long)])], |options| options.database = Some(long.clone()));
    check_refused(call("db", [text(&format!("{long}x"))]), "option db takes text of at most 4096 bytes");

    let label = |number: usize| call("label", [text(&number.to_string()), text("")]);
    assert_eq!(Options::parse((0..MAX_LABELS).map(label).collect()).unwrap().labels.len(), MAX_LABELS);
    let too_many = Options::parse((0..=MAX_LABELS).map(label).collect());
    assert_eq!(too_many, Err(OptionError::TooManyLabels));
    assert_eq!(OptionError::TooManyLabels.to_string(), "option label may be given for at most 256 keys");
}

#[test]
fn what_is_announced_is_what_is_read() {
    let announced = announced();
    let names: Vec<_> = announced.keys().map(String::as_str).collect();
    assert_eq!(names, ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "sorted by name");
    for (name, info) in announced {
        let value = |kind: &i32| match ValueType::try_from(*kind).unwrap() {
            ValueType::Bool => Value::BoolValue(true),
            ValueType::String => text("x"),
            other => panic!("{other:?}"),
        };
        let values: Vec<_> = info.value_types.iter().map(value).collect();
        assert!(Options::parse(vec![call(&name, values.clone())]).is_ok(), "{name}");
        assert!(Options::parse(vec![call(&name, values[1..].to_vec())]).is_err(), "{name}");
    }
}
