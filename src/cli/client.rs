//! The HTTP client of the commands that talk to a running kaptap: one request a connection, over TLS if the
//! configuration has a certificate.

use super::arguments::{PeerArguments, SettingsArguments};
use super::failure::{BoxError, Failure, chain};
use crate::config::Secret;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Most that is read of an answer that is an error.
const MAX_ERROR_TEXT: usize = 64 << 10;

/// Most that is read of an answer that is read whole.
const MAX_ANSWER: usize = 64 << 20;

/// Which token of the configuration is shown when none was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Reading,
    Posting,
}

/// Why there was no good answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    /// No connection, nothing was sent: may be tried again.
    #[error("cannot reach kaptap at {address}")]
    Unreachable {
        /// Its address.
        address: String,
        /// The cause.
        source: BoxError,
    },
    /// The connection was lost before the answer: what was sent may have been taken or not.
    #[error("kaptap at {address} was lost before it answered")]
    Lost {
        /// Its address.
        address: String,
        /// The cause.
        source: BoxError,
    },
    /// It answered that it cannot do it now: may be tried again, after the time it asks for.
    #[error("{address} answered {status}: {text}")]
    NotNow { address: String, status: StatusCode, text: String, retry_after: Option<Duration> },
    /// It answered that it will not do it.
    #[error("{address} answered {status}: {text}")]
    Refused { address: String, status: StatusCode, text: String },
}

/// The waits between attempts: each twice as long as the one before, from 200 ms to 5 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    pub(super) const LONGEST: Duration = Duration::from_secs(5);

    pub(super) const fn new() -> Self {
        Self(Self::FIRST)
    }

    /// How long to wait now; the next wait is longer.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(Self::LONGEST);
        wait
    }
}

/// A running kaptap, and what to show to it.
pub(super) struct Client {
    /// `host:port`.
    authority: String,
    /// Path before ours, without a slash at its end.
    prefix: String,
    authorization: Option<HeaderValue>,
    /// For the kaptap of a configuration with a certificate.
    tls: Option<TlsConnector>,
}

/// A connection, plain or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Client {
    /// The client for what the command line says, or else the configuration.
    pub(super) fn new(peer: &PeerArguments, settings: &SettingsArguments, purpose: Purpose) -> Result<Self, Failure> {
        let (url, configured, tls) = if let Some(url) = &peer.url {
            (url.clone(), None, None)
        } else {
            let config = super::configuration(settings)?;
            let mut listen = config.http.listen;
            if listen.ip().is_unspecified() {
                listen.set_ip(if listen.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() });
            }
            let tokens = match purpose {
                Purpose::Reading => config.http.reading(),
                Purpose::Posting => config.http.posting(),
            };
            let tls = config.http.tls.as_ref().map(super::secure::connector).transpose()?;
            (format!("http://{listen}"), tokens.into_iter().next(), tls)
        };
        let token = peer.token.clone().filter(|token| !token.is_empty()).map(Secret::new).or(configured);
        let (authority, prefix) = split_url(&url).map_err(Failure::Usage)?;
        let authorization = token.map(|token| bearer(&token)).transpose()?;
        Ok(Self { authority, prefix, authorization, tls })
    }

    /// `http://host:port`, for people.
    pub(super) fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.prefix)
    }

    async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(&self.authority).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::from(stream.peer_addr()?.ip());
        Ok(Box::new(tls.connect(name, stream).await?))
    }

    /// Sends one request on a connection of its own and gives the answer if it is a success; its body comes as the
    /// peer writes it.
    pub(super) async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, HeaderValue)],
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let unreachable = |source: BoxError| ClientError::Unreachable { address: self.address(), source };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, &self.authority)
            .header(USER_AGENT, concat!("kaptap/", env!("CARGO_PKG_VERSION")));
        for (name, value) in self.authorization.iter().map(|value| (&AUTHORIZATION, value)) {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| unreachable(error.into()))?;

        let stream = tokio::time::timeout(CONNECT_TIMEOUT, self.connect())
            .await
            .map_err(|_| unreachable("no answer to the attempt to connect".into()))?
            .map_err(|error| unreachable(error.into()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| unreachable(error.into()))?;
        // Ends with the answer's body; what goes wrong in it shows in the body as well.
        tokio::spawn(async move { drop(connection.await) });
        let response = sender.try_send_request(request).await.map_err(|mut error| {
            let is_unsent = error.take_message().is_some();
            let source = BoxError::from(error.into_error());
            if is_unsent { unreachable(source) } else { ClientError::Lost { address: self.address(), source } }
        })?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    /// Sends a request without a body and gives the whole answer, at most 64 MiB of it.
    pub(super) async fn ask(&self, method: Method, path: &str) -> Result<Bytes, Failure> {
        let response = self.request(method, path, &[], Bytes::new()).await.map_err(|error| match error {
            ClientError::Unreachable { .. } => Failure::because(format!("{} (is it running?)", chain(&error))),
            // A caret in it points into the line above it, so nothing may stand before either.
            ClientError::Refused { status: StatusCode::BAD_REQUEST, ref text, .. } => {
                Failure::Usage(format!("{} refuses this:\n{text}", self.address()))
            }
            other => Failure::because(other.to_string()),
        })?;
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let failed = |error: BoxError| Failure::caused(format!("lost {}", self.address()), error);
        body.map(http_body_util::Collected::to_bytes).map_err(failed)
    }

    async fn refusal(&self, response: Response<Incoming>) -> ClientError {
        let status = response.status();
        let retry_after = seconds(response.headers());
        let body = Limited::new(response.into_body(), MAX_ERROR_TEXT).collect().await;
        let text = match body.map(http_body_util::Collected::to_bytes) {
            Ok(bytes) if bytes.trim_ascii().is_empty() => "without a word".to_owned(),
            Ok(bytes) => super::harmless_lines(String::from_utf8_lossy(&bytes).trim_end()),
            Err(error) => format!("why cannot be read: {error}"),
        };
        let address = self.address();
        match status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                ClientError::NotNow { address, status, text, retry_after }
            }
            _ => ClientError::Refused { address, status, text },
        }
    }
}

/// What `Retry-After` asks for, where it says seconds. Its other form, a date, is not one that kaptap writes.
fn seconds(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn bearer(token: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| Failure::Usage("the token has characters that no HTTP header can carry".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `host:port` and path of an `http://` URL.
fn split_url(url: &str) -> Result<(String, String), String> {
    if url.starts_with("https://") {
        return Err(format!(
            "{url}: https is spoken only to the kaptap of a configuration with tls_certificate: leave the address out and say \
             --config; or use http://, or a tunnel"
        ));
    }
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let bad = || format!("{url:?} is not an address: write http://HOST:PORT");
    if rest.contains("://") || rest.contains(['@', '?', '#', ' ']) {
        return Err(bad());
    }
    let after_host = if authority.starts_with('[') { authority.find(']').map_or(0, |end| end + 1) } else { 0 };
    let authority = match authority.get(after_host..).unwrap_or("").rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        Some(_) => return Err(bad()),
        None => format!("{authority}:9192"),
    };
    if authority.starts_with(':') || authority.starts_with("[]") {
        return Err(bad());
    }
    Ok((authority, path.trim_end_matches('/').to_owned()))
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
