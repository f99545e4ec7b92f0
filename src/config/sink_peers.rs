//! What of a `[[sink]]` its peer needs, checked as far as it can be without the peer.

use super::settings::Value;
use super::sink_dataminer;
use super::sinks::{Reader, strings};
use super::typed::{path, period, text, word};
use crate::delivery::options::SinkOptions;
use crate::filter::template::Template;
use crate::nats::is_stream_name;
use crate::nats::link::Servers;
use crate::sinks::options::{Alertmanager, File, Format, Hidden, Hmac, Http, Nats, Peer, Webhook};
use crate::sinks::{self, BuildError};
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Reads the peer's part, and makes the sink of it to see whether that works. `options` has the labels.
pub(super) fn peer(reader: &mut Reader<'_>, options: Option<&SinkOptions>) -> Option<Peer> {
    let peer = options_of(reader, options)?;
    // Reaches for no peer and writes nothing; the state's directory is for later.
    if let Err(error) = sinks::build("", &peer, Path::new("")) {
        let problem = match &error {
            BuildError::File { path, source, .. } => format!("cannot read {}: {source}", path.display()),
            BuildError::Value { problem, .. } => problem.clone(),
        };
        reader.report(error.key(), problem);
        return None;
    }
    Some(peer)
}

fn options_of(reader: &mut Reader<'_>, options: Option<&SinkOptions>) -> Option<Peer> {
    match reader.kind {
        "stdout" => Some(Peer::Stdout),
        "file" => file(reader).map(Peer::File),
        "webhook" => webhook(reader).map(Peer::Webhook),
        "alertmanager" => alertmanager(reader, options).map(Peer::Alertmanager),
        "dataminer" => sink_dataminer::element(reader).map(Peer::Dataminer),
        "dataminer-webhook" => sink_dataminer::webhook(reader).map(Peer::DataminerWebhook),
        _ => nats(reader).map(Peer::Nats),
    }
}

fn file(reader: &mut Reader<'_>) -> Option<File> {
    let path = reader.need("path", path);
    let rotate_bytes = reader.size("rotate_bytes", 1 << 10, 1 << 40);
    let rotate_age = reader.take("rotate_age", |value| period(value, &(SECOND..=365 * DAY)));
    let keep_files = reader.count("keep_files", 0, 100_000);
    let (gzip, raw) = (reader.switch("gzip"), reader.switch("raw"));
    Some(File {
        path: path?,
        rotate_bytes: rotate_bytes?,
        rotate_age: rotate_age?,
        keep_files: keep_files?,
        gzip: gzip?,
        raw: raw?,
    })
}

fn webhook(reader: &mut Reader<'_>) -> Option<Webhook> {
    let http = http(reader);
    let method = reader.take("method", |value| word(value, &[("POST", "POST"), ("PUT", "PUT")]));
    let format = format(reader);
    let hmac = hmac(reader);
    let raw = reader.switch("raw");
    Some(Webhook { http: http?, method: method??.to_owned(), format: format?, hmac: hmac?, raw: raw? })
}

fn format(reader: &mut Reader<'_>) -> Option<Format> {
    let words = [
        ("json", Some(Format::Json)),
        ("json_array", Some(Format::JsonArray)),
        ("ndjson", Some(Format::Ndjson)),
        ("cloudevents", Some(Format::CloudEvents)),
        ("cloudevents_binary", Some(Format::CloudEventsBinary)),
        ("cloudevents_batch", Some(Format::CloudEventsBatch)),
        ("template", None),
    ];
    let names = words.each_ref().map(|(name, _)| (*name, *name));
    let chosen = reader.take("format", |value| word(value, &names))??;
    let format = words.into_iter().find(|(name, _)| *name == chosen).and_then(|(_, format)| format);
    if let Some(format) = format {
        for key in ["body", "content_type"] {
            if reader.has(key) {
                reader.report(key, format!("is for format = \"template\" only, and the format is {chosen:?}"));
            }
        }
        return Some(format);
    }
    let body = reader.take("body", template)?;
    if body.is_none() {
        reader.report("body", "is missing; the format \"template\" is the text of this key");
    }
    let content_type = reader.take("content_type", |value| header_value(text(value, "a media type")?))?;
    Some(Format::Template { body: body?, content_type: content_type.unwrap_or_else(|| "application/json".to_owned()) })
}

