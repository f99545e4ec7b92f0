//! Binds, recovers, wires the parts together, and stops them in two stages.
//!
//! [`App::bind`] fails before anything was started: it takes the data directory's lock, the port and the sockets,
//! opens the journal, makes the sinks and reads what is remembered. [`App::run`] serves until told to stop, then closes
//! intake, finishes the replies and deliveries under way, and at last closes the journal and writes the checkpoint.
//! [`Reloader`] changes sinks and tokens meanwhile.

mod connecting;
mod delivering;
mod demo;
mod notify;
mod opening;
mod options;
mod reload;
mod screen;
mod signals;

pub use delivering::Build;
pub use demo::{Demo, demo};
pub use reload::{ReloadError, Reloader};

use crate::cli::BoxError;
use crate::config::{Config, Read};
use crate::connector;
use crate::connector::{Connector, ConnectorError};
use crate::delivery::{Delivery, PlanError, Prepared};
use crate::intake::gather;
use crate::intake::socket::{SocketError, SocketFile};
use crate::intake::{self, Intake, Notice, udf};
use crate::journal::{self, Disk, Storage};
use crate::nats;
use crate::record::Edge;
use crate::serve;
use opening::{open, take_directory};
use options::{http_options, listener_options, serve_options, tcp_options};
use screen::Screen;
use std::fs::{DirBuilder, File};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long replies under way may take after the stop was asked for.
const GRACE: Duration = Duration::from_secs(5);

/// How long tasks that were connected before may take to come back before they are named. Kapacitor waits 10 s between
/// two tries at its own start.
const COME_BACK: Duration = Duration::from_mins(1);

/// How long the UDF thread and the journal may take to end: a disk that does not answer must not hold up the stop.
const LONGEST_END: Duration = Duration::from_secs(10);

