//! The peers that events are delivered to: one file each, behind [`Sink`].
//!
//! [`build`] makes a sink of its options. It reads what it needs (certificates), but reaches for no peer and writes
//! nothing: a sink connects, and opens its file, with its first delivery. So a configuration can be checked by building
//! it.

pub mod alertmanager;
pub mod file;
pub mod http;
mod lines;
pub mod nats;
pub mod options;
pub mod stdout;
pub mod webhook;

use crate::delivery::sink::Sink;
use options::Peer;
use std::path::{Path, PathBuf};

/// Why a sink cannot be made of its options: the configuration has to be mended.
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
    /// The key of the `[[sink]]` table that is to be mended.
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

/// Makes the sink of this name. Proxies are those of the environment. `state` is the directory in which a sink may keep
/// what it must not forget over a restart, in files that are called after it.
///
/// # Errors
/// When the options cannot be used.
pub fn build(name: &str, peer: &Peer, state: &Path) -> Result<Box<dyn Sink>, BuildError> {
    match peer {
        Peer::Stdout => Ok(Box::new(stdout::Stdout::new(name))),
        Peer::File(options) => Ok(Box::new(file::File::new(name, options)?)),
        Peer::Webhook(options) => Ok(Box::new(webhook::Webhook::new(options, &http::Proxies::of_environment())?)),
        Peer::Alertmanager(options) => {
            let state_file = state.join(format!("sink-{name}.json"));
            let proxies = http::Proxies::of_environment();
            Ok(Box::new(alertmanager::Alertmanager::new(name, options, Some(state_file), &proxies)?))
        }
        Peer::Nats(options) => Ok(Box::new(nats::Nats::new(options)?)),
    }
}
