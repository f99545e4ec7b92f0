//! Counters into rates: how much more since the last look, a second.

use crate::sinks::dataminer::Cell;
use std::collections::BTreeMap;

/// The counters as they were last seen. As many as are shown.
#[derive(Debug, Default)]
pub(super) struct Rates(BTreeMap<String, Seen>);

#[derive(Debug, Clone, Copy)]
struct Seen {
    counter: f64,
    at: i64,
    rate: Option<f64>,
    /// Looked at since `forget_unseen`.
    now: bool,
}

impl Rates {
    /// The rate of a counter that is at this value now, nanoseconds since 1970. `None` at the first look; a counter that
    /// went back began anew, and its rate counts from zero. Looked at again at once, it is the rate of before.
    pub(super) fn of(&mut self, name: String, counter: f64, now: i64) -> Option<Cell> {
        let before = self.0.get(&name).copied();
        let rate = before.and_then(|before| {
            #[expect(clippy::cast_precision_loss, reason = "a time to the microsecond is enough")]
            let seconds = now.saturating_sub(before.at) as f64 / 1e9;
            if seconds <= 0.0 {
                return before.rate;
            }
            let more = if counter < before.counter { counter } else { counter - before.counter };
            Some((more / seconds * 1000.0).round() / 1000.0)
        });
        self.0.insert(name, Seen { counter, at: now, rate, now: true });
        rate.map(Cell::Number)
    }

    /// Forgets what was not looked at since this was called last.
    pub(super) fn forget_unseen(&mut self) {
        self.0.retain(|_, seen| std::mem::replace(&mut seen.now, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_since_the_last_look() {
        let mut rates = Rates::default();
        let second = 1_000_000_000;
        assert_eq!(rates.of("a".into(), 100.0, second), None);
        assert_eq!(rates.of("a".into(), 130.0, 11 * second), Some(Cell::Number(3.0)));
        assert_eq!(rates.of("a".into(), 130.0, 11 * second), Some(Cell::Number(3.0)));
        assert_eq!(rates.of("a".into(), 5.0, 16 * second), Some(Cell::Number(1.0)));
        rates.forget_unseen();
        rates.forget_unseen();
        assert_eq!(rates.of("a".into(), 5.0, 17 * second), None);
    }
}