/// Why kaptap cannot start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A directory cannot be used.
    #[error("cannot use {path} as a data directory")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another kaptap uses the data directory.
    #[error("{path} is in use by another kaptap")]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A port cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A socket file cannot be taken.
    #[error("cannot serve the UDF sockets")]
    Socket(#[from] SocketError),
    /// Certificate and key of the HTTP listener cannot be used.
    #[error("cannot speak TLS")]
    Tls(#[from] serve::tls::TlsError),
    /// The journal cannot be opened.
    #[error("cannot open the journal")]
    Journal(#[from] journal::OpenError),
    /// The thread of the UDF lane, or that of HTTP, cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// Sinks cannot be made.
    #[error("cannot deliver: {}", delivering::all(.0))]
    Sinks(Vec<PlanError>),
    /// Kapacitors cannot be watched.
    #[error("cannot watch: {}", connecting::all(.0))]
    Kapacitors(Vec<ConnectorError>),
    /// The last write failed.
    #[error("the last records could not be written")]
    Close(#[source] io::Error),
}

/// Where a running kaptap is found.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The HTTP listener.
    pub http: SocketAddr,
    /// The TCP listener, if there is one.
    pub tcp: Option<SocketAddr>,
    /// The socket for STREAM edges.
    pub stream_socket: PathBuf,
    /// The socket for BATCH edges.
    pub batch_socket: PathBuf,
}

/// A kaptap that has everything it needs, and serves nobody yet.
pub struct App {
    config: Config,
    intake: Intake,
    delivery: Delivery,
    prepared: Prepared,
    connector: Connector,
    watched: connector::Prepared,
    reloader: Reloader,
    http: TcpListener,
    tcp: Option<TcpListener>,
    stream_socket: SocketFile,
    batch_socket: SocketFile,
    addresses: Addresses,
    // Held for the life of the process.
    lock: File,
}

impl App {
    /// Takes everything a run needs.
    ///
    /// # Errors
    /// When something is taken, missing or not permitted; nothing was started then.
    pub async fn bind(config: Config) -> Result<Self, AppError> {
        Self::bind_on(config, Arc::new(Disk::default())).await
    }

    /// Like [`App::bind`], with the journal on another storage: for drills.
    ///
    /// # Errors
    /// Like [`App::bind`].
    pub async fn bind_on(config: Config, storage: Arc<dyn Storage>) -> Result<Self, AppError> {
        let screen = Screen::default();
        let build = delivering::sinks(&config.data_dir, screen.clone());
        let app = Self::bind_with(config, storage, build).await?;
        screen.show_own(&app.intake, &app.delivery);
        let connector = app.connector.clone();
        screen.show_kapacitors(move || connector.snapshots());
        Ok(app)
    }

    /// Like [`App::bind_on`], with sinks that something else makes: for embedding, and for drills.
    ///
    /// # Errors
    /// Like [`App::bind`].
    pub async fn bind_with(config: Config, storage: Arc<dyn Storage>, build: Build) -> Result<Self, AppError> {
        let lock = take_directory(&config.data_dir)?;
        let http = listen(config.http.listen)?;
        let tcp = config.tcp.map(listen).transpose()?;
        let options = &config.intake;
        let stream_socket = SocketFile::bind(&options.stream_socket, options.mode, options.group.as_deref())?;
        let batch_socket = SocketFile::bind(&options.batch_socket, options.mode, options.group.as_deref())?;
        let addresses = Addresses {
            http: local_address(&http, config.http.listen)?,
            tcp: match (&tcp, config.tcp) {
                (Some(listener), Some(address)) => Some(local_address(listener, address)?),
                _ => None,
            },
            stream_socket: options.stream_socket.clone(),
            batch_socket: options.batch_socket.clone(),
        };
        // What is inside is for kaptap alone; the data directory itself is not, for the sockets are in it.
        for part in ["journal", "state", "cursors", "parked"] {
            let path = config.data_dir.join(part);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.map_err(|source| AppError::Directory { path, source })?;
        }
        let intake = open(&config, storage).await?;
        let delivery = delivering::delivery(&config, &intake);
        let prepared = delivery.prepare(delivering::plans(&config, None, &build)).map_err(AppError::Sinks)?;
        let connector = connecting::connector(&config, &intake);
        let watched = connector.prepare(connecting::options(&config)).map_err(AppError::Kapacitors)?;
        let reloader = Reloader::new(&config, delivery.clone(), connector.clone(), build)?;
        Ok(Self {
            config,
            intake,
            delivery,
            prepared,
            connector,
            watched,
            reloader,
            http,
            tcp,
            stream_socket,
            batch_socket,
            addresses,
            lock,
        })
    }

    /// Where it will be found.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Its intake, for embedding: journal, alert state, counters.
    #[must_use]
    pub const fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Its sinks, for embedding.
    #[must_use]
    pub const fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The Kapacitors that it watches, for embedding.
    #[must_use]
    pub const fn connector(&self) -> &Connector {
        &self.connector
    }

    /// What changes sinks, Kapacitors and tokens while it runs.
    #[must_use]
    pub const fn reloader(&self) -> &Reloader {
        &self.reloader
    }

    /// Serves until `stop` is cancelled.
    ///
    /// # Errors
    /// When a sink cannot be started, or the last records could not be written.
    pub async fn run(self, stop: CancellationToken) -> Result<(), AppError> {
        let Self { config, intake, delivery, prepared, connector, watched, reloader, http, tcp, .. } = self;
        // The lock is held until the end.
        let (stream_socket, batch_socket, addresses, lock) =
            (self.stream_socket, self.batch_socket, self.addresses, self.lock);
        let state = config.data_dir.join("state");
        delivery.start(prepared).await.map_err(AppError::Sinks)?;
        let (udf_intake, udf_stop) = (intake.clone(), stop.clone());
        let udf_thread = gather::start(config.intake.gather, move |flowing| async move {
            let stream =
                udf::accept(udf_intake.clone(), stream_socket, Edge::Stream, flowing.clone(), udf_stop.clone());
            let batch = udf::accept(udf_intake, batch_socket, Edge::Batch, flowing, udf_stop);
            tokio::join!(stream, batch);
        })
        .map_err(AppError::Thread)?;

        // Before anybody is answered: to whoever asks for a refresh first, it would be over with nothing polled.
        connector.start(watched, &[]).await;
        let tasks = TaskTracker::new();
        let (posts, reads) = reloader.tokens();
        let reading = serve::ServeState::new(intake.clone(), serve_options(&config, reads), stop.clone())
            .with_delivery(delivery.clone(), posts.clone())
            .with_connector(connector.clone());
        let reading = match &config.read {
            Read::Journal => reading,
            Read::Nats(options) => reading.with_source(nats::Source::new(options.as_ref().clone())),
        };
        let posts = intake::http::Posts::new(intake.clone(), http_options(&config, posts));
        let front = serve::front::Front::new(posts, serve::router(reading));
        let (options, metrics) = (listener_options(&config), intake.metrics().clone());
        let (front, tls) = (front.reading_on(tokio::runtime::Handle::current()), reloader.tls());
        let listener = serve::listener::Listener { socket: http, front, options, tls, metrics, stop: stop.clone() };
        tasks.spawn(listener.start().map_err(AppError::Thread)?);
        if let Some(tcp) = tcp {
            tasks.spawn(intake::tcp::serve(tcp, intake.clone(), tcp_options(&config), stop.clone()));
        }
        let background = CancellationToken::new();
        let (checkpoints, until) = (intake.clone(), background.clone());
        let directory = state.clone();
        tasks.spawn(async move { checkpoints.keep_checkpoints(&directory, &until).await });
        let (notices, until) = (intake.clone(), background.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = until.cancelled() => {}
                () = notices.flush_waiting_notices() => {}
            }
        });
        let (missing, until) = (intake.clone(), background.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = until.cancelled() => {}
                () = tokio::time::sleep(COME_BACK) => missing.report_missing(),
            }
        });
        tracing::info!(
            http = %addresses.http,
            stream = %absolute(&addresses.stream_socket).display(),
            batch = %absolute(&addresses.batch_socket).display(),
            next_seq = intake.journal().next_seq(),
            "Ready"
        );

        stop.cancelled().await;
        intake.notice(Notice::Stopped);
        tracing::info!("Stopping: intake is closed, replies and deliveries under way are finished");
        background.cancel();
        tasks.close();
        tokio::join!(tasks.wait(), delivery.stop(), connector.stop());
        if !matches!(within(LONGEST_END, move || udf_thread.join()).await, Ok(Ok(()))) {
            tracing::error!("The UDF thread did not end as it should");
        }
        let closing = intake.clone();
        let closed = within(LONGEST_END, move || closing.journal().close()).await;
        closed.and_then(|closed| closed).map_err(AppError::Close)?;
        if let Err(error) = intake.write_checkpoint(&state) {
            tracing::warn!(%error, "Cannot write the checkpoint; the next start reads more of the journal");
        }
        tracing::info!(next_seq = intake.journal().next_seq(), "Stopped");
        drop(lock);
        Ok(())
    }
}

