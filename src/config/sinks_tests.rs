//! Tests of `[[sink]]` tables: what they mean, and what is said of faulty ones.

use super::{Config, ConfigError, Flags, SINK_KEYS, SINK_TYPES, SinkSettings, load};
use crate::delivery::options::{Correlation, SinkOptions, Start};
use crate::sinks::options::{Format, Hidden, Peer};
use crate::words::Kind;
use std::time::Duration;

fn read(text: &str) -> Result<Config, Vec<ConfigError>> {
    load(Some(text), "k.toml", &[], &Flags::default())
}

#[track_caller]
fn one(keys: &str) -> SinkSettings {
    let config = read(&format!("[[sink]]\nname = \"a\"\n{keys}")).unwrap_or_else(|errors| panic!("{errors:?}"));
    assert_eq!(config.sinks.len(), 1);
    config.sinks.into_iter().next().unwrap()
}

/// Checks that a sink named `a` is refused with exactly these errors; its keys begin on line 3.
#[track_caller]
fn check_faults(keys: &str, expected: &[&str]) {
    let errors = read(&format!("[[sink]]\nname = \"a\"\n{keys}")).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{keys}");
}

#[test]
fn nothing_more_gives_the_defaults() {
    let sink = one("type = \"stdout\"");
    let expected = SinkOptions { name: "a".to_owned(), ..SinkOptions::default() };
    assert_eq!((sink.options, sink.peer, sink.kind), (expected, Peer::Stdout, "stdout"));
    assert_eq!(one("type = \"alertmanager\"\nurl = \"http://a\"").options.kinds, [Kind::Alert]);
    let Peer::Webhook(webhook) = one("type = \"webhook\"\nurl = \"http://h/x\"").peer else { panic!("another peer") };
    assert_eq!((webhook.format, webhook.method.as_str(), webhook.hmac), (Format::JsonArray, "POST", None));
    assert_eq!((webhook.http.timeout, webhook.http.bypass_proxy), (Duration::from_secs(10), true));
    let Peer::Nats(nats) = one("type = \"nats\"\nurl = \"nats://h:4222,h2\"").peer else { panic!("another peer") };
    assert_eq!(
        (nats.subject.as_str(), nats.stream.as_str(), nats.create, nats.in_flight),
        ("kaptap.{{ kind }}", "KAPTAP", true, 256)
    );
}

