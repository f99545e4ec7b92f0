//! What a session tells its shell to do, in order.

use crate::kapacitor::options::Options;
use std::ops::Range;

/// One thing to do. Ranges are offsets in the `input` of the call that appended the step.
///
/// What is to be sent is [`Points`](Step::Points) with `echo`, [`Echo`](Step::Echo) and [`Reply`](Step::Reply), and
/// what the shell sends for [`Snapshot`](Step::Snapshot) and [`Restore`](Step::Restore): in the order of the steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A run of point frames of a stream connection, to be kept one record each.
    Points {
        /// The frames with their length prefixes, contiguous.
        range: Range<usize>,
        /// How many frames.
        count: u32,
        /// Number of the first; the others follow by one.
        first_n: u64,
        /// Whether they go back.
        echo: bool,
    },
    /// Frames of a batch that go back. To be kept they are collected in the session.
    Echo {
        /// The frames with their length prefixes, contiguous.
        range: Range<usize>,
        /// How many frames.
        frames: u32,
    },
    /// A batch, or a part of one, to be kept as one record.
    Batch {
        /// Frames with their length prefixes: Begin first in every part, points in order, End last in the last part.
        /// A point outside a batch, or an End without a Begin, stands alone.
        frames: Vec<u8>,
        /// How many points are in it.
        points: u32,
        /// Its number.
        n: u64,
        /// Number of this part from 1, and of all parts in the last one. `None` for a batch in one piece.
        part: Option<(u32, Option<u32>)>,
        /// What was odd, of [`mark`](super::mark).
        marks: Vec<&'static str>,
    },
    /// A frame to be kept as it is, not understood. It does not go back.
    Opaque {
        /// The frame without its length prefix; for [`HALF_FRAME`](super::mark::HALF_FRAME) the bytes as they are.
        range: Range<usize>,
        /// Its number.
        n: u64,
        /// What was odd, of [`mark`](super::mark).
        marks: Vec<&'static str>,
    },
    /// A whole frame to be sent.
    Reply(Vec<u8>),
    /// Keepalive was asked; its answer is the next step. Lets the shell learn the interval.
    Keepalive {
        /// What the request said, nanoseconds since 1970.
        time: i64,
    },
    /// Init was accepted; its answer is the next step, the last one of this call.
    Opened(Opened),
    /// Init was refused with this sentence; its answer is the next step. Kapacitor will end the connection.
    Refused(String),
    /// All steps before must be durable; then the shell sends [`reply::snapshot`](crate::kapacitor::reply::snapshot).
    /// The last step of this call.
    Snapshot,
    /// The shell reads the bytes with [`Snapshot::decode`](crate::kapacitor::snapshot::Snapshot::decode), sets the
    /// numbering by [`Session::set_next_n`](super::Session::set_next_n), and sends
    /// [`reply::restored`](crate::kapacitor::reply::restored) whatever they are. The last step of this call.
    Restore(Vec<u8>),
}

/// What Init said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Task id; may be empty.
    pub task: String,
    /// Node id, for example `kaptap2`; may be empty.
    pub node: String,
    /// Options of the script.
    pub options: Options,
}
