//! HMAC-SHA256 as Grafana's webhook contact point does it: lower case hex digits in a header, of the body, or with a
//! timestamp header of `timestamp:body`, where the timestamp is the unix time in seconds.

use super::super::BuildError;
use super::super::http::Message;
use super::super::options;
use hyper::header::{HeaderName, HeaderValue};
use ring::hmac;
use std::time::{SystemTime, UNIX_EPOCH};

/// Signs requests.
#[derive(Debug)]
pub(super) struct Signer {
    key: hmac::Key,
    header: HeaderName,
    timestamp_header: Option<HeaderName>,
}

impl Signer {
    pub(super) fn new(options: &options::Hmac) -> Result<Self, BuildError> {
        if options.secret.0.is_empty() {
            return Err(BuildError::value("hmac_secret", "is empty"));
        }
        let name = |key, text: &str| {
            HeaderName::from_bytes(text.as_bytes())
                .map_err(|_| BuildError::value(key, format!("{text:?} is no name of a header")))
        };
        let timestamp_header = options.timestamp_header.as_deref();
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, options.secret.0.as_bytes()),
            header: name("hmac_header", &options.header)?,
            timestamp_header: timestamp_header.map(|text| name("hmac_timestamp_header", text)).transpose()?,
        })
    }

    /// Adds the signature, and the time if it is part of it.
    pub(super) fn sign(&self, message: &mut Message) {
        let timestamp = self.timestamp_header.as_ref().map(|header| {
            // Before 1970 no signature is right.
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
            message.headers.insert(header, HeaderValue::from(seconds));
            seconds.to_string()
        });
        let signature = self.signature(timestamp.as_deref(), &message.body);
        // Hex digits can stand in every header; one without them would be refused and seen.
        let value = HeaderValue::from_str(&signature).unwrap_or_else(|_| HeaderValue::from_static(""));
        message.headers.insert(&self.header, value);
    }

    /// The same for people: without a time that changes and without what the secret could be guessed from.
    pub(super) fn pretend(&self, message: &mut Message) {
        let mut signed = HeaderValue::from_static("[HMAC-SHA256 of the body]");
        if let Some(header) = &self.timestamp_header {
            message.headers.insert(header, HeaderValue::from_static("[unix time]"));
            signed = HeaderValue::from_static("[HMAC-SHA256 of time:body]");
        }
        message.headers.insert(&self.header, signed);
    }

    fn signature(&self, timestamp: Option<&str>, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        if let Some(timestamp) = timestamp {
            context.update(timestamp.as_bytes());
            context.update(b":");
        }
        context.update(body);
        let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or('0');
        context.sign().as_ref().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
