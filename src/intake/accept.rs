//! Accepting TCP connections: a bound on how many are open, and errors that never end the loop.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};

/// Wait after the first failed accept in a row; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Longest wait between two tries. Out of file descriptors passes when connections end, within seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Connections that the kernel holds for us while accepting is paused. The kernel lowers it to its own limit.
const BACKLOG: u32 = 1024;

/// Binds a listening socket whose connections have TCP keepalive, so that a peer that vanished without a word is
/// noticed, and `TCP_NODELAY` (accepted sockets inherit both on Linux, which spares a call each).
///
/// # Errors
/// When the address is taken or is not ours.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_keepalive(true)?;
    // Answers are small and whole: waiting for more to send would only delay them.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// One connection, with its place among those that may be open.
#[derive(Debug)]
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// The peer.
    pub peer: SocketAddr,
    /// To be held for as long as the connection lives.
    pub place: OwnedSemaphorePermit,
}

/// Accepts one connection after the other. When `limit` connections are open, accepting is paused: the next ones
/// wait in the kernel's queue until one ends.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
    limit: usize,
    name: &'static str,
    trouble: Option<Trouble>,
    full: bool,
}

/// A row of failed accepts of one cause.
#[derive(Debug)]
struct Trouble {
    cause: (ErrorKind, Option<i32>),
    times: u64,
    pause: Duration,
}

impl Acceptor {
    /// `name` is said in logs: `http`, `tcp`.
    #[must_use]
    pub fn new(listener: TcpListener, limit: usize, name: &'static str) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { listener, places: Arc::new(Semaphore::new(limit)), limit, name, trouble: None, full: false }
    }

    /// The next connection. Waits for a place first. Failures are waited out, and logged when their cause changes.
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Accepted {
        loop {
            let place = self.place().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Some(trouble) = self.trouble.take() {
                        info!(listener = self.name, failed = trouble.times, "Accepting connections again");
                    }
                    return Accepted { stream, peer, place };
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    drop(place);
                    let pause = self.note(&error);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    async fn place(&mut self) -> OwnedSemaphorePermit {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            // Said again only after half of the places were free in between.
            if self.full && self.places.available_permits() >= self.limit / 2 {
                self.full = false;
            }
            return place;
        }
        if !self.full {
            self.full = true;
            warn!(listener = self.name, limit = self.limit, "All connections are taken; new ones wait");
        }
        match Arc::clone(&self.places).acquire_owned().await {
            Ok(place) => place,
            // The semaphore is ours and is never closed.
            Err(_) => std::future::pending().await,
        }
    }

    /// Notes a failure, and says how long to wait before the next try.
    fn note(&mut self, error: &Error) -> Duration {
        let cause = (error.kind(), error.raw_os_error());
        match &mut self.trouble {
            Some(trouble) if trouble.cause == cause => {
                trouble.times += 1;
                trouble.pause = (trouble.pause * 2).min(LONGEST_PAUSE);
                trouble.pause
            }
            trouble => {
                warn!(listener = self.name, %error, "Cannot accept connections now, will try again");
                *trouble = Some(Trouble { cause, times: 1, pause: FIRST_PAUSE });
                FIRST_PAUSE
            }
        }
    }
}

/// Errors of a connection that ended before it was accepted: nothing is wrong with the listener.
fn is_of_one_connection(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionRefused
            | ErrorKind::Interrupted
    )
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
