//! Tests of the line that a person sees.

use super::*;
use proptest::prelude::*;

fn renderer(colour: bool, width: Option<usize>) -> Renderer {
    Renderer { colour, width, zone: TimeZone::UTC, day: jiff::civil::date(2026, 11, 22), origin_width: 0 }
}

#[track_caller]
fn check_line(json: &str, expected: &str) {
    assert_eq!(renderer(false, None).line(json), expected);
}

const CRITICAL: &str = r#"{"schema":"kaptap.event/v1","id":"00","seq":7,"kind":"alert","time":"2026-11-22T14:03:22.123456789Z",
    "observed":"2026-11-22T14:03:22.2Z","origin":{"lane":"post","source":"default","stream":"0","n":1,"task":"cpu_alert"},
    "alert":{"id":"cpu:host=web-1","message":"web-1 is CRITICAL","level":"CRITICAL","transition":"opened","repeat":0},
    "series":[{"name":"cpu","tags":{"host":"web-1"},"columns":["time","usage_idle","note","big"],
    "types":["time","f64","str","num"],"rows":[["2026-11-22T14:03:22Z",3.2,"two words",9007199254740993]]}]}"#;

#[test]
fn an_alert() {
    check_line(
        CRITICAL,
        "14:03:22.123 CRITICAL cpu_alert  cpu:host=web-1  opened  web-1 is CRITICAL  \
         usage_idle=3.2 note=\"two words\" big=9007199254740993",
    );
}

#[test]
fn colours_are_on_the_level_and_the_id() {
    let line = renderer(true, None).line(CRITICAL);
    assert!(line.starts_with(
        "\x1b[2m14:03:22.123 \x1b[0m\x1b[1;97;41mCRITICAL\x1b[0m cpu_alert  \x1b[1mcpu:host=web-1\x1b[0m"
    ));
    for (level, code) in [("WARNING", "\x1b[33mWARNING "), ("INFO", "\x1b[34mINFO    "), ("OK", "\x1b[32mOK      ")] {
        let line = renderer(true, None).line(&CRITICAL.replace("\"CRITICAL\"", &format!("\"{level}\"")));
        assert!(line.contains(code), "{line:?}");
    }
}

#[test]
fn a_resolved_alert_says_how_long_it_was() {
    let alert = |rest: &str| {
        format!(
            r#"{{"kind":"alert","time":"2026-11-22T10:01:35Z","origin":{{"source":"x"}},"alert":{{"id":"a","level":"OK",{rest}}}}}"#
        )
    };
    check_line(
        &alert(r#""transition":"resolved","duration_ns":95000000000"#),
        "10:01:35.000 OK       x  a  resolved after 1m35s",
    );
    check_line(
        &alert(r#""transition":"resolved","duration_ns":0,"started":"2026-11-22T10:00:00Z""#),
        "10:01:35.000 OK       x  a  resolved after 1m35s",
    );
    check_line(&alert(r#""transition":"resolved""#), "10:01:35.000 OK       x  a  resolved");
    check_line(&alert(r#""transition":"repeated","repeat":4"#), "10:01:35.000 OK       x  a  repeated 4×");
    check_line(&alert(r#""transition":"orphan_resolved""#), "10:01:35.000 OK       x  a  resolved, never seen firing");
}

#[test]
fn what_the_alert_says_itself_is_not_shown_twice() {
    check_line(
        r#"{"kind":"alert","time":"2026-11-22T10:00:00Z","origin":{"source":"stream","task":"t"},"duplicate_of":3,
            "alert":{"id":"a","level":"INFO","message":"m is up","duration_ns":5000000000},
            "series":[{"name":"cpu","columns":["time","alert_duration","alert_message","v"],"types":["time","i64","str","i64"],
            "rows":[["2026-11-22T10:00:00Z",5000000000,"m is up",1]]}]}"#,
        "10:00:00.000 INFO     t  a  m is up  v=1  duplicate of 3",
    );
}

#[test]
fn points_batches_rows_and_others() {
    check_line(
        r#"{"kind":"point","time":"2026-11-22T10:00:00Z","origin":{"source":"stream","task":"tap"},"series":[{"name":"cpu",
            "tags":{"host":"web-1","cpu":"all"},"columns":["time","idle","up","nan"],"types":["time","f64","bool","f64"],
            "rows":[["2026-11-22T10:00:00Z",1e-9,true,"NaN"]]}]}"#,
        "10:00:00.000 POINT    tap  cpu cpu=all host=web-1  idle=1e-9 up=true nan=NaN",
    );
    check_line(
        r#"{"kind":"batch","time":"2026-11-22T10:00:00Z","origin":{"source":"batch"},"part":2,"parts":3,"series":[{"name":"cpu",
            "tags":{},"columns":["time","idle"],"types":["time","i64"],"rows":[["",1],["",2]]}]}"#,
        "10:00:00.000 BATCH    batch  cpu  2 rows, part 2 of 3  idle=2",
    );
    check_line(
        r#"{"kind":"row","time":"2026-11-22T10:00:00Z","origin":{"source":"rows"},"series":[
            {"name":"a","columns":["x"],"types":["null"],"rows":[[null]]},{"name":"b","columns":[],"rows":[]}]}"#,
        "10:00:00.000 ROW      rows  a  1 row in 2 series",
    );
    check_line(
        r#"{"kind":"system","time":"2026-11-22T10:00:00Z","origin":{"source":"kaptap"},"system":{"what":"gap","message":"5 points were not kept"}}"#,
        "10:00:00.000 SYSTEM   kaptap  gap  5 points were not kept",
    );
    check_line(
        r#"{"kind":"opaque","time":"2026-11-22T10:00:00Z","origin":{"source":"default"},"marks":["not_json"]}"#,
        "10:00:00.000 OPAQUE   default  not_json",
    );
}

