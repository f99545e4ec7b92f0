//! Tests of what is tried again, and when.

use super::*;

const BACKOFF: Duration = Duration::from_secs(2);

#[track_caller]
fn check_wait(error: &ClientError, may_repeat: bool, expected: Option<u64>) {
    assert_eq!(wait_after(error, BACKOFF, may_repeat), expected.map(Duration::from_secs), "{error}");
}

#[test]
fn what_is_tried_again() {
    let address = || "http://k".to_owned();
    let not_now = |retry_after: Option<u64>| ClientError::NotNow {
        address: address(),
        status: StatusCode::SERVICE_UNAVAILABLE,
        text: String::new(),
        retry_after: retry_after.map(Duration::from_secs),
    };
    for may_repeat in [true, false] {
        check_wait(&ClientError::Unreachable { address: address(), source: "gone".into() }, may_repeat, Some(2));
        check_wait(&not_now(None), may_repeat, Some(2));
        check_wait(&not_now(Some(1)), may_repeat, Some(2));
        check_wait(&not_now(Some(9)), may_repeat, Some(9));
        let refused =
            ClientError::Refused { address: address(), status: StatusCode::UNAUTHORIZED, text: String::new() };
        check_wait(&refused, may_repeat, None);
    }
    let lost = ClientError::Lost { address: address(), source: "reset".into() };
    check_wait(&lost, true, Some(2));
    check_wait(&lost, false, None);
}
