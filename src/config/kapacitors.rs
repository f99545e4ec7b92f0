//! `[[kapacitor]]` tables: the Kapacitors that are watched over their HTTP API.

use super::kapacitor_keys::{KAPACITOR_KEYS, find};
use super::keys::nearest;
use super::settings::{KAPACITOR_VARIABLES, Setting, Settings, Table, Value};
use super::sink_peers::{existing, secret};
use super::sinks::Reader;
use super::typed::{count, text};
use super::{ConfigError, Place};
use crate::connector::setup::{Address, AimError};
use crate::connector::{MedicOptions, Options, SharedSecret};
use crate::http::{self, Hidden};
use hyper::Uri;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// One `[[kapacitor]]`, read and checked. Two are equal when nothing has to be done to turn one into the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KapacitorSettings {
    /// What it comes to. An empty scope stands for the global one until [`Config`](super::Config) is complete.
    pub options: Options,
    /// Files that the connection reads, and when they were changed.
    pub files: Vec<(PathBuf, Option<SystemTime>)>,
}

/// Reads all Kapacitors. Those with faults are left out, and the faults are in `settings`.
pub(super) fn kapacitors(settings: &mut Settings) -> Vec<KapacitorSettings> {
    let mut tables = std::mem::take(&mut settings.kapacitors);
    add_variables(settings, &mut tables);
    let mut names: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader::new(&mut settings.errors, table, "kapacitor", number, default_of);
        let name = reader.name(&names);
        names.extend(name.clone());
        if let Some(name) = &name {
            reader.label.clone_from(name);
        }
        refuse_unknown(&mut reader);
        let options = options(&mut reader, name);
        let files = std::mem::take(&mut reader.files);
        all.extend(options.map(|options| KapacitorSettings { options, files }));
    }
    all
}

fn default_of(key: &str) -> Option<&'static str> {
    find(key).and_then(|key| key.default)
}

/// Puts what variables say over what the file says. A variable names its table by the table's `name`.
fn add_variables(settings: &mut Settings, tables: &mut [Table]) {
    for (rest, text) in std::mem::take(&mut settings.kapacitor_variables) {
        let place = Place::Variable(format!("{KAPACITOR_VARIABLES}{rest}"));
        let (name, key) = rest.rsplit_once("__").unwrap_or(("", rest.as_str()));
        let named = |table: &&mut Table| matches!(table.found.get("name"), Some(Setting { value: Value::Text(text), .. }) if in_variable(text) == name);
        let table = tables.iter_mut().find(named);
        let key = KAPACITOR_KEYS.iter().find(|known| known.name != "name" && known.name.to_uppercase() == key);
        match (table, key) {
            (Some(table), Some(key)) => {
                table.found.insert(key.name.to_owned(), Setting { value: Value::Bare(text), place });
            }
            (None, _) => {
                let problem = "no [[kapacitor]] has this name; write KAPTAP_KAPACITOR__NAME__KEY, the name in capitals \
                               and with _ for everything but letters and digits";
                settings.errors.push(ConfigError { place, key: String::new(), problem: problem.to_owned() });
            }
            (Some(_), None) => {
                let problem =
                    "a kapacitor has no such key; see docs/configuration.md for the keys there are".to_owned();
                settings.errors.push(ConfigError { place, key: String::new(), problem });
            }
        }
    }
}

/// A name as variables write it.
fn in_variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

fn refuse_unknown(reader: &mut Reader<'_>) {
    let unknown: Vec<String> = reader.table.found.keys().filter(|key| find(key).is_none()).cloned().collect();
    for key in unknown {
        let problem = match nearest(&key, KAPACITOR_KEYS.iter().map(|key| key.name)) {
            Some(near) => format!("a kapacitor has no such key; did you mean {near}?"),
            None => "a kapacitor has no such key; remove it, or see docs/configuration.md".to_owned(),
        };
        reader.report(&key, problem);
    }
}

fn options(reader: &mut Reader<'_>, name: Option<String>) -> Option<Options> {
    let http = connection(reader);
    let scope = reader.take("scope", |value| {
        let scope = text(value, "a name")?;
        if scope.is_empty() || scope.len() > 256 || scope.chars().any(char::is_control) {
            return Err("must have 1 to 256 bytes and no control characters".to_owned());
        }
        Ok(scope.to_owned())
    });
    let address = reader.take("address", |value| {
        let url = text(value, "an address, such as \"http://10.0.0.7:9192\"")?;
        Address::parse(url).map_err(|error| match error {
            AimError::Address { problem, .. } => problem.to_owned(),
            other => other.to_string(),
        })
    });
    let mut interval = |key| reader.period(key, SECOND, DAY);
    let (poll, poll_tasks) = (interval("poll"), interval("poll_tasks"));
    let (poll_handlers, poll_vars) = (interval("poll_handlers"), interval("poll_vars"));
    let reconcile = reader.switch("reconcile");
    let expire = reader.period("expire", SECOND, 365 * DAY);
    let medic = medic(reader);
    let (http, shared_secret) = http?;
    Some(Options {
        name: name?,
        http,
        shared_secret,
        scope: scope?.unwrap_or_default(),
        address: address?,
        own_port: 0,
        poll: poll?,
        poll_tasks: poll_tasks?,
        poll_handlers: poll_handlers?,
        poll_vars: poll_vars?,
        reconcile: reconcile?,
        expire: expire?,
        medic: medic?,
    })
}

