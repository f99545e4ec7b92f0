//! Configuration: file, environment and flags to validated options.
//!
//! Two layers. What was written is collected key by key with the place where it stands (`settings`), against the one
//! list of keys ([`KEYS`]). Then `validate` reads every key by its type and bounds and checks keys against each
//! other. Faults are collected on the way and reported all at once, each with its place, its key and the way out.
//! After that nothing is optional that has a default, and nothing is text that has a meaning.
//!
//! Later places win: file, then `KAPTAP_SECTION__KEY` variables, then flags. Nothing here reads the environment; it
//! is passed in. The only files read are those with secrets and certificates, and of those that sinks name it
//! is looked whether they are there.

mod error;
mod kapacitor_keys;
mod kapacitors;
mod keys;
mod read;
mod settings;
mod sink_dataminer;
mod sink_keys;
mod sink_peers;
mod sinks;
mod typed;
mod validate;
mod value;

pub use error::{ConfigError, Place};
pub use kapacitor_keys::KAPACITOR_KEYS;
pub use kapacitors::KapacitorSettings;
pub use keys::{KEYS, Key, find, variable};
pub use read::Read;
pub use sink_keys::{SINK_KEYS, SINK_TYPES, SinkKey};
pub use sinks::SinkSettings;
pub use value::{NotAPeriod, NotASize, Period, Secret, Size};

use crate::serve::tls::TlsFiles;
use crate::sorted;
use crate::{intake, journal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything kaptap needs to know to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// `data_dir`: journal, state and, by default, the sockets are in it.
    pub data_dir: PathBuf,
    /// `scope`: names the Kapacitor, or the pair of Kapacitors that evaluate the same data.
    pub scope: String,
    /// `[http]`
    pub http: Http,
    /// `[udf]`, the sync policies, and what of `[http]` the intake of posts needs.
    pub intake: intake::Options,
    /// `[tcp] listen`; `None` is off.
    pub tcp: Option<SocketAddr>,
    /// `[journal]`
    pub journal: journal::Options,
    /// `[read]`
    pub read: Read,
    /// `[[sink]]`, in the order of the file.
    pub sinks: Vec<SinkSettings>,
    /// `[[kapacitor]]`, in the order of the file.
    pub kapacitors: Vec<KapacitorSettings>,
    /// `[log]`
    pub log: Log,
}

/// `[http]`: the one HTTP listener.
#[derive(Debug, Clone)]
pub struct Http {
    /// `listen`: address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// `tokens` and those of `tokens_file`: each allows posting and reading. Empty: posting is open.
    pub tokens: Vec<Secret>,
    /// `read_tokens` and those of `read_tokens_file`: each allows reading only.
    pub read_tokens: Vec<Secret>,
    /// `insecure`: listening beyond loopback without tokens was asked for.
    pub insecure: bool,
    /// `tls_certificate` and `tls_key`; `None` is plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `max_body`, bytes.
    pub max_body: usize,
    /// `connections`: open at once; more wait to be accepted.
    pub connections: usize,
    /// `header_timeout`: for a request's head to be complete.
    pub header_timeout: Duration,
    /// `body_timeout`: for a request's body to be complete.
    pub body_timeout: Duration,
}

impl Http {
    /// Tokens that allow posting; none: posting is open.
    #[must_use]
    pub fn posting(&self) -> Vec<Secret> {
        self.tokens.clone()
    }

    /// Tokens that allow reading: those for posting and those for reading only; none: reading is open.
    #[must_use]
    pub fn reading(&self) -> Vec<Secret> {
        self.tokens.iter().chain(&self.read_tokens).cloned().collect()
    }
}

/// `[log]`: what kaptap says on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `level`: `error`, `warn`, `info`, `debug`, `trace`, `off`, or a list by module such as `info,hyper=warn`.
    pub level: String,
    /// `format`
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// What flags override.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
}

/// Reads a configuration. `text` is that of the file `file_name`, if there is one; `environment` holds the variables
/// of the process, of which those that begin with `KAPTAP_` count.
///
/// # Errors
/// Every fault that was found, in the order of the file, then variables, then flags.
pub fn load(
    text: Option<&str>,
    file_name: &str,
    environment: &[(String, String)],
    flags: &Flags,
) -> Result<Config, Vec<ConfigError>> {
    let mut settings = settings::Settings::default();
    if let Some(text) = text {
        settings.add_file(text, file_name);
    }
    settings.add_environment(environment);
    for (key, flag, text) in [("data_dir", "--data-dir", &flags.data_dir), ("http.listen", "--listen", &flags.listen)] {
        if let Some(text) = text {
            settings.add_flag(key, flag, text.clone());
        }
    }
    let kapacitors = kapacitors::kapacitors(&mut settings);
    let sinks = sinks::sinks(&mut settings, &kapacitors);
    let config = validate::config(&mut settings, sinks, kapacitors);
    let mut errors = settings.errors;
    sorted::sort_by(&mut errors, |a, b| a.place.cmp(&b.place));
    match config {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(errors),
    }
}

impl Config {
    /// The defaults, with everything in one directory.
    ///
    /// # Errors
    /// When the directory's name is not usable, for example too long for a socket to be in it.
    pub fn in_directory(data_dir: &Path) -> Result<Self, Vec<ConfigError>> {
        let data_dir = Some(data_dir.to_string_lossy().into_owned());
        load(None, "", &[], &Flags { data_dir, listen: None })
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;

#[cfg(test)]
mod sinks_tests;
