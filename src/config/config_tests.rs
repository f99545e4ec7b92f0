//! Tests of reading a configuration: what is said of faulty ones, and what good ones mean.

use super::*;
use crate::journal::Sync;
use std::fs;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn read(text: &str) -> Result<Config, Vec<ConfigError>> {
    load(Some(text), "kaptap.toml", &[], &Flags::default())
}

/// Checks that a configuration is refused with exactly these errors, in this order.
#[track_caller]
fn check_refused(text: &str, variables: &[(&str, &str)], flags: &Flags, expected: &[&str]) {
    let errors = load(Some(text), "kaptap.toml", &environment(variables), flags).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected, "{text}");
}

#[track_caller]
fn check_fault(text: &str, expected: &str) {
    check_refused(text, &[], &Flags::default(), &[expected]);
}

#[test]
fn nothing_written_gives_the_defaults() {
    let config = load(None, "", &[], &Flags::default()).unwrap();
    assert_eq!(config.data_dir, Path::new("./kaptap-data"));
    assert_eq!(config.scope, "default");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:9192");
    assert_eq!(config.http.max_body, 1 << 20);
    assert_eq!(config.http.connections, 1024);
    assert_eq!(config.http.header_timeout, Duration::from_secs(10));
    assert_eq!(config.http.body_timeout, Duration::from_secs(30));
    assert!(config.http.posting().is_empty() && config.http.reading().is_empty());
    let intake = &config.intake;
    assert_eq!(intake.stream_socket, Path::new("./kaptap-data/stream.sock"));
    assert_eq!(intake.batch_socket, Path::new("./kaptap-data/batch.sock"));
    assert_eq!((intake.mode, intake.group.as_deref(), intake.keep), (0o660, None, true));
    assert_eq!((intake.udf_hold, intake.gather), (Some(Duration::from_secs(5)), Duration::from_micros(300)));
    assert_eq!((intake.http_hold, intake.max_frame), (Duration::from_secs(20), 64 << 20));
    assert_eq!((intake.sync_alert, intake.sync_row), (Sync::Commit, Sync::Commit));
    assert_eq!((intake.sync_point, intake.sync_batch), (Sync::Interval, Sync::Interval));
    assert_eq!(config.tcp, None);
    let journal = &config.journal;
    assert_eq!(journal.directory, Path::new("./kaptap-data/journal"));
    assert_eq!((journal.segment_bytes, journal.max_bytes, journal.buffer_bytes), (64 << 20, 4 << 30, 32 << 20));
    assert_eq!(journal.max_age, Some(Duration::from_hours(7 * 24)));
    assert_eq!((journal.sync_interval, journal.compression), (Duration::from_millis(50), false));
    assert_eq!(config.log, Log { level: "info".to_owned(), format: LogFormat::Text });
}

