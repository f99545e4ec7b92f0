//! The way to the peer, below TLS: straight, through a proxy that passes requests on, or through a tunnel.

use super::proxy::Proxy;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;
use tower_service::Service;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// When the kernel begins to ask whether a silent peer is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Makes connections to one peer.
#[derive(Debug, Clone)]
pub(super) enum Way {
    /// To the peer itself.
    Straight(HttpConnector),
    /// To a proxy, which reads the requests and passes them on: plain HTTP.
    Through(HttpConnector, Uri),
    /// To a proxy, which connects to the peer and then only passes bytes: HTTPS.
    Tunnel(Tunnel<HttpConnector>),
}

impl Way {
    pub(super) fn new(peer: &Uri, proxy: Option<Proxy>) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        let Some(proxy) = proxy else { return Self::Straight(connector) };
        if peer.scheme_str() != Some("https") {
            return Self::Through(connector, proxy.uri);
        }
        let tunnel = Tunnel::new(proxy.uri, connector);
        Self::Tunnel(match proxy.authorization {
            Some(authorization) => tunnel.with_auth(authorization),
            None => tunnel,
        })
    }
}

impl Service<Uri> for Way {
    type Response = Stream;
    type Error = BoxError;
    type Future = BoxFuture<Result<Stream, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Straight(connector) | Self::Through(connector, _) => {
                connector.poll_ready(context).map_err(Into::into)
            }
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, peer: Uri) -> Self::Future {
        match self {
            Self::Straight(connector) => {
                let connecting = connector.call(peer);
                Box::pin(async move { Ok(Stream { inner: connecting.await?, through_proxy: false }) })
            }
            Self::Through(connector, proxy) => {
                let connecting = connector.call(proxy.clone());
                Box::pin(async move { Ok(Stream { inner: connecting.await?, through_proxy: true }) })
            }
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(peer);
                Box::pin(async move { Ok(Stream { inner: connecting.await?, through_proxy: false }) })
            }
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    inner: TokioIo<TcpStream>,
    /// Requests name the whole URL.
    through_proxy: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.inner.connected().proxy(self.through_proxy)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, parts)
    }
}
