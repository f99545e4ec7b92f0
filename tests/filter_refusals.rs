//! Which expressions are no filters, and what is said about them.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod filter_support;

use filter_support::event;
use kaptap::filter::Filter;
use proptest::prelude::*;

/// The whole text of the error.
fn check_refused(expression: &str, expected: &str) {
    let error = Filter::compile(expression).map(|_| format!("{expression} is accepted")).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn errors_show_the_place() {
    check_refused(
        "alert.levle == 'OK'",
        concat!(
            "alert.levle == 'OK'\n",
            "      ^\n",
            "alert has no `levle`; it has: id, message, details, level, previous_level, duration_ns, duration, recoverable, state, ",
            "severity, severity_number, transition, started, repeat, fingerprint, episode",
        ),
    );
    check_refused(
        "alert.level == CRITICAL",
        concat!(
            "alert.level == CRITICAL\n",
            "               ^\n",
            "no `CRITICAL` here (a string is written \"CRITICAL\"); there are: kind, id, seq, time, observed, duplicate_of, part, parts, ",
            "origin, alert, tags, fields, labels, marks",
        ),
    );
    check_refused(
        "time > '2026'",
        concat!(
            "time > '2026'\n     ^\n",
            "a timestamp and a string have no order; a time is written timestamp(\"2026-01-31T12:00:00Z\")",
        ),
    );
    check_refused("seq == 1 &&\n\tseq + 1 > 2 ||\nfalse", " seq + 1 > 2 ||\n     ^\nthere is no arithmetic here");
    check_refused("tags.é == 'x'", "tags.é == 'x'\n     ^\n'é' is no part of an expression");
    check_refused("'é' == é", "'é' == é\n       ^\n'é' is no part of an expression");
    let long = format!("{}seq", "seq == 1 && ".repeat(20));
    let sentence = "this is an int, but something true or false is needed; compare it";
    check_refused(&long, &format!("…{}\n{:61}^\n{sentence}", &long[180..], ""));
}

#[test]
fn what_is_refused() {
    for (expression, at, sentence) in [
        ("", 0, "an empty expression"),
        ("  // nothing", 12, "an empty expression"),
        ("seq ==", 6, "the expression ends here, but something is missing"),
        ("(seq == 1", 9, "expected )"),
        ("seq == 1)", 8, ") cannot stand here"),
        ("seq == 1 seq", 9, "seq cannot stand here"),
        ("&& true", 0, "&& cannot stand here"),
        ("seq = 1", 4, "a comparison is written =="),
        ("true & true", 5, "and is written &&"),
        ("true | true", 5, "or is written ||"),
        ("seq", 0, "this is an int, but something true or false is needed; compare it"),
        ("!alert.level", 1, "this is a string, but something true or false is needed; compare it"),
        ("true && 'a'", 8, "this is a string, but something true or false is needed; compare it"),
        ("alert", 0, "alert is no value by itself; name a member, such as alert.level"),
        ("origin == 'a'", 0, "origin is no value by itself; name a member, such as origin.task"),
        ("tags == 'a'", 0, "tags is no value by itself; name a key, such as tags.host"),
        ("marks == 'a'", 0, "marks is no value by itself; write \"a\" in marks"),
        ("marks.a", 0, "marks is a list; write \"a\" in marks"),
        ("seq.x == 1", 4, "what stands before has no members"),
        ("tags.host.name == 'x'", 10, "what stands before has no members"),
        (
            "1 < 2 < 3",
            6,
            "a comparison that is itself compared is written in parentheses; two comparisons are joined by &&",
        ),
        ("seq == 1 ? true : false", 9, "there is no conditional ?: here; use && and ||"),
        ("(seq == 1) ? true : false", 11, "there is no conditional ?: here; use && and ||"),
        ("-seq < 0", 0, "there is no arithmetic here; a minus stands before a number only"),
        ("seq % 2 == 0", 4, "there is no arithmetic here"),
        ("seq == 5u", 7, "there are no unsigned ints here; write it without the u"),
        ("alert.duration > 5m", 17, "a number with letters; a length of time is written duration(\"5m\")"),
        ("seq == 9223372036854775808", 7, "not an int of 64 bits"),
        ("seq == 99999999999999999999", 7, "not an int of 64 bits"),
        ("seq == 0x", 7, "not an int of 64 bits"),
        ("tags.host == b'x'", 13, "there are no bytes here; write a string"),
        ("tags.host == 'x", 13, "a string without an end"),
        ("tags.host == 'x\n'", 13, "a string without an end in its line"),
        (r"tags.host == 'a\d'", 15, "no such escape; a backslash itself is written \\\\"),
        (r"tags.host == '\ud800'", 14, "no such escape; a backslash itself is written \\\\"),
        (r"tags.host == '\400'", 14, "no such escape; a backslash itself is written \\\\"),
        ("[1] == [1]", 0, "a list stands after in only"),
        ("{} == {}", 0, "there are no maps here"),
        (
            "'a' in tags.host",
            7,
            "in takes a list such as [\"a\", \"b\"], or one of tags, fields, labels, marks, origin.dimensions",
        ),
        ("1 in tags", 0, "this is an int, but a string is needed"),
        ("seq in ['a']", 7, "an int and a string are never equal"),
        ("seq in [1 2]", 10, "expected ,"),
        ("alert.duration > 5", 15, "a duration and an int have no order; a duration is written duration(\"5m\")"),
        ("alert.level == 5", 12, "a string and an int are never equal"),
        ("alert.recoverable == 'true'", 18, "a bool and a string are never equal"),
        ("seq < null", 4, "null is neither less nor greater than anything"),
        ("seq.startsWith('a')", 0, "this is an int, but a string is needed"),
        ("tags.host.startsWith(1)", 21, "this is an int, but a string is needed"),
        ("tags.host.startsWith()", 21, ") cannot stand here"),
        ("tags.host.lower() == 'a'", 10, "no method `lower`; there are: startsWith, endsWith, contains, matches, size"),
        ("exists(tags.host)", 0, "no function `exists`; there are: has, size, matches, duration, timestamp"),
        ("tags.host.matches(tags.dc)", 18, "matches() takes a regular expression as a string"),
        ("tags.host.matches('(')", 18, "not a regular expression: unclosed group"),
        ("tags.host.matches('(\\\\w{1000}){1000}')", 18, "a regular expression that is too large"),
        ("has(tags['a'])", 4, "has() takes a path such as has(tags.host); for other keys write \"a b\" in tags"),
        ("has(seq)", 4, "has() takes a path such as has(tags.host); for other keys write \"a b\" in tags"),
        ("has(alert)", 4, "has() takes a path such as has(tags.host); for other keys write \"a b\" in tags"),
        ("has('a')", 4, "has() takes a path such as has(tags.host); for other keys write \"a b\" in tags"),
        ("duration(5) > duration('1s')", 9, "duration() takes a string"),
        (
            "alert.duration > duration('5 minutes')",
            26,
            "not a duration; it is written such as 1h30m, 1.5s, 250ms (h, m, s, ms, us, ns)",
        ),
        ("time > timestamp('yesterday')", 17, "not a time; it is written such as 2026-01-31T12:00:00Z"),
        ("time > timestamp('2026-01-31 12:00:00Z')", 17, "not a time; it is written such as 2026-01-31T12:00:00Z"),
        ("time > timestamp('9999-01-01T00:00:00Z')", 17, "a time before 1677 or after 2262"),
        ("tags[0] == 'a'", 5, "a key is written as a string, such as tags[\"a b\"]"),
        ("tags.in == 'a'", 5, "a name after the dot; a name with other characters is written tags[\"a b\"]"),
        ("# true", 0, "'#' is no part of an expression"),
    ] {
        let error = Filter::compile(expression).map(|_| format!("{expression} is accepted")).unwrap_err();
        assert_eq!((error.message.as_str(), error.at), (sentence, at), "{expression}");
    }
}

#[test]
fn length_and_depth_are_bounded() {
    let accepted = |expression: &str| Filter::compile(expression).is_ok();
    assert!(accepted(&format!("true{}", " ".repeat(4092))));
    assert!(!accepted(&format!("true{}", " ".repeat(4093))));
    assert!(accepted(&format!("{}true{}", "(".repeat(64), ")".repeat(64))));
    assert!(!accepted(&format!("{}true{}", "(".repeat(65), ")".repeat(65))));
    assert!(accepted(&format!("{}true", "!".repeat(4000))));
    assert!(accepted(&format!("true{}", "||true".repeat(600))));
    assert!(!accepted(&"(".repeat(4096)));
    assert!(!accepted(&format!("seq{}", "in[seq".repeat(600))));
}

proptest! {
    #[test]
    fn any_text_is_a_filter_or_refused(text in "\\PC{0,40}") {
        if let Err(error) = Filter::compile(&text) {
            prop_assert!(text.is_char_boundary(error.at), "{}", error);
        }
    }

    #[test]
    fn any_tokens_are_a_filter_or_refused(tokens in prop::collection::vec(prop::sample::select(vec![
        "alert", "level", "tags", "fields", "x", ".", "(", ")", "[", "]", ",", "'a'", "1", "2.5", "-", "!", "==", "<", "in", "&&", "||",
        "true", "null", "has", "size", "matches", "startsWith", "duration", "'5m'", "marks",
    ]), 0..24), spaced in any::<bool>()) {
        let text = tokens.join(if spaced { " " } else { "" });
        match Filter::compile(&text) {
            Ok(filter) => drop(filter.matches(&event())),
            Err(error) => prop_assert!(error.at <= text.len()),
        }
    }
}
