//! Segment files as bytes, and back. Pure; the layout itself is told in [`super`].

use crc32fast::Hasher;

/// First bytes of every segment. The line end is there to be broken by whatever treats the file as text.
pub(super) const MAGIC: [u8; 8] = *b"kaptap\r\n";
/// Newest format version known.
pub(super) const VERSION: u16 = 1;
/// Length of the header of version 1.
pub(super) const HEADER_BYTES: usize = HEADER_LENGTH as usize;
const HEADER_LENGTH: u16 = 64;
/// Length of the fixed part of the longest kinds of entry: what must be at hand to know an entry's head.
pub(super) const HEAD_BYTES: usize = 40;
/// Length of an END entry.
pub(super) const END_BYTES: usize = 32;
/// No entry is longer than this, whatever its length field says.
pub(super) const ENTRY_LIMIT: usize = 1 << 30;

/// Length and checksum, which stand before the body of every entry.
const PREFIX_BYTES: usize = 8;
/// Kind, three zeros, a u32 and a u64: no body is shorter.
const SHORTEST_BODY: usize = 16;
/// What lz4 makes of one byte at most, and a little for short blocks.
const LZ4_RATIO: usize = 255;

const CONTEXT: u8 = 1;
const RUN: u8 = 2;
const PACKED: u8 = 3;
const FORGET: u8 = 4;
const END: u8 = 5;

/// Name of the segment that begins with a seq.
pub(super) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}.kseg")
}

/// The seq in a segment's file name, and what follows the ending: nothing, `.new` or `.quarantined`.
pub(super) fn parse_file_name(name: &str) -> Option<(u64, &str)> {
    let (digits, rest) = name.split_at_checked(20)?;
    let rest = rest.strip_prefix(".kseg")?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Seqs begin at 1, and come nowhere near the end; what says otherwise is not ours.
    digits.parse().ok().filter(|first_seq| (1..1 << 62).contains(first_seq)).map(|first_seq| (first_seq, rest))
}

/// Where the checksums of a segment's entries start from, so that bytes left over from another segment never pass.
pub(super) fn salt(first_seq: u64) -> u32 {
    crc32fast::hash(&first_seq.to_le_bytes())
}

/// What stands at the front of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first_seq: u64,
    /// When the segment was begun, nanoseconds since 1970.
    pub(super) created: i64,
    /// [`super::Storage::boot`] of the machine that wrote it.
    pub(super) boot: u64,
    /// How many seqs just before `first_seq` were passed over on purpose.
    pub(super) skipped: u64,
}

/// Why bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Fewer bytes than a header has.
    Short,
    /// Another kind of file, or a header that was changed.
    Broken,
    /// A newer version wrote it.
    Version(u16),
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            if let Some(target) = bytes.get_mut(at..at + field.len()) {
                target.copy_from_slice(field);
            }
            at += field.len();
        };
        put(&MAGIC);
        put(&VERSION.to_le_bytes());
        put(&HEADER_LENGTH.to_le_bytes());
        put(&[0; 4]);
        put(&self.first_seq.to_le_bytes());
        put(&self.created.to_le_bytes());
        put(&self.boot.to_le_bytes());
        put(&self.skipped.to_le_bytes());
        if let Some((front, checksum)) = bytes.split_last_chunk_mut::<4>() {
            *checksum = crc32fast::hash(front).to_le_bytes();
        }
        bytes
    }

    /// Reads a header from the first bytes of a file.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let whole = bytes.get(..HEADER_BYTES).ok_or(HeaderError::Short)?;
        if array(whole, 0) != Some(MAGIC) {
            return Err(HeaderError::Broken);
        }
        // Magic, version and length of the header stand at the same place, and the checksum at its end, for good:
        // that a newer version wrote a file can be told from damage.
        let version = array(whole, 8).map_or(0, u16::from_le_bytes);
        let length = array(whole, 10).map_or(0, u16::from_le_bytes);
        let header = bytes.get(..usize::from(length)).ok_or(HeaderError::Broken)?;
        let (front, checksum) = header.split_last_chunk::<4>().ok_or(HeaderError::Broken)?;
        if crc32fast::hash(front) != u32::from_le_bytes(*checksum) {
            return Err(HeaderError::Broken);
        }
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        if length != HEADER_LENGTH {
            return Err(HeaderError::Broken);
        }
        let field = |at| array(whole, at).ok_or(HeaderError::Short);
        Ok(Self {
            first_seq: u64::from_le_bytes(field(16)?),
            created: i64::from_le_bytes(field(24)?),
            boot: u64::from_le_bytes(field(32)?),
            skipped: u64::from_le_bytes(field(40)?),
        })
    }
}

