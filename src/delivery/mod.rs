//! Delivery: one worker per sink, from its cursor on the journal to its peer.
//!
//! ```text
//!            ┌───────────────────────── worker of one sink ─────────────────────────┐
//!  journal ─▶│ Reading: records that the sink wants ─▶ Window ─▶ batch ─▶ Sink::deliver │─▶ peer
//!            │   (blocking, in the background)           ▲                  │        │
//!            │                                           └─ Retry: wait ────┤        │
//!            │   Cursor file ◀── all before it is dealt with ◀── Delivered ─┤        │
//!            │   Parked      ◀──────────────────────────────── Reject ──────┘        │
//!            └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # What is promised
//! * **At least once.** The cursor is behind everything that was not yet delivered, parked or filtered away. After a
//!   crash what came since the cursor was last written comes again, with the same ids.
//! * **In order per key.** Events of one key ([`options::Correlation`], by default an alert's fingerprint) go out in the
//!   order of the journal; one that has to be tried again holds back the later ones of its key, and no others.
//! * **Nothing vanishes.** What the peer refuses for good is parked with the reason; what retention took before it was
//!   delivered is named in a `system` event; what is parked beyond the bound pushes out the oldest, and that is said too.
//!   Such an event is durable before the cursor passes the loss, or the oldest are dropped.
//!
//! # Bounds
//! | buffer | bound | when full |
//! |---|---|---|
//! | window of events read and not dealt with | [`window::EVENTS`], [`window::BYTES`] | reading waits; the journal is the buffer |
//! | parked events | `parked_events`, `parked_bytes` | the oldest are dropped, counted and named |
//! | commands to a worker | [`COMMANDS`] | the asker is told to come again |
//! | losses that are being told | a few dozen | reading waits |
//! | one read | a few thousand records, a few MiB | the next step goes on |
//!
//! # When a delivery fails
//! If part of a batch fails, the key of the first event that failed waits by its own [`backoff`], and the rest is tried
//! again at once: the sink stopped there. If all of it fails, the whole sink
//! waits (its circuit is open), the next try is one event of the key that failed least, and batches grow again from
//! there. So a peer that is down is asked rarely, and one event that the peer chokes on is singled out after a few tries
//! and holds back nobody else. With `give_up_after` it is parked in the end.
//!
//! # When a worker fails
//! A worker that panics, or cannot read on, is noticed by its `supervisor`: the sink is shown as broken with the reason,
//! and another worker goes on at the cursor after a wait that grows as those between tries do.

pub mod backoff;
mod begin;
pub mod cursor;
pub mod durable;
mod item;
mod judging;
mod lane;
mod mailbox;
mod manager;
pub mod options;
mod outside;
mod owed;
pub mod parked;
mod parked_line;
mod parking;
mod plan;
mod rate;
mod reading;
mod report;
mod saver;
pub mod sink;
pub mod status;
mod supervisor;
mod turns;
pub mod window;
mod worker;

pub use mailbox::COMMANDS;
pub use manager::{Delivery, Prepared};
pub use plan::{Build, Plan, PlanError, Refused};
pub use rate::{MaxRate, NotARate};
pub use reading::Stretch;
pub use report::{Tell, Trouble};
