//! What is put into a handler, and what is refused.

use super::*;

fn aim() -> Aim {
    Aim {
        id: "kaptap".to_owned(),
        address: Address::parse("http://10.0.0.1:9192/").unwrap(),
        token: None,
        timeout: Duration::from_secs(10),
        matching: None,
    }
}

#[test]
fn a_handler_says_its_topic_and_waits_nanoseconds() {
    let handler = aim().handler("main:cpu:alert2", None);
    let expected = serde_json::json!({
        "url": "http://10.0.0.1:9192/v1/alerts/main:cpu:alert2",
        "headers": {"X-Kapacitor-Topic": "main:cpu:alert2"},
        "timeout": 10_000_000_000_u64,
    });
    assert_eq!(Value::Object(handler.options.clone()), expected);
    assert_eq!((handler.kind.as_str(), handler.id.as_str(), handler.matching.as_str()), ("post", "kaptap", ""));
    // Letters beyond ASCII: encoded in the path, as they are in the header.
    let handler = aim().handler("größe", None);
    assert_eq!(handler.options["url"], "http://10.0.0.1:9192/v1/alerts/gr%C3%B6%C3%9Fe");
    assert_eq!(handler.options["headers"]["X-Kapacitor-Topic"], "größe");
}

#[test]
fn a_token_is_sent_and_not_shown() {
    let aim = Aim { token: Some("s3cret".to_owned()), ..aim() };
    let handler = aim.handler("cpu", None);
    assert_eq!(handler.options["headers"]["Authorization"], "Bearer s3cret");
    assert!(body(&handler, false).to_string().contains("s3cret"));
    assert!(!body(&handler, true).to_string().contains("s3cret"));
}

#[test]
fn a_match_that_is_there_is_kept_unless_another_is_asked_for() {
    let found = Handler { matching: "changed() == TRUE".to_owned(), ..aim().handler("cpu", None) };
    assert_eq!(aim().handler("cpu", Some(&found)), found);
    let other = Aim { matching: Some(String::new()), ..aim() };
    assert_eq!(differences(&other.handler("cpu", Some(&found)), &found), ["match"]);
}

#[test]
fn ours_is_known_by_id_and_path_wherever_kaptap_was() {
    let handler = aim().handler("cpu", None);
    let elsewhere = Aim { address: Address::parse("https://old:1/under").unwrap(), ..aim() };
    assert!(elsewhere.is_ours("cpu", &handler));
    assert_eq!(differences(&elsewhere.handler("cpu", Some(&handler)), &handler), ["url"]);
    assert!(!aim().is_ours("mem", &handler), "its path is another topic's");
    assert!(!aim().is_ours("cpu", &Handler { kind: "slack".to_owned(), ..handler.clone() }));
    assert!(!aim().is_ours("cpu", &Handler { id: "kaptap2".to_owned(), ..handler.clone() }));
    assert!(!Aim { id: "x".to_owned(), ..aim() }.is_ours("cpu", &handler));
}

#[track_caller]
fn check_address(url: &str, good: bool) {
    assert_eq!(Address::parse(url).is_ok(), good, "{url}: {:?}", Address::parse(url));
}

#[test]
fn addresses_are_urls_that_kapacitor_can_post_to() {
    check_address("http://kaptap:9192", true);
    check_address("https://[::1]:9192/under/", true);
    for bad in [
        "kaptap:9192",
        "ftp://kaptap",
        "http://u:p@kaptap",
        "http://0.0.0.0:9192",
        "http://[::]:9192",
        "http://kaptap?x=1",
        "http://kaptap/#a",
        "http://kaptap/{{.ID}}",
        "",
        "http://",
    ] {
        check_address(bad, false);
    }
}

#[test]
fn what_cannot_work_is_refused() {
    assert_eq!(aim().check(), Ok(()));
    assert_eq!(Aim { id: "a/b".to_owned(), ..aim() }.check(), Err(AimError::Id("a/b".to_owned())));
    assert_eq!(Aim { token: Some("a\nb".to_owned()), ..aim() }.check(), Err(AimError::Token));
    for seconds in [0, 31] {
        let timeout = Duration::from_secs(seconds);
        assert_eq!(Aim { timeout, ..aim() }.check(), Err(AimError::Timeout(timeout)));
    }
    for (topic, taken) in
        [("cpu", true), ("main:a.b_c-d:alert2", true), ("größe", true), ("a b", false), ("a/b", false), ("", false)]
    {
        assert_eq!(takes_handlers(topic), taken, "{topic}");
    }
    assert!(!takes_handlers(&"x".repeat(257)));
}
