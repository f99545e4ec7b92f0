//! The URL of a peer, taken apart.

use super::BuildError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use std::net::IpAddr;

/// Where a peer is.
#[derive(Debug)]
pub(crate) struct Address {
    /// Without user and password.
    pub(crate) uri: Uri,
    /// Scheme, host and port.
    pub(crate) shown: String,
    /// `https`
    pub(crate) secure: bool,
    /// User and password of the URL.
    pub(crate) credentials: Option<(String, String)>,
}

impl Address {
    /// Reads a URL and puts `path` behind its own.
    pub(crate) fn parse(url: &str, path: &str) -> Result<Self, BuildError> {
        let wrong = |problem: &str| BuildError::value("url", problem);
        // Said without the URL itself: it may hold a password, and what is wrong with it may be just that.
        let parts =
            url.parse::<Uri>().map_err(|_| wrong("is not a URL such as https://ops.example:8443/hook"))?.into_parts();
        let secure = match &parts.scheme {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let authority = parts.authority.ok_or_else(|| wrong("names no host"))?;
        let (user, host) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
        let credentials = (!user.is_empty()).then(|| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (percent_decoded(name), percent_decoded(password))
        });
        let host: Authority = host.parse().map_err(|_| wrong("names no host"))?;
        if host.host().is_empty() || (host.as_str() != host.host() && host.port_u16().is_none()) {
            return Err(wrong("names no host, or a port that is none"));
        }
        let path = joined(parts.path_and_query.as_ref(), path).ok_or_else(|| wrong("has no path"))?;
        let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
        let shown = format!("{scheme}://{host}");
        let uri = Uri::builder().scheme(scheme).authority(host).path_and_query(path).build();
        Ok(Self { uri: uri.map_err(|_| wrong("is not a URL"))?, shown, secure, credentials })
    }
}

/// Whether a URL names this machine itself: `localhost`, or an address of its own loop.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<Uri>();
    uri.ok().and_then(|uri| uri.host().map(str::to_owned)).is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

pub(super) fn joined(base: Option<&PathAndQuery>, path: &str) -> Option<PathAndQuery> {
    let (base, query) = base.map_or(("/", None), |base| (base.path(), base.query()));
    let base = if path.is_empty() { base } else { base.trim_end_matches('/') };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{base}{path}{query}").parse().ok()
}

/// A path whose query shows names and hides values.
pub(crate) fn masked_query(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let masked = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}=[secret]"),
        None => "[secret]".to_owned(),
    });
    format!("{path}?{}", masked.collect::<Vec<_>>().join("&"))
}

/// User and password for `Authorization: Basic`.
pub(crate) fn basic(user: &str, password: &str) -> String {
    BASE64_STANDARD.encode(format!("{user}:{password}"))
}

/// Decodes `%xy`; what is not that stays, and what is not UTF-8 becomes U+FFFD.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|digits| !digits.starts_with('+')).and_then(|text| u8::from_str_radix(text, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
