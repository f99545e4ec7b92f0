//! The stand-ins, listening.

use super::{Desk, Entry, Request};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request as Incoming, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// Longest body that is read at all, bytes.
const READ: usize = 32 << 20;

/// Stand-ins that several may look at.
#[derive(Clone)]
pub struct Shared {
    desk: Arc<Mutex<Desk>>,
    delay: Duration,
    look: Arc<dyn Fn(&Entry) + Send + Sync>,
}

impl Shared {
    /// Shares stand-ins. Each request takes `delay`, and is then shown to `look`.
    #[must_use]
    pub fn new(desk: Desk, delay: Duration, look: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        Self { desk: Arc::new(Mutex::new(desk)), delay, look: Arc::new(look) }
    }

    /// Looks at them, or changes them.
    pub fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until dropped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, shared: Shared) -> std::io::Result<()> {
    let router = Router::new().fallback(take).with_state(shared);
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
}

async fn take(
    State(shared): State<Shared>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    incoming: Incoming,
) -> Response {
    let (head, body) = incoming.into_parts();
    let mut request = Request {
        local: from.ip().is_loopback(),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers(&head.headers),
        body: Vec::new(),
        now: now(),
    };
    shared.desk().begins(&request);
    match to_bytes(body, READ).await {
        Ok(body) => request.body = body.to_vec(),
        Err(_) => request.body = vec![b' '; READ],
    }
    if !shared.delay.is_zero() {
        tokio::time::sleep(shared.delay).await;
    }
    let (answer, entry) = {
        let mut desk = shared.desk();
        (desk.take(&request), desk.entries.back().cloned())
    };
    if let Some(entry) = entry.filter(|_| request.path != "/") {
        (shared.look)(&entry);
    }
    match answer {
        Some(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, answer.body).into_response()
        }
        // A body that breaks off is the nearest to an end without an answer that can be had here: what was promised
        // does not come.
        None => ([("content-length", "1000")], Body::from_stream(Broken)).into_response(),
    }
}

/// A body that fails at once.
struct Broken;

impl futures_core::Stream for Broken {
    type Item = Result<bytes::Bytes, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(Some(Err(std::io::Error::other("the connection is ended on purpose"))))
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
