//! HTTP over TLS: a Kapacitor that posts, clients that do not speak it, another certificate, and what `check` says.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use kaptap::app::App;
use kaptap::config::{Config, Flags, load};
use rcgen::CertifiedKey;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

const WATCHDOG: Duration = Duration::from_mins(1);

/// A folder with a certificate for `localhost` and its key.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.renew();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a new certificate and key.
    fn renew(&self) {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), cert.pem()).unwrap();
        std::fs::write(self.path("key.pem"), signing_key.serialize_pem()).unwrap();
    }

    fn text(&self, http: &str) -> String {
        let folder = self.0.path().display();
        format!("data_dir = \"{folder}/data\"\n[http]\nlisten = \"127.0.0.1:0\"\nheader_timeout = \"500ms\"\n{http}")
    }

    fn secure(&self) -> Config {
        let text = self.text(&keys(&self.path("cert.pem"), &self.path("key.pem")));
        load(Some(&text), "kaptap.toml", &[], &Flags::default()).unwrap()
    }

    /// A client that believes the certificate of now.
    fn client(&self) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("cert.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        TlsConnector::from(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
    }
}

fn keys(certificate: &Path, key: &Path) -> String {
    format!("tls_certificate = \"{}\"\ntls_key = \"{}\"\n", certificate.display(), key.display())
}

/// A kaptap that runs.
struct Running {
    address: SocketAddr,
    reloader: kaptap::app::Reloader,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(config: Config) -> Self {
        let app = App::bind(config).await.unwrap();
        let (address, reloader, stop) = (app.addresses().http, app.reloader().clone(), CancellationToken::new());
        let until = stop.clone();
        let task = tokio::spawn(async move { app.run(until).await.unwrap() });
        Self { address, reloader, stop, task }
    }

