//! TLS of the HTTP listener: its certificate and key, which may be changed while it runs.

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// `[http] tls_certificate`: PEM, our own first, then those that signed it.
    pub certificate: PathBuf,
    /// `[http] tls_key`: PEM.
    pub key: PathBuf,
}

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The key of `[http]` that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// What is in a file is not what it should be.
    #[error("{}, line {line}: {problem}", path.display())]
    Pem {
        /// The key of `[http]` that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// The two do not make a server.
    #[error("{} and {} cannot be used together: {source}", files.certificate.display(), files.key.display())]
    Pair {
        /// The files.
        files: TlsFiles,
        /// The cause.
        source: rustls::Error,
    },
}

impl TlsError {
    /// The key of `[http]` that is to be mended.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::File { key, .. } | Self::Pem { key, .. } => key,
            Self::Pair { .. } => CERTIFICATE,
        }
    }
}

const CERTIFICATE: &str = "http.tls_certificate";
const KEY: &str = "http.tls_key";

/// What TLS connections are accepted with. Clones share it.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

impl Tls {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.certificate)?;
        let text = read(KEY, &files.key)?;
        let key = PrivateKeyDer::from_pem_slice(&text)
            .map_err(|error| broken(KEY, &files.key, &text, "PRIVATE KEY", 0, &error, "no PEM private key is in it"))?;
        let pair = |source| TlsError::Pair { files: files.clone(), source };
        // Named, because whoever else links rustls may have brought a second provider.
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(pair)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(ArcSwap::from_pointee(config))))
    }

    /// Takes over what `other` holds, for connections from now on and for all clones of this one.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

/// The certificates of a PEM file, of which there is at least one.
///
/// # Errors
/// When there is none, or one that cannot be read.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(CERTIFICATE, path)?;
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let number = found.len();
        found.push(certificate.map_err(|error| broken(CERTIFICATE, path, &text, "CERTIFICATE", number, &error, NONE))?);
    }
    if found.is_empty() {
        return Err(broken(CERTIFICATE, path, &text, "CERTIFICATE", 0, &pem::Error::NoItemsFound, NONE));
    }
    Ok(found)
}

const NONE: &str = "no PEM certificate is in it";

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { key, path: path.to_owned(), source })
}

/// The error of the section of this label and number.
fn broken(
    key: &'static str,
    path: &Path,
    text: &[u8],
    label: &str,
    number: usize,
    error: &pem::Error,
    none: &str,
) -> TlsError {
    let text = String::from_utf8_lossy(text);
    let begins = |line: &&(usize, &str)| line.1.contains("-----BEGIN") && line.1.contains(label);
    let section = text.lines().enumerate().filter(|line| begins(&line)).nth(number);
    // Nothing that the file holds is repeated: it may be the key.
    let problem = match error {
        pem::Error::NoItemsFound => none.to_owned(),
        pem::Error::MissingSectionEnd { .. } => "what begins here has no end".to_owned(),
        pem::Error::Base64Decode(_) => "what begins here is not base64".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "this is not how a section begins".to_owned(),
        _ => "what begins here cannot be read".to_owned(),
    };
    TlsError::Pem { key, path: path.to_owned(), line: section.map_or(1, |(line, _)| line + 1), problem }
}
