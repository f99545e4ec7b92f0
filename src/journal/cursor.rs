//! Reads the entries of one segment file in order, checks each, and finds its way again after damage.

use super::chunk;
use super::format::{self, HEAD_BYTES, Head, Run};
use super::segment::Start;
use super::storage::StorageFile;
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::io;

/// One read from the disk asks for this much, or for one entry if that is longer.
const READ_BYTES: usize = 128 << 10;
/// Zeros are compared in pieces of this.
const ZEROS: [u8; 256] = [0; 256];
/// Damaged places that are remembered one by one.
const DAMAGE_KEPT: usize = 1000;

/// A place in one segment file. Holds one window of [`READ_BYTES`] (or one entry), one unpacked block, and the
/// contexts described so far in the segment.
pub(super) struct Cursor {
    file: Box<dyn StorageFile>,
    salt: u32,
    offset: u64,
    window: Bytes,
    window_at: u64,
    /// What is left of an unpacked block.
    unpacked: Bytes,
    /// Seqs from here on may come; what claims to be an entry of older ones, after damage, is not believed.
    next_seq: u64,
    contexts: HashMap<u64, Bytes>,
    tally: Tally,
}

/// What a cursor has come across.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    /// Entries that were whole.
    pub(super) entries: u64,
    /// Records in them.
    pub(super) records: u64,
    /// Descriptions of contexts among them.
    pub(super) contexts: u64,
    /// Newest time of a record.
    pub(super) newest: Option<i64>,
    /// End of the last whole entry.
    pub(super) valid_end: u64,
    /// Bytes behind it that are neither an entry nor zeros only.
    pub(super) torn: u64,
    /// What the segment's end says is next, and its newest time, if the last whole entry is that.
    pub(super) ended: Option<(u64, i64)>,
    /// Damaged places: offset and bytes; the first thousand.
    pub(super) damage: Vec<(u64, u64)>,
}

impl Cursor {
    /// A cursor at a place of the segment that begins with `first_seq`.
    pub(super) fn new(file: Box<dyn StorageFile>, first_seq: u64, start: Start) -> Self {
        Self {
            file,
            salt: format::salt(first_seq),
            offset: start.offset,
            window: Bytes::new(),
            window_at: 0,
            unpacked: Bytes::new(),
            next_seq: first_seq,
            contexts: start.contexts,
            tally: Tally { valid_end: start.offset, ..Tally::default() },
        }
    }

    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Bytes of the file that have been passed.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What a context key means at this place; empty if that was not said.
    pub(super) fn description(&self, context: u64) -> Bytes {
        self.contexts.get(&context).cloned().unwrap_or_default()
    }

    /// The next run that holds `from` or a later seq, of what lies before `end`.
    pub(super) fn next(&mut self, from: u64, end: u64) -> io::Result<Option<(Run, Bytes)>> {
        loop {
            while let Some((run, payload)) = self.next_unpacked() {
                if run.last() >= from {
                    return Ok(Some((run, payload)));
                }
            }
            let Some((head, entry)) = self.next_entry(end)? else { return Ok(None) };
            match head {
                Head::Context { key } => {
                    // Copied, because a description is kept for long and a view would keep the whole window.
                    let description = Bytes::copy_from_slice(entry.get(head.fixed_bytes()..).unwrap_or_default());
                    self.contexts.insert(key, description);
                }
                Head::Forget { key } => {
                    self.contexts.remove(&key);
                }
                Head::Run(run) if run.last() >= from => return Ok(Some((run, entry.slice(head.fixed_bytes()..)))),
                Head::Packed { run, raw } if run.last() >= from => {
                    let packed = entry.get(head.fixed_bytes()..).unwrap_or_default();
                    match chunk::unpack(packed, raw) {
                        Some(bytes) => self.unpacked = bytes.into(),
                        None => self.damaged(self.offset - entry.len() as u64, entry.len() as u64),
                    }
                }
                Head::Run(_) | Head::Packed { .. } | Head::End { .. } | Head::Unknown => {}
            }
        }
    }

