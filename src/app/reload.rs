//! Taking over another configuration while kaptap runs: sinks with their filters, Kapacitors, tokens, and the
//! certificate. Nothing of it touches a connection of Kapacitor's.

use super::connecting;
use super::delivering::{self, Build};
use super::options::tokens;
use crate::config::Config;
use crate::connector::{Connector, ConnectorError};
use crate::delivery::{Delivery, PlanError};
use crate::intake::access::Tokens;
use crate::serve::tls::{Tls, TlsError};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Why another configuration was not taken over.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A sink cannot be made as it is written. Everything is as before.
    #[error("nothing was changed: {}", delivering::all(.0))]
    NotPossible(Vec<PlanError>),
    /// A Kapacitor cannot be watched as it is written. Everything is as before.
    #[error("nothing was changed: {}", connecting::all(.0))]
    NotWatchable(Vec<ConnectorError>),
    /// The certificate or the key of the HTTP listener cannot be used. Everything is as before.
    #[error("nothing was changed: {0}")]
    NotSecure(#[from] TlsError),
    /// A sink could not be started; the others were.
    #[error("not all sinks run: {}", delivering::all(.0))]
    NotStarted(Vec<PlanError>),
}

/// Takes over other configurations. Cheap to clone.
#[derive(Clone)]
pub struct Reloader(Arc<Inner>);

struct Inner {
    /// What runs.
    current: Mutex<Config>,
    delivery: Delivery,
    connector: Connector,
    build: Build,
    posts: Tokens,
    reads: Tokens,
    tls: Option<Tls>,
}

impl Reloader {
    pub(super) fn new(
        config: &Config,
        delivery: Delivery,
        connector: Connector,
        build: Build,
    ) -> Result<Self, TlsError> {
        let (posts, reads) = (tokens(&config.http.posting()), tokens(&config.http.reading()));
        let tls = config.http.tls.as_ref().map(Tls::load).transpose()?;
        let current = Mutex::new(config.clone());
        Ok(Self(Arc::new(Inner { current, delivery, connector, build, posts, reads, tls })))
    }

    /// What TLS connections are accepted with; it changes with the files.
    pub(super) fn tls(&self) -> Option<Tls> {
        self.0.tls.clone()
    }

    /// Tokens for posting and for reading; they change with the configuration.
    pub(super) fn tokens(&self) -> (Tokens, Tokens) {
        (self.0.posts.clone(), self.0.reads.clone())
    }

    /// Takes over sinks, Kapacitors, tokens, and what is in the files of certificate and key now. Returns the sections in which something else has changed, which needs a restart.
    ///
    /// # Errors
    /// When a sink or a Kapacitor cannot be made; then nothing was changed. Or when one cannot be started.
    pub async fn reload(&self, config: Config) -> Result<Vec<&'static str>, ReloadError> {
        let inner = &*self.0;
        let mut current = inner.current.lock().await;
        let plans = delivering::plans(&config, Some(&current), &inner.build);
        let prepared = inner.delivery.prepare(plans).map_err(ReloadError::NotPossible)?;
        let watched = inner.connector.prepare(connecting::options(&config)).map_err(ReloadError::NotWatchable)?;
        let tls = config.http.tls.as_ref().map(Tls::load).transpose()?;
        if let (Some(current), Some(new)) = (&inner.tls, &tls) {
            current.replace(new);
        }
        inner.posts.replace(&tokens(&config.http.posting()));
        inner.reads.replace(&tokens(&config.http.reading()));
        let started = inner.delivery.start(prepared).await;
        inner.connector.start(watched, &connecting::renewed(&current, &config)).await;
        let later = need_restart(&current, &config);
        *current = config;
        started.map_err(ReloadError::NotStarted)?;
        Ok(later)
    }
}

/// Sections of which something was changed that is only read at the start.
fn need_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let http = |config: &Config| {
        let http = &config.http;
        (http.listen, http.tls.is_some(), http.max_body, http.connections, http.header_timeout, http.body_timeout)
    };
    // The options of other rooms have no equality of their own; what they show is all there is of them.
    let shown = |part: &dyn std::fmt::Debug| format!("{part:?}");
    [
        ("data_dir", old.data_dir != new.data_dir),
        ("scope", old.scope != new.scope),
        ("http", http(old) != http(new)),
        ("udf, journal.sync or http.hold", shown(&old.intake) != shown(&new.intake)),
        ("tcp", old.tcp != new.tcp),
        ("journal", shown(&old.journal) != shown(&new.journal)),
        ("read", old.read != new.read),
        ("log", old.log != new.log),
    ]
    .into_iter()
    .filter_map(|(section, changed)| changed.then_some(section))
    .collect()
}

/// Reads the configuration again at every SIGHUP. What is faulty is said, and everything stays as it was.
pub(super) async fn at_signal(reloader: Reloader, read: impl Fn() -> Result<Config, Vec<String>> + Send) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => {
            tracing::error!(%error, "Cannot listen for SIGHUP; a restart reads the configuration again");
            return;
        }
    };
    while hangup.recv().await.is_some() {
        match read() {
            Ok(config) => match reloader.reload(config).await {
                Ok(later) if later.is_empty() => tracing::info!("The configuration was read again"),
                Ok(later) => tracing::warn!(
                    sections = later.join(", "),
                    "The configuration was read again; what changed in these sections needs a restart"
                ),
                Err(error) => tracing::error!(%error, "The configuration was not taken over"),
            },
            Err(errors) => {
                for error in errors {
                    tracing::error!(error, "Fault in the configuration");
                }
                tracing::error!("The configuration was not taken over; everything stays as it was");
            }
        }
    }
}