/// Runs kaptap until SIGTERM or SIGINT; a second signal ends it at once. SIGHUP takes over what of
/// the configuration can be changed, which `read` reads again or says what is wrong with it.
///
/// # Errors
/// When it cannot start or did not end well.
pub async fn run(
    config: Config,
    read: impl Fn() -> Result<Config, Vec<String>> + Send + 'static,
) -> Result<(), BoxError> {
    let app = App::bind(config).await?;
    // The sockets are there: what is started after kaptap can connect from now on.
    if let Err(error) = notify::ready(std::env::var_os("NOTIFY_SOCKET")) {
        tracing::warn!(%error, "Cannot tell the service manager that kaptap is ready");
    }
    let stop = CancellationToken::new();
    tokio::spawn(reload::at_signal(app.reloader().clone(), read));
    let signalled = stop.clone();
    tokio::spawn(async move {
        if let Err(error) = signals::stop_at(&signalled).await {
            tracing::error!(%error, "Cannot listen for signals; stop it with SIGKILL, nothing acknowledged is lost");
        }
    });
    Ok(app.run(stop).await?)
}

/// Kapacitor's configuration wants absolute paths.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Runs blocking work on a thread of its own, and waits for it no longer than that. A thread that is still at it then
/// ends with the process.
async fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("kaptap-end".to_owned()).spawn(move || drop(done.send(work())))?;
    let timed_out = || io::Error::new(io::ErrorKind::TimedOut, format!("no end within {limit:?}"));
    tokio::time::timeout(limit, result).await.map_err(|_| timed_out())?.map_err(io::Error::other)
}

fn listen(address: SocketAddr) -> Result<TcpListener, AppError> {
    intake::accept::bind(address).map_err(|source| AppError::Listen { address, source })
}

fn local_address(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, AppError> {
    listener.local_addr().map_err(|source| AppError::Listen { address, source })
}
