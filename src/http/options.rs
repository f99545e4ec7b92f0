//! How an HTTP peer is reached, and what can be wrong with that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A secret text; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// How an HTTP peer is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `url`: checked to be http or https with a host.
    pub url: String,
    /// `headers`: values may be secret.
    pub headers: BTreeMap<String, Hidden>,
    /// `username`, `password` (or `password_file`): Basic.
    pub basic: Option<(String, Hidden)>,
    /// `token` (or `token_file`): Bearer.
    pub token: Option<Hidden>,
    /// `timeout`: for one request. Default 10 s.
    pub timeout: Duration,
    /// `ca_file`: PEM of certificate authorities, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `certificate_file`, `key_file`: PEM of a client certificate.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// `skip_verify`
    pub skip_verify: bool,
    /// `bypass_proxy`: ignore `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`. Default true.
    pub bypass_proxy: bool,
}

impl Options {
    /// The defaults, for a peer at this URL.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: BTreeMap::new(),
            basic: None,
            token: None,
            timeout: Duration::from_secs(10),
            ca_file: None,
            client_certificate: None,
            skip_verify: false,
            bypass_proxy: true,
        }
    }
}

/// Why something cannot be made of its options: the configuration has to be mended.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file that the options name cannot be read.
    #[error("`{key}`: cannot read {}", path.display())]
    File {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A value cannot be used.
    #[error("`{key}`: {problem}")]
    Value {
        /// The key of the configuration.
        key: &'static str,
        /// What is wrong with it, without secrets.
        problem: String,
    },
}

impl BuildError {
    /// The key of the table that is to be mended.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::File { key, .. } | Self::Value { key, .. } => key,
        }
    }

    pub(crate) fn value(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Value { key, problem: problem.into() }
    }

    pub(crate) fn file(key: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { key, path: path.to_owned(), source }
    }
}
