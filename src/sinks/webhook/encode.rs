//! Events as requests. Pure.

use super::super::BuildError;
use super::super::http::Message;
use super::super::options::Format;
use crate::event::{Event, cloudevents, json};
use crate::filter::template::Template;
use hyper::header::{HeaderName, HeaderValue};

/// The id of the event, on requests with one event: the idempotency key, also where the body does not hold it.
const EVENT_ID: HeaderName = HeaderName::from_static("x-kaptap-event-id");
/// `true` on requests that a person asked for again.
const REPLAY: HeaderName = HeaderName::from_static("x-kaptap-replay");

/// How events become the body of a request.
#[derive(Debug)]
pub(super) struct Encoder {
    shape: Shape,
    with_raw: bool,
}

#[derive(Debug)]
enum Shape {
    Json,
    JsonArray,
    Ndjson,
    CloudEvents,
    CloudEventsBinary,
    CloudEventsBatch,
    Template { body: Template, media: HeaderValue, values: Values },
}

/// How values stand in a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// As JSON, escaped inside strings.
    Json,
    /// Percent-encoded.
    Form,
    /// As they are.
    Text,
}

impl Values {
    /// What goes with a media type.
    fn of(media: &str) -> Self {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            media if media.ends_with("/json") || media.ends_with("+json") => Self::Json,
            _ => Self::Text,
        }
    }
}

impl Encoder {
    pub(super) fn new(format: &Format, with_raw: bool) -> Result<Self, BuildError> {
        let shape = match format {
            Format::Json => Shape::Json,
            Format::JsonArray => Shape::JsonArray,
            Format::Ndjson => Shape::Ndjson,
            Format::CloudEvents => Shape::CloudEvents,
            Format::CloudEventsBinary => Shape::CloudEventsBinary,
            Format::CloudEventsBatch => Shape::CloudEventsBatch,
            Format::Template { body, content_type } => Shape::Template {
                body: Template::compile(body).map_err(|error| BuildError::value("body", error.to_string()))?,
                media: HeaderValue::from_str(content_type)
                    .map_err(|_| BuildError::value("content_type", "has characters that no HTTP header can carry"))?,
                values: Values::of(content_type),
            },
        };
        Ok(Self { shape, with_raw })
    }

    /// Whether a request may hold more than one event.
    pub(super) const fn takes_many(&self) -> bool {
        matches!(self.shape, Shape::JsonArray | Shape::Ndjson | Shape::CloudEventsBatch)
    }

    /// The request for these events: one, unless it [takes many](Self::takes_many).
    pub(super) fn message(&self, events: &[Event<'_>], replay: bool) -> Message {
        let mut body = Vec::with_capacity(events.len() * 1024);
        match &self.shape {
            Shape::Json => each(events, &mut body, |event, out| json::write(event, self.with_raw, out)),
            Shape::Ndjson => each(events, &mut body, |event, out| {
                json::write(event, self.with_raw, out);
                out.push(b'\n');
            }),
            Shape::JsonArray => json::array(events, &mut body, |event, out| json::write(event, self.with_raw, out)),
            Shape::CloudEvents => each(events, &mut body, |event, out| cloudevents::write(event, self.with_raw, out)),
            Shape::CloudEventsBinary => each(events, &mut body, |event, out| json::write(event, self.with_raw, out)),
            Shape::CloudEventsBatch => {
                json::array(events, &mut body, |event, out| cloudevents::write(event, self.with_raw, out));
            }
            Shape::Template { body: template, values, .. } => each(events, &mut body, |event, out| match values {
                Values::Json => template.render(event, out),
                Values::Form => template.render_with(event, out, form_encoded),
                Values::Text => template.render_text(event, out),
            }),
        }
        let mut message = Message::new(self.media(), body);
        if let ([event], false) = (events, self.takes_many()) {
            put(&mut message, EVENT_ID, &event.id.to_string());
            if matches!(self.shape, Shape::CloudEventsBinary) {
                for (name, value) in cloudevents::headers(event) {
                    // Attribute names are lower case letters and digits.
                    if let Ok(name) = HeaderName::try_from(name) {
                        put(&mut message, name, &value);
                    }
                }
            }
        }
        if replay {
            put(&mut message, REPLAY, "true");
        }
        message
    }

    fn media(&self) -> HeaderValue {
        match &self.shape {
            Shape::Json | Shape::JsonArray => HeaderValue::from_static("application/json"),
            Shape::Ndjson => HeaderValue::from_static("application/x-ndjson"),
            Shape::CloudEvents => HeaderValue::from_static(cloudevents::STRUCTURED),
            Shape::CloudEventsBinary => HeaderValue::from_static(cloudevents::DATA),
            Shape::CloudEventsBatch => HeaderValue::from_static(cloudevents::BATCH),
            Shape::Template { media, .. } => media.clone(),
        }
    }
}

/// Sets a header. Values are hex digits, words and what [`cloudevents::headers`] encoded: always printable ASCII.
fn put(message: &mut Message, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        message.headers.insert(name, value);
    }
}

fn form_encoded(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(cloudevents::percent_encoded(text, cloudevents::unreserved).as_bytes());
}

fn each(events: &[Event<'_>], out: &mut Vec<u8>, write: impl Fn(&Event<'_>, &mut Vec<u8>)) {
    for event in events {
        write(event, out);
    }
}
