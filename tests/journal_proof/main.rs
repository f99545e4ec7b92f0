//! The journal proved: any history against a model, damage against a catalogue, processes that are killed, what was
//! written by every format, and every call to the disk that can fail.

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
mod steps;
