//! A shell around the session without sockets: does the steps as the real one does, and holds the session to its word.

use crate::acceptor::Acceptor;
use crate::wire;
use kaptap::kapacitor::frame::MAX_PREFIX;
use kaptap::kapacitor::reply;
use kaptap::kapacitor::session::{EdgeKind, FrameError, Limits, Opened, Session, Step, mark};
use kaptap::kapacitor::snapshot::Snapshot;
use std::collections::HashMap;
use std::ops::Range;

/// One record as it would go to the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A point of a stream, without its prefix.
    Point { n: u64, frame: Vec<u8> },
    /// A batch or a part of one, with prefixes.
    Batch { n: u64, frames: Vec<u8>, points: u32, part: Option<(u32, Option<u32>)>, marks: Vec<&'static str> },
    /// Anything else, without its prefix.
    Opaque { n: u64, bytes: Vec<u8>, marks: Vec<&'static str> },
}

/// What came of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// All that was sent.
    pub(crate) sent: Vec<u8>,
    /// All that was kept.
    pub(crate) kept: Vec<Kept>,
    /// Inits accepted.
    pub(crate) opened: Vec<Opened>,
    /// Sentences of Inits refused.
    pub(crate) refused: Vec<String>,
    /// Times of keepalives asked.
    pub(crate) keepalives: Vec<i64>,
    /// The error that ended the connection.
    pub(crate) error: Option<FrameError>,
    /// Requests answered.
    answered: usize,
}

struct Shell {
    session: Session,
    limits: Limits,
    buffer: Vec<u8>,
    next_n: u64,
    outcome: Outcome,
}

/// Plays `stream`, cut at the offsets `cuts`, and checks all that must hold for any input.
pub(crate) fn play(edge: EdgeKind, limits: Limits, stream: &[u8], cuts: impl IntoIterator<Item = usize>) -> Outcome {
    let session = Session::new(edge, limits);
    let mut shell = Shell { session, limits, buffer: Vec::new(), next_n: 1, outcome: Outcome::default() };
    let mut from = 0;
    for cut in cuts.into_iter().chain([stream.len()]) {
        let cut = cut.clamp(from, stream.len());
        shell.arrive(&stream[from..cut]);
        from = cut;
    }
    let outcome = shell.finish();
    Acceptor::new(edge, stream).accept(&outcome.sent, outcome.error.is_some());
    if outcome.error.is_none() {
        check_nothing_lost(stream, &outcome);
    }
    outcome
}