#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
fn hmac(reader: &mut Reader<'_>) -> Option<Option<Hmac>> {
    let secret = secret(reader, "hmac_secret", "hmac_secret_file")?;
    let header = reader.take("hmac_header", header_name)?;
    let timestamp_header = reader.take("hmac_timestamp_header", header_name)?;
    let Some(secret) = secret else {
        for key in ["hmac_header", "hmac_timestamp_header"] {
            if reader.has(key) {
                reader.report(key, "needs hmac_secret or hmac_secret_file");
            }
        }
        return Some(None);
    };
    let header = header.unwrap_or_else(|| "X-Grafana-Alerting-Signature".to_owned());
    Some(Some(Hmac { secret, header, timestamp_header }))
}

fn alertmanager(reader: &mut Reader<'_>, options: Option<&SinkOptions>) -> Option<Alertmanager> {
    let http = http(reader);
    let resend = reader.period("resend", SECOND, DAY);
    let generator_url = reader.take("generator_url", template);
    let labels = options.map(|options| options.labels.iter().cloned().collect());
    Some(Alertmanager { http: http?, resend: resend?, generator_url: generator_url?, labels: labels? })
}

fn nats(reader: &mut Reader<'_>) -> Option<Nats> {
    let access = NatsAccess::read(reader);
    let subject = reader.take("subject", |value| match template(value)? {
        subject if subject.is_empty() => Err("is empty; write a subject, such as \"kaptap.{{ kind }}\"".to_owned()),
        subject => Ok(subject),
    });
    let stream = stream_name(reader);
    let create = reader.switch("create");
    let duplicate_window = reader.period("duplicate_window", SECOND, 7 * DAY);
    let in_flight = reader.count("in_flight", 1, 10_000);
    let raw = reader.switch("raw");
    if !reader.has("url") {
        reader.report("url", "is missing; a nats needs it");
    }
    let access = access?;
    Some(Nats {
        url: access.url?,
        subject: subject??,
        stream: stream?,
        create: create?,
        duplicate_window: duplicate_window?,
        in_flight: in_flight?,
        timeout: access.timeout,
        basic: access.basic,
        token: access.token,
        credentials_file: access.credentials_file,
        ca_file: access.ca_file,
        client_certificate: access.client_certificate,
        raw: raw?,
    })
}

/// The name of a `JetStream` stream.
pub(super) fn stream_name(reader: &mut Reader<'_>) -> Option<String> {
    reader.take("stream", |value| {
        let name = text(value, "the name of a stream")?;
        if is_stream_name(name) {
            return Ok(name.to_owned());
        }
        Err(format!("{name:?} cannot name a stream: no spaces and none of . * > / \\ \""))
    })?
}

/// How a NATS server is reached: the same keys for a sink and for reading.
pub(super) struct NatsAccess {
    pub(super) url: Option<String>,
    pub(super) timeout: Duration,
    pub(super) basic: Option<(String, Hidden)>,
    pub(super) token: Option<Hidden>,
    pub(super) credentials_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) client_certificate: Option<(PathBuf, PathBuf)>,
}

impl NatsAccess {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let url = reader.take("url", |value| {
            let urls = text(value, "an address, such as \"nats://127.0.0.1:4222\"")?;
            // It is not repeated: it may hold a password.
            if urls.contains("ws://") || urls.contains("wss://") {
                return Err(
                    "WebSocket (ws://, wss://) is not spoken; write nats://HOST:PORT or tls://HOST:PORT".to_owned()
                );
            }
            if Servers::parse(urls).is_none() {
                return Err(
                    "is not a list of addresses; write nats://HOST:PORT, several separated by commas".to_owned()
                );
            }
            Ok(urls.to_owned())
        });
        let timeout = reader.period("timeout", SECOND / 10, 10 * MINUTE);
        let basic = basic(reader);
        let token = secret(reader, "token", "token_file");
        let credentials_file = existing(reader, "credentials_file");
        let ca_file = existing(reader, "ca_file");
        let client_certificate = client_certificate(reader);
        Some(Self {
            url: url?,
            timeout: timeout?,
            basic: basic?,
            token: token?,
            credentials_file: credentials_file?,
            ca_file: ca_file?,
            client_certificate: client_certificate?,
        })
    }
}

