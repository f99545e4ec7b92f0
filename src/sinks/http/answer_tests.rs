//! Tests of what an answer means.

use super::*;
use proptest::prelude::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs
        .iter()
        .map(|(name, value)| (hyper::header::HeaderName::from_static(name), HeaderValue::from_static(value)));
    pairs.collect()
}

fn judged(status: u16, pairs: &[(&'static str, &'static str)], body: &[u8]) -> Outcome {
    let answer = Answer::new(StatusCode::from_u16(status).unwrap(), &headers(pairs), body.to_vec());
    outcome("http://a", Ok(answer), &Secrets::default())
}

#[test]
fn every_status_has_one_meaning() {
    for status in 100..1000 {
        let found = judged(status, &[], b"");
        let expected = match status {
            200..=299 => None,
            429 => Some((true, Reason::Throttled)),
            408 | 425 | 500..=599 => Some((true, Reason::PeerFailed)),
            401 | 403 | 407 => Some((true, Reason::Unauthorized)),
            300..=399 | 404 | 405 | 410 | 421 | 426 => Some((true, Reason::Refused)),
            413 => Some((false, Reason::TooLarge)),
            400..=499 => Some((false, Reason::Refused)),
            _ => Some((true, Reason::Garbage)),
        };
        let found = match found {
            Outcome::Delivered | Outcome::Duplicate => None,
            Outcome::Retry { reason, .. } => Some((true, reason)),
            Outcome::Reject { reason, .. } => Some((false, reason)),
        };
        assert_eq!(found, expected, "{status}");
    }
}

/// Whoever reads it knows what to mend.
#[test]
fn the_wrong_place_is_said() {
    for status in [404, 405, 410, 421, 426] {
        let Outcome::Retry { error, .. } = judged(status, &[], b"") else { panic!("{status}") };
        assert!(error.contains(&status.to_string()) && error.contains("mends the URL"), "{error}");
    }
}

#[test]
fn a_peer_says_when() {
    let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
    for (pairs, after) in [
        (vec![("retry-after", "0")], Some(0)),
        (vec![("retry-after", " 120 ")], Some(120)),
        (vec![("retry-after", "18446744073709551615")], Some(86_400)),
        (vec![("retry-after", "-1")], None),
        (vec![("retry-after", "soon")], None),
        (vec![("retry-after", "Wed, 21 Oct 2015 07:28:10 GMT"), date], Some(10)),
        (vec![("retry-after", "Wed, 21 Oct 2015 07:27:10 GMT"), date], Some(0)),
        (vec![("retry-after", "Wed, 21 Oct 2015 07:28:10 GMT")], Some(0)),
        (vec![("retry-after", "Tue, 31 Dec 2999 23:59:59 GMT"), date], Some(86_400)),
        (vec![], None),
    ] {
        let Outcome::Retry { after: found, reason, .. } = judged(503, &pairs, b"") else { panic!("{pairs:?}") };
        assert_eq!(found, after.map(Duration::from_secs), "{pairs:?}");
        assert_eq!(reason, if after.is_some() { Reason::Throttled } else { Reason::PeerFailed });
    }
}

proptest! {
    #[test]
    fn an_excerpt_is_short_and_harmless(body in proptest::collection::vec(any::<u8>(), 0..3000), status in 100u16..600) {
        let (error, response) = match judged(status, &[], &body) {
            Outcome::Delivered | Outcome::Duplicate => return Ok(()),
            Outcome::Retry { error, .. } => (error, None),
            Outcome::Reject { error, response, .. } => (error, response),
        };
        prop_assert!(!error.contains(char::is_control) && error.len() <= 400);
        if let Some(response) = response {
            prop_assert!(!response.contains(char::is_control) && response.len() <= EXCERPT && !response.is_empty());
        }
    }
}

#[test]
fn secrets_are_found_before_the_excerpt_is_cut() {
    let mut secrets = Secrets::default();
    secrets.add("abcdef");
    secrets.add("abcdefgh");
    secrets.add("abc");
    let body = format!("{}abcdefgh abcdef abc", "x".repeat(EXCERPT - 3));
    let answer = Answer::new(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.into_bytes());
    let Outcome::Reject { response, .. } = outcome("http://a", Ok(answer), &secrets) else { panic!("not refused") };
    assert_eq!(response.unwrap(), format!("{}[se", "x".repeat(EXCERPT - 3)));
    assert_eq!(secrets.mask("abcdefgh abcdef abc"), "[secret] [secret] abc");
}
