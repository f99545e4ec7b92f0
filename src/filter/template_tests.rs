//! Tests of templates: what they are filled with, what is refused, and that JSON stays JSON.

use super::*;
use crate::filter::path::{Collection, Member};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Tags and fields, and an alert with one message.
struct Fake {
    message: String,
    fields: BTreeMap<String, Value<'static>>,
}

impl Subject for Fake {
    fn member(&self, member: Member) -> Option<Value<'_>> {
        match member {
            Member::AlertMessage => Some(Value::Text(self.message.as_str().into())),
            Member::AlertDuration => Some(Value::Duration(95_250_000_000)),
            Member::Time => Some(Value::Timestamp(0)),
            Member::Seq => Some(Value::Int(7)),
            _ => None,
        }
    }

    fn entry(&self, collection: Collection, key: &str) -> Option<Value<'_>> {
        if collection != Collection::Fields {
            return None;
        }
        Some(match self.fields.get(key)? {
            Value::Text(text) => Value::Text(text.as_ref().into()),
            other => other.clone(),
        })
    }

    fn contains(&self, collection: Collection, key: &str) -> bool {
        self.entry(collection, key).is_some()
    }

    fn size(&self, _: Collection) -> usize {
        0
    }
}

fn fake(message: &str) -> Fake {
    let fields = [
        ("int", Value::Int(-3)),
        ("float", Value::Double(1.5)),
        ("nan", Value::Double(f64::NAN)),
        ("yes", Value::Bool(true)),
        ("a b", Value::Text("x\"y".into())),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Fake { message: message.to_owned(), fields }
}

#[track_caller]
fn check_rendered(template: &str, json: &str, text: &str) {
    let template = Template::compile(template).unwrap_or_else(|error| panic!("{error}"));
    let (mut as_json, mut as_text) = (Vec::new(), Vec::new());
    template.render(&fake("a \"b\"\n"), &mut as_json);
    template.render_text(&fake("a \"b\"\n"), &mut as_text);
    assert_eq!(String::from_utf8(as_json).unwrap(), json);
    assert_eq!(String::from_utf8(as_text).unwrap(), text);
}

#[test]
fn values_are_filled_in() {
    check_rendered("", "", "");
    check_rendered("no path", "no path", "no path");
    check_rendered("\"{{ alert.message }}\"", r#""a \"b\"\n""#, "\"a \"b\"\n\"");
    check_rendered("{{alert.message}}", r#""a \"b\"\n""#, "a \"b\"\n");
    check_rendered("{{ seq }}{{ time }}", "7\"1970-01-01T00:00:00.000000000Z\"", "71970-01-01T00:00:00.000000000Z");
    check_rendered("{{ alert.duration }}", "\"95.25s\"", "95.25s");
    check_rendered("[{{ fields.int }}, {{ fields.float }}, {{ fields.yes }}]", "[-3, 1.5, true]", "[-3, 1.5, true]");
    check_rendered("{{ fields.nan }}", "\"NaN\"", "NaN");
    check_rendered(r#"{{ fields["a b"] }}"#, r#""x\"y""#, "x\"y");
    check_rendered("{{ tags.absent }}|\"{{ tags.absent }}\"", "null|\"\"", "|\"\"");
    check_rendered(r#"a \" {{ seq }} "\" {{ tags.x }}""#, r#"a \" 7 "\" ""#, r#"a \" 7 "\" ""#);
    check_rendered(r#"{{ "{{" }} }}"#, "{{ }}", "{{ }}");
    check_rendered("{ \"a\": {\"b\": {{ seq }}}}", "{ \"a\": {\"b\": 7}}", "{ \"a\": {\"b\": 7}}");
}

#[track_caller]
fn check_refused(template: &str, at: usize, sentence: &str) {
    let error = Template::compile(template).unwrap_err();
    assert_eq!((error.at, error.expression.as_str()), (at, template), "{error}");
    assert!(error.message.contains(sentence), "{error}");
}

#[test]
fn what_no_event_has_is_refused() {
    check_refused("x {{ alert.levle }}", 11, "alert has no `levle`");
    check_refused("x {{ nothing }}", 5, "no `nothing` here");
    check_refused("{{ tags }}", 3, "tags is no value by itself");
    check_refused("{{ marks.a }}", 3, "marks is a list");
    check_refused("{{ seq", 0, "not closed");
    check_refused("{{ seq }", 7, "}} is needed");
    check_refused("{{ seq + 1 }}", 7, "}} is needed");
    check_refused("{{ }}", 3, "a path is needed");
    check_refused("{{ 1 }}", 3, "a path is needed");
    check_refused("{{ tags[1] }}", 8, "a key is written as a string");
    check_refused("{{ tags.\"a\" }}", 8, "a name after the dot");
    assert!(Template::compile(&"x".repeat(LONGEST + 1)).is_err());
}

#[test]
fn a_path_by_itself() {
    let path = Lookup::compile("fields.int").unwrap();
    assert_eq!(path.text(&fake("")).as_deref(), Some("-3"));
    assert_eq!(Lookup::compile("tags[\"a b\"]").unwrap().text(&fake("")), None);
    for text in ["", "fields", "fields.int }}", "seq == 1", "\"seq\"", "nothing"] {
        assert!(Lookup::compile(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn json_stays_json(message in any::<String>()) {
        let template = Template::compile(r#"{"in": "<{{ alert.message }}>", "out": {{ alert.message }}}"#).unwrap();
        let mut out = Vec::new();
        template.render(&fake(&message), &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(value["in"].as_str().unwrap(), format!("<{message}>"));
        prop_assert_eq!(value["out"].as_str().unwrap(), message);
    }

    #[test]
    fn nothing_panics(text in "[{} a-z.\"\\[\\]\\\\/]{0,40}|(?s).{0,40}") {
        drop(Template::compile(&text));
        drop(Lookup::compile(&text));
    }
}
