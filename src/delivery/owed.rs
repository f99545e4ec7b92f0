//! Losses that are being told: the cursor does not pass one before the event that names it is durable.

use std::collections::VecDeque;
use tokio::task::JoinHandle;

/// Losses on their way at most; with so many, reading waits. A step finds a few dozen at most.
const MOST: usize = 64;

/// Losses on their way to be told.
#[derive(Debug, Default)]
pub(super) struct Owed {
    waiting: VecDeque<((u64, u64), JoinHandle<bool>)>,
    /// What nobody could write down because kaptap is stopping: it is found again at the next start.
    untold: Vec<(u64, u64)>,
}

impl Owed {
    /// Records with these seqs are lost, and somebody writes it down.
    pub(super) fn add(&mut self, seqs: (u64, u64), told: JoinHandle<bool>) {
        self.waiting.push_back((seqs, told));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.untold.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() + self.untold.len() >= MOST
    }

    /// What is lost and not yet told.
    pub(super) fn stretches(&self) -> impl Iterator<Item = (u64, u64)> {
        self.waiting.iter().map(|(seqs, _)| *seqs).chain(self.untold.iter().copied())
    }

    /// Waits until the next one is told, forever if there is none. May be dropped at any time.
    pub(super) async fn next(&mut self) {
        let Some((seqs, told)) = self.waiting.front_mut() else { return std::future::pending().await };
        if !matches!(told.await, Ok(true)) {
            self.untold.push(*seqs);
        }
        self.waiting.pop_front();
    }

    /// Lets go of those that are told by now.
    pub(super) async fn settle(&mut self) {
        while self.waiting.front().is_some_and(|(_, told)| told.is_finished()) {
            self.next().await;
        }
    }
}
