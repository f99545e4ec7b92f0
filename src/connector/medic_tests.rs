//! Tests of the medic's rules.

use super::*;
use std::time::Duration;

#[test]
fn only_lost_connections_are_treated() {
    for (error, node) in [
        ("kaptap2: stopping UDF server: write error: write unix @->/run/s.sock: write: broken pipe", Some("kaptap2")),
        (
            "kaptap_batch3: stopping UDF server: read error: read unix @->/x: read: connection reset by peer",
            Some("kaptap_batch3"),
        ),
        ("kaptap2: stopping UDF server: keepalive timedout, last keepalive received was: 2026-11-22", Some("kaptap2")),
        ("kaptap2: stopping UDF server: option where does not compile", None),
        ("kaptap2: stopping UDF server: ", None),
        ("alert2: template: message:1: nil pointer", None),
        ("", None),
        ("invalid TICKscript: parser: unexpected EOF", None),
        ("write error: broken pipe", None),
        ("influxdb_out3: write error: connection refused", None),
        ("failed to link node kaptap2: stopping UDF server: write error: x", None),
        ("kaptap2: read error: connection reset by peer", None),
    ] {
        assert_eq!(LostConnection::of(error).map(|lost| lost.node), node, "{error}");
    }
}

#[test]
fn the_script_must_still_have_the_udf() {
    let lost = LostConnection { node: "kaptap2", cause: "" };
    assert_eq!(lost.function(), "kaptap");
    for (script, is) in [
        ("stream\n    |from()\n    @kaptap()\n        .echo(FALSE)", true),
        ("stream|from()@kaptap ()", true),
        ("stream|from()@kaptap_batch()", false),
        ("stream|from()\n// @kaptap()\n|alert()", false),
        ("stream|from()|log() // via @kaptap()", false),
        ("", false),
    ] {
        assert_eq!(lost.is_in(script), is, "{script}");
    }
    assert!(!LostConnection { node: "22", cause: "" }.is_in("@()"));
}

#[test]
fn tries_become_rarer_and_end() {
    let options = MedicOptions {
        enabled: true,
        attempts: 4,
        window: Duration::from_secs(1000),
        backoff: Duration::from_secs(10),
        backoff_max: Duration::from_secs(30),
    };
    let mut chart = Chart::default();
    let mut tried = Vec::new();
    for second in 0..1_100 {
        if let Some(number) = chart.admit(&options, second * 1_000_000_000) {
            tried.push((second, number));
        }
    }
    assert_eq!(tried, [(0, 1), (10, 2), (30, 3), (60, 4), (1000, 4), (1030, 3), (1060, 3), (1090, 4)]);
    assert!(!chart.is_blank(&options, 1_100_000_000_000) && Chart::default().is_blank(&options, 0));
}

#[test]
fn a_clock_that_was_put_back_does_not_stop_the_medic() {
    let options = MedicOptions { attempts: 1, ..MedicOptions::default() };
    let mut chart = Chart::default();
    assert_eq!(chart.admit(&options, 9_000_000_000_000_000), Some(1));
    assert_eq!(chart.admit(&options, 1_000_000_000), Some(1));
    assert_eq!(chart.admit(&options, 2_000_000_000), None);
}

#[test]
fn what_is_owed_and_what_was_tried_is_kept_whole() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::at("k", "http://127.0.0.1:1".to_owned(), "test");
    let mut medic = Medic::new(&options, Some(directory.path()));
    assert_eq!(medic.kept, Kept::default());
    let mut chart = Chart::default();
    chart.admit(&options.medic, 5).unwrap();
    medic.kept.owed.insert("t".to_owned(), Some(7));
    medic.kept.tries.insert("t".to_owned(), chart);
    medic.keep();
    let mut again = Medic::new(&options, Some(directory.path()));
    assert_eq!(again.kept, medic.kept);
    // The wait before the second try is not over because kaptap was started anew.
    assert_eq!(again.kept.tries.get_mut("t").unwrap().admit(&options.medic, 6), None);
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["medic-k.json"]);
    // A write that was cut off leaves the file as it was.
    std::fs::write(directory.path().join("medic-k.json.new"), "{\"owed\": {\"t").unwrap();
    assert_eq!(Medic::new(&options, Some(directory.path())).kept, medic.kept);
    std::fs::write(directory.path().join("medic-k.json"), "{\"owed").unwrap();
    assert_eq!(Medic::new(&options, Some(directory.path())).kept, Kept::default());
}
