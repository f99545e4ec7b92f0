//! NATS `JetStream`.
//!
//! One message per event: the event's JSON, on a subject made from a template, with the event's id as `Nats-Msg-Id`, by
//! which the server recognises what it already has (within its duplicate window): it stores that no second time and says
//! so ([`Outcome::Duplicate`]). An event is delivered when the server has acknowledged it. `Nats-Expected-Stream` makes sure that it was the stream that is meant.
//!
//! * [`subject`]: subjects, and patterns that cover them. Pure.
//! * `failure`: what went wrong, as an outcome. Pure.
//! * `stream`: the stream. `window`: publishing.

mod failure;
mod stream;
pub mod subject;
mod window;

pub use stream::MAX_AGE;

use crate::delivery::options::Correlation;
use crate::delivery::sink::{Batch, BoxFuture, Limits, Outcome, Sink};
use crate::event::{Event, json};
use crate::nats::link::{Link, Servers};
use crate::nats::{Access, is_stream_name};
use crate::sinks::{BuildError, options};
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::message::PublishMessage;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stream::Known;
use subject::Subjects;
use window::{Letter, Window};

/// Header of what is sent again because a person asked for it.
pub const REPLAY_HEADER: &str = "Kaptap-Replay";

/// Events in one delivery. More than a window, so that the end of one batch does not wait for the begin of the next too
/// often.
const EVENTS: usize = 1000;
/// Bytes of the records in one delivery.
const BYTES: usize = 4 << 20;

/// The sink.
#[derive(Debug)]
pub struct Nats {
    options: options::Nats,
    access: Access,
    subjects: Subjects,
    /// Which events keep their order.
    correlation: Correlation,
    link: Option<Link>,
    /// The stream, and the connection on which it was last seen to be as it should.
    checked: Option<(u64, Known)>,
}

/// How the servers are reached.
///
/// # Errors
/// When the URL does not name servers.
pub fn access(options: &options::Nats) -> Result<Access, BuildError> {
    let servers = Servers::parse(&options.url).ok_or_else(|| {
        // It is not shown: it may hold a password.
        BuildError::value("url", "not a list of NATS servers, such as nats://host:4222 or tls://a:4222,tls://b:4222")
    })?;
    Ok(Access {
        servers,
        timeout: options.timeout,
        basic: options.basic.as_ref().map(|(username, password)| (username.clone(), password.0.clone())),
        token: options.token.as_ref().map(|token| token.0.clone()),
        credentials_file: options.credentials_file.clone(),
        ca_file: options.ca_file.clone(),
        client_certificate: options.client_certificate.clone(),
    })
}

impl Nats {
    /// Makes the sink; connects to nothing yet.
    ///
    /// # Errors
    /// When the options cannot be used, or a file that they name cannot be read.
    pub fn new(options: &options::Nats) -> Result<Self, BuildError> {
        let name = &options.stream;
        if !is_stream_name(name) {
            let problem = format!("{name:?} is no name for a stream: it has no white space and none of . * > / \\ \"");
            return Err(BuildError::value("stream", problem));
        }
        let subjects =
            Subjects::compile(&options.subject).map_err(|error| BuildError::value("subject", error.to_string()))?;
        let access = access(options)?;
        // The client library reads them with each connection; what is missing now is told now.
        for (key, path) in access.files() {
            let text = std::fs::read(path).map_err(|error| BuildError::file(key, path, error))?;
            if let Some(missing) = missing(key, &text) {
                return Err(BuildError::value(key, format!("{} holds no {missing}", path.display())));
            }
        }
        let correlation = Correlation::default();
        Ok(Self { options: options.clone(), access, subjects, correlation, link: None, checked: None })
    }

