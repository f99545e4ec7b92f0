//! The two sides that `setup` and `doctor` look at: one Kapacitor, and the running kaptap.

use super::arguments::SettingsArguments;
use super::failure::Failure;
use crate::config::Config;
use crate::connector::own::Own;
use crate::connector::setup::{Address, Aim};
use crate::connector::{Client, Options};
use crate::http::Proxies;
use clap::Args;
use hyper::Uri;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// Where Kapacitor is when nothing says so.
const DEFAULT_URL: &str = "http://127.0.0.1:9092";

/// How long handlers let Kapacitor wait for kaptap, unless asked otherwise: as long as kaptap itself holds a post
/// while its journal is blocked, and less than Kapacitor's own 30 s.
pub(super) const HANDLER_TIMEOUT: Duration = Duration::from_secs(20);

/// The time limit of a service test: Kapacitor has none of its own.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which Kapacitor, and where kaptap is.
#[derive(Debug, Args)]
pub(super) struct SidesArguments {
    /// A `[[kapacitor]]` of the configuration, by its name; without it the only one
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub(super) kapacitor: Option<String>,
    /// URL of Kapacitor's HTTP API, perhaps with USER:PASSWORD@; without it that of the configuration, or
    /// `http://127.0.0.1:9092`
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// kaptap as Kapacitor reaches it, http://HOST:PORT; without it what `[http] listen` says
    #[arg(long, value_name = "URL")]
    pub(super) address: Option<String>,
    /// Address of the running kaptap from here; without it `[http] listen` of the configuration
    #[arg(long, value_name = "URL", env = "KAPTAP_URL")]
    pub(super) kaptap: Option<String>,
    /// Token for posting to kaptap; without it the first one of the configuration
    #[arg(long, env = "KAPTAP_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
}

/// Both sides, ready to be asked.
#[derive(Debug)]
pub(super) struct Sides {
    pub(super) kapacitor: Client,
    pub(super) own: Own,
    /// Whether Kapacitor is on this machine.
    pub(super) local: bool,
    /// kaptap as Kapacitor reaches it; `None` where nobody says.
    pub(super) address: Option<Address>,
    pub(super) token: Option<String>,
    /// The stream's and the batch's, absolute.
    pub(super) sockets: [PathBuf; 2],
}

impl Sides {
    /// Takes what the command line and the configuration say. Speaks to nobody yet, but needs a runtime around it.
    pub(super) fn new(settings: &SettingsArguments, arguments: &SidesArguments) -> Result<Self, Failure> {
        let config = super::configuration(settings)?;
        let mut options = kapacitor(&config, arguments).map_err(Failure::Usage)?;
        options.http.timeout = options.http.timeout.max(PATIENCE);
        let local = is_local(&options.http.url);
        let unusable = |what: &str, error: &dyn std::error::Error| Failure::Usage(format!("{what}: {error}"));
        let kapacitor = Client::new(&options, &Proxies::of_environment())
            .map_err(|error| unusable("Kapacitor cannot be asked like this", &error))?;
        let token = arguments.token.clone().filter(|token| !token.is_empty());
        let posting = token.clone().or_else(|| first(&config.http.posting()));
        let reading = token.or_else(|| first(&config.http.reading()));
        let listen = reached(config.http.listen);
        let scheme = if config.http.tls.is_some() { "https" } else { "http" };
        let (url, own) = if let Some(url) = &arguments.kaptap {
            (url.clone(), Own::new(url, reading.as_deref()))
        } else {
            let url = format!("{scheme}://{listen}");
            let own = Own::here(&url, reading.as_deref());
            (url, own)
        };
        let own = own.map_err(|error| unusable("kaptap cannot be asked like this", &error))?;
        let address = match &arguments.address {
            Some(address) => Some(address.clone()),
            None if local || !is_local(&url) => Some(url).filter(|_| listen.port() != 0 || arguments.kaptap.is_some()),
            None => None,
        };
        let address = address.map(|address| Address::parse(&address)).transpose();
        let address = address.map_err(|error| Failure::Usage(error.to_string()))?;
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let sockets = [absolute(&config.intake.stream_socket), absolute(&config.intake.batch_socket)];
        Ok(Self { kapacitor, own, local, address, token: posting, sockets })
    }

    /// What handlers of ours have in common; the address must be known.
    pub(super) fn aim(&self, id: &str, timeout: Duration, matching: Option<String>) -> Result<Aim, Failure> {
        let address = self.address.clone().ok_or_else(|| {
            Failure::Usage("how does Kapacitor reach kaptap? Say --address http://HOST:PORT".to_owned())
        })?;
        let (id, token) = (id.to_owned(), self.token.clone());
        Ok(Aim { id, address, token, timeout, matching })
    }
}

/// The Kapacitor that is meant.
fn kapacitor(config: &Config, arguments: &SidesArguments) -> Result<Options, String> {
    let known = &config.kapacitors;
    let names = || known.iter().map(|known| known.options.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(url) = &arguments.url {
        return Ok(Options::at("kapacitor", url.as_str(), &config.scope));
    }
    match (&arguments.kapacitor, known.as_slice()) {
        (Some(name), _) => {
            let found = known.iter().find(|known| known.options.name == *name);
            let none = || match names() {
                names if names.is_empty() => {
                    format!("the configuration has no [[kapacitor]], so none is named {name:?}")
                }
                names => format!("no [[kapacitor]] is named {name:?}; there are {names}"),
            };
            found.map(|found| found.options.clone()).ok_or_else(none)
        }
        (None, []) => Ok(Options::at("kapacitor", DEFAULT_URL, &config.scope)),
        (None, [only]) => Ok(only.options.clone()),
        (None, _) => Err(format!("which one? Say --kapacitor with one of {}", names())),
    }
}

fn first(tokens: &[crate::config::Secret]) -> Option<String> {
    tokens.first().map(|token| token.expose().to_owned())
}

/// The address to connect to for one that is listened on.
fn reached(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() });
    }
    listen
}

/// Whether a URL names this machine.
fn is_local(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
