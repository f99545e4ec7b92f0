//! The journal proved: any history against a model, damage against a catalogue, processes that are killed, what was
//! written by every format, and every call to the disk that can fail.
//!
//! | in the environment | |
//! |---|---|
//! | `KAPTAP_JOURNAL_SEED` | where chances begin; with it the model plays the one history of that seed, again and again |
//! | `KAPTAP_JOURNAL_HISTORIES` | how many histories the model plays, 10,000 if not said |
//! | `KAPTAP_JOURNAL_CYCLES` | how often a process is killed, 30 if not said |
//! | `KAPTAP_JOURNAL_FIXTURE=write` | writes the fixtures of the newest format anew: only before it is released |

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "what goes wrong in a test is to end it, in helpers too"
)]

mod book;
mod catalogue;
mod dice;
mod disk;
mod faults;
mod fixture;
mod forge;
mod history;
mod kill;
mod model;
#[path = "../journal/run.rs"]
mod run;
mod steps;
#[path = "../wait_support/mod.rs"]
mod wait_support;
