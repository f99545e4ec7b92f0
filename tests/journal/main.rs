//! The journal from outside: what goes in comes out, whatever the disk does.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "what goes wrong in a test is to end it, in helpers too"
)]

mod ahead;
mod append;
mod damage;
mod faults;
mod inspect;
mod model;
mod run;
mod support;
#[path = "../wait_support/mod.rs"]
mod wait_support;
