//! One filter over one alert event, beside an interpreter of all of CEL, in one run.
//!
//! `cargo bench --bench filter`

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

#[path = "../tests/filter_support/mod.rs"]
mod filter_support;

use cel::{Context, Program, Value};
use divan::{Bencher, black_box};
use kaptap::filter::Filter;
use std::collections::HashMap;

const EXPRESSION: &str =
    r#"alert.level in ["CRITICAL","WARNING"] && tags.host.startsWith("web-") && fields.usage_idle < 100.0"#;

fn main() {
    divan::main();
}

#[divan::bench(sample_size = 1000)]
fn filter(bencher: Bencher<'_, '_>) {
    let (filter, event) = (Filter::compile(EXPRESSION).unwrap(), filter_support::event());
    assert!(filter.matches(&event));
    bencher.bench_local(|| black_box(&filter).matches(black_box(&event)));
}

/// A filter that mostly says no by its first part.
#[divan::bench(sample_size = 1000)]
fn filter_refusing(bencher: Bencher<'_, '_>) {
    let filter = Filter::compile(r#"kind == "point" && fields.usage_idle < 100.0"#).unwrap();
    let event = filter_support::event();
    assert!(!filter.matches(&event));
    bencher.bench_local(|| black_box(&filter).matches(black_box(&event)));
}

#[divan::bench]
fn compile(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Filter::compile(black_box(EXPRESSION)).unwrap());
}

/// The interpreter with the event already in its own form; making that form costs more.
#[divan::bench(sample_size = 100)]
fn cel_interpreter(bencher: Bencher<'_, '_>) {
    let map = |entries: &[(&str, Value)]| -> Value {
        entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<HashMap<String, Value>>().into()
    };
    let mut context = Context::default();
    context.add_variable_from_value("alert", map(&[("level", "CRITICAL".into())]));
    context.add_variable_from_value("tags", map(&[("dc", "eu-1".into()), ("host", "web-1".into())]));
    context.add_variable_from_value("fields", map(&[("usage_idle", 3.25.into())]));
    let program = Program::compile(EXPRESSION).unwrap();
    assert_eq!(program.execute(&context), Ok(Value::Bool(true)));
    bencher.bench_local(|| black_box(&program).execute(black_box(&context)));
}
