//! `CloudEvents`: what the specification's JSON schema and text demand, what is in them, and a foreign SDK as receiver.
//!
//! The SDK (`cloudevents` 2 or later, for Python) is no package of Debian, so that where the other peers are installed by apt it
//! is not: without it that one test is left out, and says so aloud. `KAPTAP_REQUIRE_PEERS` does not ask for it;
//! `KAPTAP_PYTHON`, which names a Python that has it, does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod sink_support;

use jsonschema::Validator;
use kaptap::delivery::sink::Outcome;
use kaptap::event::{Event, cloudevents};
use kaptap::interpret;
use kaptap::record::{self, Content, Note, Record};
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options::Format;
use kaptap::sinks::webhook::Webhook;
use kaptap::words::Lane;
use serde_json::{Map, Value, json};
use sink_support::receiver::Receiver;
use sink_support::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

fn structured(event: &Event<'_>) -> Value {
    let mut text = Vec::new();
    cloudevents::write(event, false, &mut text);
    serde_json::from_slice(&text).unwrap()
}

/// The specification's own JSON schema; where it is from is said beside it.
static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("fixtures/cloudevents/cloudevents.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
});

/// The specification's JSON schema, and the rules of its text for names and strings, of which the schema says nothing.
#[track_caller]
fn check_valid(event: &Value) {
    let wrong: Vec<_> = SCHEMA.iter_errors(event).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:?}: {event}");
    let event = event.as_object().unwrap();
    let text = |name: &str| event.get(name).map(|value| value.as_str().unwrap_or_else(|| panic!("{name}: {value}")));
    for name in ["specversion", "id", "source", "type"] {
        assert!(text(name).is_some_and(|value| !value.is_empty()), "{name} is required");
    }
    assert_eq!(text("specversion"), Some("1.0"));
    for name in ["subject", "datacontenttype", "dataschema", "time"] {
        assert!(text(name).is_none_or(|value| !value.is_empty()), "{name} is empty");
    }
    let characters_of_uri = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte))
    };
    assert!(characters_of_uri(text("source").unwrap()), "source is no URI reference");
    let schema = text("dataschema").unwrap();
    assert!(characters_of_uri(schema) && schema.contains(':'), "dataschema is no absolute URI");
    for time in [text("time").unwrap(), text("recordedtime").unwrap()] {
        time.parse::<jiff::Timestamp>().unwrap();
    }
    for (name, value) in event {
        assert!(
            name == "data"
                || name == "data_base64"
                || name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
            "{name}"
        );
        assert!(name.len() <= 20, "{name} is longer than recommended");
        if name == "data" {
            continue;
        }
        match value {
            Value::String(text) => {
                let banned = |c: char| {
                    c.is_control() || matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe
                };
                assert!(!text.contains(banned), "{name}: {text:?}");
            }
            Value::Number(number) => {
                assert!(number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()), "{name}: {number}");
            }
            Value::Bool(_) => {}
            other => panic!("{name} is neither text, integer nor boolean: {other}"),
        }
    }
}

/// Events of all that was ever posted.
fn recorded(check: impl Fn(&Event<'_>)) -> usize {
    let mut count = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recordings/alerts")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines() {
            let posted: Value = serde_json::from_str(line).unwrap();
            let Some(body) = posted["body"].as_str() else { continue };
            count += 1;
            let stream = stream();
            let record = Record {
                seq: count,
                observed: 1,
                n: count,
                content: Content::Alert,
                note: Note::default(),
                raw: body.as_bytes(),
            };
            check(&interpret::event(&stream, &record));
        }
    }
    usize::try_from(count).unwrap()
}

fn stream() -> record::Stream {
    record::Stream::new(record::StreamId(1), Lane::Post, "ops", "")
}

#[test]
fn every_recorded_alert_is_a_valid_cloud_event() {
    let count = recorded(|event| {
        let found = structured(event);
        check_valid(&found);
        assert_eq!(found["data"], value(event));
        assert_eq!(found["id"], event.id.to_string());
    });
    assert!(count > 100, "{count} recorded alerts");
}