fn medic(reader: &mut Reader<'_>) -> Option<MedicOptions> {
    let enabled = reader.switch("medic");
    let attempts = reader.take("medic_attempts", |value| count(value, &(1..=1_000)));
    let window = reader.period("medic_window", MINUTE, 7 * DAY);
    let (backoff, backoff_max) =
        (reader.period("medic_backoff", SECOND, DAY), reader.period("medic_backoff_max", SECOND, DAY));
    if backoff > backoff_max && backoff_max.is_some() {
        let key = if reader.has("medic_backoff") { "medic_backoff" } else { "medic_backoff_max" };
        reader.report(key, "medic_backoff is more than medic_backoff_max");
    }
    Some(MedicOptions {
        enabled: enabled?,
        attempts: attempts??,
        window: window?,
        backoff: backoff?,
        backoff_max: backoff_max?,
    })
}

/// How it is reached: everything but the intervals.
fn connection(reader: &mut Reader<'_>) -> Option<(http::Options, Option<SharedSecret>)> {
    let url = address(reader);
    let (basic, token, shared_secret) = credentials(reader)?;
    let timeout = reader.period("timeout", SECOND / 10, 10 * MINUTE);
    let ca_file = existing(reader, "ca_file");
    let (skip_verify, bypass_proxy) = (reader.switch("skip_verify"), reader.switch("bypass_proxy"));
    let http = http::Options {
        url: url?,
        headers: BTreeMap::new(),
        basic,
        token,
        timeout: timeout?,
        ca_file: ca_file?,
        client_certificate: None,
        skip_verify: skip_verify?,
        bypass_proxy: bypass_proxy?,
    };
    Some((http, shared_secret))
}

/// `url`, or `host` and `port`.
fn address(reader: &mut Reader<'_>) -> Option<String> {
    let port = reader.take("port", |value| count(value, &(1..=65_535)));
    let host = reader.take("host", |value| {
        let host = text(value, "a host, such as \"127.0.0.1\"")?;
        // An address of IPv6 has its colons in brackets in a URL.
        let written = if host.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() };
        let uri: Result<Uri, _> = format!("http://{written}/").parse();
        let good = uri.is_ok_and(|uri| {
            uri.host() == Some(written.as_str()) && uri.authority().is_some_and(|a| a.as_str() == written)
        });
        if good { Ok(written) } else { Err("is not a name or address of a host; the port has its own key".to_owned()) }
    })?;
    let url = reader.take("url", |value| {
        let wanted = "write http://HOST:PORT, or https://";
        let url = text(value, "an address, such as \"http://127.0.0.1:9092\"")?;
        let uri: Uri = url.parse().map_err(|_| format!("is not a URL; {wanted}"))?;
        match (uri.scheme_str(), uri.host()) {
            _ if uri.query().is_some() => Err(format!("has a query; {wanted}")),
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(url.to_owned()),
            _ => Err(format!("is not a URL of http or https with a host; {wanted}")),
        }
    })?;
    match (url, host) {
        (Some(_), Some(_)) => {
            reader.report("host", "there is a url as well; give one or the other");
            None
        }
        (Some(url), None) => {
            if reader.has("port") {
                reader.report("port", "belongs to host; write it into the url");
            }
            Some(url)
        }
        (None, Some(host)) => Some(format!("http://{host}:{}", port??)),
        (None, None) => {
            reader.report("url", "is missing; write url, or host and port");
            None
        }
    }
}

/// Basic, Bearer, and what a JWT is made of.
type Credentials = (Option<(String, Hidden)>, Option<Hidden>, Option<SharedSecret>);

fn credentials(reader: &mut Reader<'_>) -> Option<Credentials> {
    let username = reader.take("username", |value| match text(value, "a name")? {
        "" => Err("is empty".to_owned()),
        name => Ok(name.to_owned()),
    });
    let password = secret(reader, "password", "password_file");
    let token = secret(reader, "token", "token_file");
    let shared = secret(reader, "shared_secret", "shared_secret_file");
    let (username, password, token, shared) = (username?, password?, token?, shared?);
    let kinds = usize::from(password.is_some()) + usize::from(token.is_some()) + usize::from(shared.is_some());
    if kinds > 1 {
        let given = ["token", "token_file", "shared_secret", "shared_secret_file"];
        let key = given.into_iter().find(|key| reader.has(key)).unwrap_or("token");
        reader.report(key, "there are other credentials as well; give a password, a token or a shared_secret");
        return None;
    }
    match (username, password, shared) {
        (Some(username), Some(password), _) => Some((Some((username, password)), None, None)),
        (Some(username), None, Some(secret)) => Some((None, None, Some(SharedSecret { username, secret }))),
        (None, None, None) => Some((None, token, None)),
        (Some(_), None, None) => {
            reader.report("username", "needs a password or a shared_secret");
            None
        }
        (None, ..) => {
            let given = ["password", "password_file", "shared_secret", "shared_secret_file"];
            let key = given.into_iter().find(|key| reader.has(key)).unwrap_or("password");
            reader.report(key, "needs username");
            None
        }
    }
}

#[cfg(test)]
#[path = "kapacitors_tests.rs"]
mod tests;
