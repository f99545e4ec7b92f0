//! The HTTP client that everything which reaches out shares: one peer, HTTP/1.1 with or without TLS.
//!
//! * Connections are kept for `IDLE`; one that the peer closed meanwhile is noticed and replaced.
//! * `timeout` is for the whole exchange: name, connection, TLS, sending, and the answer to its end.
//! * Redirects are not followed: a peer that has moved is for the operator to say.
//! * Of an answer at most as much is read as the caller asks for. Longer ones cost the connection and nothing else.
//! * Errors name scheme, host and port of the peer; its path and query may be secret (many webhooks are), and what the
//!   peer says can be searched for the secrets that were sent to it ([`Client::mask`]).

pub(crate) mod address;
mod connector;
mod failure;
mod options;
mod proxy;
mod secrets;
pub(crate) mod text;
mod tls;

pub use address::is_loopback;
pub use failure::{Failure, FailureKind};
pub use options::{BuildError, Hidden, Options};
pub use proxy::Proxies;
pub(crate) use secrets::Secrets;
pub use text::escaped;
pub(crate) use tls::Unsigned;

use address::Address;
use bytes::Bytes;
use connector::Way;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(30);
/// Shorter values of configured headers are taken for words, which are not searched for in what the peer says.
const SECRET_HEADER: usize = 8;
/// Headers that belong to the connection.
const NOT_OURS: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

/// One request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Put behind the path of the client's URL: empty, or beginning with a slash, with everything escaped that has to
    /// be; it may end in a query.
    pub path: String,
    /// Headers of this request. Those of the options come after them and win.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Call {
    /// A GET without a body.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, or as much of it as was asked for.
    pub body: Vec<u8>,
    /// Whether the body is all there.
    pub whole: bool,
}

/// A peer that is spoken to over HTTP/1.1, with or without TLS.
pub struct Client {
    pool: legacy::Client<HttpsConnector<Way>, Full<Bytes>>,
    /// Without user and password.
    base: Uri,
    /// What stands for the peer in errors.
    shown: String,
    headers: HeaderMap,
    /// For a proxy that passes plain requests on.
    proxy_authorization: Option<HeaderValue>,
    secrets: Secrets,
    timeout: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("peer", &self.shown).finish_non_exhaustive()
    }
}

impl Client {
    /// The peer at the options' URL with `path` behind it (empty, or beginning with a slash).
    ///
    /// # Errors
    /// When the URL, a header, a certificate or the proxy cannot be used.
    pub fn new(options: &Options, path: &str, proxies: &Proxies) -> Result<Self, BuildError> {
        let address = Address::parse(&options.url, path)?;
        let mut secrets = Secrets::default();
        let headers = headers(options, &address, &mut secrets)?;
        let proxy = if options.bypass_proxy { None } else { proxies.to(&address.uri)? };
        let proxy_authorization = proxy.as_ref().and_then(|proxy| proxy.authorization.clone());
        let way = Way::new(&address.uri, proxy);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(HttpsConnector::new(way, tls::config(options, &address.uri)?, false, tls::names()));
        Ok(Self {
            pool,
            base: address.uri,
            shown: address.shown,
            headers,
            proxy_authorization: proxy_authorization.filter(|_| !address.secure),
            secrets,
            timeout: options.timeout,
        })
    }

    /// Adds a text that must not appear in errors.
    pub fn hide(&mut self, secret: &str) {
        self.secrets.add(secret);
    }

    /// Scheme, host and port, for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The URL that paths are put behind, without user and password.
    #[must_use]
    pub const fn base(&self) -> &Uri {
        &self.base
    }

