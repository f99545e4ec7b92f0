//! How long appends without a commit pile up before they are written: not as long while somebody follows.

use std::sync::Arc;
use std::time::Duration;

/// While somebody follows …
const FOLLOWED: Duration = Duration::from_millis(1);
/// … and while nobody does. Being woken for every gulp of a UDF is a sixth of all the work for its points.
const ALONE: Duration = Duration::from_millis(5);

/// Somebody follows the journal for as long as this is held: from the next write on, what is appended is written within about
/// a millisecond. If there is none, it may take 5.
#[derive(Debug)]
#[must_use = "it counts while it is held"]
pub struct Attention {
    _counted: Arc<()>,
}

/// Whether anybody follows.
#[derive(Debug, Default)]
pub(super) struct Followers(Arc<()>);

impl Followers {
    pub(super) fn attend(&self) -> Attention {
        Attention { _counted: Arc::clone(&self.0) }
    }

    /// Appends without a commit are written at most once in this time.
    pub(super) fn linger(&self) -> Duration {
        if Arc::strong_count(&self.0) > 1 { FOLLOWED } else { ALONE }
    }
}
