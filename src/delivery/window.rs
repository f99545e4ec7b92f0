//! The window: events read and not yet dealt with, which of them may go out now, and how far the cursor may move.
//!
//! Pure: time and randomness come in. What may go out is the oldest event of every key, then the next of that key, and
//! so on; a key whose event must be tried again later holds back only itself. A delivery that fails as a whole holds back
//! everything (the circuit), and what is tried next is one event of the key that has failed least.

use super::backoff::{Backoff, Bounds};
use super::cursor::Position;
use super::sink::Limits;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

/// Events in a window at most; when there are so many, reading waits.
pub const EVENTS: usize = 10_000;

/// Bytes of their records at most; one event more may be in it.
pub const BYTES: usize = 8 << 20;

/// What keeps order: events of the same key go out one after another.
pub type Key = u128;

/// How the window behaves.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The largest batch.
    pub limits: Limits,
    /// How long an event may wait for others to fill its batch.
    pub age: Duration,
    /// Waits between tries.
    pub backoff: Bounds,
    /// Whether one batch may hold several events of a key.
    pub several_of_a_key: bool,
}

/// One event in the window.
#[derive(Debug)]
struct Slot<T> {
    key: Key,
    bytes: usize,
    entered: Instant,
    attempts: u32,
    /// Time of the first try, nanoseconds since 1970.
    first_try: Option<i64>,
    /// Time of the first try that failed because of it, as far as that can be told: nanoseconds since 1970.
    blamed: Option<i64>,
    item: T,
}

/// What came of one event of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is dealt with: delivered, or parked.
    Done,
    /// It must be tried again, not before the time that the peer wished for.
    Again(Option<Duration>),
    /// It has failed for so long that it is dealt with: parked. A failure all the same, for the peer took nothing.
    GivenUp,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Deliver these seqs, in this order.
    Batch(Vec<u64>),
    /// Nothing until then.
    Wait(Instant),
    /// Nothing until more is read.
    Idle,
}

/// State of a sink as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Circuit {
    /// The last delivery brought something through, or none was tried.
    #[default]
    Closed,
    /// The last delivery failed as a whole: the next try is at this time.
    Open(Instant),
}

/// How often an event was tried, and when first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// Deliveries it was part of.
    pub attempts: u32,
    /// Time of the first, nanoseconds since 1970.
    pub first: i64,
}

/// The window of one sink. `T` is what is delivered.
#[derive(Debug)]
pub struct Window<T> {
    rules: Rules,
    /// By seq.
    slots: BTreeMap<u64, Slot<T>>,
    bytes: usize,
    /// Keys that have to wait, by their own failures. Never more than there are slots.
    waiting: HashMap<Key, (Backoff, Instant)>,
    circuit: Circuit,
    failures: Backoff,
    /// Events in the next batch at most: halved by every delivery that fails as a whole, doubled by every other that was
    /// as large.
    most: usize,
    /// Whether the last delivery brought something through.
    succeeded: bool,
}

