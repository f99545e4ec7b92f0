//! Tests of subjects and patterns.

use super::{Subjects, takes, token};

#[track_caller]
fn check_patterns(template: &str, pattern: &str, for_stream: &str) {
    let subjects = Subjects::compile(template).unwrap();
    assert_eq!((subjects.pattern(), subjects.for_stream()), (pattern, for_stream));
    assert!(takes(for_stream, pattern), "{for_stream} does not take {pattern}");
}

#[test]
fn a_template_has_a_pattern() {
    check_patterns("kaptap.{{ kind }}", "kaptap.*", "kaptap.>");
    check_patterns("kaptap.prod.{{ kind }}.{{origin.task}}", "kaptap.prod.*.*", "kaptap.prod.>");
    check_patterns("kaptap.v1-{{ kind }}.x", "kaptap.*.x", "kaptap.>");
    check_patterns("{{ kind }}.x", "*.x", "*.x");
    check_patterns("{{ kind }}.{{ tags.host }}", "*.*", "*.*");
    check_patterns("events", "events", "events");
}

#[test]
fn a_stream_takes_a_pattern() {
    for (subject, pattern) in [
        (">", "kaptap.*"),
        ("kaptap.>", "kaptap.*.*"),
        ("kaptap.*", "kaptap.*"),
        ("kaptap.*", "kaptap.alert"),
        ("*.*", "kaptap.*"),
    ] {
        assert!(takes(subject, pattern), "{subject} takes {pattern}");
    }
    for (subject, pattern) in [
        ("kaptap", "kaptap.*"),
        ("kaptap.>", "kaptap"),
        ("kaptap.alert", "kaptap.*"),
        ("kaptap.*", "kaptap.*.*"),
        ("kaptap.*.*", "kaptap.*"),
        ("other.>", "kaptap.*"),
        ("", "kaptap.*"),
    ] {
        assert!(!takes(subject, pattern), "{subject} does not take {pattern}");
    }
}

#[test]
fn a_value_is_one_token() {
    let of = |value: &str| {
        let mut out = Vec::new();
        token(value, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(of(""), "_");
    assert_eq!(of("web-1.example.com"), "web-1_example_com");
    assert_eq!(of("a b\tc\r\nd*>"), "a_b_c__d__");
    assert_eq!(of("é\u{a0}\u{2028}\u{0}"), "é___");
    let long = of(&"é".repeat(1000));
    assert!(long.len() <= 256 && long.chars().all(|c| c == 'é'), "{}", long.len());
}

proptest::proptest! {
    #[test]
    fn any_value_is_one_token_that_nats_takes(value in "\\PC*|(?s).{0,40}") {
        let mut out = Vec::new();
        token(&value, &mut out);
        let text = String::from_utf8(out).unwrap();
        let taken = |c: char| !c.is_whitespace() && !c.is_control() && !".*>".contains(c);
        proptest::prop_assert!(!text.is_empty() && text.len() <= 256 && text.chars().all(taken), "{text:?}");
        proptest::prop_assert!(takes("*", &text));
    }
}
