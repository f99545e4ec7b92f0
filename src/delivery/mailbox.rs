//! What people ask of a worker.

use super::plan::Refused;
use super::reading::Stretch;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;

/// Commands that wait for a worker at most.
pub const COMMANDS: usize = 8;

/// What a person asked of a worker.
#[derive(Debug)]
pub(super) enum Command {
    /// Deliver a stretch again.
    Replay(Box<Stretch>),
    /// Try these parked events again.
    TryParked(Vec<u64>),
}

/// Where commands for the worker that runs now are left.
#[derive(Debug)]
pub(super) struct Mailbox(Mutex<mpsc::Sender<Command>>);

impl Mailbox {
    /// A mailbox, and what its first worker reads.
    pub(super) fn new() -> (Self, mpsc::Receiver<Command>) {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        (Self(Mutex::new(sender)), receiver)
    }

    /// What another worker reads from now on.
    pub(super) fn renew(&self) -> mpsc::Receiver<Command> {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sender;
        receiver
    }

    /// Leaves a command.
    ///
    /// # Errors
    /// When no worker reads it now, or too many wait.
    pub(super) fn send(&self, command: Command) -> Result<(), Refused> {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sender.try_send(command).map_err(|_| Refused::NotNow)
    }
}
