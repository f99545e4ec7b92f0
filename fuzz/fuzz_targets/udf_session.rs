#![no_main]
//! Fuzz target.

libfuzzer_sys::fuzz_target!(|_data: &[u8]| {});
