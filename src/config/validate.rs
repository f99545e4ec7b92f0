//! Second layer: every key by its type and bounds, then keys against each other.

use super::settings::{Settings, Value};
use super::typed::{address, path, text};
use super::value::{Secret, Size};
use super::{Config, Http, KapacitorSettings, Log, LogFormat, SinkSettings};
use crate::journal::Sync;
use crate::serve::tls::{Tls, TlsFiles};
use crate::{intake, journal, wire};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest path that a Unix socket can have on Linux: `sun_path` holds 108 bytes, the last of them zero.
const MAX_SOCKET_PATH: usize = 107;
/// Kapacitor waits 30 s for an answer to a POST; an answer after that would be lost.
const MAX_HTTP_HOLD: Duration = Duration::from_secs(29);
const YEAR: Duration = Duration::from_hours(365 * 24);

/// Reads all keys. `None` when something is missing because it was faulty; the faults are in `settings`.
pub(super) fn config(
    settings: &mut Settings,
    sinks: Vec<SinkSettings>,
    mut kapacitors: Vec<KapacitorSettings>,
) -> Option<Config> {
    let data_dir = settings.path("data_dir");
    let scope = settings.name("scope");
    let journal = journal_options(settings, data_dir.as_deref());
    let http = http(settings);
    let http_hold = settings.period("http.hold", Duration::ZERO..=MAX_HTTP_HOLD);
    let sync = SyncPolicies::read(settings);
    let udf = Udf::read(settings, data_dir.as_deref());
    let tcp = tcp(settings, http.as_ref().map(|http| http.insecure));
    let read = super::read::read(settings);
    let log = log(settings);
    let ring = settings.size("wire.ring", 0..=1 << 20);
    if let (Some(http), Some(journal)) = (&http, &journal)
        && http.max_body > journal.buffer_bytes
    {
        let (body, buffer) = (Size(http.max_body as u64), Size(journal.buffer_bytes as u64));
        let place = settings.place("http.max_body").min(settings.place("journal.buffer"));
        let problem = format!("{body} is more than journal.buffer ({buffer}) can take; lower it or raise the buffer");
        settings.report(place, "http.max_body", problem);
    }
    let (scope, http, sync, udf) = (scope?, http?, sync?, udf?);
    let intake = intake::Options {
        scope: scope.clone(),
        sync_alert: sync.alert,
        sync_row: sync.row,
        sync_point: sync.point,
        sync_batch: sync.batch,
        http_hold: http_hold?,
        max_body: http.max_body,
        stream_socket: udf.stream_socket,
        batch_socket: udf.batch_socket,
        mode: udf.mode,
        group: udf.group,
        udf_hold: udf.hold,
        gather: udf.gather,
        max_frame: udf.max_frame,
        keep: udf.keep,
        wire: wire::Options { ring: usize::try_from(ring?).ok()? },
    };
    for kapacitor in &mut kapacitors {
        kapacitor.options.own_port = http.listen.port();
        if kapacitor.options.scope.is_empty() {
            kapacitor.options.scope.clone_from(&scope);
        }
    }
    let (data_dir, tcp, journal, read, log) = (data_dir?, tcp?, journal?, read?, log?);
    Some(Config { data_dir, scope, http, intake, tcp, journal, read, sinks, kapacitors, log })
}

fn http(settings: &mut Settings) -> Option<Http> {
    let listen = settings.address("http.listen");
    let tokens = tokens(settings, "http.tokens", "http.tokens_file");
    let read_tokens = tokens_for_reading(settings);
    let insecure = settings.switch("http.insecure");
    let max_body = settings.size("http.max_body", 1 << 10..=64 << 20);
    let connections = settings.count("http.connections", 1..=65_536);
    let header_timeout = settings.period("http.header_timeout", Duration::from_millis(100)..=Duration::from_mins(10));
    let body_timeout = settings.period("http.body_timeout", Duration::from_millis(100)..=Duration::from_hours(1));
    if let (Some(listen), Some(tokens), Some(false)) = (listen, &tokens, insecure)
        && !listen.ip().is_loopback()
        && tokens.is_empty()
    {
        let problem = format!(
            "{listen} can be reached from other machines and anybody there could post: give http.tokens, \
             listen on 127.0.0.1, or write insecure = true in [http] if that is meant"
        );
        settings.report(settings.place("http.listen"), "http.listen", problem);
    }
    let tls = tls(settings);
    Some(Http {
        listen: listen?,
        tls: tls?,
        tokens: tokens?,
        read_tokens: read_tokens?,
        insecure: insecure?,
        max_body: usize::try_from(max_body?).ok()?,
        connections: connections?,
        header_timeout: header_timeout?,
        body_timeout: body_timeout?,
    })
}

