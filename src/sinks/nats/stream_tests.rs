//! Tests of what is created, and of what is checked.

use super::{Config, MAX_AGE, check, config};
use crate::delivery::sink::Outcome;
use crate::sinks::nats::subject::Subjects;
use crate::sinks::options;
use std::time::Duration;

fn options(duplicate_window: Duration) -> options::Nats {
    options::Nats { duplicate_window, ..options::Nats::at("nats://localhost") }
}

#[test]
fn the_window_fits_into_the_age() {
    let subjects = Subjects::compile("kaptap.{{ kind }}").unwrap();
    let made = config(&options(Duration::from_mins(10)), &subjects);
    assert_eq!((made.duplicate_window, made.max_age), (Duration::from_mins(10), MAX_AGE));
    let made = config(&options(MAX_AGE * 2), &subjects);
    assert_eq!(made.duplicate_window, MAX_AGE);
}

#[test]
fn a_stream_that_loses_is_refused() {
    let subjects = Subjects::compile("kaptap.{{ kind }}").unwrap();
    let options = options(Duration::from_mins(2));
    let refused = |found: &Config| match check(found, &options, &subjects) {
        Ok(()) => String::new(),
        Err(Outcome::Retry { error, .. }) => error,
        Err(other) => panic!("{other:?}"),
    };
    let fitting = config(&options, &subjects);
    assert_eq!(refused(&fitting), "");
    assert!(refused(&Config { no_ack: true, ..fitting.clone() }).contains("no_ack"));
    let nothing = Config { subjects: Vec::new(), ..fitting.clone() };
    assert!(refused(&nothing).contains("takes no subjects, but not kaptap.*"));
    // A shorter memory for ids is a warning, no reason to stop.
    assert_eq!(refused(&Config { duplicate_window: Duration::from_secs(1), ..fitting }), "");
}
