//! The webhook sink over TLS and through proxies.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod sink_support;

use kaptap::delivery::sink::{Outcome, Reason};
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options::{self, Format};
use kaptap::sinks::webhook::Webhook;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sink_support::receiver::{Receiver, Step, answer, ok, tunnel_proxy};
use sink_support::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A certificate authority, and files for what it has signed.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    directory: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem, directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn ca_file(&self) -> PathBuf {
        self.file("ca.pem", &self.pem)
    }

    /// Certificate and key, PEM.
    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn client_certificate(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.sign("kaptap", ExtendedKeyUsagePurpose::ClientAuth);
        (self.file("client.pem", &certificate), self.file("client.key", &key))
    }

    /// A server with a certificate for this name; with `clients`, only for clients that those have signed.
    fn acceptor(&self, name: &str, clients: Option<&Self>) -> TlsAcceptor {
        let (certificate, key) = self.sign(name, ExtendedKeyUsagePurpose::ServerAuth);
        let provider = Arc::new(ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()))
    }

    async fn receiver(&self, name: &str, clients: Option<&Self>) -> Receiver {
        let address = "127.0.0.1:0".parse().unwrap();
        Receiver::start_at(address, Some(self.acceptor(name, clients)), []).await
    }
}

fn secure(receiver: &Receiver) -> options::Webhook {
    webhook(&format!("https://localhost:{}/hook", receiver.address.port()), Format::Json)
}

/// Delivers one event.
async fn post(options: &options::Webhook, proxies: &Proxies) -> Outcome {
    let mut sink = Webhook::new(options, proxies).unwrap();
    deliver(&mut sink, &alerts([1])).await.pop().unwrap()
}

#[tokio::test]
async fn the_authority_of_the_file_is_trusted_and_no_other() {
    let (ours, other) = (Authority::new(), Authority::new());
    let receiver = ours.receiver("localhost", None).await;
    let mut options = secure(&receiver);
    options.http.ca_file = Some(ours.ca_file());
    assert_eq!(post(&options, &Proxies::none()).await, Outcome::Delivered);

    options.http.ca_file = Some(other.ca_file());
    let outcome = post(&options, &Proxies::none()).await;
    check_retry(&outcome, Reason::Unreachable, None, "invalid peer certificate");
    options.http.skip_verify = true;
    assert_eq!(post(&options, &Proxies::none()).await, Outcome::Delivered);
    assert_eq!(receiver.requests().len(), 2);
}

