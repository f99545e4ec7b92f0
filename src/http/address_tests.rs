//! Tests of URLs taken apart.

use super::*;

#[track_caller]
fn check(url: &str, path: &str, uri: &str, shown: &str, credentials: Option<(&str, &str)>) {
    let address = Address::parse(url, path).unwrap();
    assert_eq!((address.uri.to_string().as_str(), address.shown.as_str()), (uri, shown));
    let found = address.credentials.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
    assert_eq!(found, credentials);
    assert_eq!(address.secure, url.to_ascii_lowercase().starts_with("https"));
}

#[test]
fn urls_are_taken_apart() {
    check("http://a", "", "http://a/", "http://a", None);
    check("https://a:1/x/", "", "https://a:1/x/", "https://a:1", None);
    check("HTTP://[::1]:80/x?y=1", "/api", "http://[::1]:80/x/api?y=1", "http://[::1]:80", None);
    check("http://a/x/", "/api", "http://a/x/api", "http://a", None);
    check("http://u:p%40%zz%2@a/", "", "http://a/", "http://a", Some(("u", "p@%zz%2")));
    check("http://u@a/", "/b", "http://a/b", "http://a", Some(("u", "")));
}

#[test]
fn what_is_no_url_is_refused_without_repeating_it() {
    let urls = ["", "a", "/x", "http://", "http://:80/", "http://a:b/", "ws://geheim@a/", "http://geheim:x y@a/"];
    for url in urls {
        let error = Address::parse(url, "").unwrap_err().to_string();
        assert!(error.starts_with("`url`: ") && !error.contains("geheim"), "{url}: {error}");
    }
}

#[test]
fn values_of_a_query_are_masked() {
    assert_eq!(masked_query("/a"), "/a");
    assert_eq!(masked_query("/a?b=c&d&e=f=g"), "/a?b=[secret]&[secret]&e=[secret]");
}