    /// A connection on which the stream is as it should be.
    async fn link(&mut self) -> Result<(&Link, Known), Outcome> {
        if self.link.as_ref().is_some_and(Link::is_closed) {
            (self.link, self.checked) = (None, None);
        }
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::connect(&self.access, self.options.in_flight).await.map_err(|e| failure::of_link(&e))?,
        };
        let mended = link.mended(&self.access.servers).await;
        let link = self.link.insert(link);
        mended.map_err(|error| failure::of_link(&error))?;
        let connects = link.connects();
        let known = match self.checked.take() {
            Some((on, known)) if on == connects => known,
            _ => stream::ensure(&link.context, &self.options, &self.subjects).await?,
        };
        self.checked = Some((connects, known.clone()));
        Ok((link, known))
    }

    /// The message of an event.
    fn letter(&self, event: &Event<'_>, replay: bool) -> Letter {
        let mut payload = Vec::new();
        json::write(event, self.options.raw, &mut payload);
        let mut message = PublishMessage::build()
            .payload(payload.into())
            .message_id(event.id.to_string())
            .expected_stream(&self.options.stream);
        if replay {
            message = message.header(REPLAY_HEADER, "true");
        }
        Letter { subject: self.subjects.of(event), message, key: self.correlation.key(event) }
    }

    async fn deliver(&mut self, batch: &Batch<'_>) -> Vec<Outcome> {
        let (context, health, stream) = match self.link().await {
            Ok((link, stream)) => (link.context.clone(), link.health.clone(), stream),
            Err(outcome) => return vec![outcome; batch.events.len()],
        };
        let options = &self.options;
        let mut window = Window::new(&context, health, &stream, options.in_flight, options.timeout);
        for event in batch.events {
            window.publish(self.letter(event, batch.replay)).await;
        }
        let outcomes = window.finish().await;
        if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Retry { .. })) {
            // The stream may have been removed or changed.
            self.checked = None;
        }
        outcomes
    }
}

/// What should be in the file of a key, and is not.
fn missing(key: &str, text: &[u8]) -> Option<&'static str> {
    let holds = |words: &str| text.windows(words.len()).any(|found| found == words.as_bytes());
    match key {
        "key_file" => PrivateKeyDer::from_pem_slice(text).is_err().then_some("PEM private key"),
        "credentials_file" if !holds("BEGIN NATS USER JWT") => Some("user JWT"),
        "credentials_file" => (!holds("BEGIN USER NKEY SEED")).then_some("nkey seed"),
        _ => (!matches!(CertificateDer::pem_slice_iter(text).next(), Some(Ok(_)))).then_some("PEM certificates"),
    }
}

impl Sink for Nats {
    fn limits(&self) -> Limits {
        Limits { events: EVENTS, bytes: BYTES }
    }

    fn deliver<'a>(&'a mut self, batch: &'a Batch<'a>) -> BoxFuture<'a, Vec<Outcome>> {
        Box::pin(self.deliver(batch))
    }

    fn order_by(&mut self, correlation: &Correlation) {
        self.correlation = correlation.clone();
    }

    fn preview(&self, batch: &Batch<'_>) -> Result<String, String> {
        let mut text = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            let mut payload = Vec::new();
            json::write(event, self.options.raw, &mut payload);
            let payload = String::from_utf8(payload).map_err(|error| error.to_string())?;
            let replay = if batch.replay { format!("{REPLAY_HEADER}: true\n") } else { String::new() };
            let message_id = NATS_MESSAGE_ID.to_string();
            let (subject, stream, id) = (self.subjects.of(event), &self.options.stream, event.id);
            let servers = self.access.servers.shown();
            text.push(format!(
                "PUBLISH {subject} ({servers})\n{message_id}: {id}\nNats-Expected-Stream: {stream}\n{replay}\n{payload}\n"
            ));
        }
        Ok(text.concat())
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(link) = self.link.take() else { return };
            // Everything that was delivered is acknowledged, so a server that does not answer takes nothing with it.
            drop(link.client.flush().await);
            drop(link.client.drain().await);
        })
    }
}
