//! A run of records, as it was appended and as it is read.

use kaptap::journal::Block;

/// A run as it was appended.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) first_seq: u64,
    pub(crate) count: u32,
    pub(crate) time: i64,
    pub(crate) context: u64,
    pub(crate) description: Vec<u8>,
    pub(crate) payload: Vec<u8>,
}

impl Run {
    pub(crate) fn last(&self) -> u64 {
        self.first_seq + u64::from(self.count) - 1
    }
}

/// Short, so that a failure can be read.
impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first_seq, time, context, description, payload, .. } = self;
        let (length, sum) = (payload.len(), crc32fast::hash(payload));
        write!(f, "{first_seq}..={} at {time}, {context} {description:?}, {length} bytes {sum:08x}", self.last())
    }
}

impl From<Block> for Run {
    fn from(block: Block) -> Self {
        Self {
            first_seq: block.first_seq,
            count: block.count,
            time: block.time,
            context: block.context,
            description: block.description.to_vec(),
            payload: block.payload.to_vec(),
        }
    }
}
