//! Waiting for what another task, thread or process does: for the condition, never for a time.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::time::{Duration, Instant};

/// Longest wait for anything; only a test that has failed already comes near it.
pub const PATIENCE: Duration = Duration::from_mins(5);
/// Between two looks, so that whoever is waited for has the processor.
const PAUSE: Duration = Duration::from_millis(5);

/// Gives what `look` finds, as soon as it finds something.
#[track_caller]
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// The same where looking is asynchronous.
pub async fn wait_until_async<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
