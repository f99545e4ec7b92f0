#![no_main]
//! The UDF session on any input: what it sends is a sequence that Kapacitor accepts, nothing is lost, and where the
//! input is cut makes no difference. The first byte chooses the edge and the bounds, the second the cuts.

#[path = "../../tests/session_acceptance/acceptor.rs"]
mod acceptor;
#[path = "../../tests/session_acceptance/shell.rs"]
mod shell;
#[path = "../../tests/session_acceptance/wire.rs"]
#[expect(dead_code, reason = "frames are built by the tests only")]
mod wire;

use kaptap::kapacitor::session::{EdgeKind, Limits, mark};
use shell::{Kept, play};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [choice, step, stream @ ..] = data else { return };
    let edge = if choice & 1 == 0 { EdgeKind::Stream } else { EdgeKind::Batch };
    let limits = if choice & 2 == 0 {
        Limits { max_frame: 1 << 20, ..Limits::default() }
    } else {
        Limits { max_frame: 4_000, batch_points: 3, batch_bytes: 600 }
    };
    let mut whole = play(edge, limits, stream, []);
    let mut cut = play(edge, limits, stream, (0..stream.len()).step_by(usize::from(*step) + 1));
    if whole.error.is_some() {
        // How much had been read behind the frame at fault is the reader's affair.
        for outcome in [&mut whole, &mut cut] {
            assert!(matches!(outcome.kept.pop(), Some(Kept::Opaque { marks, .. }) if marks == [mark::HALF_FRAME]));
        }
    }
    assert!(whole == cut, "where the input is cut makes a difference");
});
