//! The gate in virtual time, over a journal that is three numbers.

use super::Gate;
use crate::intake::Refused;
use crate::journal::Sync;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, advance};

const HOLD: Duration = Duration::from_secs(20);

struct Numbers {
    written: watch::Sender<u64>,
    durable: watch::Sender<u64>,
    space: watch::Sender<u64>,
    gate: Arc<Gate>,
}

fn numbers() -> Numbers {
    let (written, w) = watch::channel(0);
    let (durable, d) = watch::channel(0);
    let (space, s) = watch::channel(0);
    Numbers { written, durable, space, gate: Arc::new(Gate::over(w, d, s, HOLD)) }
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_passes_at_once() {
    let numbers = numbers();
    numbers.durable.send_replace(5);
    let begun = Instant::now();
    assert_eq!(numbers.gate.kept(5, Sync::Commit).await, Ok(()));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(!numbers.gate.is_shut());
}

#[tokio::test(start_paused = true)]
async fn each_policy_waits_for_its_own_promise() {
    let numbers = numbers();
    numbers.written.send_replace(1);
    assert_eq!(numbers.gate.kept(1, Sync::Interval).await, Ok(()));
    assert_eq!(numbers.gate.kept(1, Sync::Os).await, Ok(()));
    let waiting = tokio::spawn({
        let gate = Arc::clone(&numbers.gate);
        async move { gate.kept(1, Sync::Commit).await }
    });
    advance(Duration::from_secs(10)).await;
    assert!(!waiting.is_finished());
    numbers.durable.send_replace(1);
    assert_eq!(waiting.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_blocked_journal_holds_for_the_hold_time_in_all_and_then_refuses_at_once() {
    let numbers = numbers();
    let begun = Instant::now();
    let first = tokio::spawn({
        let gate = Arc::clone(&numbers.gate);
        async move { gate.kept(1, Sync::Commit).await }
    });
    tokio::task::yield_now().await;
    advance(Duration::from_secs(15)).await;
    // The second comes late: it shares the first one's patience, or a queue of posts would wait for each in turn.
    let second = numbers.gate.kept(2, Sync::Commit).await;
    assert_eq!(second, Err(Refused::Blocked));
    assert_eq!(first.await.unwrap(), Err(Refused::Blocked));
    assert_eq!(begun.elapsed().as_secs(), 20);
    assert!(numbers.gate.is_shut(), "from here on at once");

    // The journal moves: what was held in its buffer is kept, and posts are taken again.
    numbers.durable.send_replace(2);
    assert!(!numbers.gate.is_shut());
    assert_eq!(numbers.gate.kept(2, Sync::Commit).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_slow_journal_that_moves_is_waited_for() {
    let numbers = numbers();
    let waiting = tokio::spawn({
        let gate = Arc::clone(&numbers.gate);
        async move { gate.kept(10, Sync::Commit).await }
    });
    for seq in 1..=10 {
        tokio::task::yield_now().await;
        advance(Duration::from_secs(15)).await;
        numbers.durable.send_replace(seq);
    }
    assert_eq!(waiting.await.unwrap(), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn room_is_waited_for_no_longer_than_the_rest() {
    let numbers = numbers();
    numbers.space.send_replace(1);
    let begun = Instant::now();
    let mut room = numbers.gate.watch_room();
    assert_eq!(numbers.gate.room(&mut room).await, Err(Refused::Blocked));
    assert_eq!(begun.elapsed().as_secs(), 20);
    // Room made after the watch was taken counts, also when nobody waited then.
    let mut room = numbers.gate.watch_room();
    numbers.space.send_replace(2);
    assert_eq!(numbers.gate.room(&mut room).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_closes_is_said_so() {
    let Numbers { written, durable, space, gate } = numbers();
    drop((written, durable, space));
    assert_eq!(gate.kept(1, Sync::Commit).await, Err(Refused::Stopping));
}
