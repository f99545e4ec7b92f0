//! Tests of what is said of filters without events.

use super::*;

#[track_caller]
fn check_word(expression: &str, odd: Option<&str>) {
    let said = Filter::compile(expression).unwrap().unknown_word();
    assert_eq!(said.as_deref().and_then(|said| said.split('"').nth(1)), odd, "{expression}: {said:?}");
}

#[test]
fn words_that_no_event_has_are_named() {
    check_word("alert.level == 'CRITCAL'", Some("CRITCAL"));
    check_word("'critical' != alert.previous_level", Some("critical"));
    check_word("tags.a == 'b' && !(alert.level in ['WARNING', 'WARN'])", Some("WARN"));
    check_word("(alert.state == 'open') == true || kind == 'alert'", Some("open"));
    check_word("alert.transition == 'closed'", Some("closed"));
    check_word("alert.severity in ['CRITICAL']", Some("CRITICAL"));
    check_word("kind == 'alarm'", Some("alarm"));
    check_word("origin.lane == 'http'", Some("http"));
    for good in [
        "alert.level == 'CRITICAL' && alert.severity == 'critical' && kind in ['alert', 'system']",
        "alert.level.startsWith('CRIT') && alert.level < 'D' && alert.id == 'CRITCAL' && tags.level == 'x'",
        "origin.lane in ['udf', 'self'] || alert.state == 'firing' || alert.transition != 'late'",
    ] {
        check_word(good, None);
    }
    let said = Filter::compile("alert.level == 'x'").unwrap().unknown_word().unwrap();
    assert_eq!(said, "\"x\" is never there; it is one of OK, INFO, WARNING, CRITICAL");
}

#[test]
fn a_filter_that_lets_no_recovery_through_is_known() {
    for hiding in [
        "alert.level == 'CRITICAL'",
        "alert.level in ['WARNING', 'CRITICAL'] && tags.host == 'a'",
        "!(alert.level == 'OK') || alert.state == 'firing'",
        "alert.severity_number >= 13",
        "alert.transition == 'opened'",
        "alert.level.startsWith('C')",
        "alert.level.matches('^(WARN|CRIT)')",
        "kind == 'point'",
        "(tags.host == 'a' && alert.state == 'firing') || (tags.host == 'b' && alert.level != 'OK')",
    ] {
        assert!(Filter::compile(hiding).unwrap().leaves_out_recoveries(), "{hiding}");
    }
    for passing in [
        "tags.host == 'a'",
        "alert.level == 'CRITICAL' || alert.state == 'resolved'",
        "alert.previous_level == 'CRITICAL' || alert.level == 'CRITICAL'",
        "alert.level in ['OK', 'CRITICAL'] && alert.id.contains('x')",
        "!(alert.level == 'INFO')",
        "alert.duration > duration('1m') || alert.level == 'CRITICAL'",
        "has(alert.level) && 'odd' in marks",
        "alert.severity_number != 13",
    ] {
        assert!(!Filter::compile(passing).unwrap().leaves_out_recoveries(), "{passing}");
    }
}
