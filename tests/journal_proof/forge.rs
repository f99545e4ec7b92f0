//! Segments made by hand, from the description of the format at the top of `journal/mod.rs` and from nothing else, and
//! taken apart again.

/// Files of a directory, by name.
pub(crate) type Files = std::collections::BTreeMap<String, Vec<u8>>;

pub(crate) const HEADER: usize = 64;
/// How many seqs are passed over when records may be gone that somebody has seen.
pub(crate) const PASSED_OVER: u64 = 1 << 20;

pub(crate) fn name(first_seq: u64) -> String {
    format!("{first_seq:020}.kseg")
}

/// A segment under construction.
pub(crate) struct Forge {
    first_seq: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Forge {
    /// A segment with a header that says so.
    pub(crate) fn new(first_seq: u64, boot: u64, skipped: u64) -> Self {
        let mut bytes = b"kaptap\r\n".to_vec();
        bytes.extend([1, 0, 64, 0, 0, 0, 0, 0]);
        bytes.extend(first_seq.to_le_bytes());
        bytes.extend(1_700_000_000_000_000_000_i64.to_le_bytes());
        bytes.extend(boot.to_le_bytes());
        bytes.extend(skipped.to_le_bytes());
        bytes.resize(60, 0);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        Self { first_seq, bytes }
    }

    /// The same with another format version.
    pub(crate) fn version(mut self, version: u16) -> Self {
        self.bytes[8..10].copy_from_slice(&version.to_le_bytes());
        let checksum = crc32fast::hash(&self.bytes[..60]);
        self.bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        self
    }

    pub(crate) fn entry(mut self, kind: u8, number: u32, words: &[u64], rest: &[u8]) -> Self {
        let mut body = vec![kind, 0, 0, 0];
        body.extend(number.to_le_bytes());
        body.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        body.extend(rest);
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        let salt = crc32fast::hash(&self.first_seq.to_le_bytes());
        let mut sum = crc32fast::Hasher::new_with_initial(salt);
        sum.update(&length);
        sum.update(&body);
        self.bytes.extend(length);
        self.bytes.extend(sum.finalize().to_le_bytes());
        self.bytes.extend(body);
        self
    }

    pub(crate) fn context(self, key: u64, description: &[u8]) -> Self {
        self.entry(1, 0, &[key], description)
    }

    /// A run of context 7 that arrived at a time of ten times its first seq.
    pub(crate) fn run(self, first_seq: u64, count: u32) -> Self {
        self.entry(2, count, &[first_seq, first_seq * 10, 7], &payload(first_seq))
    }

    /// The same, packed.
    pub(crate) fn packed(self, runs: &[(u64, u32)]) -> Self {
        let inner = runs.iter().fold(Self::new(0, 0, 0), |inner, (first, count)| inner.run(*first, *count));
        let inner = &inner.bytes[HEADER..];
        let (first_seq, count) = (runs[0].0, runs.iter().map(|run| run.1).sum());
        let newest = runs.iter().map(|run| run.0 * 10).max().unwrap();
        let packed = lz4_flex::block::compress(inner);
        self.entry(3, count, &[first_seq, newest, inner.len() as u64], &packed)
    }

    pub(crate) fn forget(self, key: u64) -> Self {
        self.entry(4, 0, &[key], b"")
    }

    pub(crate) fn end(self, next_seq: u64) -> Self {
        self.entry(5, 0, &[next_seq, (next_seq - 1) * 10], b"")
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }
}

/// What the forge puts into a run, so that it is known what must be read.
pub(crate) fn payload(first_seq: u64) -> Vec<u8> {
    format!("{first_seq} is told by {first_seq} times {first_seq}, {first_seq} in all").into_bytes()
}

/// An entry of a segment: where it is, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: u8,
    /// First and last seq, if it has any.
    pub(crate) seqs: Option<(u64, u64)>,
}

/// The entries of a segment that is whole.
pub(crate) fn parts(bytes: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = HEADER;
    while from < bytes.len() {
        let length = u32::from_le_bytes(bytes[from..from + 4].try_into().unwrap());
        let to = from + 8 + usize::try_from(length).unwrap();
        let kind = bytes[from + 8];
        let count = u32::from_le_bytes(bytes[from + 12..from + 16].try_into().unwrap());
        let first = u64::from_le_bytes(bytes[from + 16..from + 24].try_into().unwrap());
        let seqs = (kind == 2 || kind == 3).then(|| (first, first + u64::from(count) - 1));
        parts.push(Part { from, to, kind, seqs });
        from = to;
    }
    parts
}
