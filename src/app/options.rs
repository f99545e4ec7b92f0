//! What of the configuration each part needs.

use super::GRACE;
use crate::config::{Config, Secret};
use crate::intake::access::Tokens;
use crate::{intake, serve};

pub(super) fn tokens(secrets: &[Secret]) -> Tokens {
    secrets.iter().map(|secret| secret.expose().to_owned()).collect()
}

pub(super) fn http_options(config: &Config, tokens: Tokens) -> intake::http::HttpOptions {
    let http = &config.http;
    intake::http::HttpOptions { tokens, max_body: http.max_body, body_timeout: http.body_timeout }
}

pub(super) fn tcp_options(config: &Config) -> intake::tcp::TcpOptions {
    let http = &config.http;
    let (timeout, connections) = (http.header_timeout + http.body_timeout, http.connections);
    intake::tcp::TcpOptions { max_body: http.max_body, timeout, connections, grace: GRACE }
}

pub(super) fn listener_options(config: &Config) -> serve::listener::ListenerOptions {
    let http = &config.http;
    serve::listener::ListenerOptions {
        connections: http.connections,
        header_timeout: http.header_timeout,
        grace: GRACE,
    }
}

pub(super) fn serve_options(config: &Config, read_tokens: Tokens) -> serve::ServeOptions {
    let defaults = serve::ServeOptions::default();
    // Readers must not keep Kapacitor's posts out.
    let readers = defaults.readers.min(config.http.connections / 2).max(1);
    serve::ServeOptions { read_tokens, readers, ..defaults }
}
