//! Blocking reads, off the threads that serve connections.
//!
//! A handful of places bounds the threads and the memory that all readers together use; who finds no place waits its
//! turn, in order. Work is given in bounded pieces, so that a long scan does not keep a follower waiting, and so that it
//! ends soon after its client went away.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Reads at once. More would only make the disk seek and the processors switch.
const PLACES: usize = 4;

/// Why a piece of work gave no result.
#[derive(Debug, thiserror::Error)]
#[error("a read did not end")]
pub(super) struct Failed(#[source] Option<tokio::task::JoinError>);

/// Runs blocking reads. Cheap to clone; clones share the places.
#[derive(Debug, Clone)]
pub(super) struct Background {
    places: Arc<Semaphore>,
}

impl Default for Background {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)) }
    }
}

impl Background {
    /// Runs one bounded piece of work.
    ///
    /// # Errors
    /// When it panicked, or the runtime is shutting down.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failed> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Failed(None))?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the work and not by who waits for it: the client may go, the read still takes its time.
            let _place = place;
            work()
        });
        done.await.map_err(|error| Failed(Some(error)))
    }
}

impl Failed {
    /// The places are gone, as they never are before the end of the process.
    pub(super) fn stopped() -> Self {
        Self(None)
    }
}