/// The head of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first_seq: u64,
    /// At least 1; `first_seq + count` fits.
    pub(super) count: u32,
    pub(super) time: i64,
    pub(super) context: u64,
}

impl Run {
    /// Seq of its last record.
    pub(super) fn last(&self) -> u64 {
        self.first_seq + u64::from(self.count) - 1
    }
}

/// The fixed part of an entry. What varies follows it, to the entry's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// Says what a context key means from here on. The bytes follow.
    Context { key: u64 },
    /// Records. The payload follows.
    Run(Run),
    /// Runs, compressed: a Run head whose time is the newest inside, and the length when unpacked. lz4 follows.
    Packed { run: Run, raw: usize },
    /// No more entries of this context come in this segment.
    Forget { key: u64 },
    /// Nothing follows in this segment.
    End { next_seq: u64, newest: i64 },
    /// An entry of a kind that came later: passed over.
    Unknown,
}

impl Head {
    /// Where what varies begins, counted from the entry's start.
    pub(super) fn fixed_bytes(&self) -> usize {
        match self {
            Head::Context { .. } | Head::Forget { .. } | Head::Unknown => PREFIX_BYTES + SHORTEST_BODY,
            Head::End { .. } => END_BYTES,
            Head::Run(_) | Head::Packed { .. } => HEAD_BYTES,
        }
    }

    /// The seqs it holds.
    pub(super) fn run(&self) -> Option<Run> {
        match self {
            Head::Run(run) | Head::Packed { run, .. } => Some(*run),
            _ => None,
        }
    }
}

/// The length of the whole entry that begins here, if a length stands here that an entry can have.
pub(super) fn entry_bytes(bytes: &[u8]) -> Option<usize> {
    let body = usize::try_from(u32::from_le_bytes(array(bytes, 0)?)).ok()?;
    (SHORTEST_BODY..=ENTRY_LIMIT - PREFIX_BYTES).contains(&body).then_some(body + PREFIX_BYTES)
}

/// Reads the head of the entry that begins here; the first [`HEAD_BYTES`] of it, or all of it, are enough.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    let total = entry_bytes(bytes)?;
    let kind = *bytes.get(8)?;
    if array(bytes, 9)? != [0; 3] {
        return None;
    }
    let number = u32::from_le_bytes(array(bytes, 12)?);
    let word = u64::from_le_bytes(array(bytes, 16)?);
    let head = match kind {
        CONTEXT => Head::Context { key: word },
        FORGET => Head::Forget { key: word },
        END => Head::End { next_seq: word, newest: i64::from_le_bytes(array(bytes, 24)?) },
        RUN | PACKED => {
            let run = Run {
                first_seq: word,
                count: number,
                time: i64::from_le_bytes(array(bytes, 24)?),
                context: u64::from_le_bytes(array(bytes, 32)?),
            };
            if run.count == 0 || run.first_seq.checked_add(u64::from(run.count)).is_none() {
                return None;
            }
            if kind == RUN {
                Head::Run(run)
            } else {
                let raw = usize::try_from(run.context).ok()?;
                if raw > ENTRY_LIMIT || raw > (total - HEAD_BYTES.min(total) + 1).saturating_mul(LZ4_RATIO) {
                    return None;
                }
                Head::Packed { run, raw }
            }
        }
        _ => Head::Unknown,
    };
    (total >= head.fixed_bytes()).then_some(head)
}

