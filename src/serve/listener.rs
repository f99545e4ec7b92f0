//! The HTTP listener: an accept loop of our own around hyper.
//!
//! `axum::serve` would set no timer, and without one hyper's limit on the time a request head may take does nothing: any
//! client could hold a connection forever. Here every connection has that limit (it also ends idle kept-alive
//! connections), the number of connections is bounded (when all are taken, accepting is paused and new ones wait in the
//! kernel's queue), and stopping has two stages: no new requests, then after the grace time no connections.

use super::front::Front;
use super::patience::Patient;
use super::tls::Tls;
use crate::intake::accept::{Accepted, Acceptor};
use crate::telemetry::{Metrics, ReasonLabels};
use crate::words::Lane;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

/// Longest request head. Kapacitor's are below 1 KiB; a filter in a query may take some.
const LONGEST_HEAD: usize = 64 << 10;

/// How long a client may take to read the next part of its answer. A follower whose client was paused, in a pager
/// perhaps, goes on where it left off when it asks again.
const LONGEST_STALL: Duration = Duration::from_mins(10);

/// Bounds of the listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerOptions {
    /// `[http] connections`: how many may be open at once.
    pub connections: usize,
    /// `[http] header_timeout`: how long a request head may take, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long requests may go on after the stop.
    pub grace: Duration,
}

/// The HTTP listener, before it accepts anybody.
pub struct Listener {
    /// Where it listens.
    pub socket: TcpListener,
    /// What answers.
    pub front: Front,
    /// Its bounds.
    pub options: ListenerOptions,
    /// Certificate and key, if it speaks TLS.
    pub tls: Option<Tls>,
    /// What is counted.
    pub metrics: Metrics,
    /// Ends it.
    pub stop: CancellationToken,
}

impl Listener {
    /// Serves as [`Listener::serve`] does, on a thread of its own. The future ends when that does.
    ///
    /// A post is little work and much waiting for the disk. Workers that share the connections wake each other for it, at
    /// more cost than the post itself has; one thread wakes once for all that one sync has made durable.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be made.
    pub fn start(self) -> io::Result<impl Future<Output = ()>> {
        let socket = self.socket.into_std()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = {
            let _within = runtime.enter();
            TcpListener::from_std(socket)?
        };
        let listener = Self { socket, ..self };
        let (done, ended) = tokio::sync::oneshot::channel::<()>();
        let serving = async move {
            listener.serve().await;
            drop(done);
        };
        std::thread::Builder::new().name("kaptap-http".to_owned()).spawn(move || runtime.block_on(serving))?;
        Ok(async move { drop(ended.await) })
    }

    /// Serves until stopped, over TLS if there is any. Returns when every connection has ended.
    pub async fn serve(self) {
        let Self { socket, front, options, tls, metrics, stop } = self;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(options.header_timeout).max_header_size(LONGEST_HEAD);

        let mut acceptor = Acceptor::new(socket, options.connections, "http");
        let tasks = TaskTracker::new();
        // Of one piece, because each connection has it.
        let metrics = Arc::new(metrics);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = acceptor.next() => accepted,
            };
            let (http, front, metrics, stop) = (http.clone(), front.clone(), Arc::clone(&metrics), stop.clone());
            let tls = tls.as_ref().map(Tls::acceptor);
            tasks.spawn(async move {
                let Accepted { stream, peer, place } = accepted;
                metrics.http_connections.inc();
                if let Some(tls) = tls {
                    // In a box, so that a plain connection has no room for it.
                    let secure = Box::pin(async {
                        match shake_hands(&tls, stream, options.header_timeout, &stop).await {
                            Ok(stream) => drive(stream, peer, &http, front, options.grace, &stop).await,
                            Err(error) => {
                                debug!(%peer, error = &error as &dyn std::error::Error, "No TLS");
                                let labels = ReasonLabels { lane: Lane::Own, source: String::new(), reason: "tls" };
                                metrics.refused.get_or_create(&labels).inc();
                            }
                        }
                    });
                    secure.await;
                } else {
                    drive(stream, peer, &http, front, options.grace, &stop).await;
                }
                metrics.http_connections.dec();
                drop(place);
            });
        }
        // Who connects from now on is refused by the kernel instead of waiting for nobody.
        drop(acceptor);
        tasks.close();
        tasks.wait().await;
    }
}

/// The handshake of TLS, in the time that a request head may take.
async fn shake_hands(
    tls: &TlsAcceptor,
    stream: TcpStream,
    limit: Duration,
    stop: &CancellationToken,
) -> io::Result<TlsStream<TcpStream>> {
    tokio::select! {
        shaken = tokio::time::timeout(limit, tls.accept(stream)) => {
            shaken.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")))
        }
        () = stop.cancelled() => Err(io::Error::other("kaptap is stopping")),
    }
}

/// Drives one connection to its end, or to the end of the grace time after the stop.
async fn drive<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    peer: SocketAddr,
    http: &http1::Builder,
    front: Front,
    grace: Duration,
    stop: &CancellationToken,
) {
    let service = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(front.answer(request).await) }
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(Patient::new(stream, LONGEST_STALL)), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(grace, connection).await {
                Ok(ended) => ended,
                Err(_elapsed) => {
                    debug!(%peer, "Connection cut off at the end of the grace time");
                    return;
                }
            }
        }
    };
    // Garbage, a slow head or a peer that went away: nothing that an operator must know of.
    if let Err(error) = ended {
        debug!(%peer, error = &error as &dyn std::error::Error, "Connection ended");
    }
}
