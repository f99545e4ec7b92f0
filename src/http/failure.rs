//! Why there was no whole answer.

use super::text::harmless;
use std::error::Error;
use std::time::Duration;

/// What kind of failure it was: what the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection.
    Unreachable,
    /// No whole answer in time.
    TimedOut,
    /// The peer refuses our certificate.
    Unauthorized,
    /// The connection ended before the answer.
    Cut,
    /// What came is not HTTP, or ended inside the answer.
    Garbage,
    /// The request cannot be sent as it is.
    NotSendable,
}

/// Why there was no whole answer. The sentence goes behind the name of the peer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{sentence}")]
pub struct Failure {
    kind: FailureKind,
    sentence: String,
}

impl Failure {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    pub(super) fn path() -> Self {
        let sentence = "cannot be asked for that: the path makes no URL".to_owned();
        Self { kind: FailureKind::NotSendable, sentence }
    }

    pub(super) fn timed_out(after: Duration) -> Self {
        Self { kind: FailureKind::TimedOut, sentence: format!("no whole answer within {after:?}") }
    }

    /// Nothing of an answer came.
    pub(super) fn of_request(error: &hyper_util::client::legacy::Error) -> Self {
        if refuses_certificate(error) {
            let sentence = format!("refuses our certificate: {}", causes(error));
            return Self { kind: FailureKind::Unauthorized, sentence };
        }
        if error.is_connect() {
            return Self { kind: FailureKind::Unreachable, sentence: format!("cannot be reached: {}", causes(error)) };
        }
        match error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>()) {
            Some(cause) if cause.is_parse() => {
                Self { kind: FailureKind::Garbage, sentence: format!("answered what is not HTTP: {cause}") }
            }
            _ => {
                let sentence = format!("ended the connection before its answer: {}", causes(error));
                Self { kind: FailureKind::Cut, sentence }
            }
        }
    }

    /// The answer began and broke off.
    pub(super) fn of_answer(error: &hyper::Error) -> Self {
        let kind = if refuses_certificate(error) { FailureKind::Unauthorized } else { FailureKind::Garbage };
        Self { kind, sentence: format!("broke off its answer: {error}") }
    }
}

/// Whether the peer ended TLS because of what we showed it, or did not.
fn refuses_certificate(error: &(dyn Error + 'static)) -> bool {
    use rustls::AlertDescription as Alert;
    let mut cause = Some(error);
    while let Some(current) = cause {
        // An `io::Error` gives its own cause's source as its source, so what it wraps is looked at by name.
        let inner = current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref()).or_else(|| current.downcast_ref::<rustls::Error>());
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return matches!(
                alert,
                Alert::CertificateRequired
                    | Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::DecryptError
                    | Alert::AccessDenied
            );
        }
        cause = current.source();
    }
    false
}

/// The causes below an error, outermost first.
fn causes(error: &dyn Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(current) = cause {
        let text = current.to_string();
        // Some errors repeat their cause.
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        cause = current.source();
    }
    harmless(&texts.join(": "))
}
