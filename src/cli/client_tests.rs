//! Tests of addresses and their encoding.

use super::*;

#[track_caller]
fn check_url(url: &str, expected: Option<(&str, &str)>) {
    let split = split_url(url).ok();
    assert_eq!(split.as_ref().map(|(authority, path)| (authority.as_str(), path.as_str())), expected, "{url:?}");
}

#[test]
fn urls() {
    check_url("http://127.0.0.1:9192", Some(("127.0.0.1:9192", "")));
    check_url("http://127.0.0.1:9192/", Some(("127.0.0.1:9192", "")));
    check_url("http://proxy/kaptap/", Some(("proxy:9192", "/kaptap")));
    check_url("web-1:80", Some(("web-1:80", "")));
    check_url("http://[::1]:9192", Some(("[::1]:9192", "")));
    check_url("http://[::1]", Some(("[::1]:9192", "")));
    for url in [
        "",
        "http://",
        "http://:9192",
        "https://a",
        "ftp://a",
        "http://u:p@a",
        "http://a:port",
        "http://a?b",
        "http://a b",
    ] {
        check_url(url, None);
    }
}

#[test]
fn waits_grow_up_to_a_bound() {
    let mut backoff = Backoff::new();
    let waits: Vec<_> = (0..7).map(|_| backoff.next().as_millis()).collect();
    assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
}

#[test]
fn retry_after_in_seconds() {
    let asked = |text: &'static str| seconds(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]));
    assert_eq!(asked(" 5"), Some(Duration::from_secs(5)));
    assert_eq!(asked("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    assert_eq!(asked("-1"), None);
    assert_eq!(seconds(&HeaderMap::new()), None);
}
