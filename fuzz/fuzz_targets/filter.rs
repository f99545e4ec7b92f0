#![no_main]
//! Any text is a filter or refused at a place inside it; a filter runs over an event without a panic.

#[path = "../../tests/filter_support/mod.rs"]
mod filter_support;

use kaptap::filter::Filter;

libfuzzer_sys::fuzz_target!(|text: &str| {
    match Filter::compile(text) {
        Ok(filter) => {
            std::hint::black_box(filter.matches(&filter_support::event()));
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.at));
            drop(error.to_string());
        }
    }
});