    /// The next run of the block that was unpacked last.
    fn next_unpacked(&mut self) -> Option<(Run, Bytes)> {
        let total = format::entry_bytes(&self.unpacked).filter(|total| *total <= self.unpacked.len());
        let run = total.and_then(|_| format::head(&self.unpacked));
        if let (Some(total), Some(Head::Run(run))) = (total, run) {
            let entry = self.unpacked.split_to(total);
            return Some((run, entry.slice(HEAD_BYTES..)));
        }
        self.unpacked = Bytes::new();
        None
    }

    /// The next whole entry before `end`, past whatever damage lies before it.
    fn next_entry(&mut self, end: u64) -> io::Result<Option<(Head, Bytes)>> {
        loop {
            if self.offset >= end {
                return Ok(None);
            }
            if let Some((head, total)) = self.entry_at(self.offset, end)? {
                let start = self.offset;
                self.offset += total as u64;
                self.passed(&head);
                let Some(at) = self.load(start, total, end)? else { return Ok(None) };
                return Ok(Some((head, self.window.slice(at..at + total))));
            }
            let start = self.offset;
            let bytes = match self.find_entry(start, end)? {
                Found::At(next) => {
                    self.offset = next;
                    next - start
                }
                Found::Nothing { torn } => {
                    self.offset = end;
                    self.tally.torn = torn;
                    torn
                }
            };
            if bytes > 0 {
                self.damaged(start, bytes);
            }
        }
    }

    fn passed(&mut self, head: &Head) {
        self.tally.entries += 1;
        self.tally.valid_end = self.offset;
        self.tally.torn = 0;
        self.tally.ended = match head {
            Head::End { next_seq, newest } => Some((*next_seq, *newest)),
            _ => None,
        };
        if let Head::Context { .. } = head {
            self.tally.contexts += 1;
        }
        if let Some(run) = head.run() {
            self.tally.records += u64::from(run.count);
            self.tally.newest = self.tally.newest.max(Some(run.time));
            self.next_seq = run.last() + 1;
        }
    }

    fn damaged(&mut self, offset: u64, bytes: u64) {
        if self.tally.damage.len() < DAMAGE_KEPT {
            self.tally.damage.push((offset, bytes));
        }
    }

    /// Head and length of the entry at `offset` if there is a whole one that ends before `end`.
    fn entry_at(&mut self, offset: u64, end: u64) -> io::Result<Option<(Head, usize)>> {
        let at_hand = usize::try_from(end - offset).unwrap_or(usize::MAX).min(HEAD_BYTES);
        let Some(at) = self.load(offset, at_hand, end)? else { return Ok(None) };
        let front = self.window.get(at..).unwrap_or_default();
        let (Some(head), Some(total)) = (format::head(front), format::entry_bytes(front)) else { return Ok(None) };
        if total as u64 > end - offset {
            return Ok(None);
        }
        let Some(at) = self.load(offset, total, end)? else { return Ok(None) };
        let entry = self.window.get(at..at + total).unwrap_or_default();
        Ok(format::intact(entry, self.salt).then_some((head, total)))
    }

    /// Looks for the next whole entry behind a place `from` at which there is none: damage, or zeros.
    ///
    /// What looks like an entry at a first glance must have the right checksum too; how much is summed up for that is
    /// bounded, so that bytes made to look like entries cost no more than reading the place a few times.
    fn find_entry(&mut self, from: u64, end: u64) -> io::Result<Found> {
        let mut budget = (end - from).saturating_mul(4) + READ_BYTES as u64;
        // Most often only what the entry holds was changed, and its length still leads to the next one.
        let at = self.load(from, 4, end)?;
        let claimed = at.and_then(|at| self.window.get(at..)).and_then(format::entry_bytes).map(|total| total as u64);
        if let Some(total) = claimed.filter(|total| *total < end - from)
            && self.believable(from + total, end)?.is_some()
        {
            return Ok(Found::At(from + total));
        }
        let mut offset = from;
        while offset < end {
            let at_hand = usize::try_from(end - offset).unwrap_or(usize::MAX).min(HEAD_BYTES);
            // The file may be shorter than it was said to be; then there is nothing more to find.
            let Some(at) = self.load(offset, at_hand, end)? else { break };
            let front = self.window.get(at..).unwrap_or_default();
            if front.iter().take(4).all(|byte| *byte == 0) {
                // No entry begins so: none is of no length.
                let Some(other) = self.find_other(offset, end)? else {
                    return Ok(Found::Nothing { torn: torn(offset - from, claimed).min(end - from) });
                };
                offset = other.saturating_sub(3).max(offset + 1);
                continue;
            }
            if let Some(total) = glance(front).filter(|total| offset > from && *total as u64 <= end - offset) {
                if total as u64 > budget {
                    break;
                }
                budget -= total as u64;
                if self.believable(offset, end)?.is_some() {
                    return Ok(Found::At(offset));
                }
            }
            offset += 1;
        }
        Ok(Found::Nothing { torn: end - from })
    }