    /// Sends a request as Kapacitor does, with a connection of its own that ends with the answer.
    async fn ask(&self, client: &TlsConnector, request: &str) -> std::io::Result<String> {
        let asking = async {
            let stream = TcpStream::connect(self.address).await?;
            let mut stream = client.connect(ServerName::try_from("localhost").unwrap(), stream).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer)
        };
        tokio::time::timeout(WATCHDOG, asking).await.unwrap()
    }

    async fn post(&self, client: &TlsConnector) -> std::io::Result<String> {
        let body = include_str!("recordings/alerts/log-file.jsonl").lines().next().unwrap();
        let length = body.len();
        let request = format!(
            "POST /v1/alerts/web HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Go-http-client/1.1\r\n\
             Content-Length: {length}\r\nContent-Type: application/json\r\n\r\n{body}"
        );
        self.ask(client, &request).await
    }

    async fn get(&self, client: &TlsConnector, path: &str) -> String {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        self.ask(client, &request).await.unwrap()
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(WATCHDOG, self.task).await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kapacitor_posts_over_tls_and_readers_read_over_it() {
    let folder = Folder::new();
    let (kaptap, client) = (Running::start(folder.secure()).await, folder.client());
    let answer = kaptap.post(&client).await.unwrap().to_lowercase();
    assert!(answer.starts_with("http/1.1 204 no content\r\n") && answer.contains("connection: close\r\n"), "{answer}");
    let events = kaptap.get(&client, "/v1/events?since=0").await;
    assert!(events.starts_with("HTTP/1.1 200") && events.contains("cpu:host=web-1"), "{events}");

    // The commands of the same configuration come in too, and believe the certificate that it names.
    let configuration = folder.text(&keys(&folder.path("cert.pem"), &folder.path("key.pem")));
    let configuration = configuration.replace("127.0.0.1:0", &kaptap.address.to_string());
    std::fs::write(folder.path("kaptap.toml"), configuration).unwrap();
    let shown = alerts(&folder).await;
    assert!(shown.status.success() && String::from_utf8_lossy(&shown.stdout).contains("web-1"), "{shown:?}");
    folder.renew();
    let said = String::from_utf8(alerts(&folder).await.stderr).unwrap();
    assert!(said.contains("another certificate than the configuration names"), "{said}");
    kaptap.stop().await;
}

async fn alerts(folder: &Folder) -> std::process::Output {
    let configuration = folder.path("kaptap.toml");
    let command = move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kaptap"));
        command.arg("--config").arg(configuration).arg("alerts").output().unwrap()
    };
    tokio::task::spawn_blocking(command).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_speak_tls_is_let_go_and_counted() {
    let folder = Folder::new();
    let (kaptap, client) = (Running::start(folder.secure()).await, folder.client());
    let mut plain = TcpStream::connect(kaptap.address).await.unwrap();
    let mut silent = TcpStream::connect(kaptap.address).await.unwrap();
    plain.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    for stream in [&mut plain, &mut silent] {
        let mut answer = Vec::new();
        // It may be reset, too.
        drop(tokio::time::timeout(WATCHDOG, stream.read_to_end(&mut answer)).await.unwrap());
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let metrics = kaptap.get(&client, "/metrics").await;
    let line = metrics.lines().find(|line| line.starts_with("kaptap_refused") && line.contains("reason=\"tls\""));
    assert!(line.is_some_and(|line| line.ends_with(" 2")), "{line:?}");
    assert!(kaptap.post(&client).await.unwrap().starts_with("HTTP/1.1 204"));
    kaptap.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_another_certificate_over_or_leaves_everything_as_it_was() {
    let folder = Folder::new();
    let (config, before) = (folder.secure(), folder.client());
    let kaptap = Running::start(config.clone()).await;
    folder.renew();
    let after = folder.client();
    assert!(kaptap.post(&before).await.is_ok() && kaptap.post(&after).await.is_err());
    assert_eq!(kaptap.reloader.reload(config.clone()).await.unwrap(), Vec::<&str>::new());
    assert!(kaptap.post(&before).await.is_err() && kaptap.post(&after).await.is_ok());

    std::fs::write(folder.path("key.pem"), "").unwrap();
    let error = kaptap.reloader.reload(config).await.unwrap_err().to_string();
    assert!(error.starts_with("nothing was changed: ") && error.contains("key.pem"), "{error}");
    assert!(kaptap.post(&after).await.is_ok());
    kaptap.stop().await;
}

#[track_caller]
fn check_refused(folder: &Folder, http: &str, line: usize, expected: &str) {
    let errors = load(Some(&folder.text(http)), "kaptap.toml", &[], &Flags::default()).unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(&format!("kaptap.toml:{line}")) && said[0].contains(expected), "{said:?}");
}

#[test]
fn what_is_wrong_with_the_files_is_said_with_file_and_line() {
    let folder = Folder::new();
    let (certificate, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    check_refused(&folder, "tls_key = \"x\"\n", 5, "is of no use without http.tls_certificate");
    check_refused(&folder, "tls_certificate = \"x\"\n", 5, "is of no use without http.tls_key");
    let nowhere = folder.path("nowhere.pem");
    check_refused(&folder, &keys(&nowhere, &key), 5, "cannot read ");
    check_refused(&folder, &keys(&certificate, &certificate), 6, "cert.pem, line 1: no PEM private key is in it");
    check_refused(&folder, &keys(&key, &key), 5, "key.pem, line 1: no PEM certificate is in it");

    let whole = std::fs::read_to_string(&certificate).unwrap();
    let broken = format!("# ours\n{whole}# theirs\n{}", whole.replacen("MI", "M!", 1));
    std::fs::write(&nowhere, broken).unwrap();
    let second = whole.lines().count() + 3;
    let expected = format!("nowhere.pem, line {second}: what begins here is not base64");
    check_refused(&folder, &keys(&nowhere, &key), 5, &expected);
    std::fs::write(&nowhere, whole.replace("-----END CERTIFICATE-----", "")).unwrap();
    check_refused(&folder, &keys(&nowhere, &key), 5, "nowhere.pem, line 1: what begins here has no end");

    folder.renew();
    std::fs::write(&nowhere, whole).unwrap();
    check_refused(&folder, &keys(&nowhere, &key), 5, "cannot be used together");
}
