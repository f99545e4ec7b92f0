//! Test vectors of RFC 4231, and Grafana's form.

use super::super::super::options::Hidden;
use super::*;

fn signer(secret: &str) -> Signer {
    let header = "X-Grafana-Alerting-Signature".to_owned();
    Signer::new(&options::Hmac { secret: Hidden(secret.to_owned()), header, timestamp_header: None }).unwrap()
}

#[test]
fn signatures_are_hmac_sha256() {
    // RFC 4231, case 2.
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(signer("Jefe").signature(None, b"what do ya want for nothing?"), expected);
    // The time and the body are signed as one text.
    let with_time = signer("Jefe").signature(Some("what do ya want for nothing?"), b"x");
    assert_eq!(with_time, signer("Jefe").signature(None, b"what do ya want for nothing?:x"));
}

#[test]
fn names_that_are_no_headers_are_refused() {
    let refused = |header: &str, timestamp: Option<&str>| {
        let timestamp_header = timestamp.map(str::to_owned);
        let options = options::Hmac { secret: Hidden("s".to_owned()), header: header.to_owned(), timestamp_header };
        Signer::new(&options).unwrap_err().key()
    };
    assert_eq!(refused("a b", None), "hmac_header");
    assert_eq!(refused("A", Some("")), "hmac_timestamp_header");
}