pub(super) fn http(reader: &mut Reader<'_>) -> Option<Http> {
    let url = reader.need("url", |value| {
        let wanted = "write http://HOST:PORT/PATH, or https://";
        let url = text(value, "an address, such as \"https://example.org/hook\"")?;
        let uri: Uri = url.parse().map_err(|_| format!("is not a URL; {wanted}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(url.to_owned()),
            _ => Err(format!("is not a URL of http or https with a host; {wanted}")),
        }
    });
    let headers = reader.take("headers", |value| {
        let mut headers = BTreeMap::new();
        for (name, value) in strings(value, "headers, such as { X-Source = \"kaptap\" }")? {
            let good = HeaderName::from_bytes(name.as_bytes()).is_ok();
            if !good {
                return Err(format!("{name:?} cannot name a header"));
            }
            let value = header_value(&value).map_err(|_| format!("the value of {name} cannot be in a header"))?;
            headers.insert(name, Hidden(value));
        }
        Ok(headers)
    });
    let basic = basic(reader);
    let token = secret(reader, "token", "token_file");
    if let (Some(Some(_)), Some(Some(_))) = (&basic, &token) {
        reader.report("username", "there is a token as well; give one or the other");
    }
    let timeout = reader.period("timeout", SECOND / 10, 10 * MINUTE);
    let ca_file = existing(reader, "ca_file");
    let client_certificate = client_certificate(reader);
    let (skip_verify, bypass_proxy) = (reader.switch("skip_verify"), reader.switch("bypass_proxy"));
    Some(Http {
        url: url?,
        headers: headers?.unwrap_or_default(),
        basic: basic?,
        token: token?,
        timeout: timeout?,
        ca_file: ca_file?,
        client_certificate: client_certificate?,
        skip_verify: skip_verify?,
        bypass_proxy: bypass_proxy?,
    })
}

#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
pub(super) fn basic(reader: &mut Reader<'_>) -> Option<Option<(String, Hidden)>> {
    let username = reader.take("username", |value| text(value, "a name").map(str::to_owned));
    let password = secret(reader, "password", "password_file")?;
    match (username?, password) {
        (Some(username), Some(password)) => Some(Some((username, password))),
        (None, None) => Some(None),
        (Some(_), None) => {
            reader.report("username", "needs password or password_file");
            None
        }
        (None, Some(_)) => {
            let key = if reader.has("password") { "password" } else { "password_file" };
            reader.report(key, "needs username");
            None
        }
    }
}

/// A secret in place or in a file, of which the first line counts. It is never repeated in an error.
#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
pub(super) fn secret(reader: &mut Reader<'_>, key: &str, file_key: &str) -> Option<Option<Hidden>> {
    let written = reader.take(key, |value| match value {
        Value::Text(secret) | Value::Bare(secret) if !secret.is_empty() => Ok(Hidden(secret.clone())),
        _ => Err(format!("is not a text, or empty; write it in quotes, or use {file_key}")),
    })?;
    let in_file = reader.take(file_key, |value| {
        let path = path(value)?;
        let content =
            std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let line = content.lines().next().map_or("", str::trim);
        if line.is_empty() {
            Err(format!("{} has nothing in its first line", path.display()))
        } else {
            Ok(Hidden(line.to_owned()))
        }
    })?;
    if written.is_some() && in_file.is_some() {
        reader.report(file_key, format!("there is {key} as well; give one or the other"));
        return None;
    }
    Some(written.or(in_file))
}

/// The path of a file that can be read.
#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
pub(super) fn existing(reader: &mut Reader<'_>, key: &str) -> Option<Option<PathBuf>> {
    let found = reader.take(key, |value| {
        let path = path(value)?;
        let file = std::fs::File::open(&path).and_then(|file| file.metadata());
        let metadata = file.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        if metadata.is_dir() {
            return Err(format!("{} is a directory", path.display()));
        }
        Ok((path, metadata.modified().ok()))
    })?;
    reader.files.extend(found.clone());
    Some(found.map(|(path, _)| path))
}

#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
fn client_certificate(reader: &mut Reader<'_>) -> Option<Option<(PathBuf, PathBuf)>> {
    let (certificate, key) = (existing(reader, "certificate_file"), existing(reader, "key_file"));
    for (one, other) in [("certificate_file", "key_file"), ("key_file", "certificate_file")] {
        if reader.has(one) && !reader.has(other) {
            reader.report(one, format!("needs {other}"));
        }
    }
    Some(certificate?.zip(key?))
}

fn template(value: &Value) -> Result<String, String> {
    let text = text(value, "a text, in which {{ path }} stands for a value")?;
    Template::compile(text).map(|_| text.to_owned()).map_err(|error| format!("is no template:\n{error}"))
}

fn header_name(value: &Value) -> Result<String, String> {
    let name = text(value, "the name of a header")?;
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} cannot name a header"))?;
    Ok(name.to_owned())
}

fn header_value(text: &str) -> Result<String, String> {
    HeaderValue::from_str(text).map(|_| text.to_owned()).map_err(|_| format!("{text:?} cannot be in a header"))
}
