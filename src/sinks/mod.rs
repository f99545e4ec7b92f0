//! The peers that events are delivered to: one file each, behind [`Sink`].
//!
//! [`build`] makes a sink of its options. It reads what it needs (certificates), but reaches for no peer and writes
//! nothing: a sink connects, and opens its file, with its first delivery. So a configuration can be checked by building
//! it.

pub mod alertmanager;
pub mod dataminer;
pub mod dataminer_webhook;
pub mod file;
mod halving;
pub mod http;
mod lines;
pub mod nats;
pub mod options;
pub mod stdout;
pub mod webhook;

pub use crate::http::BuildError;

use crate::delivery::sink::Sink;
use options::Peer;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970 UTC; a clock before that is at its beginning.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Makes the sink of this name. Proxies are those of the environment. `state` is the directory in which a sink may keep
/// what it must not forget over a restart, in files that are called after it.
///
/// # Errors
/// When the options cannot be used.
pub fn build(name: &str, peer: &Peer, state: &Path) -> Result<Box<dyn Sink>, BuildError> {
    build_showing(name, peer, state, Arc::new(dataminer::NoPages))
}

/// The same, with what a sink shows that does not follow from events.
///
/// # Errors
/// When the options cannot be used.
pub fn build_showing(
    name: &str,
    peer: &Peer,
    state: &Path,
    pages: Arc<dyn dataminer::Pages>,
) -> Result<Box<dyn Sink>, BuildError> {
    match peer {
        Peer::Stdout => Ok(Box::new(stdout::Stdout::new(name))),
        Peer::File(options) => Ok(Box::new(file::File::new(name, options)?)),
        Peer::Webhook(options) => Ok(Box::new(webhook::Webhook::new(options, &http::Proxies::of_environment())?)),
        Peer::Alertmanager(options) => {
            let state_file = state.join(format!("sink-{name}.json"));
            let proxies = http::Proxies::of_environment();
            Ok(Box::new(alertmanager::Alertmanager::new(name, options, Some(state_file), &proxies)?))
        }
        Peer::Dataminer(options) => {
            let (state_file, proxies) = (state.join(format!("sink-{name}.ndjson")), http::Proxies::of_environment());
            Ok(Box::new(dataminer::Dataminer::new(name, options, Some(state_file), &proxies, pages)?))
        }
        Peer::DataminerWebhook(options) => {
            let (state_file, proxies) = (state.join(format!("sink-{name}.ndjson")), http::Proxies::of_environment());
            Ok(Box::new(dataminer_webhook::DataminerWebhook::new(name, options, Some(state_file), &proxies)?))
        }
        Peer::Nats(options) => Ok(Box::new(nats::Nats::new(options)?)),
    }
}
