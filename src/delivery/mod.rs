//! Delivery: one worker per sink, from its cursor on the journal to its peer.

pub mod sink;