#[test]
fn every_key_can_be_written() {
    let config = read(
        r#"
        data_dir = "/var/lib/kaptap"
        scope = "berlin"
        [http]
        listen = "0.0.0.0:80"
        tokens = ["one", "two"]
        read_tokens = ["three"]
        max_body = 4096
        hold = "0"
        insecure = true
        connections = 7
        header_timeout = "1s"
        body_timeout = "2m"
        [udf]
        stream_socket = "/run/kaptap/s"
        batch_socket = "/run/kaptap/b"
        mode = "0600"
        group = 998
        hold = "forever"
        gather = 0
        max_frame = "1MiB"
        keep = false
        [tcp]
        listen = "localhost:9193"
        [journal]
        segment_bytes = "1MiB"
        max_bytes = "1GB"
        max_age = "forever"
        buffer = "2MiB"
        compression = "lz4"
        [journal.sync]
        alert = "os"
        row = "interval"
        point = "commit"
        batch = "os"
        interval = "1s"
        [log]
        level = "warn,kaptap::journal=debug"
        format = "json"
        "#,
    )
    .unwrap();
    assert_eq!(config.http.posting().len(), 2);
    assert_eq!(config.http.reading().iter().map(Secret::expose).collect::<Vec<_>>(), ["one", "two", "three"]);
    assert!(!format!("{config:?}").contains("three"));
    assert_eq!((config.intake.mode, config.intake.group.as_deref()), (0o600, Some("998")));
    assert_eq!((config.intake.udf_hold, config.intake.gather, config.intake.keep), (None, Duration::ZERO, false));
    assert_eq!(config.tcp.unwrap().to_string(), "127.0.0.1:9193");
    assert_eq!((config.journal.max_age, config.journal.max_bytes), (None, 1_000_000_000));
    assert!(config.journal.compression);
    assert_eq!((config.intake.sync_alert, config.intake.sync_point), (Sync::Os, Sync::Commit));
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn all_faults_are_reported_at_once_with_their_places() {
    check_refused(
        "scope = \"\"\ncolour = 1\n[http]\nlisten = \"9192\"\nhold = 20\nmax_boby = 1\n[[sink]]\nname = \"x\"\n\
         [journal]\ncompression = \"zstd\"\nsync = 1\n",
        &[("KAPTAP_UDF__GATHER", "1s"), ("KAPTAP_UDF__HOLT", "1s"), ("OTHER", "x")],
        &Flags { data_dir: Some(String::new()), listen: None },
        &[
            "kaptap.toml:1: scope: must have 1 to 256 bytes and no control characters",
            "kaptap.toml:2: colour: no such key; remove it, or see docs/configuration.md for the keys there are",
            "kaptap.toml:4: http.listen: \"9192\" is not an address: write IP:PORT, such as \"127.0.0.1:9192\" or \"[::1]:9192\"",
            "kaptap.toml:5: http.hold: 20 has no unit; write a unit in quotes, such as \"20s\"",
            "kaptap.toml:6: http.max_boby: no such key; did you mean http.max_body?",
            "kaptap.toml:7: sink.x.type: is missing; a sink needs it",
            "kaptap.toml:10: journal.compression: \"zstd\" is not one of \"none\", \"lz4\"",
            "kaptap.toml:11: journal.sync: is a section: write [journal.sync] and its keys below it",
            "KAPTAP_UDF__GATHER: udf.gather: 1s is out of bounds; write 0s to 10ms",
            "KAPTAP_UDF__HOLT: no setting has this name; did you mean KAPTAP_UDF__HOLD?",
            "--data-dir: data_dir: is empty; write a path",
        ],
    );
}

#[test]
fn text_that_is_not_toml_is_reported_with_its_lines() {
    let errors = read("scope = \"a\"\n[http\nlisten = = 1\n").unwrap_err();
    assert!(errors.iter().all(|error| error.problem.starts_with("not TOML: ")), "{errors:?}");
    assert!(errors.iter().any(|error| error.to_string().starts_with("kaptap.toml:2: not TOML")), "{errors:?}");
    assert!(errors.iter().any(|error| error.to_string().starts_with("kaptap.toml:3: not TOML")), "{errors:?}");
}

#[test]
fn wrong_types_are_named() {
    check_fault("[udf]\nkeep = \"true\"", "kaptap.toml:2: udf.keep: is the text \"true\"; write true or false");
    check_fault(
        "[udf]\nmode = 660",
        "kaptap.toml:2: udf.mode: is the number 660; write permission bits in octal and in quotes, such as \"0660\"",
    );
    check_fault("data_dir = 1.5", "kaptap.toml:1: data_dir: is a TOML float; write a path");
    check_fault(
        "[http]\nlisten = []",
        "kaptap.toml:2: http.listen: is a list; write an address, such as \"127.0.0.1:9192\"",
    );
    check_fault("http = 1", "kaptap.toml:1: http: is a section: write [http] and its keys below it");
}

#[test]
fn bounds_are_kept() {
    check_fault("[http]\nhold = \"30s\"", "kaptap.toml:2: http.hold: 30s is out of bounds; write 0s to 29s");
    check_fault("[http]\nconnections = 0", "kaptap.toml:2: http.connections: 0 is out of bounds; write 1 to 65536");
    check_fault("[http]\nconnections = -1", "kaptap.toml:2: http.connections: \"-1\" is not a number");
    check_fault(
        "[http]\nmax_body = \"65MiB\"",
        "kaptap.toml:2: http.max_body: 65MiB is out of bounds; write 1KiB to 64MiB",
    );
    check_fault("[udf]\nmode = \"1777\"", "kaptap.toml:2: udf.mode: \"1777\" is more than \"0777\"");
    check_fault("[udf]\nhold = \"2h\"", "kaptap.toml:2: udf.hold: 2h is out of bounds; write 0s to 1h, or \"forever\"");
}

#[test]
fn keys_are_checked_against_each_other() {
    check_fault(
        "[journal]\nmax_bytes = \"100MiB\"",
        "kaptap.toml:2: journal.max_bytes: 100MiB is less than two segments of 64MiB, and whole segments are removed; \
         raise it or lower journal.segment_bytes",
    );
    check_fault(
        "[journal]\nbuffer = \"64KiB\"",
        "kaptap.toml:2: http.max_body: 1MiB is more than journal.buffer (64KiB) can take; lower it or raise the buffer",
    );
    check_fault(
        "[udf]\nstream_socket = \"./x\"\nbatch_socket = \"./x\"",
        "kaptap.toml:3: udf.batch_socket: the stream and the batch socket are the same file; give each its own",
    );
}

#[test]
fn a_socket_path_must_fit() {
    let fits = format!("/{}", "s".repeat(106));
    assert!(read(&format!("[udf]\nstream_socket = \"{fits}\"")).is_ok());
    check_fault(
        &format!("[udf]\nstream_socket = \"{fits}x\""),
        &format!(
            "kaptap.toml:2: udf.stream_socket: {fits}x has 108 bytes and a Unix socket can have 107; use a shorter path"
        ),
    );
    let long = "d".repeat(100);
    let errors = read(&format!("data_dir = \"{long}\"")).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors.iter().all(|error| error.to_string().starts_with("kaptap.toml:1: udf.")), "{errors:?}");
}