impl Shell {
    fn arrive(&mut self, bytes: &[u8]) {
        if self.outcome.error.is_some() {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        loop {
            let mut steps = Vec::new();
            match self.session.receive(&self.buffer, &mut steps) {
                Ok(0) => {
                    assert_eq!(steps, [], "steps for nothing consumed");
                    break;
                }
                Ok(consumed) => {
                    self.act(steps, consumed);
                    self.buffer.drain(..consumed);
                }
                Err(error) => {
                    assert_eq!(steps, [], "steps beside an error");
                    assert_eq!(self.session.wanted(&self.buffer), 0);
                    self.outcome.sent.extend(reply::error(&error.to_string()));
                    self.outcome.error = Some(error);
                    return;
                }
            }
            let longest = self.limits.max_frame + MAX_PREFIX;
            assert!(self.session.held() <= longest + longest.max(self.limits.batch_bytes), "holds too much");
        }
        let wanted = self.session.wanted(&self.buffer);
        assert!(wanted > 0 && wanted <= self.buffer.len() + (64 << 10), "wants {wanted} bytes");
    }

    fn finish(mut self) -> Outcome {
        let (mut steps, rest) = (Vec::new(), self.buffer.len());
        self.session.end(&self.buffer, &mut steps);
        self.act(steps, rest);
        self.outcome
    }

    fn act(&mut self, steps: Vec<Step>, consumed: usize) {
        let mut from = 0;
        let count = steps.len();
        for (index, step) in steps.into_iter().enumerate() {
            let last = index + 1 == count;
            match step {
                Step::Points { range, count, first_n, echo } => {
                    let run = self.cut_out(range, &mut from, consumed);
                    let (frames, left) = wire::frames(&run);
                    assert_eq!((frames.len(), left), (count as usize, 0));
                    for (frame, n) in frames.into_iter().zip(first_n..) {
                        self.number(n);
                        self.outcome.kept.push(Kept::Point { n, frame: frame.to_vec() });
                    }
                    if echo {
                        self.outcome.sent.extend(run);
                    }
                }
                Step::Echo { range, frames } => {
                    let run = self.cut_out(range, &mut from, consumed);
                    assert_eq!(wire::frames(&run).0.len(), frames as usize);
                    self.outcome.sent.extend(run);
                }
                Step::Batch { frames, points, n, part, marks } => {
                    self.number(n);
                    assert!(points <= self.limits.batch_points, "a part of {points} points");
                    self.outcome.kept.push(Kept::Batch { n, frames, points, part, marks });
                }
                Step::Opaque { range, n, marks } => {
                    self.number(n);
                    let bytes = self.cut_out(range, &mut from, consumed);
                    self.outcome.kept.push(Kept::Opaque { n, bytes, marks });
                }
                Step::Reply(frame) => {
                    self.outcome.answered += 1;
                    self.outcome.sent.extend(frame);
                }
                Step::Keepalive { time } => self.outcome.keepalives.push(time),
                Step::Opened(opened) => self.outcome.opened.push(opened),
                Step::Refused(sentence) => self.outcome.refused.push(sentence),
                Step::Snapshot => {
                    assert!(last, "steps after a snapshot");
                    self.outcome.answered += 1;
                    let snapshot = Snapshot { stream: 7, last_n: self.next_n - 1 };
                    self.outcome.sent.extend(reply::snapshot(&snapshot.encode()));
                }
                Step::Restore(bytes) => {
                    assert!(last, "steps after a restore");
                    self.outcome.answered += 1;
                    if let Some(snapshot) = Snapshot::decode(&bytes) {
                        self.next_n = snapshot.last_n + 1;
                        self.session.set_next_n(self.next_n);
                    }
                    self.outcome.sent.extend(reply::restored());
                }
            }
        }
        assert_eq!(self.session.next_n(), self.next_n);
    }

    /// The bytes of a range, which must come after the ones before and lie in what was consumed.
    fn cut_out(&self, range: Range<usize>, from: &mut usize, consumed: usize) -> Vec<u8> {
        assert!(*from <= range.start && range.end <= consumed, "{range:?} after {from}, of {consumed} consumed");
        *from = range.end;
        self.buffer[range].to_vec()
    }

    fn number(&mut self, n: u64) {
        assert_eq!(n, self.next_n, "records are numbered without a gap");
        self.next_n += 1;
    }
}

/// Every frame is answered or kept, byte for byte and exactly once; the bytes of a half frame are kept too.
fn check_nothing_lost(stream: &[u8], outcome: &Outcome) {
    let (frames, half) = wire::frames(stream);
    let mut count: HashMap<&[u8], usize> = HashMap::new();
    for frame in &frames {
        *count.entry(frame).or_default() += 1;
    }
    let (mut kept, mut both, mut kept_half) = (0, 0, 0);
    let mut keep = |frame: &[u8]| {
        kept += 1;
        let left = count.get_mut(frame).expect("a record that never came");
        *left = left.checked_sub(1).expect("a frame kept twice");
    };
    for record in &outcome.kept {
        match record {
            Kept::Point { frame, .. } => keep(frame),
            Kept::Batch { frames, part, .. } => {
                let (frames, left) = wire::frames(frames);
                assert_eq!(left, 0);
                // Begin stands in every part and came once.
                let repeated = usize::from(part.is_some_and(|(number, _)| number > 1));
                frames[repeated..].iter().for_each(|frame| keep(frame));
            }
            Kept::Opaque { bytes, marks, .. } if marks == &[mark::HALF_FRAME] => kept_half += bytes.len(),
            Kept::Opaque { bytes, marks, .. } => {
                keep(bytes);
                both += usize::from(marks == &[mark::MALFORMED_REQUEST]);
            }
        }
    }
    assert_eq!(kept_half, half, "the half frame at the end");
    assert_eq!(kept + outcome.answered - both, frames.len(), "every frame is kept or answered");
}
