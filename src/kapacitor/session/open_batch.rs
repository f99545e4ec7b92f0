//! The batch that is open on a connection: collects its frames and gives them up in parts.

use super::{Limits, mark};

/// A batch between its Begin and its End.
///
/// Bound: what is held is the Begin, and points up to [`Limits::batch_points`] and [`Limits::batch_bytes`]; a point that
/// is longer than that by itself is held alone. When the next point would go beyond it, what is held becomes a part.
#[derive(Debug)]
pub(super) struct OpenBatch {
    /// Begin, then the points of the part that is being collected; with length prefixes.
    frames: Vec<u8>,
    /// Length of Begin at the front of `frames`, bytes.
    begin: usize,
    /// Points in `frames`.
    points: u32,
    /// Parts given up so far.
    parts: u32,
    /// Points received in all parts.
    received: u64,
    /// What Begin said; 0 when that was nothing, or cannot be trusted.
    size: u64,
    /// What was odd about Begin. Said of every part.
    marks: Vec<&'static str>,
    /// Whether its points and its End go back. Then the peer has a batch open.
    pub(super) echo: bool,
}

/// A batch or a part of one, to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) frames: Vec<u8>,
    pub(super) points: u32,
    pub(super) place: Option<(u32, Option<u32>)>,
    pub(super) marks: Vec<&'static str>,
}

impl Part {
    /// A frame that belongs to no batch.
    pub(super) fn stray(frame: &[u8], points: u32, mark: &'static str) -> Self {
        Self { frames: frame.to_vec(), points, place: None, marks: vec![mark] }
    }
}

impl OpenBatch {
    /// Opens a batch with its Begin, given with its length prefix.
    pub(super) fn new(begin: &[u8], size: i64, marks: Vec<&'static str>, echo: bool) -> Self {
        Self {
            frames: begin.to_vec(),
            begin: begin.len(),
            points: 0,
            parts: 0,
            received: 0,
            size: u64::try_from(size).unwrap_or(0),
            marks,
            echo,
        }
    }

    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.frames.len()
    }

    /// Takes in a point, given with its length prefix. What was held before is given up if both would be too much.
    pub(super) fn add(&mut self, point: &[u8], limits: &Limits) -> Option<Part> {
        let full =
            self.points >= limits.batch_points || self.frames.len() - self.begin + point.len() > limits.batch_bytes;
        let part = if full && self.points > 0 { self.cut() } else { None };
        self.frames.extend_from_slice(point);
        self.points += 1;
        self.received += 1;
        part
    }

    /// Gives up what was received since the last part. `None` when that is nothing.
    pub(super) fn cut(&mut self) -> Option<Part> {
        if self.points == 0 && self.parts > 0 {
            return None;
        }
        let begin = self.frames.get(..self.begin).unwrap_or_default().to_vec();
        self.parts = self.parts.saturating_add(1);
        Some(Part {
            frames: std::mem::replace(&mut self.frames, begin),
            points: std::mem::take(&mut self.points),
            place: Some((self.parts, None)),
            marks: self.marks.clone(),
        })
    }

    /// Gives up the rest: with its End, given with its length prefix, or cut short without one.
    pub(super) fn close(mut self, end: Option<&[u8]>) -> Part {
        match end {
            Some(end) => {
                self.frames.extend_from_slice(end);
                // Size 0 says that the number of points was not known.
                if self.size > 0 && self.size != self.received {
                    self.marks.push(mark::SIZE_MISMATCH);
                }
            }
            None => self.marks.push(mark::CUT_SHORT),
        }
        let last = self.parts.saturating_add(1);
        let place = (last > 1).then_some((last, Some(last)));
        Part { frames: self.frames, points: self.points, place, marks: self.marks }
    }
}