/// Certificate and key. They are read here, so that `check` and a reload find what is wrong with them.
#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
fn tls(settings: &mut Settings) -> Option<Option<TlsFiles>> {
    let certificate = settings.take("http.tls_certificate", path)?;
    let key = settings.take("http.tls_key", path)?;
    let files = match (certificate, key) {
        (None, None) => return Some(None),
        (Some(certificate), Some(key)) => TlsFiles { certificate, key },
        (given, _) => {
            let (given, missing) = match given {
                Some(_) => ("http.tls_certificate", "http.tls_key"),
                None => ("http.tls_key", "http.tls_certificate"),
            };
            settings.report(settings.place(given), given, format!("is of no use without {missing}; give both or none"));
            return None;
        }
    };
    if let Err(error) = Tls::load(&files) {
        settings.report(settings.place(error.key()), error.key(), error.to_string());
        return None;
    }
    Some(Some(files))
}

fn tokens_for_reading(settings: &mut Settings) -> Option<Vec<Secret>> {
    tokens(settings, "http.read_tokens", "http.read_tokens_file")
}

/// Tokens written in place (or, in a variable, separated by commas) and those of a file, one a line.
fn tokens(settings: &mut Settings, key: &'static str, file_key: &'static str) -> Option<Vec<Secret>> {
    let mut tokens = Vec::new();
    let written = settings.take(key, |value| match value {
        Value::List(tokens) => Ok(tokens.clone()),
        Value::Bare(text) => Ok(text.split(',').map(|token| token.trim().to_owned()).collect()),
        // What is written may be a token: it is not repeated.
        _ => Err("is not a list; write a list of tokens, such as [\"a-long-random-word\"]".to_owned()),
    })?;
    let in_file = settings.take(file_key, |value| {
        let path = text(value, "the path of a file with one token a line")?;
        let content = std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
        let lines = content.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let tokens: Vec<String> = lines.map(str::to_owned).collect();
        if tokens.is_empty() { Err(format!("{path} holds no token; write one a line")) } else { Ok(tokens) }
    })?;
    for (key, found) in [(key, written), (file_key, in_file)] {
        let Some(found) = found else { continue };
        if found.iter().any(|token| token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            let problem = "a token is empty or has characters that no HTTP header can carry; \
                           use letters, digits and punctuation without spaces";
            settings.report(settings.place(key), key, problem);
        }
        tokens.extend(found.into_iter().map(Secret::new));
    }
    Some(tokens)
}

#[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
fn tcp(settings: &mut Settings, insecure: Option<bool>) -> Option<Option<SocketAddr>> {
    let listen =
        settings.take("tcp.listen", |value| address(text(value, "an address, such as \"127.0.0.1:9193\"")?))?;
    if let (Some(listen), Some(false)) = (listen, insecure)
        && !listen.ip().is_loopback()
    {
        let problem = format!(
            "{listen} can be reached from other machines and this lane has no tokens: listen on 127.0.0.1, \
             or write insecure = true in [http] if that is meant"
        );
        settings.report(settings.place("tcp.listen"), "tcp.listen", problem);
    }
    Some(listen)
}

struct Udf {
    stream_socket: PathBuf,
    batch_socket: PathBuf,
    mode: u32,
    group: Option<String>,
    hold: Option<Duration>,
    gather: Duration,
    max_frame: usize,
    keep: bool,
}

