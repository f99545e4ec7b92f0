//! Proxies, as the environment names them: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read as curl reads
//! them.

use super::BuildError;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;

/// Which proxy leads where.
#[derive(Debug)]
pub struct Proxies(Matcher);

/// The proxy on the way to one peer.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Where it is.
    pub(super) uri: Uri,
    /// What it is shown.
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxies {
    /// Those of the environment.
    #[must_use]
    pub fn of_environment() -> Self {
        Self(Matcher::from_env())
    }

    /// No proxies.
    #[must_use]
    pub fn none() -> Self {
        Self::of("", "", "")
    }

    /// Proxies for `http` and for `https` URLs, and the hosts reached without one (empty: none).
    #[must_use]
    pub fn of(http: &str, https: &str, no: &str) -> Self {
        Self(Matcher::builder().http(http.to_owned()).https(https.to_owned()).no(no.to_owned()).build())
    }

    /// The proxy on the way to this URL.
    pub(super) fn to(&self, uri: &Uri) -> Result<Option<Proxy>, BuildError> {
        let Some(found) = self.0.intercept(uri) else { return Ok(None) };
        if found.uri().scheme_str() != Some("http") {
            let scheme = found.uri().scheme_str().unwrap_or("no scheme");
            let problem = format!("the proxy of the environment has {scheme}; only http proxies can be used");
            return Err(BuildError::value("bypass_proxy", problem));
        }
        let authorization = found.basic_auth().cloned().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        Ok(Some(Proxy { uri: found.uri().clone(), authorization }))
    }
}