/// The schema is asked, formats included: what breaks it is found.
#[test]
fn the_schema_finds_what_breaks_it() {
    let good = structured(&alert(1));
    assert!(SCHEMA.is_valid(&good));
    for (name, wrong) in [
        ("id", json!("")),
        ("source", json!("not a reference")),
        ("specversion", Value::Null),
        ("dataschema", json!("no absolute one")),
        ("time", json!("2026-11-22 14:00")),
        ("subject", json!(1)),
    ] {
        let mut event = good.clone();
        event[name] = wrong;
        assert!(!SCHEMA.is_valid(&event), "{event}");
    }
}

/// What goes over the wire, structured and in batches, is what the schema was asked about.
#[tokio::test]
async fn requests_hold_valid_cloud_events() {
    let receiver = Receiver::start([]).await;
    let url = receiver.url("/");
    let events: Vec<_> = alerts(1..4).into_iter().chain([point(4)]).collect();
    let mut single = Webhook::new(&webhook(&url, Format::CloudEvents), &Proxies::none()).unwrap();
    for event in &events {
        assert_eq!(deliver(&mut single, std::slice::from_ref(event)).await, [Outcome::Delivered]);
    }
    let mut batch = Webhook::new(&webhook(&url, Format::CloudEventsBatch), &Proxies::none()).unwrap();
    assert_eq!(deliver(&mut batch, &events).await, vec![Outcome::Delivered; 4]);
    let requests = receiver.requests();
    let (batch, single) = requests.split_last().unwrap();
    for (request, event) in single.iter().zip(&events) {
        assert_eq!(request.header("content-type"), Some("application/cloudevents+json; charset=UTF-8"));
        check_valid(&request.json());
        assert_eq!(request.json()["data"], value(event));
    }
    assert_eq!(batch.header("content-type"), Some("application/cloudevents-batch+json; charset=UTF-8"));
    let batch = batch.json();
    let batch = batch.as_array().unwrap();
    assert_eq!(batch.len(), events.len());
    for (found, request) in batch.iter().zip(single) {
        check_valid(found);
        assert_eq!(*found, request.json());
    }
}

#[test]
fn attributes_of_an_alert_and_of_a_point() {
    let event = alert(7);
    let mut found = structured(&event);
    check_valid(&found);
    assert_eq!(found.as_object_mut().unwrap().remove("data"), Some(value(&event)));
    assert_eq!(
        found,
        json!({
            "specversion": "1.0",
            "id": event.id.to_string(),
            "source": "/kaptap/cpu%20alert",
            "type": "io.kaptap.alert.opened",
            "time": "2026-11-22T13:23:47.000000008Z",
            "recordedtime": "2026-11-22T13:23:47.001000008Z",
            "subject": "web-7",
            "datacontenttype": "application/json",
            "dataschema": "urn:kaptap:event:v1",
            "severitytext": "CRITICAL",
            "severitynumber": 18,
            "partitionkey": event.alert.as_ref().unwrap().fingerprint.to_string(),
            "sequence": "00000000000000000007",
        })
    );
    let mut found = structured(&point(7));
    check_valid(&found);
    let found = found.as_object_mut().unwrap();
    found.remove("data");
    let of_point: Map<_, _> = found
        .clone()
        .into_iter()
        .filter(|(name, _)| !["id", "time", "recordedtime"].contains(&name.as_str()))
        .collect();
    assert_eq!(
        Value::Object(of_point),
        json!({
            "specversion": "1.0",
            "source": "/kaptap/ops",
            "type": "io.kaptap.point",
            "subject": "cpu",
            "datacontenttype": "application/json",
            "dataschema": "urn:kaptap:event:v1",
            "partitionkey": "0000000000000abc",
            "sequence": "00000000000000000007",
        })
    );
}

#[test]
fn texts_that_no_attribute_may_hold_are_made_fit() {
    let mut event = alert(1);
    let long = "é".repeat(cloudevents::LONGEST);
    for (id, subject) in [
        ("a\nb\u{7f}\u{9f}\u{ffff}\u{fdd0}c", Some("a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}c")),
        ("", None),
        ("Euro € 😀 100 %\"", Some("Euro € 😀 100 %\"")),
        (&long, Some(&long[..cloudevents::LONGEST])),
    ] {
        event.alert.as_mut().unwrap().id = id.to_owned().into();
        let found = structured(&event);
        check_valid(&found);
        assert_eq!(found.get("subject").map(|text| text.as_str().unwrap()), subject);
        assert_eq!(found["data"]["alert"]["id"], id);
    }
    event.alert = None;
    event.series.clear();
    assert_eq!(structured(&event).get("subject"), None);
}