    /// How long one exchange may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The text with `[secret]` for every secret that is sent to the peer.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.secrets.mask(text)
    }

    /// The text with the secrets masked; `None` when there are none in it.
    #[must_use]
    pub fn masked(&self, text: &str) -> Option<String> {
        self.secrets.are_in(text).then(|| self.secrets.mask(text))
    }

    pub(crate) const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The headers of a request that are ours to set.
    #[must_use]
    pub fn headers(&self, call: &HeaderMap) -> HeaderMap {
        let mut headers = call.clone();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("kaptap/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }

    /// Sends one request and reads at most `limit` bytes of the answer's body. Dropping the future ends the connection.
    ///
    /// # Errors
    /// When there was no answer, or not all of it that was to be read.
    pub async fn send(&self, call: Call, limit: usize) -> Result<Answer, Failure> {
        let result = tokio::time::timeout(self.timeout, self.exchange(call, limit)).await;
        result.unwrap_or_else(|_| Err(Failure::timed_out(self.timeout)))
    }

    async fn exchange(&self, call: Call, limit: usize) -> Result<Answer, Failure> {
        let uri = self.uri(&call.path)?;
        let headers = self.headers(&call.headers);
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if let Some(authorization) = &self.proxy_authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let response = self.pool.request(request).await.map_err(|error| Failure::of_request(&error))?;
        read(response, limit).await
    }

    fn uri(&self, path: &str) -> Result<Uri, Failure> {
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = address::joined(parts.path_and_query.as_ref(), path);
        Uri::from_parts(parts).map_err(|_| Failure::path())
    }

    /// The path that a call goes to, with the values of its query masked.
    #[must_use]
    pub fn shown_path(&self, path: &str) -> String {
        // One that makes no URL is shown as it is: it cannot be called, which is said then.
        match self.uri(path) {
            Ok(uri) => address::masked_query(uri.path_and_query().map_or("/", PathAndQuery::as_str)),
            Err(_) => address::masked_query(path),
        }
    }
}

/// Reads the answer to its end, or as much of it as is ever looked at.
async fn read(response: Response<Incoming>, limit: usize) -> Result<Answer, Failure> {
    let (head, mut incoming) = response.into_parts();
    let (mut body, mut whole) = (Vec::new(), true);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::of_answer(&error))?;
        if let Some(data) = frame.data_ref() {
            let room = limit - body.len();
            body.extend_from_slice(data.get(..room).unwrap_or(data));
            if data.len() > room {
                whole = false;
                break;
            }
        }
    }
    Ok(Answer { status: head.status, headers: head.headers, body, whole })
}

/// The headers that every request to the peer has.
fn headers(options: &Options, address: &Address, secrets: &mut Secrets) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::new();
    let credentials = options.basic.as_ref().map(|(name, password)| (name.as_str(), password.0.as_str()));
    let in_url = address.credentials.as_ref().map(|(name, password)| (name.as_str(), password.as_str()));
    if let Some(token) = &options.token {
        secrets.add(&token.0);
        headers.insert(AUTHORIZATION, secret_value("token", &format!("Bearer {}", token.0))?);
    } else if let Some((name, password)) = credentials.or(in_url) {
        let encoded = address::basic(name, password);
        secrets.add(password);
        secrets.add(&encoded);
        headers.insert(AUTHORIZATION, secret_value("password", &format!("Basic {encoded}"))?);
    }
    for (name, value) in &options.headers {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| BuildError::value("headers", format!("{name:?} is no name of a header")))?;
        if NOT_OURS.contains(&known.as_str()) {
            return Err(BuildError::value("headers", format!("{known} belongs to the connection")));
        }
        // With a scheme before it ("Bearer …"), the peer may repeat either.
        for part in std::iter::once(value.0.as_str()).chain(value.0.split_whitespace()) {
            if part.len() >= SECRET_HEADER {
                secrets.add(part);
            }
        }
        headers.insert(known, secret_value("headers", &value.0)?);
    }
    Ok(headers)
}

fn secret_value(key: &'static str, text: &str) -> Result<HeaderValue, BuildError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| BuildError::value(key, "has characters that no HTTP header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}
