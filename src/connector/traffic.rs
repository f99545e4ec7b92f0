//! What is asked of a Kapacitor and what it answers, for whoever looks at the traffic (`kaptap wire`).

use super::Last;
use crate::wire::{Direction, SHOWN, Wire, http};
use crate::words::Lane;
use hyper::StatusCode;
use std::sync::OnceLock;

/// Where it is shown; nowhere until somebody says where.
#[derive(Debug, Default)]
pub(super) struct Traffic(OnceLock<(Wire, String)>);

impl Traffic {
    /// Shows it from now on, under this name. Only the first to say so is heard: a client has one Kapacitor.
    pub(super) fn show(&self, wire: Wire, name: &str) {
        self.0.get_or_init(|| (wire, name.to_owned()));
    }

    /// Takes an exchange that ended, with the body that was sent. Of the headers that were sent none is written: they
    /// are the same each time, and one of them may let somebody in.
    pub(super) fn record(&self, last: &Last, began: i64, sent: &[u8]) {
        let Some((wire, name)) = self.0.get().filter(|(wire, _)| wire.is_on()) else { return };
        let tap = wire.source(Lane::Poll, name, began);
        let shown = beginning(sent);
        tap.record_with(Direction::Sent, began, sent.len() - shown.len(), |out| {
            http::write_head(out, &[&last.method, " ", &last.path, " HTTP/1.1"], []);
            out.extend_from_slice(shown);
        });
        let Some(status) = last.status.and_then(|status| StatusCode::from_u16(status).ok()) else { return };
        let shown = beginning(&last.body.bytes);
        tap.record_with(Direction::Received, last.observed, last.body.length - shown.len(), |out| {
            let headers = last.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            http::write_head(out, &["HTTP/1.1 ", &status.to_string()], headers);
            out.extend_from_slice(shown);
        });
    }
}

fn beginning(bytes: &[u8]) -> &[u8] {
    bytes.get(..SHOWN).unwrap_or(bytes)
}
