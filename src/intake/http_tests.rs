//! Tests of what a request says about itself. The routes are tested over real connections in `tests/http_intake.rs`.

use super::*;
use crate::words::How;
use axum::http::header::*;
use proptest::prelude::*;

/// A task or a topic, and how it was learned.
type Part = Option<(&'static str, How)>;

fn check_said(rest: &str, headers: &[(&'static str, &str)], expected: (&str, Part, Part)) {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let said = Said::of(rest, &map).unwrap();
    let own = |part: Part| part.map(|(text, how)| (text.to_owned(), how));
    assert_eq!((&*said.source, said.note.task, said.note.topic), (expected.0, own(expected.1), own(expected.2)));
}

#[test]
fn the_source_is_the_rest_of_the_path() {
    check_said("", &[], ("default", None, None));
    check_said("/", &[], ("default", None, None));
    check_said("/web", &[], ("web", None, None));
    check_said("/a/b/c", &[], ("a/b/c", None, None));
    check_said("/gr%C3%BCn%2Frot", &[], ("grün/rot", None, None));
    check_said("/50%/x%zz", &[], ("50%/x%zz", None, None));
    check_said("/%ff", &[], ("%ff", None, None));
}

#[test]
fn topics_and_tasks_in_the_path() {
    check_said("/topic/cpu", &[], ("topic/cpu", None, Some(("cpu", How::Path))));
    check_said("/topic/main:cpu:alert2", &[], ("topic/main:cpu:alert2", None, Some(("main:cpu:alert2", How::Path))));
    check_said("/task/a/b", &[], ("task/a/b", Some(("a/b", How::Path)), None));
    check_said("/topic/", &[], ("topic/", None, None));
    check_said("/topics/cpu", &[], ("topics/cpu", None, None));
}

#[test]
fn headers_win_over_the_path() {
    let headers = [("x-kapacitor-topic", "disk"), ("x-kapacitor-task", "t1")];
    check_said("/topic/cpu", &headers, ("topic/cpu", Some(("t1", How::Header)), Some(("disk", How::Header))));
    check_said("/topic/cpu", &[("x-kapacitor-topic", "")], ("topic/cpu", None, Some(("cpu", How::Path))));
    check_said("", &[("x-kapacitor-topic", "grün")], ("default", None, Some(("grün", How::Header))));
}

#[test]
fn names_have_a_longest_length() {
    let longest = "x".repeat(LONGEST_NAME);
    assert!(Said::of(&format!("/{longest}"), &HeaderMap::new()).is_ok());
    assert!(Said::of(&format!("/{longest}x"), &HeaderMap::new()).is_err());
    // What counts is the name, not how it was written.
    assert!(Said::of(&"/%41".repeat(100).replace("/%", "%"), &HeaderMap::new()).is_ok());
    let mut headers = HeaderMap::new();
    headers.insert("x-kapacitor-task", format!("{longest}x").parse().unwrap());
    assert!(Said::of("", &headers).is_err());
}

#[test]
fn the_media_type_and_an_encoding_are_noted() {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    assert_eq!(Said::of("", &headers).unwrap().note.media.as_deref(), Some("application/json"));
    assert!(Said::of("", &headers).unwrap().note.marks.is_empty());
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert_eq!(Said::of("", &headers).unwrap().note.marks, ["content_encoding"]);
    headers.insert(CONTENT_TYPE, "x".repeat(1000).parse().unwrap());
    assert_eq!(Said::of("", &headers).unwrap().note.media, None);
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let read = async |body: &str, limit| read(&mut axum::body::Body::from(body.to_owned()), limit).await;
    assert_eq!(read("", 3).await.unwrap(), "");
    assert_eq!(read("abc", 3).await.unwrap(), "abc");
    assert!(matches!(read("abcd", 3).await, Err(Refusal::TooLarge(3))));
}

proptest! {
    #[test]
    fn percent_decoding_never_panics_and_undoes_encoding(text in any::<String>()) {
        prop_assert!(percent_decode(&text).len() <= text.len());
        let encoded = text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"));
        prop_assert_eq!(percent_decode(&encoded), text);
    }
}
