//! Waiting for what another task, thread or process does: for the condition, never for a time.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Longest wait for anything; only a test that has failed already comes near it.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks, so that whoever is waited for has the processor: at first, and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(5));

/// What a look gives: an `Option`, or a `Result` whose error says how far it is.
pub trait Look {
    type Found;
    type Missing: Debug;
    fn found(self) -> Result<Self::Found, Self::Missing>;
}

impl<T> Look for Option<T> {
    type Found = T;
    type Missing = &'static str;

    fn found(self) -> Result<T, &'static str> {
        self.ok_or("nothing yet")
    }
}

impl<T, M: Debug> Look for Result<T, M> {
    type Found = T;
    type Missing = M;

    fn found(self) -> Self {
        self
    }
}

/// Pauses that grow: what is nearly there is seen at once, and what takes long costs no processor.
fn pauses() -> impl Iterator<Item = Duration> {
    std::iter::successors(Some(PAUSES.0), |pause| Some((*pause * 2).min(PAUSES.1)))
}

/// Gives what `look` finds, as soon as it finds something.
#[track_caller]
pub fn wait_until<L: Look>(what: &str, look: impl FnMut() -> L) -> L::Found {
    try_wait_until(look).unwrap_or_else(|missing| panic!("never: {what}; the last look: {missing:?}"))
}

/// The same for those who say by themselves that it never came: what was missing at last.
pub fn try_wait_until<L: Look>(mut look: impl FnMut() -> L) -> Result<L::Found, L::Missing> {
    let begun = Instant::now();
    for pause in pauses() {
        match look().found() {
            Err(_) if begun.elapsed() < PATIENCE => std::thread::sleep(pause),
            last => return last,
        }
    }
    unreachable!("pauses have no end")
}

/// The same where looking is asynchronous.
pub async fn wait_until_async<L: Look>(what: &str, mut look: impl AsyncFnMut() -> L) -> L::Found {
    let begun = Instant::now();
    for pause in pauses() {
        match look().await.found() {
            Ok(found) => return found,
            Err(missing) => assert!(begun.elapsed() < PATIENCE, "never: {what}; the last look: {missing:?}"),
        }
        tokio::time::sleep(pause).await;
    }
    unreachable!("pauses have no end")
}

/// The same without a limit for as long as something moves, which is what an error of `look` says.
pub async fn wait_while_moving<T, M: Debug + PartialEq>(what: &str, mut look: impl AsyncFnMut() -> Result<T, M>) -> T {
    let (mut moved, mut before) = (Instant::now(), None);
    for pause in pauses() {
        match look().await {
            Ok(found) => return found,
            Err(now) if before.as_ref() != Some(&now) => (moved, before) = (Instant::now(), Some(now)),
            Err(now) => assert!(moved.elapsed() < PATIENCE, "nothing moves any more: {what}; the last look: {now:?}"),
        }
        tokio::time::sleep(pause).await;
    }
    unreachable!("pauses have no end")
}
