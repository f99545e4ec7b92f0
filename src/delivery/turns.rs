//! Whose turn it is, and waiting for it.

use super::lane::{Broken, Lane, Purpose};
use super::reading::Step;
use super::window::Next;
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
