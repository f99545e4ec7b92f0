//! The connection. A lost one is tried once more on each server by the client library, then given up, and the next
//! delivery makes a new one: with files read again, an error that says why it does not work, and nothing left in the
//! library's queue that would be sent late.

use super::failure;
use super::stream::Known;
use crate::delivery::sink::{Outcome, Reason};
use crate::sinks::options;
use async_nats::connection::State;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::{Client, ClientError, ConnectOptions, Event, ServerAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a delivery waits for a connection that the library is mending.
const MENDING: Duration = Duration::from_secs(2);
/// Longest wait for the server's greeting.
const GREETING: Duration = Duration::from_secs(5);
/// How often a silent server is asked whether it is still there; two unanswered questions end the connection.
const PING: Duration = Duration::from_secs(10);

/// What the client library tells of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// Connections made, the first included.
    pub(super) connects: u64,
    /// Connections lost.
    pub(super) losses: u64,
    /// The library has given up.
    pub(super) closed: bool,
    /// The last complaint, of server or library.
    pub(super) said: Option<String>,
}

impl Health {
    fn note(&mut self, event: Event) {
        match event {
            Event::Connected => {
                self.connects += 1;
                self.said = None;
            }
            Event::Disconnected => self.losses += 1,
            Event::Closed | Event::ClientError(ClientError::MaxReconnects) => self.closed = true,
            Event::ServerError(error) => self.said = Some(error.to_string()),
            Event::ClientError(error) => self.said = Some(error.to_string()),
            Event::LameDuckMode | Event::Draining | Event::SlowConsumer(_) => {}
        }
    }
}

/// A connection, made once.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) health: watch::Receiver<Health>,
    /// The stream, and the connection on which it was last seen to be as it should.
    pub(super) checked: Option<(u64, Known)>,
}

impl Link {
    /// Connects.
    pub(super) async fn connect(options: &options::Nats, servers: &Servers) -> Result<Self, Outcome> {
        let (said, health) = watch::channel(Health::default());
        let connecting = settings(options, servers)
            .await?
            .event_callback(move |event| {
                said.send_modify(|health| health.note(event));
                std::future::ready(())
            })
            .connect(servers.addresses.as_slice());
        let client = connecting.await.map_err(|error| failure::connecting(&servers.shown, &error))?;
        // Twice the window: what was given up is awaited by the library until its time is over.
        let context = ContextBuilder::new()
            .timeout(options.timeout)
            .ack_timeout(options.timeout)
            .max_ack_inflight(options.in_flight.max(1).saturating_mul(2))
            .build(client.clone());
        Ok(Self { client, context, health, checked: None })
    }

    /// Waits a little for a connection that is being mended.
    pub(super) async fn mended(&mut self, servers: &Servers) -> Result<(), Outcome> {
        let deadline = Instant::now() + MENDING;
        while self.client.connection_state() != State::Connected {
            let news = tokio::time::timeout_at(deadline, self.health.changed()).await;
            let health = self.health.borrow_and_update();
            if health.closed || !matches!(news, Ok(Ok(()))) {
                let said = health.said.clone().unwrap_or_else(|| "the connection is lost".to_owned());
                return Err(failure::retry(
                    Reason::Unreachable,
                    format!("{} cannot be reached: {said}", servers.shown),
                ));
            }
        }
        Ok(())
    }

    /// Whether the library has given up.
    pub(super) fn is_closed(&self) -> bool {
        self.health.borrow().closed
    }

    /// The number of the connection.
    pub(super) fn connects(&self) -> u64 {
        self.health.borrow().connects
    }
}

/// The servers of a URL list.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    addresses: Vec<ServerAddr>,
    /// Their names without passwords.
    pub(super) shown: String,
}

impl Servers {
    /// Reads `url`, several separated by commas.
    pub(super) fn parse(urls: &str) -> Option<Self> {
        let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
        let addresses: Vec<ServerAddr> = urls.map(|url| url.parse().ok()).collect::<Option<_>>()?;
        let usable = |address: &ServerAddr| !address.host().is_empty() && matches!(address.scheme(), "nats" | "tls");
        if addresses.is_empty() || !addresses.iter().all(usable) {
            return None;
        }
        let name = |address: &ServerAddr| format!("{}://{}:{}", address.scheme(), address.host(), address.port());
        let shown = addresses.iter().map(name).collect::<Vec<_>>().join(",");
        Some(Self { addresses, shown })
    }
}

async fn settings(options: &options::Nats, servers: &Servers) -> Result<ConnectOptions, Outcome> {
    let mut settings = ConnectOptions::new()
        .name("kaptap")
        .connection_timeout(options.timeout.min(GREETING))
        .request_timeout(Some(options.timeout))
        .ping_interval(PING)
        .max_reconnects(servers.addresses.len());
    if let Some((user, password)) = &options.basic {
        settings = settings.user_and_password(user.clone(), password.0.clone());
    }
    if let Some(token) = &options.token {
        settings = settings.token(token.0.clone());
    }
    if let Some(path) = &options.credentials_file {
        settings = settings.credentials_file(path).await.map_err(|error| {
            failure::retry(Reason::Local, format!("{} holds no credentials: {error}", path.display()))
        })?;
    }
    if let Some(path) = &options.ca_file {
        settings = settings.add_root_certificates(path.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &options.client_certificate {
        settings = settings.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(settings)
}