    /// Looks for the first byte from a place on that is not zero; `None` if there is none before `end`.
    fn find_other(&mut self, from: u64, end: u64) -> io::Result<Option<u64>> {
        let mut offset = from;
        while offset < end {
            let Some(at) = self.load(offset, 1, end)? else { break };
            let rest = self.window.get(at..).unwrap_or_default();
            let rest = rest.get(..usize::try_from(end - offset).unwrap_or(usize::MAX)).unwrap_or(rest);
            // By large pieces first: comparing them is much quicker than looking at each byte.
            let zeros = rest.chunks_exact(ZEROS.len()).take_while(|piece| *piece == ZEROS).count() * ZEROS.len();
            let other = rest.iter().skip(zeros).position(|byte| *byte != 0);
            if let Some(other) = other {
                return Ok(Some(offset + (zeros + other) as u64));
            }
            offset += rest.len() as u64;
        }
        Ok(None)
    }

    fn believable(&mut self, offset: u64, end: u64) -> io::Result<Option<usize>> {
        let entry = self.entry_at(offset, end)?;
        Ok(entry
            .filter(|(head, _)| head.run().is_none_or(|run| run.first_seq >= self.next_seq))
            .map(|(_, total)| total))
    }

    /// Has `want` bytes from `offset` on in the window, and says where in it; `None` if the file ends before.
    fn load(&mut self, offset: u64, want: usize, end: u64) -> io::Result<Option<usize>> {
        if let Some(at) = offset.checked_sub(self.window_at).and_then(|at| usize::try_from(at).ok())
            && at.checked_add(want).is_some_and(|last| last <= self.window.len())
        {
            return Ok(Some(at));
        }
        let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let size = READ_BYTES.min(left).max(want);
        let mut buffer = match std::mem::take(&mut self.window).try_into_mut() {
            // A window that one long entry made large is not kept.
            Ok(buffer) if buffer.capacity() >= size && buffer.capacity() <= 2 * READ_BYTES.max(size) => buffer,
            _ => BytesMut::with_capacity(size),
        };
        buffer.resize(size, 0);
        let read = self.file.read_at(&mut buffer, offset)?;
        buffer.truncate(read);
        self.window = buffer.freeze();
        self.window_at = offset;
        Ok((want <= read).then_some(0))
    }
}

/// What there is behind a place at which there is no entry.
enum Found {
    /// A whole entry, here.
    At(u64),
    /// None to the end; and so many bytes, from this place on, that are not what a file is filled with ahead.
    Nothing { torn: u64 },
}

/// How much is left of an entry that was not finished, when there are `bytes` and then nothing but zeros. Zeros that it
/// had itself count, as far as its front can tell: it claims to be so long, or there is less than a whole head.
fn torn(bytes: u64, claimed: Option<u64>) -> u64 {
    if bytes == 0 { 0 } else { bytes.max(claimed.unwrap_or(HEAD_BYTES as u64)) }
}

/// Length of what could be an entry, by its head alone.
fn glance(front: &[u8]) -> Option<usize> {
    format::head(front).filter(|head| *head != Head::Unknown).and_then(|_| format::entry_bytes(front))
}