impl Udf {
    fn read(settings: &mut Settings, data_dir: Option<&Path>) -> Option<Self> {
        let stream_socket = socket(settings, "udf.stream_socket", data_dir, "stream.sock");
        let batch_socket = socket(settings, "udf.batch_socket", data_dir, "batch.sock");
        if stream_socket.is_some() && stream_socket == batch_socket {
            let problem = "the stream and the batch socket are the same file; give each its own";
            settings.report(settings.place("udf.batch_socket"), "udf.batch_socket", problem);
        }
        let mode = settings.take("udf.mode", |value| {
            let wanted = "permission bits in octal and in quotes, such as \"0660\"";
            let digits = text(value, wanted)?;
            let mode = u32::from_str_radix(digits, 8).map_err(|_| format!("{digits:?} is not {wanted}"))?;
            if mode > 0o777 { Err(format!("{digits:?} is more than \"0777\"")) } else { Ok(mode) }
        });
        let group = settings.take("udf.group", |value| match value {
            Value::Integer(number) => Ok(number.clone()),
            other => match text(other, "the name or number of a group")? {
                "" => Err("is empty; write the name or number of a group".to_owned()),
                group => Ok(group.to_owned()),
            },
        });
        let hold = settings.period_or_forever("udf.hold", Duration::ZERO..=Duration::from_hours(1));
        let gather = settings.period("udf.gather", Duration::ZERO..=Duration::from_millis(10));
        let max_frame = settings.size("udf.max_frame", 1 << 10..=1 << 30);
        let keep = settings.switch("udf.keep");
        Some(Self {
            stream_socket: stream_socket?,
            batch_socket: batch_socket?,
            mode: mode??,
            group: group?,
            hold: hold?,
            gather: gather?,
            max_frame: usize::try_from(max_frame?).ok()?,
            keep: keep?,
        })
    }
}

fn socket(settings: &mut Settings, key: &'static str, data_dir: Option<&Path>, name: &str) -> Option<PathBuf> {
    let written = settings.take(key, |value| match text(value, "the path of a socket")? {
        "" => Err("is empty; write the path of a socket".to_owned()),
        path => Ok(PathBuf::from(path)),
    })?;
    let from_directory = written.is_none();
    let path = match written {
        Some(path) => path,
        None => data_dir?.join(name),
    };
    let length = path.as_os_str().as_bytes().len();
    if length > MAX_SOCKET_PATH {
        let (place, way_out) = if from_directory {
            (settings.place("data_dir"), format!("set {key} to a shorter path, or use a shorter data_dir"))
        } else {
            (settings.place(key), "use a shorter path".to_owned())
        };
        let path = path.display();
        let problem = format!("{path} has {length} bytes and a Unix socket can have {MAX_SOCKET_PATH}; {way_out}");
        settings.report(place, key, problem);
        return None;
    }
    Some(path)
}

struct SyncPolicies {
    alert: Sync,
    row: Sync,
    point: Sync,
    batch: Sync,
}

impl SyncPolicies {
    fn read(settings: &mut Settings) -> Option<Self> {
        let words = &[("commit", Sync::Commit), ("interval", Sync::Interval), ("os", Sync::Os)];
        let alert = settings.word("journal.sync.alert", words);
        let row = settings.word("journal.sync.row", words);
        let point = settings.word("journal.sync.point", words);
        let batch = settings.word("journal.sync.batch", words);
        Some(Self { alert: alert?, row: row?, point: point?, batch: batch? })
    }
}

fn journal_options(settings: &mut Settings, data_dir: Option<&Path>) -> Option<journal::Options> {
    let segment_bytes = settings.size("journal.segment_bytes", 64 << 10..=4 << 30);
    let max_bytes = settings.size("journal.max_bytes", 128 << 10..=1 << 50);
    let max_age = settings.period_or_forever("journal.max_age", Duration::from_secs(1)..=100 * YEAR);
    let buffer = settings.size("journal.buffer", 64 << 10..=4 << 30);
    let interval = settings.period("journal.sync.interval", Duration::from_millis(1)..=Duration::from_mins(1));
    let compression = settings.word("journal.compression", &[("none", false), ("lz4", true)]);
    if let (Some(segment), Some(max)) = (segment_bytes, max_bytes)
        && max / 2 < segment
    {
        let place = settings.place("journal.max_bytes").min(settings.place("journal.segment_bytes"));
        let (max, segment) = (Size(max), Size(segment));
        let problem = format!(
            "{max} is less than two segments of {segment}, and whole segments are removed; \
             raise it or lower journal.segment_bytes"
        );
        settings.report(place, "journal.max_bytes", problem);
    }
    Some(journal::Options {
        directory: data_dir?.join("journal"),
        segment_bytes: segment_bytes?,
        max_bytes: max_bytes?,
        max_age: max_age?,
        buffer_bytes: usize::try_from(buffer?).ok()?,
        sync_interval: interval?,
        compression: compression?,
    })
}

fn log(settings: &mut Settings) -> Option<Log> {
    let level = settings.take("log.level", |value| {
        let level = text(value, "a level")?;
        let checked = crate::telemetry::check_level(level).map(|()| level.to_owned());
        checked.map_err(|error| format!("{error}; write error, warn, info, debug, trace or off"))
    });
    let format = settings.word("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    Some(Log { level: level??, format: format? })
}
