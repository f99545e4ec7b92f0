//! Exchanges taken apart: frames and their fields, or a request with its headers and body.

use super::{Direction, Exchange, http};
use crate::kapacitor::describe::{self, Described, DescribedField, Side};
use crate::words::Lane;
use std::borrow::Cow;

/// What is in an exchange on this lane.
#[must_use]
pub fn messages(lane: Lane, exchange: &Exchange) -> Vec<Described> {
    match (lane, exchange.direction) {
        (Lane::Udf, Direction::Received) => describe::describe(Side::Request, &exchange.bytes),
        (Lane::Udf, Direction::Sent) => describe::describe(Side::Response, &exchange.bytes),
        _ => vec![request(exchange)],
    }
}

fn request(exchange: &Exchange) -> Described {
    let mut title = Cow::Borrowed("document");
    let mut fields = Vec::new();
    for part in http::parts(&exchange.bytes) {
        let value = String::from_utf8_lossy(exchange.bytes.get(part.value).unwrap_or_default()).into_owned();
        if part.name.is_empty() {
            title = Cow::Owned(value.clone());
        }
        fields.push(DescribedField { name: part.name, value, time: None, range: part.range });
    }
    Described { title, range: 0..exchange.bytes.len(), fields }
}
