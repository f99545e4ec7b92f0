//! What may happen to a journal, and the histories that chance makes of it.

use crate::dice::Dice;
use crate::disk::{CHANGES, Call, Cut, Fault};
use kaptap::journal::{Share, Sync};
use std::io::ErrorKind;
use std::time::Duration;

pub(crate) const CONTEXTS: u64 = 4;

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Append {
        context: u64,
        count: u32,
        length: usize,
        sync: Sync,
        share: Share,
        later: i64,
    },
    Describe {
        context: u64,
        version: u8,
    },
    Forget {
        context: u64,
    },
    AskSync,
    WaitWritten,
    WaitDurable,
    Follow {
        blocks: u64,
    },
    ReadFrom {
        permille: u64,
    },
    SeekTime {
        permille: u64,
    },
    Inspect,
    Fault(Fault),
    Mend,
    Block(Vec<Call>),
    Unblock,
    CutSoon {
        after: u64,
        cut: Cut,
    },
    /// Perhaps when all is written, and not all synced.
    CutNow {
        written: bool,
        cut: Cut,
    },
    Close {
        then: Option<Cut>,
    },
}

/// How the journal of a history is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) compression: bool,
    pub(crate) segment_bytes: u64,
    pub(crate) max_bytes: u64,
    /// With any, all that was appended is too old at once: only the newest segment stays.
    pub(crate) max_age: Option<Duration>,
    pub(crate) buffer_bytes: usize,
    pub(crate) sync_interval: Duration,
}

pub(crate) fn manner(dice: &mut Dice) -> Manner {
    Manner {
        compression: dice.once_in(3),
        segment_bytes: dice.pick(&[4 << 10, 4 << 10, 16 << 10]),
        max_bytes: dice.pick(&[16 << 10, 32 << 10, 1 << 30]),
        max_age: dice.once_in(8).then_some(Duration::from_hours(1)),
        buffer_bytes: dice.pick(&[8 << 10, 64 << 10, 1 << 20]),
        sync_interval: Duration::from_millis(dice.pick(&[0, 1, 3_600_000])),
    }
}

pub(crate) fn steps(dice: &mut Dice) -> Vec<Step> {
    let most = dice.pick(&[8, 20, 50, 150]);
    let number = 1 + dice.below(most);
    // Some histories are of one kind of append only, some without any fault, some have long lives.
    let only = dice.once_in(3).then(|| sync(dice));
    let faults = !dice.once_in(3);
    let calm = dice.pick(&[1, 3, 10]);
    let mut steps = Vec::new();
    for _ in 0..number {
        let step = step(dice, only, faults);
        let ends_life = matches!(step, Step::CutSoon { .. } | Step::CutNow { .. } | Step::Close { .. });
        steps.push(if ends_life && !dice.once_in(calm) { append(dice, only) } else { step });
    }
    steps
}

fn append(dice: &mut Dice, only: Option<Sync>) -> Step {
    Step::Append {
        context: dice.below(CONTEXTS),
        count: u32::try_from(1 + dice.below(4)).unwrap(),
        length: if dice.once_in(8) { 1_000 + dice.index(3_500) } else { dice.index(400) },
        sync: only.unwrap_or_else(|| sync(dice)),
        share: dice.pick(&[Share::Common, Share::Last]),
        later: i64::try_from(dice.below(20)).unwrap() - 5,
    }
}

fn sync(dice: &mut Dice) -> Sync {
    dice.pick(&[Sync::Commit, Sync::Interval, Sync::Os])
}

fn step(dice: &mut Dice, only: Option<Sync>, faults: bool) -> Step {
    let permille = |dice: &mut Dice| dice.below(1001);
    let cut = |dice: &mut Dice| dice.pick(&[Cut::Kill, Cut::Power, Cut::Power]);
    match dice.below(100) {
        0..=44 => append(dice, only),
        45..=52 => Step::Describe { context: dice.below(CONTEXTS), version: dice.pick(&[1, 2, 3]) },
        53..=56 => Step::Forget { context: dice.below(CONTEXTS) },
        57..=58 => Step::AskSync,
        59..=64 => Step::WaitWritten,
        65..=70 => Step::WaitDurable,
        71..=74 => Step::Follow { blocks: dice.below(8) },
        75..=77 => Step::ReadFrom { permille: permille(dice) },
        78..=79 => Step::SeekTime { permille: permille(dice) },
        80 => Step::Inspect,
        81..=85 if faults => {
            let calls = if dice.once_in(3) { CHANGES.to_vec() } else { vec![dice.pick(CHANGES)] };
            let error = dice.pick(&[ErrorKind::StorageFull, ErrorKind::Other]);
            Step::Fault(Fault { calls, after: dice.below(6), times: 1 + dice.below(2), error })
        }
        86 if faults => Step::Fault(Fault { calls: vec![Call::Read], after: 0, times: 1, error: ErrorKind::Other }),
        87 if faults => Step::Block(vec![dice.pick(&[Call::Write, Call::Sync, Call::Rename, Call::SyncDirectory])]),
        81..=88 => Step::Mend,
        89 => Step::Unblock,
        90..=93 => Step::CutSoon { after: dice.below(12), cut: cut(dice) },
        94..=96 => Step::CutNow { written: !dice.once_in(3), cut: cut(dice) },
        _ => Step::Close { then: dice.pick(&[None, Some(Cut::Kill), Some(Cut::Power)]) },
    }
}
