//! Every key of a `[[kapacitor]]`, with its default: one list for the reader, the documents and their tests.

use super::keys::Key;

const fn key(name: &'static str, default: &'static str) -> Key {
    Key { name, default: Some(default) }
}

const fn without_default(name: &'static str) -> Key {
    Key { name, default: None }
}

/// Every key of a `[[kapacitor]]`, in the order of the documents.
pub const KAPACITOR_KEYS: &[Key] = &[
    without_default("name"),
    without_default("url"),
    without_default("host"),
    key("port", "9092"),
    key("bypass_proxy", "true"),
    without_default("username"),
    without_default("password"),
    without_default("password_file"),
    without_default("token"),
    without_default("token_file"),
    without_default("shared_secret"),
    without_default("shared_secret_file"),
    without_default("ca_file"),
    key("skip_verify", "false"),
    key("timeout", "10s"),
    without_default("scope"),
    without_default("address"),
    key("poll", "10s"),
    key("poll_tasks", "10s"),
    key("poll_handlers", "1m"),
    key("poll_vars", "30s"),
    key("reconcile", "true"),
    key("expire", "1h"),
    key("medic", "false"),
    key("medic_attempts", "5"),
    key("medic_window", "1h"),
    key("medic_backoff", "10s"),
    key("medic_backoff_max", "10m"),
];

/// The key of this name.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KAPACITOR_KEYS.iter().find(|key| key.name == name)
}