#[test]
fn gaps() {
    check_line(
        r#"{"schema":"kaptap.event/v1","gap":{"first_seq":3,"last_seq":9,"reason":"retention"}}"#,
        "── gap: events 3 to 9 are missing: retention removed them before they were read ──",
    );
    check_line(
        r#"{"gap":{"first_seq":3,"last_seq":3,"reason":"damage"}}"#,
        "── gap: event 3 is missing: the journal is damaged there ──",
    );
}

#[test]
fn nothing_from_the_wire_reaches_the_terminal_as_a_command() {
    check_line(
        r#"{"kind":"alert","time":"2026-11-22T10:00:00Z","origin":{"source":"\u001b[2J"},"alert":{"id":"a\nb","level":"O\u0007K",
            "message":"\u001b]0;title\u0007 \u202e\u009b31m"},"series":[{"columns":["\u001bx"],"rows":[["\r\u001b"]]}]}"#,
        "10:00:00.000 O\\u{7}K  \\u{1b}[2J  a\\nb  \\u{1b}]0;title\\u{7} \\u{202e}\\u{9b}31m  \\u{1b}x=\\r\\u{1b}",
    );
    check_line("not json \x1b[31m", "not json \\u{1b}[31m");
}

#[test]
fn a_line_is_cut_to_the_width() {
    assert_eq!(renderer(false, Some(40)).line(CRITICAL), "14:03:22.123 CRITICAL cpu_alert  cpu:ho…");
    assert_eq!(renderer(true, Some(24)).line(CRITICAL), "\x1b[2m14:03:22.123 \x1b[0m\x1b[1;97;41mCRITICAL\x1b[0m c…");
    assert_eq!(renderer(false, Some(1)).line(CRITICAL), "…");
    let wide = CRITICAL.replace("cpu:host=web-1", "温度計");
    assert_eq!(renderer(false, Some(38)).line(&wide), "14:03:22.123 CRITICAL cpu_alert  温度…");
    let exact = renderer(false, None).line(CRITICAL);
    assert_eq!(renderer(false, Some(exact.chars().count())).line(CRITICAL), exact);
}

