//! The peers that events are delivered to: one file each.

pub mod options;
