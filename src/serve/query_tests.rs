//! Tests of the query string.

use super::*;
use proptest::prelude::*;

const NOW: i64 = 1_795_000_000_000_000_000;

fn check_errors(text: &str, expected: &[&str]) {
    let errors = Query::parse(text, NOW).expect_err(text);
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), expected.len(), "{said:?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(expected), "{said}\ndoes not start with\n{expected}");
    }
}

#[test]
fn nothing_asked() {
    for text in ["", "&", "since=&until=&filter=&limit=&last="] {
        let query = Query::parse(text, NOW).unwrap();
        assert_eq!((query.since, query.until, query.limit, query.last), (None, None, None, None), "{text}");
        assert!(query.filter.is_none() && !query.follow && !query.raw);
    }
}

#[test]
fn everything_asked() {
    let text = "since=17&until=1970-01-01T01%3A00%3A00%2B01:00&filter=kind+%3D%3D+%22alert%22&limit=5&last=7&follow=1&raw=true";
    let query = Query::parse(text, NOW).unwrap();
    assert_eq!(query.since, Some(Moment::Seq(17)));
    assert_eq!(query.until, Some(Moment::Time(0)));
    assert_eq!((query.limit, query.last), (Some(5), Some(7)));
    assert!(query.filter.is_some() && query.follow && query.raw);
}

#[test]
fn flags() {
    for (text, expected) in
        [("follow", true), ("follow=", true), ("follow=true", true), ("follow=0", false), ("follow=false", false)]
    {
        assert_eq!(Query::parse(text, NOW).unwrap().follow, expected, "{text}");
    }
}

#[test]
fn all_errors_at_once() {
    check_errors(
        "since=yesterday&until=99999w&limit=0&last=1000000000&follow=yes&raw=2&what=1&limit=3",
        &[
            "\"what\" is not a parameter",
            "limit: given more than once",
            "since: \"yesterday\" is neither a seq",
            "until: \"99999w\" is too far away",
            "limit: \"0\" is not a number from 1 to",
            "last: \"1000000000\" is not a number from 1 to 100000",
            "follow: \"yes\" is neither 1, true",
            "raw: \"2\" is neither 1, true",
        ],
    );
}

#[test]
fn an_ampersand_in_a_filter_is_explained() {
    check_errors("filter=a==1&&b==2", &["\"b\" is not a parameter"]);
}

proptest! {
    #[test]
    fn never_panics(text in any::<String>()) {
        prop_assert!(Query::parse(&text, NOW).map_or_else(|errors| !errors.is_empty(), |_| true));
    }
}
