//! TLS to the kaptap of the configuration: exactly the certificate that the configuration names is believed. Names and
//! authorities do not matter, for it is known who is there.

use super::failure::Failure;
use crate::http::Unsigned;
use crate::serve::tls::{self, TlsFiles};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What is said of whoever shows another one.
const ANOTHER: &str = "it has another certificate than the configuration names; has the file changed without a reload?";

/// Connects to whoever has the first certificate of this file.
pub(super) fn connector(files: &TlsFiles) -> Result<TlsConnector, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::because(format!("cannot speak TLS: {error}"));
    let certificates = tls::certificates(&files.certificate).map_err(|error| failed(&error))?;
    let provider = Arc::new(ring::default_provider());
    let certificate = certificates.into_iter().next().unwrap_or_else(|| CertificateDer::from(Vec::new()));
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Unsigned::only(certificate, ANOTHER, provider)))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
