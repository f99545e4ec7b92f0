//! Followers that want the same share the work: what one has read and written out is there for the others.
//!
//! A board holds the last pages of one wish (form, raw, filter), as bytes. A follower finds its place in them; the one
//! that is at their end reads on, once for all, while the others wait for what it finds. One that is behind them reads
//! for itself, as far as the board begins, and so comes to share again. A page that tells of a gap is not shared, so that
//! nobody is told of a stretch twice.
//!
//! A board keeps [`KEPT`] bytes at most, and nothing as long as it has a single follower.

use super::background::{Background, Failed};
use super::feed::{Done, Read};
use super::page::{Form, Page};
use super::scan::{Found, Scan, Step, Times};
use crate::filter::Filter;
use crate::journal::Journal;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Bytes of pages that a board keeps for those who come a little later.
const KEPT: usize = 512 << 10;

/// Sheets that it keeps; those of a narrow filter are small.
const SHEETS: usize = 256;

/// What followers want, if there is no bound to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Wish {
    form: Form,
    raw: bool,
    filter: Option<String>,
}

/// The boards that are in use: as many as there are followers at most. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Boards {
    boards: Arc<Mutex<HashMap<Wish, Weak<Board>>>>,
}

impl Boards {
    /// The board of those who want this.
    pub(super) fn of(&self, form: Form, raw: bool, filter: Option<&Filter>) -> Arc<Board> {
        let wish = Wish { form, raw, filter: filter.map(|filter| filter.as_str().to_owned()) };
        let mut boards = self.boards.lock().unwrap_or_else(PoisonError::into_inner);
        boards.retain(|_, board| board.strong_count() > 0);
        if let Some(board) = boards.get(&wish).and_then(Weak::upgrade) {
            return board;
        }
        let board = Arc::new(Board {
            form,
            raw,
            filter: filter.cloned(),
            ring: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        });
        boards.insert(wish, Arc::downgrade(&board));
        board
    }
}

/// What followers of one wish share.
#[derive(Debug)]
pub(super) struct Board {
    form: Form,
    raw: bool,
    filter: Option<Filter>,
    ring: Mutex<Ring>,
    /// Held by the one who reads on; what it reads with.
    turn: tokio::sync::Mutex<Option<Box<(Scan, Page)>>>,
}

/// What a board has for a position.
pub(super) enum Given {
    /// This: what was read.
    Read(Done),
    /// Nothing so old: up to here, inclusive, the follower reads for itself.
    Apart(u64),
}

impl Board {
    /// Reads on from `position`, or takes what another has read there.
    ///
    /// # Errors
    /// The outer one when reading cannot go on, the inner one when it may be tried again.
    pub(super) async fn read(
        self: &Arc<Self>,
        position: u64,
        journal: &Journal,
        background: &Background,
    ) -> Result<Read<Given>, Failed> {
        if let Some(given) = self.ring().find(position) {
            return Ok(Ok(given));
        }
        let mut turn = self.turn.lock().await;
        // Another may have read on while this one waited for its turn.
        if let Some(given) = self.ring().find(position) {
            return Ok(Ok(given));
        }
        let mut work = turn.take().unwrap_or_else(|| {
            let scan = Scan::new(journal, position, u64::MAX, Times::default(), self.filter.clone());
            Box::new((scan, Page::new(self.form, self.raw, None)))
        });
        work.0.go_to(journal, position);
        let shared = Arc::strong_count(self) > 1;
        let (work, read) = background
            .run(move || {
                let (scan, page) = work.as_mut();
                let mut marks = Vec::new();
                let read = scan.step(|found| {
                    if let (true, Found::Event(event)) = (shared, &found) {
                        marks.push((event.seq, page.length()));
                    }
                    page.take(&found)
                });
                let sheet = read.map(|step| {
                    let (bytes, gaps) = page.send();
                    (Sheet { first: position, next: scan.position(), bytes: bytes.into(), marks }, gaps, step)
                });
                (work, sheet)
            })
            .await?;
        let (sheet, gaps, step) = match read {
            Ok(read) => read,
            // What was found before the failure is read again.
            Err(error) => return Ok(Err(error)),
        };
        *turn = Some(work);
        let done = Done { bytes: sheet.bytes.clone(), gaps, step, position: sheet.next };
        self.ring().push(sheet, shared && gaps == 0);
        Ok(Ok(Given::Read(done)))
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last pages, one behind the other without a gap in between.
#[derive(Debug, Default)]
struct Ring {
    sheets: VecDeque<Sheet>,
    bytes: usize,
    /// Where they begin, and the position behind them.
    first: u64,
    next: u64,
}

/// What was found from one position up to another.
#[derive(Debug)]
struct Sheet {
    first: u64,
    next: u64,
    bytes: Bytes,
    /// Seq and place of each event in it.
    marks: Vec<(u64, usize)>,
}

impl Ring {
    /// What there is for a position; `None` at the end, and beyond.
    fn find(&self, position: u64) -> Option<Given> {
        if position < self.first {
            return Some(Given::Apart(self.first - 1));
        }
        let begin = self.sheets.partition_point(|sheet| sheet.next <= position);
        let last = self.sheets.back().filter(|_| position < self.next)?;
        let found = self.sheets.range(begin..).find_map(|sheet| {
            let mark = sheet.marks.partition_point(|(seq, _)| *seq < position);
            let (_, place) = sheet.marks.get(mark)?;
            Some((sheet.bytes.slice(place..), sheet.next))
        });
        // Where nothing passed the filter, there is nothing but the way on.
        let (bytes, position) = found.unwrap_or((Bytes::new(), last.next));
        Some(Given::Read(Done { bytes, gaps: 0, step: Step::More, position }))
    }

    fn push(&mut self, sheet: Sheet, keep: bool) {
        if !keep || sheet.first != self.next {
            self.sheets.clear();
            self.bytes = 0;
            self.first = if keep { sheet.first } else { sheet.next };
        }
        self.next = sheet.next;
        if !keep {
            return;
        }
        self.bytes += sheet.bytes.len();
        self.sheets.push_back(sheet);
        while self.bytes > KEPT || self.sheets.len() > SHEETS {
            let Some(oldest) = self.sheets.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            self.first = oldest.next;
        }
    }
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