#[test]
fn other_machines_are_not_let_in_by_mistake() {
    check_fault(
        "[http]\nlisten = \"0.0.0.0:9192\"\nread_tokens = [\"r\"]",
        "kaptap.toml:2: http.listen: 0.0.0.0:9192 can be reached from other machines and anybody there could post: \
         give http.tokens, listen on 127.0.0.1, or write insecure = true in [http] if that is meant",
    );
    assert!(read("[http]\nlisten = \"0.0.0.0:9192\"\ntokens = [\"t\"]").is_ok());
    assert!(read("[http]\nlisten = \"[::]:9192\"\ninsecure = true").is_ok());
    assert!(read("[http]\nlisten = \"[::1]:9192\"").is_ok());
    check_fault(
        "[tcp]\nlisten = \"10.0.0.1:1\"",
        "kaptap.toml:2: tcp.listen: 10.0.0.1:1 can be reached from other machines and this lane has no tokens: \
         listen on 127.0.0.1, or write insecure = true in [http] if that is meant",
    );
}

#[test]
fn variables_override_the_file_and_flags_override_both() {
    let text = "scope = \"file\"\n[http]\nlisten = \"127.0.0.1:1\"";
    let variables = environment(&[
        ("KAPTAP_SCOPE", "variable"),
        ("KAPTAP_HTTP__LISTEN", "127.0.0.1:2"),
        ("KAPTAP_HTTP__TOKENS", "a, b"),
        ("KAPTAP_JOURNAL__SYNC__POINT", "os"),
        ("KAPTAP_UDF__KEEP", "false"),
        ("KAPTAP_LOG__LEVEL", "warn"),
        ("KAPTAP_LOG", "debug"),
    ]);
    let flags = Flags { data_dir: Some("/tmp/k".to_owned()), listen: Some("127.0.0.1:3".to_owned()) };
    let config = load(Some(text), "kaptap.toml", &variables, &flags).unwrap();
    assert_eq!(config.scope, "variable");
    assert_eq!(config.http.listen.port(), 3);
    assert_eq!(config.data_dir, Path::new("/tmp/k"));
    assert_eq!(config.http.posting().iter().map(Secret::expose).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(config.intake.sync_point, Sync::Os);
    assert!(!config.intake.keep);
    assert_eq!(config.log.level, "debug");
}

#[test]
fn variables_that_are_not_settings_are_let_pass_only_when_known() {
    let known = ["KAPTAP_CONFIG", "KAPTAP_URL", "KAPTAP_TOKEN", "KAPTAP_REQUIRE_PEERS", "KAPTAP_SERVICE_HOST"];
    let pairs: Vec<_> = known.iter().map(|name| (*name, "x")).collect();
    assert!(load(None, "", &environment(&pairs), &Flags::default()).is_ok());
    assert!(load(None, "", &environment(&[("KAPTAP_PORT_9192_TCP_ADDR", "x")]), &Flags::default()).is_ok());
    assert!(load(None, "", &environment(&[("KAPTAP_NONSENSE", "x")]), &Flags::default()).is_err());
    assert!(load(None, "", &environment(&[("KAPTAP_HTTP_LISTEN", "x")]), &Flags::default()).is_err());
}

#[test]
fn tokens_come_from_files_and_are_never_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tokens");
    fs::write(&path, "# who may post\nfirst\n\n  second  \n").unwrap();
    let config = read(&format!("[http]\ntokens = [\"zeroth\"]\ntokens_file = {path:?}")).unwrap();
    let tokens = config.http.posting();
    assert_eq!(tokens.iter().map(Secret::expose).collect::<Vec<_>>(), ["zeroth", "first", "second"]);

    fs::write(&path, "# nobody\n").unwrap();
    let problem = read(&format!("[http]\nread_tokens_file = {path:?}")).unwrap_err().remove(0).to_string();
    assert!(problem.ends_with("holds no token; write one a line"), "{problem}");

    let problem = read("[http]\ntokens_file = \"/nowhere/tokens\"").unwrap_err().remove(0).to_string();
    assert!(problem.starts_with("kaptap.toml:2: http.tokens_file: cannot read /nowhere/tokens: "), "{problem}");

    for text in ["tokens = \"hunter2\"", "tokens = [\"hunter2 \"]", "tokens = [\"hunter2\", 3]"] {
        let errors = read(&format!("[http]\n{text}")).unwrap_err();
        assert!(!format!("{errors:?}").contains("hunter2"), "{errors:?}");
    }
}

