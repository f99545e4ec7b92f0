//! The peer: what Kapacitor sends and what it may be sent.

pub mod alert;
pub mod batch;
pub mod details;
mod envelope;
mod json;
pub mod point;
pub mod proto;
pub mod row;
pub mod time;
mod wire;
