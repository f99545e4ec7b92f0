//! One connection. A lost one is tried once more on each server by the client library, then given up, and the next
//! use makes a new one: with files read again, an error that says why it does not work, and nothing left in the
//! library's queue that would be sent late.

use super::{Access, NatsError, Why};
use crate::http::address::percent_decoded;
use async_nats::connection::State;
use async_nats::jetstream::context::{Context, ContextBuilder};
use async_nats::{Client, ClientError, ConnectOptions, Event, ServerAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long its user waits for a connection that the library is mending.
const MENDING: Duration = Duration::from_secs(2);
/// Longest wait for the server's greeting.
const GREETING: Duration = Duration::from_secs(5);
/// How often a silent server is asked whether it is still there; two unanswered questions end the connection.
const PING: Duration = Duration::from_secs(10);

/// What the client library tells of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Connections made, the first included.
    pub(crate) connects: u64,
    /// Connections lost.
    pub(crate) losses: u64,
    /// The library has given up.
    pub(crate) closed: bool,
    /// The last complaint, of server or library.
    pub(crate) said: Option<String>,
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
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) client: Client,
    pub(crate) context: Context,
    pub(crate) health: watch::Receiver<Health>,
}

impl Link {
    /// Connects. Acknowledgements of up to `in_flight` publishes may be awaited at once.
    pub(crate) async fn connect(access: &Access, in_flight: usize) -> Result<Self, NatsError> {
        let (said, health) = watch::channel(Health::default());
        let connecting = settings(access)
            .await?
            .event_callback(move |event| {
                said.send_modify(|health| health.note(event));
                std::future::ready(())
            })
            .connect(access.servers.addresses.as_slice());
        let client = connecting.await.map_err(|error| NatsError::connecting(&access.servers.shown, &error))?;
        // Twice the window: what was given up is awaited by the library until its time is over.
        let context = ContextBuilder::new()
            .timeout(access.timeout)
            .ack_timeout(access.timeout)
            .max_ack_inflight(in_flight.max(1).saturating_mul(2))
            .build(client.clone());
        Ok(Self { client, context, health })
    }

    /// Waits a little for a connection that is being mended.
    pub(crate) async fn mended(&mut self, servers: &Servers) -> Result<(), NatsError> {
        let deadline = Instant::now() + MENDING;
        while self.client.connection_state() != State::Connected {
            let news = tokio::time::timeout_at(deadline, self.health.changed()).await;
            let health = self.health.borrow_and_update();
            if health.closed || !matches!(news, Ok(Ok(()))) {
                let said = health.said.clone().unwrap_or_else(|| "the connection is lost".to_owned());
                return Err(NatsError::new(Why::Unreachable, format!("{} cannot be reached: {said}", servers.shown)));
            }
        }
        Ok(())
    }

    /// Whether the library has given up.
    pub(crate) fn is_closed(&self) -> bool {
        self.health.borrow().closed
    }

    /// The number of the connection.
    pub(crate) fn connects(&self) -> u64 {
        self.health.borrow().connects
    }
}

/// The servers of a URL list.
#[derive(Clone, PartialEq, Eq)]
pub struct Servers {
    addresses: Vec<ServerAddr>,
    /// Their names without passwords.
    shown: String,
}

/// Shows no password.
impl std::fmt::Debug for Servers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Servers {
    /// Their names, without passwords.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// User and password of the first URL that has them; without a password it is a token.
    fn login(&self) -> Option<(String, Option<String>)> {
        let address = self.addresses.iter().find(|address| address.has_user_pass())?;
        Some((percent_decoded(address.username()?), address.password().map(percent_decoded)))
    }

    /// Reads `url`, several separated by commas.
    #[must_use]
    pub fn parse(urls: &str) -> Option<Self> {
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

async fn settings(access: &Access) -> Result<ConnectOptions, NatsError> {
    let mut settings = ConnectOptions::new()
        .name("kaptap")
        .connection_timeout(access.timeout.min(GREETING))
        .request_timeout(Some(access.timeout))
        .ping_interval(PING)
        .max_reconnects(access.servers.addresses.len());
    // The library takes no notice of what is in a URL.
    match (&access.basic, &access.token, access.servers.login()) {
        (Some((user, password)), ..) => settings = settings.user_and_password(user.clone(), password.clone()),
        (None, Some(token), _) => settings = settings.token(token.clone()),
        (None, None, Some((user, Some(password)))) => settings = settings.user_and_password(user, password),
        (None, None, Some((token, None))) => settings = settings.token(token),
        (None, None, None) => {}
    }
    if let Some(path) = &access.credentials_file {
        settings = settings
            .credentials_file(path)
            .await
            .map_err(|error| NatsError::new(Why::Local, format!("{} holds no credentials: {error}", path.display())))?;
    }
    if let Some(path) = &access.ca_file {
        settings = settings.add_root_certificates(path.clone()).require_tls(true);
    }
    if let Some((certificate, key)) = &access.client_certificate {
        settings = settings.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    Ok(settings)
}