/// Whether the checksum of a whole entry is right.
pub(super) fn intact(entry: &[u8], salt: u32) -> bool {
    array(entry, 4).map(u32::from_le_bytes) == checksum(entry, salt)
}

/// Writes the checksum of a whole entry into it.
pub(super) fn seal(entry: &mut [u8], salt: u32) {
    if let Some(checksum) = checksum(entry, salt)
        && let Some(place) = entry.get_mut(4..PREFIX_BYTES)
    {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
}

fn checksum(entry: &[u8], salt: u32) -> Option<u32> {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(entry.get(..4)?);
    hasher.update(entry.get(PREFIX_BYTES..)?);
    Some(hasher.finalize())
}

/// Adds a run, without its checksum. The caller has bounded the payload.
pub(super) fn put_run(out: &mut Vec<u8>, run: &Run, payload: &[&[u8]]) {
    let length = payload.iter().map(|piece| piece.len()).sum::<usize>();
    out.extend_from_slice(&run_head(RUN, run, length));
    for piece in payload {
        out.extend_from_slice(piece);
    }
}

/// Adds packed runs, without the checksum.
pub(super) fn put_packed(out: &mut Vec<u8>, run: &Run, raw: usize, packed: &[u8]) {
    out.extend_from_slice(&run_head(PACKED, &Run { context: raw as u64, ..*run }, packed.len()));
    out.extend_from_slice(packed);
}

/// Adds what a context key means, without its checksum.
pub(super) fn put_context(out: &mut Vec<u8>, key: u64, description: &[u8]) {
    out.extend_from_slice(&short_head(CONTEXT, key, description.len()));
    out.extend_from_slice(description);
}

/// Adds the end of a context, without its checksum.
pub(super) fn put_forget(out: &mut Vec<u8>, key: u64) {
    out.extend_from_slice(&short_head(FORGET, key, 0));
}

/// Adds the end of a segment, without its checksum.
pub(super) fn put_end(out: &mut Vec<u8>, next_seq: u64, newest: i64) {
    out.extend_from_slice(&short_head(END, next_seq, 8));
    out.extend_from_slice(&newest.to_le_bytes());
}

/// Length of a context entry.
pub(super) fn context_bytes(description: &[u8]) -> usize {
    PREFIX_BYTES + SHORTEST_BODY + description.len()
}

fn run_head(kind: u8, run: &Run, varying: usize) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    let (front, rest) = head.split_at_mut(24);
    front.copy_from_slice(&short_head(kind, run.first_seq, varying + HEAD_BYTES - front.len()));
    let (time, context) = rest.split_at_mut(8);
    time.copy_from_slice(&run.time.to_le_bytes());
    context.copy_from_slice(&run.context.to_le_bytes());
    if let Some(count) = head.get_mut(12..16) {
        count.copy_from_slice(&run.count.to_le_bytes());
    }
    head
}

fn short_head(kind: u8, word: u64, varying: usize) -> [u8; PREFIX_BYTES + SHORTEST_BODY] {
    let mut head = [0; PREFIX_BYTES + SHORTEST_BODY];
    // Every caller keeps entries below ENTRY_LIMIT; a length that does not fit would be refused on reading.
    let body = u32::try_from(SHORTEST_BODY + varying).unwrap_or(u32::MAX);
    let (front, place) = head.split_at_mut(16);
    place.copy_from_slice(&word.to_le_bytes());
    let (length, rest) = front.split_at_mut(8);
    length.copy_from_slice(&u64::from(body).to_le_bytes());
    if let Some(first) = rest.first_mut() {
        *first = kind;
    }
    head
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
