//! Kapacitor's HTTP API, watched: what it has (tasks, topics, events, handlers, counters), what changed, and what it lost.
//!
//! * [`Client`] speaks to one Kapacitor: one request at a time, every exchange remembered ([`Last`]).
//! * [`Snapshot`] is what is known of one Kapacitor, published whole whenever something of it was learned anew.
//! * [`Connector`] polls all that are configured and tells on change.
//!
//! * [`setup`] puts handlers of ours on its topics, [`doctor`] says what is wrong between the two; both only when asked.
//!
//! Polls of one Kapacitor never overlap: there is one task per Kapacitor, and each of its polls is due by itself. A poll
//! that fails is tried again after a jittered wait that grows to the longer of a minute and its interval; what was known
//! stays, with its age.
//!
//! What is asked is as cheap for Kapacitor as its API allows: fields of tasks by name, without scripts and graphs, in
//! pages of 100; events of a topic only when it has collected some since, and in full now and then.

mod access;
mod changes;
mod client;
pub mod doctor;
mod error;
mod held;
mod hooks;
mod last;
pub mod medic;
mod options;
pub mod own;
mod paths;
mod poller;
pub mod reconcile;
pub mod repair;
mod schedule;
mod secrets;
pub mod setup;
mod snapshot;
mod texts;
mod traffic;
mod watch;
mod whole;

pub use client::{Client, TASK_FIELDS};
pub use error::{ApiError, ErrorKind};
pub use hooks::{AfterPoll, BoxFuture, MakeHooks};
pub use last::{Last, LastBody};
pub use options::{MedicOptions, Options, SharedSecret};
pub use paths::escaped;
pub use secrets::masked;
pub use snapshot::{Poll, PollKind, Polls, Snapshot};
pub use watch::{Connector, ConnectorError, Prepared, Refreshed};
