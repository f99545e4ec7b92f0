//! `[read]`: where `GET /v1/events` reads from.

use super::settings::{Settings, Table};
use super::sink_peers::{NatsAccess, stream_name};
use super::sinks::Reader;
use super::typed::text;
use crate::nats::link::Servers;
use crate::nats::{Access, Options, is_subject};
use crate::sorted;

/// Section of the keys about the stream.
const SECTION: &str = "read.nats";

/// What reading goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Read {
    /// `from = "journal"`: this kaptap's own journal.
    #[default]
    Journal,
    /// `from = "nats"`: a `JetStream` stream to which several kaptaps publish.
    Nats(Box<Options>),
}

#[derive(Debug, Clone, Copy)]
enum From {
    Journal,
    Nats,
}

/// Reads `[read]` and `[read.nats]`. The latter is checked even when it is not used, as everything that is written is.
pub(super) fn read(settings: &mut Settings) -> Option<Read> {
    let from = settings.word("read.from", &[("journal", From::Journal), ("nats", From::Nats)]);
    let place = settings.place("read.from");
    let inside = |(name, setting): (&&'static str, &_)| {
        let key = name.strip_prefix(SECTION)?.strip_prefix('.')?;
        Some((key.to_owned(), Clone::clone(setting)))
    };
    let table = Table { place, found: sorted::map(settings.found.iter().filter_map(inside)) };
    let mut reader = Reader::of_section(&mut settings.errors, &table, "nats", ("read", "nats"));
    let access = NatsAccess::read(&mut reader);
    let stream = stream_name(&mut reader);
    let subject = if reader.has("subject") {
        reader.take("subject", |value| match text(value, "a subject, such as \"kaptap.alert\" or \"kaptap.>\"")? {
            subject if is_subject(subject) => Ok(subject.to_owned()),
            subject => {
                Err(format!("{subject:?} cannot be subscribed to; write one such as \"kaptap.*\" or \"kaptap.>\""))
            }
        })
    } else {
        Some(None)
    };
    let (from, access, stream, subject) = (from?, access?, stream?, subject?);
    match from {
        From::Journal => Some(Read::Journal),
        From::Nats => {
            let Some(servers) = access.url.as_deref().and_then(Servers::parse) else {
                reader.report("url", "is missing; reading from nats needs it");
                return None;
            };
            let access = Access {
                servers,
                timeout: access.timeout,
                basic: access.basic.map(|(username, password)| (username, password.0)),
                token: access.token.map(|token| token.0),
                credentials_file: access.credentials_file,
                ca_file: access.ca_file,
                client_certificate: access.client_certificate,
            };
            Some(Read::Nats(Box::new(Options { access, stream, subject })))
        }
    }
}
