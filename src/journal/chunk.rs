//! A chunk: entries that wait for the disk together, and how they are made ready for a segment. Pure.

use super::format::{self, Head, Run};
use bytes::Bytes;

/// Runs are packed together up to this many bytes; a longer run is packed alone.
const PACK_BYTES: usize = 256 << 10;

/// Entries in order, as they go into a segment but for the checksums, with what the writer must know of them.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) first_seq: u64,
    pub(super) next_seq: u64,
    /// Newest time of its runs.
    pub(super) newest: i64,
    /// What the entries say of contexts, in order; `None` is a context forgotten.
    pub(super) contexts: Vec<(u64, Option<Bytes>)>,
    /// Whether anything in it asks for a sync; if not, nobody minds its loss once it is written.
    pub(super) needs_sync: bool,
}

impl Chunk {
    pub(super) fn new(bytes: Vec<u8>, next_seq: u64) -> Self {
        Self { bytes, first_seq: next_seq, next_seq, newest: i64::MIN, ..Self::default() }
    }

    pub(super) fn has_records(&self) -> bool {
        self.next_seq > self.first_seq
    }

    /// Makes it ready for the segment with this salt: writes the checksums into it, or packs it into `packed`.
    /// Returns what is to be written. May be done again for another segment.
    pub(super) fn seal<'a>(&'a mut self, salt: u32, packed: Option<&'a mut Vec<u8>>) -> &'a [u8] {
        if let Some(out) = packed {
            out.clear();
            pack(&self.bytes, out);
            seal_all(out, salt);
            out
        } else {
            seal_all(&mut self.bytes, salt);
            &self.bytes
        }
    }
}

/// Writes the checksum of every entry.
pub(super) fn seal_all(mut entries: &mut [u8], salt: u32) {
    while let Some(total) = format::entry_bytes(entries)
        && let Some((entry, rest)) = entries.split_at_mut_checked(total)
    {
        format::seal(entry, salt);
        entries = rest;
    }
}

/// Packs runs that stand next to each other; all else is kept as it is.
fn pack(mut entries: &[u8], out: &mut Vec<u8>) {
    let mut pack = Pack::default();
    while let Some(total) = format::entry_bytes(entries)
        && let Some((entry, rest)) = entries.split_at_checked(total)
    {
        entries = rest;
        if let Some(Head::Run(run)) = format::head(entry) {
            if pack.bytes.len() + total > PACK_BYTES || pack.count().checked_add(run.count).is_none() {
                pack.finish(out);
            }
            pack.add(entry, run);
        } else {
            pack.finish(out);
            out.extend_from_slice(entry);
        }
    }
    pack.finish(out);
}

#[derive(Default)]
struct Pack {
    bytes: Vec<u8>,
    run: Option<Run>,
    squeezed: Vec<u8>,
}

impl Pack {
    fn count(&self) -> u32 {
        self.run.map_or(0, |run| run.count)
    }

    fn add(&mut self, entry: &[u8], run: Run) {
        self.bytes.extend_from_slice(entry);
        let whole = self.run.get_or_insert(Run { count: 0, ..run });
        whole.count += run.count;
        whole.time = whole.time.max(run.time);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let Some(run) = self.run.take() else { return };
        self.squeezed.resize(lz4_flex::block::get_maximum_output_size(self.bytes.len()), 0);
        match lz4_flex::block::compress_into(&self.bytes, &mut self.squeezed) {
            Ok(length) if length + format::HEAD_BYTES < self.bytes.len() => {
                format::put_packed(out, &run, self.bytes.len(), self.squeezed.get(..length).unwrap_or_default());
            }
            _ => out.extend_from_slice(&self.bytes),
        }
        self.bytes.clear();
    }
}

/// Unpacks what [`Head::Packed`] holds.
pub(super) fn unpack(packed: &[u8], raw: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; raw];
    let length = lz4_flex::block::decompress_into(packed, &mut bytes).ok()?;
    (length == raw).then_some(bytes)
}
