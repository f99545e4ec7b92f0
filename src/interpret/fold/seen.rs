//! Which event ids were seen: two generations of bounded size.
//!
//! New ids go into the younger generation. When it is half of the bound or as old as the window, it becomes the elder
//! one and the elder is dropped whole: an id is remembered for at least the window, unless the bound comes first, and
//! nothing is ever searched for what to forget.

use crate::event::id::EventId;
use crate::words::Transition;
use std::collections::HashMap;

/// The first record with an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct First {
    /// Its seq.
    pub(super) seq: u64,
    /// What it changed.
    pub(super) transition: Transition,
}

/// An id as a key of 8-byte alignment: an entry takes 24 bytes, not 32.
type Key = [u64; 2];

/// A [`First`] in eight bytes: the seq and, in the lowest four bits, the number of the transition.
type Packed = u64;

/// Bytes that one id takes when it is kept.
pub(super) const ENTRY: usize = 24;

/// The ids seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Size at which a generation is full.
    half: usize,
    window: i64,
    younger: HashMap<Key, Packed>,
    elder: HashMap<Key, Packed>,
    /// Observed time of the first id of the younger generation.
    since: i64,
}

impl Seen {
    pub(super) fn new(ids: usize, window: i64) -> Self {
        Self { half: (ids / 2).max(1), window, ..Self::default() }
    }

    pub(super) fn first(&self, id: EventId) -> Option<First> {
        let key = key(id);
        self.younger.get(&key).or_else(|| self.elder.get(&key)).copied().and_then(unpack)
    }

    /// Remembers an id; what is known of it already stays.
    pub(super) fn add(&mut self, id: EventId, first: First, observed: i64) {
        let is_full = self.younger.len() >= self.half;
        if is_full || observed.saturating_sub(self.since) >= self.window {
            self.elder = std::mem::take(&mut self.younger);
        }
        let key = key(id);
        if self.elder.contains_key(&key) {
            return;
        }
        if self.younger.is_empty() {
            self.since = observed;
        }
        self.younger.entry(key).or_insert_with(|| pack(first));
    }

    /// How many ids the elder and the younger generation hold.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.elder.len(), self.younger.len())
    }

    /// Observed time of the first id of the younger generation.
    pub(super) fn since(&self) -> i64 {
        self.since
    }

    /// Appends the elder and the younger generation, [`ENTRY`] bytes for each id.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (key, packed) in self.elder.iter().chain(&self.younger) {
            out.extend(key.iter().chain([packed]).flat_map(|word| word.to_le_bytes()));
        }
    }

    /// Puts the generations back; of ids beyond the bound the oldest are left out. `None` when they are not whole.
    pub(super) fn decode(&mut self, elder: &[u8], younger: &[u8], since: i64) -> Option<()> {
        self.elder = self.generation(elder)?;
        self.younger = self.generation(younger)?;
        self.since = since;
        Some(())
    }

    fn generation(&self, bytes: &[u8]) -> Option<HashMap<Key, Packed>> {
        let entries = || bytes.chunks(ENTRY).map(entry);
        let mut oldest = 0;
        if bytes.len() / ENTRY > self.half {
            let mut packed = entries().map(|entry| Some(entry?.1)).collect::<Option<Vec<Packed>>>()?;
            packed.sort_unstable_by(|one, other| other.cmp(one));
            oldest = packed.get(self.half.saturating_sub(1)).copied()?;
        }
        entries().filter(|entry| entry.is_none_or(|(_, packed)| packed >= oldest)).collect()
    }
}

/// Reads one id back.
fn entry(bytes: &[u8]) -> Option<(Key, Packed)> {
    let (words, rest) = bytes.as_chunks::<8>();
    let [high, low, packed] = *words else { return None };
    let packed = u64::from_le_bytes(packed);
    unpack(packed)?;
    rest.is_empty().then_some(([u64::from_le_bytes(high), u64::from_le_bytes(low)], packed))
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
const fn key(id: EventId) -> Key {
    [(id.0 >> 64) as u64, id.0 as u64]
}

/// A journal has fewer than 2^60 records.
fn pack(first: First) -> Packed {
    first.seq << 4 | u64::from(first.transition.number())
}

/// `None` for a transition that is not known.
fn unpack(packed: Packed) -> Option<First> {
    let number = u8::try_from(packed & 15).ok()?;
    Some(First { seq: packed >> 4, transition: Transition::from_number(number)? })
}
