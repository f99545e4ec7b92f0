//! Anything at all: arbitrary bytes, arbitrary sequences of frames, recordings with damage. What is sent is always a
//! sequence that Kapacitor accepts, nothing is lost, and where the input was cut makes no difference.

use crate::recorded::RECORDINGS;
use crate::shell::{Kept, play};
use crate::wire::{field, framed, number, varint};
use kaptap::kapacitor::session::{EdgeKind, Limits, mark};
use kaptap::kapacitor::snapshot::Snapshot;
use proptest::prelude::*;

/// Small bounds, so that they are met.
const LIMITS: Limits = Limits { max_frame: 2_000, batch_points: 3, batch_bytes: 100 };

fn check_any(edge: EdgeKind, stream: &[u8], limits: Limits, steps: &[usize]) {
    let mut whole = play(edge, limits, stream, []);
    let cuts = steps.iter().cycle().scan(0, |at, step| {
        *at += step;
        (*at < stream.len()).then_some(*at)
    });
    let mut cut = play(edge, limits, stream, cuts);
    if whole.error.is_some() {
        // How much had been read behind the frame at fault is the reader's affair.
        for outcome in [&mut whole, &mut cut] {
            assert!(matches!(outcome.kept.pop(), Some(Kept::Opaque { marks, .. }) if marks == [mark::HALF_FRAME]));
        }
    }
    assert!(whole == cut, "where the input is cut makes a difference: {whole:02x?}\n{cut:02x?}");
}

fn edge() -> impl Strategy<Value = EdgeKind> {
    prop_oneof![Just(EdgeKind::Stream), Just(EdgeKind::Batch)]
}

fn steps() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![Just(vec![1]), prop::collection::vec(1_usize..400, 1..20)]
}

fn size() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 0_i64..5,
        1 => prop_oneof![Just(-1), Just(1 << 26), Just((1 << 26) + 1), Just(i64::MIN), Just(1 << 40)],
        1 => any::<i64>(),
    ]
}

fn begin() -> impl Strategy<Value = Vec<u8>> {
    let one = size().prop_map(|size| field(16, &number(4, size.cast_unsigned())));
    let named = (size(), "[a-z]{0,8}")
        .prop_map(|(size, name)| field(16, &[field(1, name.as_bytes()), number(4, size.cast_unsigned())].concat()));
    let two_sizes = (size(), size()).prop_map(|(first, second)| {
        field(16, &[number(4, first.cast_unsigned()), number(4, second.cast_unsigned())].concat())
    });
    let strange = (size(), prop::collection::vec(any::<u8>(), 0..6))
        .prop_map(|(size, tail)| field(16, &[number(4, size.cast_unsigned()), tail].concat()));
    // The size as another wire type, a name that is no text, no size at all.
    let other =
        prop_oneof![Just(field(16, &field(4, b"xx"))), Just(field(16, &field(1, b"\xFF"))), Just(field(16, b""))];
    prop_oneof![6 => one, 3 => named, 1 => two_sizes, 1 => strange, 1 => other]
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let option = |name: &str, value: Vec<u8>| field(1, &[field(1, name.as_bytes()), field(2, &value)].concat());
    let init = move |echo: bool| field(2, &[option("echo", number(2, u64::from(echo))), field(2, b"task")].concat());
    prop_oneof![
        1 => Just(field(1, b"")),
        1 => any::<bool>().prop_map(init),
        1 => Just(field(2, &option("ehco", number(2, 1)))),
        1 => any::<i64>().prop_map(|time| field(3, &number(1, time.cast_unsigned()))),
        3 => Just(field(4, b"")),
        1 => (1_u64..1_000).prop_map(|last_n| field(5, &field(1, &Snapshot { stream: 1, last_n }.encode()))),
        1 => Just(field(5, &field(1, b"another's"))),
        // Requests whose bodies are damaged.
        1 => (1_u64..6).prop_map(|number| field(number, b"\xFF\xFF\x07")),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let point = prop::collection::vec(any::<u8>(), 0..20).prop_map(|name| field(17, &field(2, &name)));
    let end = Just(field(18, &number(3, 5)));
    let plain = prop_oneof![
        6 => begin(),
        12 => point,
        5 => end,
        4 => request(),
        1 => Just(vec![]),
        1 => Just(field(6, &field(1, b"would stop the task"))),
        1 => (7_u64..40).prop_map(|unknown| field(unknown, b"?")),
        1 => (16_u64..19, prop::collection::vec(any::<u8>(), 0..12)).prop_map(|(kind, body)| field(kind, &body)),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
    .boxed();
    let pair = (plain.clone(), plain.clone()).prop_map(|(first, second)| [first, second].concat());
    prop_oneof![12 => plain, 2 => pair]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn sequences_of_frames(edge in edge(), messages in prop::collection::vec(message(), 0..60), steps in steps()) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        check_any(edge, &stream, LIMITS, &steps);
    }

    #[test]
    fn arbitrary_bytes(edge in edge(), stream in prop::collection::vec(any::<u8>(), 0..600), steps in steps()) {
        check_any(edge, &stream, LIMITS, &steps);
    }

    #[test]
    fn lengths_of_any_form(edge in edge(), message in message(), padding in 0_usize..10, steps in steps()) {
        // The same length with continuation bytes that carry nothing.
        let mut prefix = varint(message.len() as u64);
        for _ in 0..padding {
            *prefix.last_mut().unwrap() |= 0x80;
            prefix.push(0);
        }
        let stream = [framed(&message), prefix, message].concat();
        check_any(edge, &stream, LIMITS, &steps);
    }
}

#[derive(Debug, Clone)]
enum Damage {
    Set(u8),
    Remove(usize),
    Insert(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<u8>().prop_map(Damage::Set),
        (1_usize..10).prop_map(Damage::Remove),
        prop::collection::vec(any::<u8>(), 1..10).prop_map(Damage::Insert),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_recordings(
        which in any::<prop::sample::Index>(),
        edge in prop::option::of(edge()),
        length in 1_usize..12_000,
        damages in prop::collection::vec((any::<prop::sample::Index>(), damage()), 1..20),
        steps in steps(),
    ) {
        let recording = &RECORDINGS[which.index(RECORDINGS.len())];
        let mut stream = recording.stream[..length.min(recording.stream.len())].to_vec();
        for (at, damage) in damages {
            let at = at.index(stream.len().max(1)).min(stream.len());
            match damage {
                Damage::Set(byte) => stream[at..].iter_mut().take(1).for_each(|old| *old = byte),
                Damage::Remove(count) => drop(stream.drain(at..(at + count).min(stream.len()))),
                Damage::Insert(bytes) => drop(stream.splice(at..at, bytes)),
            }
        }
        let limits = Limits { max_frame: 1 << 20, batch_points: 5, batch_bytes: 1_500 };
        check_any(edge.unwrap_or(recording.edge), &stream, limits, &steps);
    }
}