#[test]
fn reading_from_a_stream() {
    assert_eq!(read("").unwrap().read, Read::Journal);
    let text = "[read]\nfrom = \"nats\"\n[read.nats]\nurl = \"nats://me:secret@a:1, tls://b\"\nsubject = \"kaptap.>\"\ntoken = \"secret\"";
    let config = read(text).unwrap();
    assert!(!format!("{config:?}").contains("secret"), "{config:?}");
    let Read::Nats(options) = config.read else { panic!("{config:?}") };
    assert_eq!(options.access.servers.shown(), "nats://a:1,tls://b:4222");
    assert_eq!((options.stream.as_str(), options.subject.as_deref()), ("KAPTAP", Some("kaptap.>")));
    assert_eq!((options.access.token.as_deref(), options.access.timeout), (Some("secret"), Duration::from_secs(10)));
    let variables = environment(&[
        ("KAPTAP_READ__FROM", "nats"),
        ("KAPTAP_READ__NATS__URL", "nats://a"),
        ("KAPTAP_READ__NATS__USERNAME", "me"),
        ("KAPTAP_READ__NATS__PASSWORD", "secret"),
    ]);
    let Read::Nats(options) = load(None, "", &variables, &Flags::default()).unwrap().read else { panic!() };
    assert_eq!(options.access.basic, Some(("me".to_owned(), "secret".to_owned())));

    check_fault("[read]\nfrom = \"nats\"", "kaptap.toml:2: read.nats.url: is missing; reading from nats needs it");
    check_fault(
        "[read.nats]\nurl = \"ws://me:secret@a\"",
        "kaptap.toml:2: read.nats.url: WebSocket (ws://, wss://) is not spoken; write nats://HOST:PORT or tls://HOST:PORT",
    );
    check_fault(
        "[read.nats]\nsubject = \"a..b\"",
        "kaptap.toml:2: read.nats.subject: \"a..b\" cannot be subscribed to; write one such as \"kaptap.*\" or \"kaptap.>\"",
    );
    check_fault("[read.nats]\nusername = \"me\"", "kaptap.toml:2: read.nats.username: needs password or password_file");
}

#[test]
fn a_sink_refuses_websocket_with_its_line() {
    for url in ["ws://h", "wss://me:secret@h:1", "nats://a, ws://b"] {
        check_fault(
            &format!("[[sink]]\nname = \"n\"\ntype = \"nats\"\nurl = \"{url}\""),
            "kaptap.toml:4: sink.n.url: WebSocket (ws://, wss://) is not spoken; write nats://HOST:PORT or tls://HOST:PORT",
        );
    }
}

#[test]
fn log_levels() {
    for level in ["off", "error", "info,hyper=warn", " debug , a::b = trace "] {
        assert!(read(&format!("[log]\nlevel = \"{level}\"")).is_ok(), "{level}");
    }
    check_fault(
        "[log]\nlevel = \"loud\"",
        "kaptap.toml:2: log.level: \"loud\" is not a log level; write error, warn, info, debug, trace or off",
    );
}

#[test]
fn every_key_is_read() {
    // A wrong type for every key must be noticed by every key.
    for key in KEYS {
        let text = format!("{} = 1979-05-27", key.name);
        let errors = read(&text).unwrap_err();
        assert!(errors.iter().any(|error| error.key == key.name), "{}: {errors:?}", key.name);
    }
}
