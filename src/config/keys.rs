//! Every key there is, with its default: the one list that the reader, the documents and their tests go by.

/// One key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Section and name: `http.listen`.
    pub name: &'static str,
    /// Default, as it would be written. `None` when there is none, or when it follows from another key.
    pub default: Option<&'static str>,
}

const fn key(name: &'static str, default: &'static str) -> Key {
    Key { name, default: Some(default) }
}

const fn without_default(name: &'static str) -> Key {
    Key { name, default: None }
}

/// Every key, in the order of the documents.
pub const KEYS: &[Key] = &[
    key("data_dir", "./kaptap-data"),
    key("scope", "default"),
    key("http.listen", "127.0.0.1:9192"),
    without_default("http.tokens"),
    without_default("http.tokens_file"),
    without_default("http.read_tokens"),
    without_default("http.read_tokens_file"),
    key("http.insecure", "false"),
    without_default("http.tls_certificate"),
    without_default("http.tls_key"),
    key("http.max_body", "1MiB"),
    key("http.hold", "20s"),
    key("http.connections", "1024"),
    key("http.header_timeout", "10s"),
    key("http.body_timeout", "30s"),
    without_default("udf.stream_socket"),
    without_default("udf.batch_socket"),
    key("udf.mode", "0660"),
    without_default("udf.group"),
    key("udf.hold", "5s"),
    key("udf.gather", "300us"),
    key("udf.max_frame", "64MiB"),
    key("udf.keep", "true"),
    without_default("tcp.listen"),
    key("wire.ring", "16KiB"),
    key("journal.segment_bytes", "64MiB"),
    key("journal.max_bytes", "4GiB"),
    key("journal.max_age", "7d"),
    key("journal.buffer", "32MiB"),
    key("journal.compression", "none"),
    key("journal.sync.alert", "commit"),
    key("journal.sync.row", "commit"),
    key("journal.sync.point", "interval"),
    key("journal.sync.batch", "interval"),
    key("journal.sync.interval", "50ms"),
    key("read.from", "journal"),
    without_default("read.nats.url"),
    key("read.nats.stream", "KAPTAP"),
    without_default("read.nats.subject"),
    key("read.nats.timeout", "10s"),
    without_default("read.nats.username"),
    without_default("read.nats.password"),
    without_default("read.nats.password_file"),
    without_default("read.nats.token"),
    without_default("read.nats.token_file"),
    without_default("read.nats.credentials_file"),
    without_default("read.nats.ca_file"),
    without_default("read.nats.certificate_file"),
    without_default("read.nats.key_file"),
    key("log.level", "info"),
    key("log.format", "text"),
];

/// The key of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether `name` is a section: some key is in it.
pub(super) fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// The environment variable that overrides a key: `KAPTAP_HTTP__LISTEN`.
#[must_use]
pub fn variable(name: &str) -> String {
    format!("KAPTAP_{}", name.replace('.', "__").to_uppercase())
}

/// The name most like a wrong one, if one is near enough to be meant.
pub(super) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 6)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edit distance (insert, remove, replace), over bytes; only used on names of a few dozen bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
