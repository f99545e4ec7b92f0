//! Tests of which handlers are taken for ours, and of what they say.

use super::*;
use serde_json::json;

pub(in super::super) fn handler(url: &str, matching: &str, headers: &serde_json::Value) -> Handler {
    let options = json!({"url": url, "headers": headers});
    Handler {
        id: "h".to_owned(),
        kind: "post".to_owned(),
        options: options.as_object().unwrap().clone(),
        matching: matching.to_owned(),
    }
}

/// kaptap on its usual port, Kapacitor elsewhere.
pub(in super::super) fn ours() -> Ourselves {
    Ourselves::new(&Options::at("k", "http://kapacitor:9092", "s"))
}

#[track_caller]
fn check_ours(ours: &Ourselves, url: &str, arrived: bool, is: bool) {
    let handlers = [handler(url, "", &json!({}))];
    assert_eq!(!ours.among(&handlers, arrived).is_empty(), is, "{url} {arrived}");
}

#[test]
fn handlers_that_send_to_us() {
    for (url, is) in [
        ("http://10.0.0.1:9192/v1/alerts", true),
        ("https://kaptap.example:9192/v1/alerts/cpu?x=1", true),
        ("http://[fe80::1]:9192/v1/alerts/cpu", true),
        ("http://h:9192/v1/alertsx", false),
        ("http://h:9192/hooks", false),
        ("h:9192/v1/alerts", false),
        ("", false),
        // Another kaptap, and one on Kapacitor's own machine.
        ("http://h:9193/v1/alerts", false),
        ("http://h/v1/alerts", false),
        ("http://127.0.0.1:9192/v1/alerts", false),
        ("http://localhost:9192/v1/alerts", false),
    ] {
        check_ours(&ours(), url, false, is);
    }
    let slack = [Handler { kind: "slack".to_owned(), ..handler("http://h:9192/v1/alerts", "", &json!({})) }];
    assert!(ours().among(&slack, true).is_empty());
    let local = Ourselves::new(&Options::at("k", "http://127.0.0.1:9092", "s"));
    check_ours(&local, "http://localhost:9192/v1/alerts", false, true);
    check_ours(&local, "http://127.0.0.1:9193/v1/alerts", false, false);
}

#[test]
fn behind_a_proxy_what_arrives_decides() {
    check_ours(&ours(), "https://kaptap.example/v1/alerts", true, true);
    let two = [
        handler("https://kaptap.example/v1/alerts", "", &json!({})),
        handler("http://h:9192/v1/alerts", "changed()", &json!({})),
    ];
    assert_eq!(ours().among(&two, true).left_out(), LeftOut::Repeats, "only one of them fits");
}

#[test]
fn an_address_that_was_said_is_the_only_one() {
    let address = crate::connector::setup::Address::parse("https://proxy/kaptap/").unwrap();
    let ours = Ourselves::new(&Options { address: Some(address), ..Options::at("k", "http://kapacitor:9092", "s") });
    for (url, is) in [
        ("https://proxy/kaptap/v1/alerts/x?y", true),
        ("https://proxy/kaptap/v1/alerts", true),
        ("https://proxy/kaptap/v1/rows/x", false),
        ("https://proxy/v1/alerts", false),
        ("http://h:9192/v1/alerts", false),
    ] {
        check_ours(&ours, url, false, is);
        check_ours(&ours, url, true, is);
    }
}

#[test]
fn what_handlers_leave_out() {
    let left_out = |matches: &[&str]| {
        let handlers: Vec<_> =
            matches.iter().map(|matching| handler("http://h:9192/v1/alerts", matching, &json!({}))).collect();
        ours().among(&handlers, false).left_out()
    };
    assert_eq!(left_out(&[]), LeftOut::Nothing);
    assert_eq!(left_out(&["changed() == TRUE", " "]), LeftOut::Nothing);
    assert_eq!(left_out(&[" changed()==TRUE "]), LeftOut::Repeats);
    assert_eq!(left_out(&["level() >= WARNING"]), LeftOut::Unknown);
    assert_eq!(left_out(&["level() >= WARNING", "changed()"]), LeftOut::Repeats);
}

#[test]
fn the_task_that_handlers_name() {
    let named = |task: &str| handler("http://h:9192/v1/alerts", "", &json!({"X-Kapacitor-Task": task}));
    let task = |handlers: &[Handler]| ours().among(handlers, false).task().map(str::to_owned);
    assert_eq!(task(&[named("t"), named("t")]).as_deref(), Some("t"));
    assert_eq!(task(&[named("t"), named("u")]), None);
    // One of another kaptap has no say.
    let other = handler("http://h:9193/v1/alerts", "", &json!({"X-Kapacitor-Task": "u"}));
    assert_eq!(task(&[named("t"), other]).as_deref(), Some("t"));
    assert_eq!(task(&[handler("http://h:9192/v1/alerts", "", &json!({}))]), None);
    assert_eq!(task(&[]), None);
}
