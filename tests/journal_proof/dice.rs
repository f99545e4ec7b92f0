//! Chances that are the same for the same seed, and the settings of a proof that may come from outside.

/// A source of chances (splitmix64): small, and the same everywhere and for ever, so that a seed means something.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound.max(1)
    }

    /// An index into something of this length.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a usize")
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }
}

/// A number from the environment, or this one.
pub(crate) fn setting(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => usual,
    }
}

/// Where the seeds of a run begin. The same every time, so that a run that fails can be told from a change that fails.
const FIRST: u64 = 20_261_122;

/// The seed of this run: given as `KAPTAP_JOURNAL_SEED`, or the first of all.
pub(crate) fn seed() -> u64 {
    setting("KAPTAP_JOURNAL_SEED", FIRST)
}

/// Whether the seed was given.
pub(crate) fn seed_is_given() -> bool {
    std::env::var_os("KAPTAP_JOURNAL_SEED").is_some()
}
