//! Whose turn it is, and waiting for it.

use super::lane::{Broken, Lane, Purpose};
use super::reading::Step;
use super::window::{Circuit, Next};
use std::future;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What comes first of two; the first, if it is the same.
pub(super) fn sooner(a: (Next, Purpose), b: (Next, Purpose)) -> (Next, Purpose) {
    match (&a.0, &b.0) {
        (Next::Batch(_), _) | (_, Next::Idle) => a,
        (_, Next::Batch(_)) | (Next::Idle, _) => b,
        (Next::Wait(first), Next::Wait(second)) => {
            if first <= second {
                a
            } else {
                b
            }
        }
    }
}

/// How long what is due by a timer waits for a peer that takes no events now. No longer, or an event that it never takes
/// would keep it from what it takes.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// When something that is due by a timer is done, with the sink in this state: together with the next try, not before.
pub(super) fn paused(due: Instant, circuit: Circuit) -> Instant {
    match circuit {
        Circuit::Closed => due,
        Circuit::Open(until) => due.max(until.min(due + LONGEST_PAUSE)),
    }
}

/// The first read of these lanes to end.
pub(super) async fn first_step(lanes: &mut [(Purpose, Lane)]) -> (Purpose, Result<Step, Broken>) {
    let mut steps: Vec<_> = lanes.iter_mut().map(|(purpose, lane)| (*purpose, Box::pin(lane.step()))).collect();
    future::poll_fn(|context| {
        for (purpose, step) in &mut steps {
            if let Poll::Ready(step) = step.as_mut().poll(context) {
                return Poll::Ready((*purpose, step));
            }
        }
        Poll::Pending
    })
    .await
}

/// The work's result, unless the grace time after the stop is over first.
pub(super) async fn within<T>(stop: &CancellationToken, grace: Duration, work: impl Future<Output = T>) -> Option<T> {
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = over => None,
    }
}

pub(super) async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_takes_nothing_is_spared_for_a_while() {
        let now = Instant::now();
        let after = |seconds: u64| now + Duration::from_secs(seconds);
        assert_eq!(paused(now, Circuit::Closed), now);
        assert_eq!(paused(now, Circuit::Open(after(30))), after(30));
        assert_eq!(paused(after(40), Circuit::Open(after(30))), after(40));
        assert_eq!(paused(now, Circuit::Open(after(3600))), now + LONGEST_PAUSE);
    }
}
