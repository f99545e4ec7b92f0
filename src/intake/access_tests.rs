//! Tests of the tokens.

use super::*;

fn check_allow(authorization: &str, expected: bool) {
    let tokens: Tokens = ["first".to_owned(), "s3cret".to_owned(), String::new()].into_iter().collect();
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, authorization.parse().unwrap());
    assert_eq!(tokens.allow(&headers), expected, "{authorization}");
}

#[test]
fn each_way_to_bring_a_token() {
    check_allow("Bearer s3cret", true);
    check_allow("bearer first", true);
    check_allow("Token s3cret", true);
    check_allow("Basic a2FwYWNpdG9yOnMzY3JldA==", true); // kapacitor:s3cret
    check_allow("Basic OnMzY3JldA==", true); // :s3cret
    check_allow("Basic a2FwYWNpdG9yOnMzY3JldA", true);
}

#[test]
fn nothing_else_comes_in() {
    check_allow("Bearer s3cre", false);
    check_allow("Bearer s3crets", false);
    check_allow("Bearer ", false);
    check_allow("Bearer", false);
    check_allow("s3cret", false);
    check_allow("Digest s3cret", false);
    check_allow("Basic s3cret", false);
    check_allow("Basic czNjcmV0", false); // s3cret, without a colon
    check_allow("Basic ****", false);
    check_allow("Basic a", false);
}

#[test]
fn without_tokens_everybody_may() {
    assert!(Tokens::default().allow(&HeaderMap::new()));
    assert!([String::new()].into_iter().collect::<Tokens>().allow(&HeaderMap::new()));
    assert!(!["t".to_owned()].into_iter().collect::<Tokens>().allow(&HeaderMap::new()));
}

#[test]
fn debug_does_not_tell() {
    let tokens: Tokens = ["s3cret".to_owned()].into_iter().collect();
    assert_eq!(format!("{tokens:?}"), "Tokens(1)");
}

#[test]
fn base64_of_every_length() {
    for (text, expected) in
        [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Kz8/", "+??")]
    {
        assert_eq!(decode_base64(text.as_bytes()).as_deref(), Some(expected.as_bytes()), "{text}");
    }
}
