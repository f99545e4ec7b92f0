//! The UDF session against a model of Kapacitor's side: whatever comes in, what goes out is a sequence that Kapacitor
//! accepts, and nothing of what came in is lost.

#![expect(clippy::cast_possible_truncation, reason = "test data is small")]
#![expect(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "this is a test throughout")]

mod acceptor;
mod arbitrary;
mod recorded;
mod shell;
mod wire;
