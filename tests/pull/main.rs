//! The pull surface: answers against those recorded of a real kapacitord, against one that runs, and over restarts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod answers;
mod asking;
#[path = "../http_support/mod.rs"]
mod http_support;
#[path = "../parts_support/mod.rs"]
mod parts_support;
mod real;
mod recorded;
mod restarts;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wait_support/mod.rs"]
mod wait_support;
