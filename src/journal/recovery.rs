//! What is there when a journal is opened: found by reading only ([`survey`]), then put in order ([`repair`]).

use super::cursor::Cursor;
use super::error::{DAMAGE, SKIPPED};
use super::format::{self, Head, Header, HeaderError};
use super::segment::{Extent, Segment, Start};
use super::storage::{Storage, StorageFile};
use super::table::{self, Table};
use super::{OpenError, Recovery};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Readers never see more records than this that are not synced; so passing over as many after a power loss is enough
/// to never give a seq twice that somebody has seen.
pub(super) const UNSYNCED_RECORDS: u64 = 1 << 20;
/// A record takes at least a byte, and lz4 makes at most so much of one: a segment that cannot be read holds no more
/// records than its length times this.
const RECORDS_PER_BYTE: u64 = 256;

/// What is in a journal's directory.
#[derive(Default)]
pub(super) struct Survey {
    /// Readable segments in order, with their extents.
    pub(super) segments: Vec<Arc<Segment>>,
    /// Seq of the next record.
    pub(super) next_seq: u64,
    /// How many seqs just before it were passed over on purpose.
    pub(super) skipped: u64,
    /// How many files were looked at.
    pub(super) looked_at: usize,
    /// File with something behind its good part, the length of that, and how much behind it was not finished.
    torn: Option<(PathBuf, u64, u64)>,
    /// The newest segment. Even if it has its end, its writer may have been killed before that was synced.
    newest: Option<PathBuf>,
    gaps: Vec<(u64, u64, &'static str)>,
    /// Files that look like segments and cannot be read.
    pub(super) unreadable: Vec<Unreadable>,
    /// What was left of segments that were being begun.
    leftovers: Vec<PathBuf>,
}

/// A file that looks like a segment and cannot be read.
pub(super) struct Unreadable {
    pub(super) path: PathBuf,
    pub(super) reason: String,
    /// It was the disk that refused: the file may be fine, and be read another time.
    refused: bool,
}

/// A segment file as far as its two ends tell.
struct Found {
    path: PathBuf,
    length: u64,
    header: Header,
    /// `next_seq` and newest time of its END entry, if it has one.
    end: Option<(u64, i64)>,
}

impl Found {
    /// What the table says of a file.
    fn known(path: PathBuf, row: &table::Ended) -> Self {
        // The boot matters for a segment without end only.
        let header = Header { first_seq: row.first_seq, created: row.created, boot: 0, skipped: row.skipped };
        Self { path, length: row.length, header, end: Some((row.next_seq, row.newest)) }
    }
}

/// Looks at everything without changing anything. Only the newest segment is read through, and only if it was not
/// closed properly. Files that the table knows are not touched, but for the newest few.
pub(super) fn survey(storage: &dyn Storage, directory: &Path, table: &Table) -> Result<Survey, OpenError> {
    let mut survey = Survey::default();
    let names = names(storage, directory, &mut survey)?;
    let mut found: Vec<Found> = Vec::new();
    // First seq behind all that unreadable files newer than any readable one may hold.
    let mut beyond = None;
    // First seq of the files that turn out to be unreadable before any that is readable.
    let mut before = None;
    let old = names.len().saturating_sub(table::NEWEST);
    for (number, (first_seq, path, length, aside)) in names.into_iter().enumerate() {
        if !aside {
            let known = table.get(first_seq, length).filter(|_| number < old);
            survey.looked_at += usize::from(known.is_none());
            let looked = match known {
                Some(row) => Ok(Found::known(path, &row)),
                None => look_at(storage, &path, first_seq, length)?,
            };
            match looked {
                Ok(segment) => {
                    found.push(segment);
                    beyond = None;
                    continue;
                }
                Err(unreadable) => {
                    before = before.or(found.is_empty().then_some(first_seq));
                    survey.unreadable.push(unreadable);
                }
            }
        }
        beyond = beyond.max(Some(behind(first_seq, length)));
    }
    let Some(newest) = found.last_mut() else {
        survey.next_seq = beyond.unwrap_or(1);
        survey.note_gap(1, survey.next_seq - 1, DAMAGE);
        return Ok(survey);
    };
    let newest_first = newest.header.first_seq;
    let scanned = newest.end.is_none().then(|| scan(storage, newest));
    // When the power went, it had its end, and the zeros that were cut off before that may have come back behind it.
    newest.end = newest.end.or_else(|| scanned.as_ref().and_then(|scanned| scanned.ended));
    let newest = &*newest;
    survey.newest = Some(newest.path.clone());
    let seen = match (&newest.end, &scanned) {
        (Some((next_seq, _)), _) => *next_seq,
        (None, Some(scanned)) => scanned.next_seq,
        (None, None) => newest_first,
    };
    if let Some(unread) = scanned.as_ref().and_then(|scanned| scanned.unread) {
        beyond = beyond.max(Some(behind(seen, unread)));
    }
    let boot = storage.boot();
    survey.next_seq = seen;
    if let Some(beyond) = beyond {
        // Something newer cannot be read at all: whatever it may have held is passed over.
        survey.next_seq = seen.max(beyond);
    } else if newest.end.is_none() && (boot == 0 || boot != newest.header.boot) {
        survey.next_seq = seen.saturating_add(UNSYNCED_RECORDS);
        survey.skipped = UNSYNCED_RECORDS;
    }
    if seen == newest_first && survey.next_seq == seen {
        // The newest is empty and will be replaced by one that must say the same of what was before it.
        survey.skipped = newest.header.skipped;
    }
    if let (Some(before), Some(oldest)) = (before, found.first()) {
        // Told this once: later nobody can tell any more what retention took besides.
        survey.note_gap(before, oldest.header.first_seq.saturating_sub(1), DAMAGE);
    }
    survey.lay_out(&found, scanned.as_ref());
    Ok(survey)
}

/// Makes durable what is there, cuts the torn tail and the zeros written ahead, sets aside what cannot be read and
/// removes leftovers. But for the first, what cannot be done is not needed: reading comes to the same without it.
pub(super) fn repair(storage: &dyn Storage, directory: &Path, survey: &Survey) -> Result<Recovery, OpenError> {
    let mut recovery = Recovery { next_seq: survey.next_seq, gaps: survey.gaps.clone(), ..Recovery::default() };
    let mut changed = false;
    for path in &survey.leftovers {
        changed |= storage.remove(path).is_ok();
    }
    if let Some((path, length, bytes)) = &survey.torn {
        recovery.torn_bytes = *bytes;
        if storage.truncate(path, *length).is_ok()
            && let Some(newest) = survey.segments.last()
        {
            newest.update(|extent| extent.length = *length);
        }
    }
    for Unreadable { path, reason, refused } in &survey.unreadable {
        let aside = path.with_extension("kseg.quarantined");
        let renamed = !refused && storage.rename(path, &aside).is_ok();
        recovery.quarantined.push((if renamed { aside } else { path.clone() }, reason.clone()));
        changed |= renamed;
    }
    if let Some(path) = &survey.newest {
        // All that is found is taken as durable from now on, so it has to be.
        let io = |source| OpenError::Io { path: path.clone(), source };
        storage.open(path).and_then(|file| file.sync_data()).map_err(io)?;
        storage.sync_directory(directory).map_err(io)?;
    } else if changed {
        drop(storage.sync_directory(directory));
    }
    Ok(recovery)
}

/// A seq behind whatever this many bytes that cannot be read hold from `first_seq` on.
fn behind(first_seq: u64, bytes: u64) -> u64 {
    first_seq.saturating_add(bytes.saturating_mul(RECORDS_PER_BYTE)).saturating_add(UNSYNCED_RECORDS)
}

/// Segment files by their names, in order: first seq, path, length, and whether they were set aside before.
fn names(
    storage: &dyn Storage,
    directory: &Path,
    survey: &mut Survey,
) -> Result<Vec<(u64, PathBuf, u64, bool)>, OpenError> {
    let files = storage.list(directory).map_err(|source| OpenError::Io { path: directory.to_owned(), source })?;
    let mut names = Vec::new();
    for file in files {
        let path = directory.join(&file.name);
        match OsStr::to_str(&file.name).and_then(format::parse_file_name) {
            Some((first_seq, "")) => names.push((first_seq, path, file.length, false)),
            Some((first_seq, ".quarantined")) => names.push((first_seq, path, file.length, true)),
            Some((_, ".new")) => survey.leftovers.push(path),
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}

/// Reads both ends of a segment file, or says why it cannot be one.
fn look_at(
    storage: &dyn Storage,
    path: &Path,
    first_seq: u64,
    length: u64,
) -> Result<Result<Found, Unreadable>, OpenError> {
    let unreadable = |reason: String, refused| Ok(Err(Unreadable { path: path.to_owned(), reason, refused }));
    // Room for a header of a newer version, which may be longer.
    let mut front = [0; 1024];
    let (file, read) = match storage.open(path).and_then(|file| Ok((file.read_at(&mut front, 0)?, file))) {
        Ok((read, file)) => (file, read),
        Err(error) => return unreadable(error.to_string(), true),
    };
    let header = match Header::decode(front.get(..read).unwrap_or_default()) {
        Ok(header) if header.first_seq == first_seq => header,
        Ok(header) => {
            let reason = format!("its name says {first_seq} and its header {}", header.first_seq);
            return unreadable(reason, false);
        }
        Err(HeaderError::Version(found)) => {
            return Err(OpenError::Version { path: path.to_owned(), found, known: format::VERSION });
        }
        Err(HeaderError::Short) => return unreadable("shorter than a segment's header".to_owned(), false),
        // All that is needed to read the entries is in the name. A header that was hit costs nothing then.
        Err(HeaderError::Broken) if begins_with_entry(&*file, first_seq, length) => {
            Header { first_seq, created: 0, boot: 0, skipped: 0 }
        }
        Err(HeaderError::Broken) => return unreadable("not a segment, or its front is damaged".to_owned(), false),
    };
    let end = read_end(&*file, first_seq, length);
    Ok(Ok(Found { path: path.to_owned(), length, header, end }))
}

fn begins_with_entry(file: &dyn StorageFile, first_seq: u64, length: u64) -> bool {
    let at = format::HEADER_BYTES as u64;
    let mut front = [0; format::HEAD_BYTES];
    let Ok(read) = file.read_at(&mut front, at) else { return false };
    let total =
        front.get(..read).and_then(format::entry_bytes).filter(|total| *total as u64 <= length.saturating_sub(at));
    let Some(total) = total else { return false };
    let mut entry = vec![0; total];
    file.read_at(&mut entry, at).is_ok_and(|read| read == total) && format::intact(&entry, format::salt(first_seq))
}

fn read_end(file: &dyn StorageFile, first_seq: u64, length: u64) -> Option<(u64, i64)> {
    let mut entry = [0; format::END_BYTES];
    let offset = length.checked_sub(entry.len() as u64)?;
    if file.read_at(&mut entry, offset).ok()? != entry.len() || !format::intact(&entry, format::salt(first_seq)) {
        return None;
    }
    match format::head(&entry) {
        Some(Head::End { next_seq, newest }) if next_seq >= first_seq => Some((next_seq, newest)),
        _ => None,
    }
}

/// What reading through the newest segment found.
struct Scanned {
    next_seq: u64,
    newest: i64,
    valid_end: u64,
    /// Bytes behind that of an entry that was not finished.
    torn: u64,
    /// What its end says, if nothing but zeros stand behind that.
    ended: Option<(u64, i64)>,
    /// Missing seqs between records.
    holes: Vec<(u64, u64)>,
    /// Bytes behind a place at which the disk failed.
    unread: Option<u64>,
}

fn scan(storage: &dyn Storage, found: &Found) -> Scanned {
    let first_seq = found.header.first_seq;
    let start = format::HEADER_BYTES as u64;
    let (newest, holes) = (i64::MIN, Vec::new());
    let mut scanned =
        Scanned { next_seq: first_seq, newest, valid_end: start, torn: 0, ended: None, holes, unread: None };
    let Ok(file) = storage.open(&found.path) else {
        scanned.unread = Some(found.length);
        return scanned;
    };
    let mut cursor = Cursor::new(file, first_seq, Start { offset: start, ..Start::default() });
    loop {
        match cursor.next(0, found.length) {
            Ok(Some((run, _))) => {
                if run.first_seq > scanned.next_seq {
                    scanned.holes.push((scanned.next_seq, run.first_seq - 1));
                }
                scanned.next_seq = scanned.next_seq.max(run.last() + 1);
            }
            Ok(None) => break,
            Err(_) => {
                scanned.unread = Some(found.length.saturating_sub(cursor.offset()));
                break;
            }
        }
    }
    scanned.newest = cursor.tally().newest.unwrap_or(i64::MIN);
    scanned.valid_end = cursor.tally().valid_end;
    scanned.torn = cursor.tally().torn;
    let ended = cursor.tally().ended.filter(|_| scanned.torn == 0);
    scanned.ended = ended.filter(|(next_seq, _)| *next_seq >= scanned.next_seq);
    scanned
}

impl Survey {
    /// Bytes of an unfinished entry behind the last whole one of the newest segment.
    pub(super) fn torn_bytes(&self) -> u64 {
        self.torn.as_ref().map_or(0, |(.., bytes)| *bytes)
    }

    fn note_gap(&mut self, first: u64, last: u64, reason: &'static str) {
        if first <= last {
            self.gaps.push((first, last, reason));
        }
    }

    /// Fills in the segments, where each ends, and what is missing between them.
    fn lay_out(&mut self, found: &[Found], scanned: Option<&Scanned>) {
        let behind = found.iter().skip(1).map(Some).chain([None]);
        for (segment, next) in found.iter().zip(behind) {
            let first_seq = segment.header.first_seq;
            let (limit, skipped) = match next {
                Some(next) => (next.header.first_seq, next.header.skipped),
                None => (self.next_seq, self.skipped),
            };
            let (end, length) = (segment.length, segment.length);
            let mut extent = Extent { end, length, limit, skipped, ..Extent::empty(first_seq) };
            extent.ended = segment.end.map(|(next_seq, _)| next_seq);
            if let (None, Some(scanned)) = (next, scanned) {
                extent.end = scanned.valid_end;
                for (first, last) in &scanned.holes {
                    self.note_gap(*first, *last, DAMAGE);
                }
                let cut = segment.length > scanned.valid_end && scanned.unread.is_none();
                self.torn = cut.then(|| (segment.path.clone(), scanned.valid_end, scanned.torn));
            }
            let known_next = match (segment.end, next, scanned) {
                (Some((next_seq, newest)), ..) => {
                    extent.newest = newest;
                    next_seq
                }
                // The time when the next was begun is as good as the newest time, a little later at most.
                (None, Some(next), _) => {
                    extent.newest = if next.header.created == 0 { i64::MAX } else { next.header.created };
                    limit.saturating_sub(skipped)
                }
                (None, None, Some(scanned)) => {
                    extent.newest = scanned.newest;
                    scanned.next_seq
                }
                (None, None, None) => first_seq,
            };
            extent.last = known_next.min(limit).saturating_sub(1).max(first_seq.saturating_sub(1));
            self.note_gap(extent.last + 1, limit.saturating_sub(skipped).saturating_sub(1), DAMAGE);
            self.note_gap(limit.saturating_sub(skipped).max(extent.last + 1), limit - 1, SKIPPED);
            if next.is_none() && known_next == limit {
                // Nothing is missing behind it yet; it is open for the next segment to say where that begins.
                extent.limit = u64::MAX;
                extent.skipped = 0;
            }
            let segment = Segment::new(segment.path.clone(), first_seq, segment.header.created, extent);
            self.segments.push(Arc::new(segment));
        }
    }
}
