//! Which event ids came already, within a bound.

use crate::event::id::EventId;
use std::collections::{HashMap, VecDeque};

/// The ids that came last, each with the position where it came first.
#[derive(Debug)]
pub struct Seen {
    first: HashMap<EventId, u64>,
    order: VecDeque<EventId>,
    most: usize,
}

impl Seen {
    /// Remembers `most` ids; beyond that the oldest is forgotten. Takes memory as it is filled, about 80 bytes an id.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { first: HashMap::new(), order: VecDeque::new(), most: most.max(1) }
    }

    /// Takes an id at a position. Where it came first, if it came before.
    pub fn take(&mut self, id: EventId, position: u64) -> Option<u64> {
        if let Some(first) = self.first.get(&id) {
            return Some(*first);
        }
        if self.order.len() == self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.first.remove(&oldest);
        }
        self.first.insert(id, position);
        self.order.push_back(id);
        None
    }
}
