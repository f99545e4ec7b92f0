//! TCP intake: one alert per connection, as Kapacitor's `.tcp()` sends it: JSON, line ends, close.
//!
//! Best effort, because the sender asks for no answer: it never learns whether its alert was kept. What arrived is kept
//! even when the sender broke off (marked `cut_short`) or did not close in time (marked `not_closed`). What is larger
//! than `max_body`, or comes while the journal is blocked for too long, is given up and counted in
//! `kaptap_refused_total`. Memory is bounded by `connections` times `max_body`.

use super::accept::{Accepted, Acceptor};
use super::{Arrival, Intake, clock};
use crate::record::{Content, Note};
use crate::wire::Direction;
use crate::words::Lane;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// Source of everything that comes this way.
const SOURCE: &str = "tcp";

/// What of the configuration TCP intake needs.
#[derive(Debug, Clone)]
pub struct TcpOptions {
    /// Longest document, bytes.
    pub max_body: usize,
    /// How long a document may take to arrive, from the opening of the connection.
    pub timeout: Duration,
    /// Connections at once; further ones wait in the kernel's queue.
    pub connections: usize,
    /// How long open connections may go on after the stop.
    pub grace: Duration,
}

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// Reset, or another failure.
    Broken,
    /// Still open at the time limit.
    Late,
    TooLarge,
}

/// Takes connections until stopped; then those that are open have the grace time to end.
pub async fn serve(listener: TcpListener, intake: Intake, options: TcpOptions, stop: CancellationToken) {
    let mut acceptor = Acceptor::new(listener, options.connections, SOURCE);
    let tasks = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let Accepted { stream, peer, place } = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = acceptor.next() => accepted,
        };
        let (intake, options, cut) = (intake.clone(), options.clone(), cut.clone());
        tasks.spawn(async move {
            let _place = place;
            tokio::select! {
                () = receive(stream, &intake, &options) => {}
                () = cut.cancelled() => debug!(%peer, "Cut off at the stop"),
            }
        });
    }
    drop(acceptor);
    tasks.close();
    if tokio::time::timeout(options.grace, tasks.wait()).await.is_err() {
        cut.cancel();
        tasks.wait().await;
    }
}

/// Reads one document and keeps it.
async fn receive(stream: impl AsyncRead + Unpin, intake: &Intake, options: &TcpOptions) {
    let (raw, end) = read(stream, options.max_body, options.timeout).await;
    let now = clock::now();
    intake.wire().source(Lane::Tcp, SOURCE, now).record(Direction::Received, now, &raw);
    let marks = match end {
        End::TooLarge => return intake.refused(Lane::Tcp, "too_large"),
        // Somebody looked whether the port is open.
        _ if raw.is_empty() => return,
        End::Closed => Vec::new(),
        End::Broken => vec!["cut_short".to_owned()],
        End::Late => vec!["not_closed".to_owned()],
    };
    let note = Note { marks, ..Note::default() };
    let arrival = Arrival { lane: Lane::Tcp, source: SOURCE, content: Content::Alert, note, raw: &raw };
    if let Err(refused) = intake.keep(arrival).await {
        // Counted by the intake; there is nobody to tell.
        debug!(%refused, bytes = raw.len(), "An alert over TCP was given up");
    }
}

/// Reads to the end of the input, the limit or the time limit, whichever comes first.
async fn read(mut stream: impl AsyncRead + Unpin, limit: usize, timeout: Duration) -> (Vec<u8>, End) {
    let mut raw = Vec::new();
    // One byte beyond the limit tells a document of just that size from a larger one.
    let mut bounded = (&mut stream).take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1));
    let end = match tokio::time::timeout(timeout, bounded.read_to_end(&mut raw)).await {
        Ok(Ok(_)) if raw.len() > limit => End::TooLarge,
        Ok(Ok(_)) => End::Closed,
        Ok(Err(_)) => End::Broken,
        Err(_elapsed) => End::Late,
    };
    (raw, end)
}

#[cfg(test)]
#[path = "tcp_tests.rs"]
mod tests;
