//! What is done with what was learned, right after it was.

use super::{Client, Options, Snapshot};
use crate::intake::Intake;
use std::pin::Pin;
use std::sync::Arc;

/// A future on the heap, as a trait object can give it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Called by the task that polls one Kapacitor, which waits for it: calls never overlap, and the next poll comes after.
/// The future may be dropped, when kaptap stops or the Kapacitor is taken out of the configuration.
pub trait AfterPoll: Send {
    /// After each poll of topics and their events that went well.
    fn after_events<'a>(&'a mut self, snapshot: &'a Snapshot, intake: &'a Intake) -> BoxFuture<'a, ()>;

    /// After each poll of tasks that went well.
    fn after_tasks<'a>(
        &'a mut self,
        client: &'a Client,
        snapshot: &'a Snapshot,
        intake: &'a Intake,
    ) -> BoxFuture<'a, ()>;
}

/// Makes what is called for a Kapacitor; it lives as long as that is watched.
pub type MakeHooks = Arc<dyn Fn(&Options) -> Vec<Box<dyn AfterPoll>> + Send + Sync>;