#[test]
fn every_common_key_can_be_written() {
    let sink = one(r#"type = "alertmanager"
        url = "https://am:9093/base"
        filter = 'alert.level == "CRITICAL"'
        kinds = ["alert", "system"]
        max_rate = "20/m"
        skip_duplicates = false
        correlation = "tags.host"
        batch_events = 7
        batch_bytes = "2MiB"
        batch_age = 0
        start = "beginning"
        retry_min = "1s"
        retry_max = "2s"
        parked_events = 5
        parked_bytes = "1MiB"
        [sink.labels]
        site = "berlin"
        "#);
    let options = &sink.options;
    assert_eq!(options.filter.as_ref().unwrap().as_str(), "alert.level == \"CRITICAL\"");
    assert_eq!((options.kinds.as_slice(), options.skip_duplicates), ([Kind::Alert, Kind::System].as_slice(), false));
    assert_eq!(options.max_rate.unwrap().to_string(), "20/m");
    assert!(matches!(options.correlation, Correlation::Path(_)));
    assert_eq!((options.batch_events, options.batch_bytes, options.batch_age), (7, 2 << 20, Duration::ZERO));
    assert_eq!((options.start, options.retry.longest), (Start::Beginning, Duration::from_secs(2)));
    assert_eq!((options.parked_events, options.parked_bytes), (5, 1 << 20));
    let Peer::Alertmanager(peer) = sink.peer else { panic!("another peer") };
    assert_eq!((peer.labels["site"].as_str(), options.labels.len()), ("berlin", 1));
}

#[test]
fn all_faults_are_reported_at_once_with_their_lines() {
    let text = "[[sink]]\ntype = \"webhook\"\nurll = \"x\"\n\n[[sink]]\nname = \"b\"\ntype = \"webhook\"\nurl = \"ftp://x\"\npath = \"x\"\n\
                filter = 'alert.levle == 1'\nformat = \"template\"\nbody = '{{ nothing }}'\nca_file = \"/nowhere/ca\"\n\n\
                [[sink]]\nname = \"b\"\ntype = \"smtp\"\n";
    let errors = read(text).unwrap_err();
    let said: Vec<String> = errors.iter().map(|error| error.to_string().lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        said,
        [
            "k.toml:1: sink.#1.name: is missing; a sink needs it",
            "k.toml:1: sink.#1.url: is missing; a webhook needs it",
            "k.toml:3: sink.#1.urll: a sink of type webhook has no such key; did you mean url?",
            "k.toml:8: sink.b.url: is not a URL of http or https with a host; write http://HOST:PORT/PATH, or https://",
            "k.toml:9: sink.b.path: a sink of type webhook has no such key; it is one of file",
            "k.toml:10: sink.b.filter: is no filter:",
            "k.toml:12: sink.b.body: is no template:",
            "k.toml:13: sink.b.ca_file: cannot read /nowhere/ca: No such file or directory (os error 2)",
            "k.toml:16: sink.#3.name: another sink is named \"b\"; each needs its own name",
            "k.toml:17: sink.#3.type: \"smtp\" is not one of \"stdout\", \"file\", \"webhook\", \"alertmanager\", \"nats\", \"dataminer\", \"dataminer-webhook\"",
        ]
    );
}

#[test]
fn what_is_good_by_itself_and_not_together_is_said() {
    let said = |text: &str| read(text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>();
    let file = |name: &str, path: &str| format!("[[sink]]\nname = \"{name}\"\ntype = \"file\"\npath = \"{path}\"\n");
    let here = std::env::current_dir().unwrap().join("events.ndjson");
    for other in ["events.ndjson", "./events.ndjson", here.to_str().unwrap()] {
        let said = said(&[file("a", "events.ndjson"), file("b", other)].concat());
        let expected =
            format!("k.toml:8: sink.b.path: another sink writes to {}; each needs its own file", here.display());
        assert_eq!(said, [expected]);
    }
    assert!(read(&[file("a", "one"), file("b", "two")].concat()).is_ok());
    let misspelt = "[[sink]]\nname = \"a\"\ntype = \"stdout\"\nfilter = 'alert.level in [\"CRITCAL\"]'\n";
    let expected = "k.toml:4: sink.a.filter: \"CRITCAL\" is never there; it is one of OK, INFO, WARNING, CRITICAL";
    assert_eq!(said(misspelt), [expected]);
}

#[test]
fn a_filter_that_hides_recoveries_is_doubted_where_they_matter() {
    let doubt = |kind: &str, filter: &str| {
        let url = if kind == "stdout" { "" } else { "url = \"http://h\"\n" };
        read(&format!("[[sink]]\nname = \"a\"\ntype = \"{kind}\"\n{url}filter = '{filter}'\n")).unwrap().sinks[0]
            .doubt()
    };
    let critical = "alert.level == \"CRITICAL\"";
    for kind in ["alertmanager", "dataminer", "dataminer-webhook"] {
        assert!(doubt(kind, critical).unwrap().contains("leaves out every recovery"), "{kind}");
        assert_eq!(doubt(kind, &format!("{critical} || alert.state == \"resolved\"")), None);
    }
    assert_eq!((doubt("webhook", critical), doubt("stdout", critical)), (None, None));
}

#[test]
fn keys_are_checked_against_each_other() {
    let webhook = |more: &str| format!("type = \"webhook\"\nurl = \"http://h\"\n{more}");
    check_faults(&webhook("username = \"u\""), &["k.toml:5: sink.a.username: needs password or password_file"]);
    check_faults(&webhook("password = \"u\""), &["k.toml:5: sink.a.password: needs username"]);
    check_faults(
        &webhook("username = \"u\"\npassword = \"p\"\ntoken = \"t\""),
        &["k.toml:5: sink.a.username: there is a token as well; give one or the other"],
    );
    check_faults(
        &webhook("hmac_header = \"X\""),
        &["k.toml:5: sink.a.hmac_header: needs hmac_secret or hmac_secret_file"],
    );
    check_faults(
        &webhook("format = \"template\""),
        &["k.toml:3: sink.a.body: is missing; the format \"template\" is the text of this key"]
            .map(|said| said.replace("k.toml:3", "k.toml:1"))
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    check_faults(
        &webhook("body = \"x\""),
        &["k.toml:5: sink.a.body: is for format = \"template\" only, and the format is \"json_array\""],
    );
    check_faults(&webhook("retry_min = \"2m\""), &["k.toml:5: sink.a.retry_min: retry_min is more than retry_max"]);
    check_faults(
        "type = \"stdout\"\nkinds = []",
        &[
            "k.toml:4: sink.a.kinds: is empty, so nothing would be delivered; write some of \"alert\", \"point\", \"batch\", \"row\", \"system\", \"opaque\"",
        ],
    );
    check_faults(
        "type = \"stdout\"\nlabels = { a = 1 }",
        &["k.toml:4: sink.a.labels: is not a table of texts; write labels, such as { site = \"berlin\" }"],
    );
    assert!(
        read("[sink]\nname = \"a\"").unwrap_err()[0]
            .to_string()
            .starts_with("k.toml:1: sink: there may be several: write [[sink]]")
    );
    assert!(read("sink = 1").is_err());
}

#[test]
fn secrets_come_from_files_and_are_never_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, " hunter2 \nmore\n").unwrap();
    let sink = one(&format!(
        "type = \"webhook\"\nurl = \"http://h\"\ntoken_file = {path:?}\nhmac_secret = \"hunter2\"\nheaders = {{ X-A = \"hunter2\" }}"
    ));
    assert!(!format!("{sink:?}").contains("hunter2"));
    let Peer::Webhook(webhook) = sink.peer else { panic!("another peer") };
    assert_eq!(
        (webhook.http.token, webhook.http.headers["X-A"].clone()),
        (Some(Hidden("hunter2".to_owned())), Hidden("hunter2".to_owned()))
    );
    for keys in [
        "token = [\"hunter2\"]",
        "headers = { X-A = [\"hunter2\"] }",
        "headers = { X-A = \"hunter2\\n\" }",
        "password = \"hunter2\"",
    ] {
        let errors =
            read(&format!("[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"http://h\"\n{keys}")).unwrap_err();
        assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
    }
    std::fs::write(&path, "\n").unwrap();
    assert!(read(&format!("[[sink]]\nname = \"a\"\ntype = \"nats\"\nurl = \"h\"\ntoken_file = {path:?}")).is_err());
}

#[test]
fn a_renewed_file_makes_another_sink() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let authority = rcgen::generate_simple_self_signed(vec!["h".to_owned()]).unwrap();
    std::fs::write(&path, authority.cert.pem()).unwrap();
    let keys = format!("type = \"webhook\"\nurl = \"https://h\"\nca_file = {path:?}");
    let before = one(&keys);
    assert_eq!(before, one(&keys));
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
    assert_ne!(before, one(&keys));
}

/// What only the sink itself can judge is said with the rest, with its line.
#[test]
fn what_no_sink_can_be_made_of_is_refused_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("no.pem");
    std::fs::write(&path, "no certificate").unwrap();
    let held = |what: &str| format!("{} holds no {what}", path.display());
    let (nats, webhook) = ("type = \"nats\"\nurl = \"nats://h\"", "type = \"webhook\"\nurl = \"https://h\"");
    let alertmanager = "type = \"alertmanager\"\nurl = \"http://h\"";
    for (table, key, value, sentence) in [
        (nats, "subject", "\"a.*.{{ kind }}\"".to_owned(), "wildcards".to_owned()),
        (nats, "subject", "\"a..b\"".to_owned(), "empty token".to_owned()),
        (nats, "ca_file", format!("{path:?}"), held("PEM certificates")),
        (nats, "credentials_file", format!("{path:?}"), held("user JWT")),
        (webhook, "ca_file", format!("{path:?}"), held("PEM certificates")),
        (alertmanager, "generator_url", "\"ftp://h\"".to_owned(), "http://".to_owned()),
        (alertmanager, "labels", "{ \"a-b\" = \"x\" }".to_owned(), "is no name of a label".to_owned()),
    ] {
        let text =
            format!("[[sink]]\nname = \"a\"\n{table}\n{key} = {value}\n\n[[sink]]\nname = \"b\"\ntype = \"smtp\"\n");
        let said: Vec<String> = read(&text).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(said[0].starts_with(&format!("k.toml:5: sink.a.{key}: ")) && said[0].contains(&sentence), "{said:?}");
        assert!(said.len() == 2 && said[1].starts_with("k.toml:9: sink.b.type: "), "{said:?}");
    }
}

#[test]
fn every_key_is_read() {
    // A wrong type for every key of every type must be noticed.
    for kind in SINK_TYPES {
        let url = if ["stdout", "file"].contains(kind) { "" } else { "url = \"http://h\"\n" };
        for key in
            SINK_KEYS.iter().filter(|key| key.types.contains(kind) && !["name", "type", "url"].contains(&key.name))
        {
            let format = if ["body", "content_type"].contains(&key.name) { "format = \"template\"\n" } else { "" };
            let text = format!("[[sink]]\nname = \"a\"\ntype = \"{kind}\"\n{url}{format}{} = 1979-05-27", key.name);
            let errors = read(&text).unwrap_err();
            let name = format!("sink.a.{}", key.name);
            assert!(errors.iter().any(|error| error.key == name), "{kind} {}: {errors:?}", key.name);
        }
    }
}

#[test]
fn what_dataminer_could_not_show_is_refused() {
    let said = |keys: &str| {
        let errors = read(&format!("[[sink]]\nname = \"a\"\nurl = \"http://h\"\n{keys}")).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    for (keys, sentence) in [
        ("type = \"dataminer\"\ncolumns = { Timeout = \"tags.a\" }", "keeps for itself"),
        ("type = \"dataminer\"\ncolumns = { \"my site\" = \"tags.a\" }", "\"My Site\""),
        ("type = \"dataminer\"\ncolumns = { Site = \"nothing.a\" }", "Site: is no path"),
        ("type = \"dataminer\"\nseverities = { Fatal = 'true' }", "\"Fatal\" is no severity"),
        ("type = \"dataminer\"\nseverities = { Normal = 'alert.level == \"INFO\"' }", "leave such alerts out"),
        ("type = \"dataminer\"\nseverities = { Major = 'alert.level ==' }", "Major: is no filter"),
        ("type = \"dataminer\"\nelement_type = \"Production\"", "keeps for itself"),
        ("type = \"dataminer\"\nidentifier = \"  \"", "is empty"),
        ("type = \"dataminer\"\nroute = \"user_defined_api\"", "wants a token"),
        ("type = \"dataminer\"\nkapacitor = \"b\"", "names no [[kapacitor]]"),
        ("type = \"dataminer-webhook\"\ncolumns = { Property1 = \"tags.a\" }", "Property13, Property14, Property15"),
        ("type = \"dataminer-webhook\"\nseverity_words = { fatal = \"x\" }", "\"fatal\" is no severity"),
        ("type = \"dataminer-webhook\"\nheartbeat = \"1s\"", "it is one of dataminer"),
    ] {
        let said = said(keys);
        assert!(said.contains(sentence), "{keys}: {said}");
    }
    let Peer::Dataminer(sink) = one("type = \"dataminer\"\nurl = \"http://h\"\nidentifier = \" host:9092 \"").peer
    else {
        panic!("another peer")
    };
    assert_eq!((sink.identifier.as_str(), sink.http.timeout), ("host-9092", Duration::from_secs(40)));
    assert_eq!(
        (sink.interval, sink.heartbeat, sink.full_state),
        (Duration::from_secs(2), Duration::from_secs(10), Duration::from_hours(1))
    );
}