impl<T> Window<T> {
    /// An empty window.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            slots: BTreeMap::new(),
            bytes: 0,
            waiting: HashMap::new(),
            circuit: Circuit::Closed,
            failures: Backoff::default(),
            most: rules.limits.events.max(1),
            succeeded: false,
        }
    }

    /// Whether more may be read into it.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.slots.len() < EVENTS && self.bytes < BYTES
    }

    /// Events and bytes that it still takes.
    #[must_use]
    pub fn room(&self) -> Limits {
        Limits { events: EVENTS.saturating_sub(self.slots.len()), bytes: BYTES.saturating_sub(self.bytes) }
    }

    /// Events in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether everything is dealt with.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The oldest event that is not dealt with.
    #[must_use]
    pub fn oldest(&self) -> Option<&T> {
        self.slots.first_key_value().map(|(_, slot)| &slot.item)
    }

    /// The event of a seq.
    #[must_use]
    pub fn get(&self, seq: u64) -> Option<&T> {
        self.slots.get(&seq).map(|slot| &slot.item)
    }

    /// State of the sink as a whole.
    #[must_use]
    pub const fn circuit(&self) -> Circuit {
        self.circuit
    }

    /// Takes an event.
    pub fn add(&mut self, seq: u64, key: Key, bytes: usize, item: T, now: Instant) {
        self.bytes += bytes;
        let slot = Slot { key, bytes, entered: now, attempts: 0, first_try: None, blamed: None, item };
        if let Some(before) = self.slots.insert(seq, slot) {
            self.bytes -= before.bytes;
        }
    }

    /// What may go out now; at most `allowance` events. `flush`: without waiting for batches to fill.
    #[must_use]
    pub fn next(&self, now: Instant, allowance: usize, flush: bool) -> Next {
        let probing = match self.circuit {
            Circuit::Open(until) if until > now => {
                return if self.slots.is_empty() { Next::Idle } else { Next::Wait(until) };
            }
            Circuit::Open(_) => true,
            Circuit::Closed => false,
        };
        if probing {
            return self.probe(now);
        }
        let most = self.most.min(allowance).max(1);
        let mut batch = Vec::new();
        let (mut bytes, mut full, mut tried) = (0, false, false);
        let (mut wake, mut oldest): (Option<Instant>, Option<Instant>) = (None, None);
        // In a batch already, where only one event of a key may be.
        let mut taken = HashSet::new();
        for (seq, slot) in &self.slots {
            match self.waiting.get(&slot.key) {
                Some((_, until)) if *until > now => {
                    wake = Some(wake.map_or(*until, |wake| wake.min(*until)));
                    continue;
                }
                // What failed for itself goes alone, so that others do not fail with it.
                Some(_) if batch.is_empty() => return Next::Batch(vec![*seq]),
                Some(_) => {
                    full = true;
                    break;
                }
                None => {}
            }
            if !self.rules.several_of_a_key && !taken.insert(slot.key) {
                continue;
            }
            if !batch.is_empty() && bytes + slot.bytes > self.rules.limits.bytes {
                full = true;
                break;
            }
            bytes += slot.bytes;
            tried |= slot.attempts > 0;
            oldest = Some(oldest.map_or(slot.entered, |oldest| oldest.min(slot.entered)));
            batch.push(*seq);
            if batch.len() >= most {
                full = true;
                break;
            }
        }
        let Some(oldest) = oldest else {
            return wake.map_or(Next::Idle, Next::Wait);
        };
        let due = oldest + self.rules.age;
        if full || tried || flush || due <= now {
            Next::Batch(batch)
        } else {
            Next::Wait(wake.map_or(due, |wake| wake.min(due)))
        }
    }

    /// One event: of all keys that may be tried, the first of the one that was tried least.
    fn probe(&self, now: Instant) -> Next {
        let mut heads = HashSet::new();
        let mut best: Option<(u32, u64)> = None;
        let mut wake: Option<Instant> = None;
        for (seq, slot) in &self.slots {
            if !heads.insert(slot.key) {
                continue;
            }
            match self.waiting.get(&slot.key) {
                Some((_, until)) if *until > now => wake = Some(wake.map_or(*until, |wake| wake.min(*until))),
                _ if best.is_none_or(|(attempts, _)| slot.attempts < attempts) => best = Some((slot.attempts, *seq)),
                _ => {}
            }
            if best.is_some_and(|(attempts, _)| attempts == 0) {
                break;
            }
        }
        match (best, wake) {
            (Some((_, seq)), _) => Next::Batch(vec![seq]),
            (None, Some(until)) => Next::Wait(until),
            (None, None) => Next::Idle,
        }
    }

    /// Takes in what came of a batch, and gives back what is dealt with. `random` gives any numbers; `clock` is the time
    /// in nanoseconds since 1970.
    pub fn settle(
        &mut self,
        verdicts: &[(u64, Verdict)],
        now: Instant,
        clock: i64,
        mut random: impl FnMut() -> u64,
    ) -> Vec<T> {
        let mut done = Vec::new();
        let mut failed: Vec<(Key, Option<Duration>)> = Vec::new();
        let (mut through, mut given_up) = (Vec::new(), Vec::new());
        for (seq, verdict) in verdicts {
            match verdict {
                Verdict::Done => {
                    if let Some(slot) = self.slots.remove(seq) {
                        self.bytes -= slot.bytes;
                        through.push(slot.key);
                        done.push(slot.item);
                    }
                }
                Verdict::Again(wish) => {
                    if let Some(slot) = self.slots.get_mut(seq) {
                        slot.attempts = slot.attempts.saturating_add(1);
                        slot.first_try.get_or_insert(clock);
                        failed.push((slot.key, *wish));
                    }
                }
                Verdict::GivenUp => {
                    if let Some(slot) = self.slots.remove(seq) {
                        self.bytes -= slot.bytes;
                        failed.push((slot.key, None));
                        given_up.push(slot.key);
                        done.push(slot.item);
                    }
                }
            }
        }
        for key in through {
            if !failed.iter().any(|(other, _)| *other == key) {
                self.waiting.remove(&key);
            }
        }
        let whole = !failed.is_empty() && failed.len() == verdicts.len();
        // Where several keys failed together with everything else, it was not for any one of them.
        let alone = failed.iter().all(|(key, _)| failed.first().is_some_and(|(first, _)| first == key));
        let known = alone && failed.first().is_some_and(|(key, _)| self.waiting.contains_key(key));
        if whole && known && std::mem::take(&mut self.succeeded) {
            // The peer has just taken something else, and this is nothing new.
        } else if whole {
            self.succeeded = false;
            let wish = failed.iter().filter_map(|(_, wish)| *wish).max();
            self.circuit = Circuit::Open(now + self.failures.fail(self.rules.backoff, wish, random()));
            self.most = (self.most / 2).max(1);
        } else if !verdicts.is_empty() {
            self.succeeded = true;
            self.failures.succeed();
            let probed = std::mem::take(&mut self.circuit) != Circuit::Closed;
            // Not after a probe: what failed before is still in front, and may have to be made smaller yet.
            if !probed && verdicts.len() >= self.most {
                self.most = (self.most * 2).min(self.rules.limits.events.max(1));
            }
        }
        // Of a part that failed only the first is to blame: a sink stops there, and what came behind it was not tried.
        if let Some((key, wish)) = failed.first().filter(|_| !whole || alone) {
            let (backoff, until) = self.waiting.entry(*key).or_insert((Backoff::default(), now));
            *until = now + backoff.fail(self.rules.backoff, *wish, random());
        }
        // The next event of its key has not failed yet.
        for key in given_up {
            self.waiting.remove(&key);
        }
        if self.slots.is_empty() {
            // Nothing is left that could be tried.
            self.circuit = Circuit::Closed;
        }
        done
    }

    /// Notes that a delivery failed because of this event, as far as that can be told. Since when it does.
    pub fn blame(&mut self, seq: u64, clock: i64) -> i64 {
        self.slots.get_mut(&seq).map_or(clock, |slot| *slot.blamed.get_or_insert(clock))
    }

    /// Notes that the last failure of this event was not because of it.
    pub fn acquit(&mut self, seq: u64) {
        if let Some(slot) = self.slots.get_mut(&seq) {
            slot.blamed = None;
        }
    }

    /// How often an event was tried, this time included.
    #[must_use]
    pub fn tries(&self, seq: u64, clock: i64) -> Tries {
        let slot = self.slots.get(&seq);
        Tries {
            attempts: slot.map_or(0, |slot| slot.attempts).saturating_add(1),
            first: slot.and_then(|slot| slot.first_try).unwrap_or(clock),
        }
    }

    /// Where to begin again, when these stretches were not read yet.
    #[must_use]
    pub fn position(&self, unread: &[(u64, u64)]) -> Position {
        Position::of(self.slots.keys().copied(), unread)
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
