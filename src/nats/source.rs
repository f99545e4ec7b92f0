//! One connection for all that read from a server.

use super::link::Link;
use super::{NatsError, Options};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// For so long after a failure the next one who asks is told the same, without another attempt: many may wait for a
/// server that is away.
const SAME_ANSWER: Duration = Duration::from_millis(300);

/// A stream to read, with the connection to its server. Connects when it is needed.
#[derive(Debug)]
pub struct Source {
    options: Options,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    link: Option<Link>,
    failed: Option<(Instant, NatsError)>,
}

impl Source {
    /// Makes it; connects to nothing yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options, shared: Mutex::default() }
    }

    /// What is read, and from where.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The server, for people.
    #[must_use]
    pub fn server(&self) -> &str {
        self.options.access.servers.shown()
    }

    /// A connection that works, as far as is known.
    pub(super) async fn link(&self) -> Result<Link, NatsError> {
        let mut shared = self.shared.lock().await;
        if let Some((_, error)) = shared.failed.as_ref().filter(|(at, _)| at.elapsed() < SAME_ANSWER) {
            return Err(error.clone());
        }
        let mut link = match shared.link.take().filter(|link| !link.is_closed()) {
            Some(link) => link,
            None => match Link::connect(&self.options.access, 1).await {
                Ok(link) => link,
                Err(error) => {
                    shared.failed = Some((Instant::now(), error.clone()));
                    return Err(error);
                }
            },
        };
        let mended = link.mended(&self.options.access.servers).await;
        shared.link = Some(link.clone());
        shared.failed = mended.as_ref().err().map(|error| (Instant::now(), error.clone()));
        mended.map(|()| link)
    }
}
