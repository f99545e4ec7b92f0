//! TLS towards a peer: whom it trusts, and what it shows.

use super::{BuildError, Options};
use hyper::Uri;
use hyper_rustls::{DefaultServerNameResolver, ResolveServerName};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// Finds the name that the peer's certificate must have.
pub(super) fn names() -> Arc<dyn ResolveServerName + Send + Sync> {
    Arc::new(DefaultServerNameResolver::default())
}

/// The configuration for a peer at this URL. Files are read even if it is not `https`, so that a missing one is found
/// when the configuration is checked.
pub(super) fn config(options: &Options, uri: &Uri) -> Result<ClientConfig, BuildError> {
    // Named, because whoever else links rustls may have brought a second provider.
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::value("url", error.to_string()))?;
    let roots = match &options.ca_file {
        Some(path) => roots_of(path)?,
        None if uri.scheme_str() == Some("https") && !options.skip_verify => roots_of_system()?,
        None => RootCertStore::empty(),
    };
    let builder = if options.skip_verify {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unsigned::any(provider)))
    } else {
        builder.with_root_certificates(roots)
    };
    let Some((certificates, key)) = &options.client_certificate else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates_of("certificate_file", certificates)?;
    let text = read("key_file", key)?;
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|_| BuildError::value("key_file", format!("{} holds no PEM private key", key.display())))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| BuildError::value("certificate_file", format!("does not go with the key: {error}")))
}

fn roots_of(path: &Path) -> Result<RootCertStore, BuildError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_of("ca_file", path)? {
        roots.add(certificate).map_err(|error| BuildError::value("ca_file", format!("{}: {error}", path.display())))?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, BuildError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry a few odd ones; the rest is good.
    let (good, _odd) = roots.add_parsable_certificates(found.certs);
    if good == 0 {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        let problem = format!("the system has no certificate authorities{why}; name yours with `ca_file`");
        return Err(BuildError::value("url", problem));
    }
    Ok(roots)
}

fn certificates_of(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let text = read(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(BuildError::value(key, format!("{} holds no PEM certificates", path.display()))),
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|error| BuildError::file(key, path, error))
}

/// Takes a certificate whoever has signed it and for whichever name. The handshake itself is still checked.
#[derive(Debug)]
pub(crate) struct Unsigned {
    /// The only one that is taken, and what is said of every other; without it any is.
    only: Option<(CertificateDer<'static>, &'static str)>,
    provider: Arc<CryptoProvider>,
}

impl Unsigned {
    /// `skip_verify`: takes any certificate.
    fn any(provider: Arc<CryptoProvider>) -> Self {
        Self { only: None, provider }
    }

    /// Takes this certificate; `otherwise` is said of every other.
    pub(crate) fn only(
        certificate: CertificateDer<'static>,
        otherwise: &'static str,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        Self { only: Some((certificate, otherwise)), provider }
    }
}

impl ServerCertVerifier for Unsigned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.only {
            Some((only, otherwise)) if certificate != only => Err(rustls::Error::General((*otherwise).to_owned())),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