#[tokio::test]
async fn the_name_in_the_certificate_counts() {
    let ours = Authority::new();
    let receiver = ours.receiver("other.example", None).await;
    let mut options = secure(&receiver);
    options.http.ca_file = Some(ours.ca_file());
    let outcome = post(&options, &Proxies::none()).await;
    check_retry(&outcome, Reason::Unreachable, None, "invalid peer certificate");
    options.http.skip_verify = true;
    assert_eq!(post(&options, &Proxies::none()).await, Outcome::Delivered);
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let (ours, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let receiver = ours.receiver("localhost", Some(&clients)).await;
    let mut options = secure(&receiver);
    options.http.ca_file = Some(ours.ca_file());
    let outcome = post(&options, &Proxies::none()).await;
    check_retry(&outcome, Reason::Unauthorized, None, "refuses our certificate");
    options.http.client_certificate = Some(strangers.client_certificate());
    let outcome = post(&options, &Proxies::none()).await;
    check_retry(&outcome, Reason::Unauthorized, None, "refuses our certificate");
    assert!(receiver.requests().is_empty());
    options.http.client_certificate = Some(clients.client_certificate());
    assert_eq!(post(&options, &Proxies::none()).await, Outcome::Delivered);
}

#[test]
fn files_that_are_no_certificates_are_refused_by_name() {
    let ours = Authority::new();
    let (certificate, key) = ours.client_certificate();
    let (_, other_key) = ours.sign("x", ExtendedKeyUsagePurpose::ClientAuth);
    let (junk, other_key) = (ours.file("junk.pem", "junk"), ours.file("other.key", &other_key));
    let refused = |ca: Option<&Path>, client: Option<(&Path, &Path)>| {
        let mut options = webhook("https://localhost:1/", Format::Json);
        options.http.ca_file = ca.map(Path::to_owned).or_else(|| Some(ours.ca_file()));
        options.http.client_certificate = client.map(|(certificate, key)| (certificate.to_owned(), key.to_owned()));
        Webhook::new(&options, &Proxies::none()).unwrap_err()
    };
    assert_eq!(
        refused(Some(&junk), None).to_string(),
        format!("`ca_file`: {} holds no PEM certificates", junk.display())
    );
    assert_eq!(
        refused(None, Some((&certificate, &junk))).to_string(),
        format!("`key_file`: {} holds no PEM private key", junk.display())
    );
    assert_eq!(refused(None, Some((&junk, &key))).key(), "certificate_file");
    let error = refused(None, Some((&certificate, &other_key)));
    assert!(error.to_string().starts_with("`certificate_file`: does not go with the key"), "{error}");
    assert_eq!(
        refused(None, Some((&certificate, Path::new("/nowhere")))).to_string(),
        "`key_file`: cannot read /nowhere"
    );
}

#[tokio::test]
async fn plain_requests_go_through_the_proxy_unless_told_otherwise() {
    let proxy = Receiver::start([ok(), answer("407 Proxy Authentication Required", "", "")]).await;
    let proxies = |no: &str| Proxies::of(&format!("http://me:proxysecret@{}", proxy.address), "", no);
    let mut options = webhook("http://ops.example:8080/hook?a=b", Format::Json);
    options.http.bypass_proxy = false;
    assert_eq!(post(&options, &proxies("")).await, Outcome::Delivered);
    let request = proxy.requests().pop().unwrap();
    assert_eq!(request.line, "POST http://ops.example:8080/hook?a=b HTTP/1.1");
    assert_eq!(request.header("host"), Some("ops.example:8080"));
    assert_eq!(request.header("proxy-authorization"), Some("Basic bWU6cHJveHlzZWNyZXQ="));
    check_retry(&post(&options, &proxies("")).await, Reason::Unauthorized, None, "407");

    let receiver = Receiver::start([]).await;
    options.http.url = receiver.url("/");
    assert_eq!(post(&options, &proxies("127.0.0.0/8")).await, Outcome::Delivered);
    options.http.bypass_proxy = true;
    assert_eq!(post(&options, &proxies("")).await, Outcome::Delivered);
    let requests = receiver.requests();
    assert_eq!((requests.len(), proxy.requests().len()), (2, 2));
    assert!(requests.iter().all(|request| request.header("proxy-authorization").is_none()));
}

#[tokio::test]
async fn tls_goes_through_a_tunnel() {
    let ours = Authority::new();
    let receiver = ours.receiver("localhost", None).await;
    let (proxy, asked, _tasks) = tunnel_proxy().await;
    let mut options = secure(&receiver);
    options.http.ca_file = Some(ours.ca_file());
    options.http.bypass_proxy = false;
    let proxies = Proxies::of("", &format!("http://me:proxysecret@{proxy}"), "");
    assert_eq!(post(&options, &proxies).await, Outcome::Delivered);
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, format!("CONNECT localhost:{} HTTP/1.1", receiver.address.port()));
    assert_eq!(asked[0].header("proxy-authorization"), Some("Basic bWU6cHJveHlzZWNyZXQ="));
    let request = receiver.requests().pop().unwrap();
    assert_eq!(request.line, "POST /hook HTTP/1.1");
    assert_eq!(request.header("proxy-authorization"), None);
}

#[tokio::test]
async fn a_proxy_that_refuses_or_cannot_be_used_is_said() {
    let refusing = Receiver::start([Step::AnswerAndCut("HTTP/1.1 403 Forbidden\r\n\r\n".to_owned())]).await;
    let mut options = webhook("https://localhost:1/", Format::Json);
    options.http.bypass_proxy = false;
    options.http.skip_verify = true;
    let proxies = Proxies::of("", &format!("http://me:proxysecret@{}", refusing.address), "");
    let outcome = post(&options, &proxies).await;
    check_retry(&outcome, Reason::Unreachable, None, "cannot be reached: ");
    assert!(!format!("{outcome:?}").contains("proxysecret"));

    let error = Webhook::new(&options, &Proxies::of("", "socks5://127.0.0.1:1", "")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`bypass_proxy`: the proxy of the environment has socks5; only http proxies can be used"
    );
}
