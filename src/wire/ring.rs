//! One connection's recent exchanges, oldest first.

use std::collections::VecDeque;

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From Kapacitor to kaptap.
    Received,
    /// From kaptap to Kapacitor.
    Sent,
}

impl Direction {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// Bytes that went over the wire at once, or their beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Grows from exchange to exchange over all connections.
    pub number: u64,
    /// Which way.
    pub direction: Direction,
    /// When, nanoseconds since 1970.
    pub at: i64,
    /// The bytes, or the beginning of them.
    pub bytes: Vec<u8>,
    /// How many more there were.
    pub left_out: usize,
}

/// What an exchange costs besides its bytes.
const OVERHEAD: usize = size_of::<Head>();

/// So little is not given back.
const SLACK: usize = 16;

/// An exchange without its bytes.
#[derive(Debug)]
struct Head {
    number: u64,
    direction: Direction,
    at: i64,
    length: usize,
    left_out: usize,
}

/// A bounded queue of exchanges.
#[derive(Debug)]
pub(super) struct Ring {
    bound: usize,
    heads: VecDeque<Head>,
    /// The bytes of all exchanges, one behind the other: nothing is allocated for one of them.
    bytes: VecDeque<u8>,
    /// Where an exchange is written before its length is known; about as long as one at most.
    draft: Vec<u8>,
}

impl Ring {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, heads: VecDeque::new(), bytes: VecDeque::new(), draft: Vec::new() }
    }

    pub(super) const fn is_off(&self) -> bool {
        self.bound == 0
    }

    pub(super) fn push(
        &mut self,
        number: u64,
        direction: Direction,
        at: i64,
        left_out: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.draft.clear();
        write(&mut self.draft);
        let length = self.draft.len();
        // The newest always stays.
        while self.bytes.len() + length + (self.heads.len() + 1) * OVERHEAD > self.bound
            && let Some(oldest) = self.heads.pop_front()
        {
            self.bytes.drain(..oldest.length.min(self.bytes.len()));
        }
        fit(&mut self.bytes, length);
        fit(&mut self.heads, 1);
        self.bytes.extend(&self.draft);
        self.heads.push_back(Head { number, direction, at, length, left_out });
    }

    /// Bytes of memory that it takes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.heads.capacity() * OVERHEAD + self.draft.capacity()
    }

    pub(super) fn after(&self, number: u64) -> Vec<Exchange> {
        let mut begin = 0;
        let mut exchanges = Vec::new();
        for &Head { number: own, direction, at, length, left_out } in &self.heads {
            if own > number {
                let bytes = self.bytes.iter().skip(begin).take(length).copied().collect();
                exchanges.push(Exchange { number: own, direction, at, bytes, left_out });
            }
            begin += length;
        }
        exchanges
    }
}

/// Makes room for so many more, and gives back what is more than half too much: together both queues take at most half more
/// than the bound, whatever came before.
fn fit<T>(queue: &mut VecDeque<T>, more: usize) {
    let needed = queue.len() + more;
    let most = needed + needed / 2;
    if queue.capacity() < needed {
        queue.reserve_exact(needed + needed / 4 - queue.len());
    } else if queue.capacity() > most + SLACK {
        queue.shrink_to(needed + needed / 4);
    }
}
