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
const OVERHEAD: usize = size_of::<Exchange>();

/// A bounded queue of exchanges.
#[derive(Debug)]
pub(super) struct Ring {
    bound: usize,
    /// Bytes of all exchanges with [`OVERHEAD`].
    held: usize,
    exchanges: VecDeque<Exchange>,
    /// Where an exchange is written before its length is known; about as long as one at most.
    draft: Vec<u8>,
}

impl Ring {
    pub(super) fn new(bound: usize) -> Self {
        Self { bound, held: 0, exchanges: VecDeque::new(), draft: Vec::new() }
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
        let bytes = self.draft.as_slice().to_vec();
        self.held += bytes.len() + OVERHEAD;
        self.exchanges.push_back(Exchange { number, direction, at, bytes, left_out });
        // The newest always stays.
        while self.held > self.bound && self.exchanges.len() > 1 {
            let Some(oldest) = self.exchanges.pop_front() else { break };
            self.held -= oldest.bytes.len() + OVERHEAD;
        }
    }

    pub(super) fn after(&self, number: u64) -> Vec<Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.number > number).cloned().collect()
    }
}
