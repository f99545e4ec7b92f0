//! The HTTP client that sinks share: one peer, one URL, one request at a time.
//!
//! * Connections are kept for `IDLE`; one that the peer closed meanwhile is noticed and replaced.
//! * `timeout` is for the whole request: name, connection, TLS, sending, and the answer to its end.
//! * Redirects are not followed: a peer that has moved is for the operator to say.
//! * Of an answer at most `ANSWER` bytes are read. Longer ones cost the connection and nothing else.
//! * What becomes of an event is decided in one place (`answer`).
//! * Errors name scheme, host and port of the peer; its path and query may be secret (many webhooks are), and what the
//!   peer says is searched for the secrets that were sent to it.

mod address;
mod answer;
mod connector;
mod proxy;
mod secrets;
mod tls;

pub use proxy::Proxies;

use super::BuildError;
use super::options;
use crate::delivery::sink::Outcome;
use address::Address;
use answer::{Answer, Failure};
use bytes::Bytes;
use connector::Way;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrets::Secrets;
use std::fmt::Write;
use std::time::Duration;

/// Most that is read of an answer, in bytes.
const ANSWER: usize = 64 << 10;
/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(30);
/// Shorter values of configured headers are taken for words, which are not searched for in what the peer says.
const SECRET_HEADER: usize = 8;
/// Headers that belong to the connection.
const NOT_OURS: [&str; 5] = ["connection", "content-length", "host", "transfer-encoding", "upgrade"];

/// A request of a sink, but for what all requests to the peer have in common.
#[derive(Debug, Clone)]
pub struct Message {
    /// Headers of this request. Those of the configuration come after them and win.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Message {
    /// A request with a body of this media type.
    #[must_use]
    pub fn new(media: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { headers: HeaderMap::from_iter([(CONTENT_TYPE, media)]), body: body.into() }
    }
}

/// A peer that is spoken to over HTTP/1.1, with or without TLS.
pub struct HttpPeer {
    client: Client<HttpsConnector<Way>, Full<Bytes>>,
    method: Method,
    uri: Uri,
    /// What stands for the peer in errors.
    shown: String,
    headers: HeaderMap,
    /// For a proxy that passes plain requests on.
    proxy_authorization: Option<HeaderValue>,
    secrets: Secrets,
    timeout: Duration,
}

impl std::fmt::Debug for HttpPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpPeer").field("peer", &self.shown).finish_non_exhaustive()
    }
}

impl HttpPeer {
    /// The peer at `url` with `path` behind it (empty, or beginning with a slash).
    ///
    /// # Errors
    /// When the URL, the method, a header, a certificate or the proxy cannot be used.
    pub fn new(options: &options::Http, method: &str, path: &str, proxies: &Proxies) -> Result<Self, BuildError> {
        let address = Address::parse(&options.url, path)?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| BuildError::value("method", format!("{method:?} is no HTTP method")))?;
        let mut secrets = Secrets::default();
        let headers = headers(options, &address, &mut secrets)?;
        let proxy = if options.bypass_proxy { None } else { proxies.to(&address.uri)? };
        let proxy_authorization = proxy.as_ref().and_then(|proxy| proxy.authorization.clone());
        let way = Way::new(&address.uri, proxy);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(1)
            .build(HttpsConnector::new(way, tls::config(options, &address.uri)?, false, tls::names()));
        Ok(Self {
            client,
            method,
            uri: address.uri,
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

    /// Sends one request; what its answer means for what was in it. Dropping the future ends the connection.
    pub async fn send(&self, message: Message) -> Outcome {
        let result = tokio::time::timeout(self.timeout, self.exchange(message)).await;
        let result = result.unwrap_or_else(|_| Err(Failure::timed_out(self.timeout)));
        answer::outcome(&self.shown, result, &self.secrets)
    }

    async fn exchange(&self, message: Message) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(message.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.all_headers(&message);
        if let Some(authorization) = &self.proxy_authorization {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let response = self.client.request(request).await.map_err(|error| Failure::of_request(&error))?;
        read(response).await
    }

    fn all_headers(&self, message: &Message) -> HeaderMap {
        let mut headers = message.headers.clone();
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("kaptap/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }

    /// The request for people. Values of configured headers and of query parameters are masked.
    #[must_use]
    pub fn preview(&self, message: &Message) -> String {
        let path = self.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let host = self.uri.authority().map_or("", hyper::http::uri::Authority::as_str);
        let path = address::masked_query(path);
        let mut text = format!("{} {path} HTTP/1.1\nhost: {host}\n", self.method);
        for (name, value) in &self.all_headers(message) {
            let shown =
                if value.is_sensitive() { "[secret]".into() } else { String::from_utf8_lossy(value.as_bytes()) };
            writeln!(text, "{name}: {shown}").ok();
        }
        writeln!(text, "content-length: {}\n", message.body.len()).ok();
        text.push_str(&String::from_utf8_lossy(&message.body));
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }
}

/// Reads the answer to its end, or as much of it as is ever looked at.
async fn read(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (head, mut body) = response.into_parts();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Failure::of_answer(&error))?;
        if let Some(data) = frame.data_ref() {
            let room = ANSWER - text.len();
            text.extend_from_slice(data.get(..room).unwrap_or(data));
            if text.len() == ANSWER {
                break;
            }
        }
    }
    Ok(Answer::new(head.status, &head.headers, text))
}

/// The headers that every request to the peer has.
fn headers(options: &options::Http, address: &Address, secrets: &mut Secrets) -> Result<HeaderMap, BuildError> {
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