#[test]
fn another_day_is_said_once() {
    let mut renderer = renderer(false, None);
    let point = |day: &str| format!(r#"{{"kind":"point","time":"{day}T23:59:59.9999Z","origin":{{"source":"s"}}}}"#);
    assert_eq!(renderer.line(&point("2026-11-22")), "23:59:59.999 POINT    s");
    assert_eq!(renderer.line(&point("2026-11-23")), "── Monday, 23 November 2026, UTC ──\n23:59:59.999 POINT    s");
    assert_eq!(renderer.line(&point("2026-11-23")), "23:59:59.999 POINT    s");
}

#[test]
fn the_first_event_may_be_of_another_day_already() {
    let zone = TimeZone::fixed(jiff::tz::Offset::constant(-3));
    let mut renderer = Renderer { zone, ..renderer(false, None) };
    let point = |time: &str| format!(r#"{{"kind":"point","time":"{time}","origin":{{"source":"s"}}}}"#);
    assert_eq!(
        renderer.line(&point("2026-11-21T02:59:59Z")),
        "── Friday, 20 November 2026, UTC-03:00 ──\n23:59:59.000 POINT    s"
    );
    assert_eq!(
        renderer.line(&point("2026-11-22T12:00:00Z")),
        "── Sunday, 22 November 2026, UTC-03:00 ──\n09:00:00.000 POINT    s"
    );
    assert_eq!(renderer.zone_name(Timestamp::UNIX_EPOCH), "UTC-03:00");
}

#[test]
fn an_id_that_begins_the_message_is_not_said_twice() {
    let shown = |id: &str, message: &str| {
        renderer(false, None).line(&CRITICAL.replace("cpu:host=web-1", id).replace("web-1 is CRITICAL", message))
    };
    let line = shown("web-1", "web-1 is down");
    assert!(line.starts_with("14:03:22.123 CRITICAL cpu_alert  opened  web-1 is down  usage_idle=3.2"), "{line}");
    for message in ["web-1: down", "web-1", "web-1, for long"] {
        assert!(shown("web-1", message).contains(&format!("cpu_alert  opened  {message}  ")), "{message}");
    }
    for message in ["web-10 is down", "web-1:80 is down", "web-1's down", "down: web-1", ""] {
        assert!(shown("web-1", message).contains("cpu_alert  web-1  opened  "), "{message}");
    }
    let line = renderer(true, None).line(&CRITICAL.replace("cpu:host=web-1", "web-1"));
    assert!(line.contains("opened  \x1b[1mweb-1\x1b[0m is CRITICAL  "), "{line:?}");
}

#[test]
fn what_follows_the_origin_is_aligned_to_the_widest_so_far() {
    let mut renderer = renderer(false, None);
    let mut line = |source: &str| {
        renderer.line(&format!(
            r#"{{"kind":"row","time":"2026-11-22T10:00:00Z","origin":{{"source":"{source}"}},"marks":["m"]}}"#
        ))
    };
    assert_eq!(line("温度"), "10:00:00.000 ROW      温度  m");
    assert_eq!(line("a"), "10:00:00.000 ROW      a     m");
    assert_eq!(line("longer"), "10:00:00.000 ROW      longer  m");
    assert_eq!(line("far too long to be aligned to"), "10:00:00.000 ROW      far too long to be aligned to  m");
    assert_eq!(line("a"), "10:00:00.000 ROW      a       m");
}

#[test]
fn lengths_of_time() {
    for (nanoseconds, expected) in [
        (0, "0s"),
        (350_400_000, "350ms"),
        (12, "12ns"),
        (1_500_000_000, "1s"),
        (95_000_000_000, "1m35s"),
        (60_000_000_000, "1m"),
        (7_384_000_000_000, "2h3m"),
        (90_000_000_000_000, "1d1h"),
    ] {
        assert_eq!(text::about(nanoseconds), expected);
    }
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal_or_has_a_control_character(message in any::<String>(), width in 1_usize..200) {
        let message = serde_json::to_string(&message).unwrap();
        let json = format!(r#"{{"kind":"alert","time":"2026-11-22T10:00:00Z","origin":{{"source":{message}}},"alert":{{"id":{message},"level":{message},"message":{message}}}}}"#);
        let line = renderer(false, Some(width)).line(&json);
        prop_assert!(text::columns(&line) <= width, "{}", line);
        prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC*|.*") {
        prop_assert!(!renderer(false, None).line(&text).chars().any(char::is_control));
    }
}