#[test]
fn headers_are_encoded_as_the_binding_says() {
    let mut event = alert(1);
    event.alert.as_mut().unwrap().id = "Euro € 😀".into();
    let headers: Vec<_> = cloudevents::headers(&event).collect();
    let header = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    // The example of section 3.1.3.2.
    assert_eq!(header("ce-subject"), Some("Euro%20%E2%82%AC%20%F0%9F%98%80"));
    // A percent sign of the source is encoded once more, and decoded once by the receiver.
    assert_eq!(header("ce-source"), Some("/kaptap/cpu%2520alert"));
    assert_eq!(header("ce-severitynumber"), Some("18"));
    assert_eq!((header("ce-datacontenttype"), header("ce-data")), (None, None));
    for (name, value) in &headers {
        assert!(value.bytes().all(|byte| matches!(byte, 0x21..=0x7e)), "{name}: {value}");
    }
    let attributes = structured(&event);
    let in_body =
        attributes.as_object().unwrap().keys().filter(|name| !["data", "datacontenttype"].contains(&name.as_str()));
    assert_eq!(in_body.count(), headers.len());
}

/// A receiver made of the Python SDK: prints what it understood, one line a request.
const SDK: &str = r#"
import http.server, json, sys
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

def understand(headers, body):
    event = from_http_event(HTTPMessage(headers=headers, body=body))
    return {name: str(value) for name, value in event.get_attributes().items()}, event.get_data()

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            if headers["content-type"].startswith("application/cloudevents-batch+json"):
                one = {"content-type": "application/cloudevents+json"}
                found = [understand(one, json.dumps(event).encode()) for event in json.loads(body)]
            else:
                found = [understand(headers, body)]
            status, line = 204, json.dumps(found)
        except Exception as error:
            status, line = 400, json.dumps(repr(error))
        print(line, flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Needs `pip install 'cloudevents>=2'`; older ones do not decode headers. `KAPTAP_PYTHON` names a Python that has it, and then must.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_sdk_understands_all_modes() {
    let named = std::env::var("KAPTAP_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import cloudevents.core"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        assert!(named.is_none(), "{python} has no module cloudevents.core");
        // Not by `println!`, which is not shown for a test that passes.
        let said = format!(
            "\nSKIPPED, NOT TESTED: {python} has no module cloudevents.core (version 2 or later); KAPTAP_PYTHON names one that has\n"
        );
        std::io::stderr().write_all(said.as_bytes()).ok();
        return;
    }
    let mut child = Killed(Command::new(&python).args(["-c", SDK]).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url = format!("http://127.0.0.1:{}/", lines.next().expect("the SDK starts"));
    for (format, numbers) in
        [(Format::CloudEvents, 1..=1), (Format::CloudEventsBinary, 2..=2), (Format::CloudEventsBatch, 3..=5)]
    {
        let events = alerts(numbers);
        let mut sink = Webhook::new(&webhook(&url, format.clone()), &Proxies::none()).unwrap();
        let outcomes = deliver(&mut sink, &events).await;
        let understood: Value = serde_json::from_str(&lines.next().unwrap()).unwrap();
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Delivered), "{format:?}: {understood}");
        assert_eq!(understood.as_array().unwrap().len(), events.len());
        for (event, found) in events.iter().zip(understood.as_array().unwrap()) {
            let expected = structured(event);
            for name in ["id", "source", "type", "subject", "partitionkey", "sequence", "severitynumber"] {
                let expected = expected[name].as_str().map_or_else(|| expected[name].to_string(), str::to_owned);
                assert_eq!(found[0][name], expected, "{format:?} {name}");
            }
            assert_eq!(found[1], value(event), "{format:?}");
        }
    }
}

/// A process that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
