//! The sink `nats` and who may publish: TLS, certificates, credentials, permissions, silent servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod wait_support;

use kaptap::delivery::sink::{Outcome, Sink};
use kaptap::sinks::nats::Nats;
use kaptap::sinks::options;
use peers::events::{deliver, point, why};
use peers::{Daemon, free_address, nats_server};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use ring::signature::Ed25519KeyPair;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

fn options_for(url: String) -> options::Nats {
    options::Nats { in_flight: 16, ..options::Nats::at(url) }
}

fn server(more: &str) -> Option<(TempDir, SocketAddr, Daemon)> {
    let (directory, address) = (tempfile::tempdir().unwrap(), free_address());
    let daemon = nats_server(directory.path(), address, more)?;
    Some((directory, address, daemon))
}

/// What becomes of one event.
async fn one(options: &options::Nats) -> Outcome {
    let mut sink = Nats::new(options).unwrap();
    let outcome = deliver(&mut sink, &[point(1)]).await.pop().unwrap();
    sink.close().await;
    outcome
}

#[track_caller]
fn check_retry(outcome: &Outcome, reason: &str, sentence: &str) {
    let found = why(outcome);
    assert_eq!((found.0, found.1), ("retry", reason), "{found:?}");
    assert!(found.2.contains(sentence), "{found:?}");
}

/// A certificate authority with its files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    ca_file: PathBuf,
}

impl Authority {
    fn new(directory: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let ca_file = directory.join(name);
        std::fs::write(&ca_file, issuer.pem()).unwrap();
        Self { issuer, ca_file }
    }

    /// Files of a certificate and its key.
    fn sign(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |extension, text: String| {
            let path = self.ca_file.with_extension(format!("{name}.{extension}"));
            std::fs::write(&path, text).unwrap();
            path
        };
        (file("pem", certificate.pem()), file("key", key.serialize_pem()))
    }
}

#[tokio::test]
async fn tls_with_an_own_authority_and_a_client_certificate() {
    let files = tempfile::tempdir().unwrap();
    let (ours, other) = (Authority::new(files.path(), "ours"), Authority::new(files.path(), "other"));
    let (certificate, key) = ours.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth);
    let tls =
        format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {:?}, verify: true }}", ours.ca_file);
    let Some((_directory, address, _daemon)) = server(&tls) else { return };
    let mut options = options_for(format!("tls://localhost:{}", address.port()));
    options.ca_file = Some(ours.ca_file.clone());
    options.client_certificate = Some(ours.sign("kaptap", ExtendedKeyUsagePurpose::ClientAuth));
    assert_eq!(one(&options).await, Outcome::Delivered);
    // `nats://` with `ca_file` is TLS as well; it is the same event once more.
    options.url = format!("nats://localhost:{}", address.port());
    assert_eq!(one(&options).await, Outcome::Duplicate);

    let stranger = options::Nats { ca_file: Some(other.ca_file.clone()), ..options.clone() };
    check_retry(&one(&stranger).await, "unreachable", "certificate");
    let nobody = options::Nats { client_certificate: None, ..options };
    check_retry(&one(&nobody).await, "unreachable", "cannot be reached");
}

#[test]
fn files_that_are_not_there_are_told_before_anything_starts() {
    let missing = PathBuf::from("missing/file");
    let base = options_for("nats://localhost".to_owned());
    let pair = Some((missing.clone(), missing.clone()));
    for (key, options) in [
        ("`credentials_file`", options::Nats { credentials_file: Some(missing.clone()), ..base.clone() }),
        ("`ca_file`", options::Nats { ca_file: Some(missing.clone()), ..base.clone() }),
        ("`certificate_file`", options::Nats { client_certificate: pair, ..base.clone() }),
    ] {
        let error = Nats::new(&options).unwrap_err().to_string();
        assert!(error.starts_with(key) && error.contains("missing/file"), "{error}");
    }
}

/// Who may not publish gets no acknowledgement, only a complaint on the side: it is in the sentence.
#[tokio::test]
async fn a_missing_permission_is_named() {
    let more = "authorization { users: [ \
        { user: writer, password: secret, permissions: { subscribe: \"_INBOX.>\", publish: \
          [\"kaptap.*\", \"$JS.API.STREAM.INFO.KAPTAP\", \"$JS.API.STREAM.CREATE.KAPTAP\"] } }, \
        { user: reader, password: secret, permissions: { publish: \"$JS.API.>\" } } ] }";
    let Some((_directory, address, _daemon)) = server(more) else { return };
    let with = |user: &str| options::Nats {
        basic: Some((user.to_owned(), options::Hidden("secret".to_owned()))),
        timeout: Duration::from_secs(1),
        ..options_for(format!("nats://{address}"))
    };
    assert_eq!(one(&with("writer")).await, Outcome::Delivered);
    check_retry(&one(&with("reader")).await, "timed_out", "kaptap.point");
    let mut reader = Nats::new(&with("reader")).unwrap();
    let outcomes = deliver(&mut reader, &[point(1), point(2)]).await;
    check_retry(&outcomes[0], "timed_out", "ermissions");
    check_retry(&outcomes[1], "timed_out", "");
}

#[tokio::test]
async fn a_token_is_sent() {
    let Some((_directory, address, _daemon)) = server("authorization { token: \"open sesame\" }") else { return };
    let mut options = options_for(format!("nats://{address}"));
    check_retry(&one(&options).await, "unauthorized", "authorization violation");
    options.token = Some(options::Hidden("open sesame".to_owned()));
    assert_eq!(one(&options).await, Outcome::Delivered);
}

/// A server that greets and then says nothing; one that talks nonsense; one that hangs up.
#[tokio::test]
async fn servers_that_are_none_are_waited_for() {
    use tokio::io::AsyncWriteExt;
    for (greeting, stays) in
        [("", true), ("HTTP/1.1 400 Bad Request\r\n\r\n", true), ("INFO {nonsense}\r\n", true), ("", false)]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(greeting.as_bytes()).await.ok();
                if stays {
                    held.push(stream);
                }
            }
        });
        let options = options::Nats { timeout: Duration::from_millis(300), ..options_for(format!("nats://{address}")) };
        let outcome = one(&options).await;
        assert_eq!(why(&outcome).0, "retry", "{greeting:?}: {outcome:?}");
        assert!(why(&outcome).2.contains(&address.to_string()), "{greeting:?}: {outcome:?}");
        serving.abort();
    }
}

/// Keys and tokens as NATS writes them (`nsc` makes them otherwise): enough for one operator, account and user.
mod credentials {
    use super::{Ed25519KeyPair, Path, PathBuf};
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use ring::rand::{SecureRandom, SystemRandom};
    use ring::signature::KeyPair as _;
    use serde_json::{Value, json};

    /// Prefix bytes of encoded keys.
    pub(crate) const OPERATOR: u8 = 14 << 3;
    pub(crate) const ACCOUNT: u8 = 0;
    pub(crate) const USER: u8 = 20 << 3;
    const SEED: u8 = 18 << 3;

    pub(crate) struct Key {
        kind: u8,
        seed: [u8; 32],
        pair: Ed25519KeyPair,
    }

    impl Key {
        pub(crate) fn new(kind: u8) -> Self {
            let mut seed = [0; 32];
            SystemRandom::new().fill(&mut seed).unwrap();
            Self { kind, seed, pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap() }
        }

        pub(crate) fn public(&self) -> String {
            encoded(&[&[self.kind], self.pair.public_key().as_ref()].concat())
        }

        fn secret(&self) -> String {
            encoded(&[&[(SEED | (self.kind >> 5)), (self.kind & 31) << 3], &self.seed[..]].concat())
        }

        /// A token of this issuer.
        pub(crate) fn token(&self, subject: &Key, nats: &Value) -> String {
            let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            let claims = json!({
                "jti": "test", "iat": 1_700_000_000, "iss": self.public(), "sub": subject.public(), "name": "test",
                "nats": nats,
            });
            let text = format!("{}.{}", part(&json!({"typ": "JWT", "alg": "ed25519-nkey"})), part(&claims));
            let signature = BASE64_URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()).as_ref());
            format!("{text}.{signature}")
        }
    }

    /// Base32 of the bytes and their CRC-16 (XMODEM).
    fn encoded(bytes: &[u8]) -> String {
        let crc = bytes.iter().fold(0_u16, |crc, byte| {
            (0..8).fold(
                crc ^ (u16::from(*byte) << 8),
                |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
            )
        });
        let (mut text, mut bits, mut count) = (String::new(), 0_u32, 0);
        for byte in bytes.iter().copied().chain(crc.to_le_bytes()) {
            bits = (bits << 8) | u32::from(byte);
            count += 8;
            while count >= 5 {
                count -= 5;
                text.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[((bits >> count) as usize) & 31]));
            }
        }
        if count > 0 {
            text.push(char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[((bits << (5 - count)) as usize) & 31]));
        }
        text
    }

    /// A credentials file.
    pub(crate) fn file(directory: &Path, token: &str, user: &Key) -> PathBuf {
        let path = directory.join("kaptap.creds");
        let text = format!(
            "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            user.secret()
        );
        std::fs::write(&path, text).unwrap();
        path
    }
}

#[tokio::test]
async fn a_credentials_file_opens_the_door_and_may_change() {
    use credentials::{ACCOUNT, Key, OPERATOR, USER};
    use serde_json::json;
    let (operator, system, account, user) = (Key::new(OPERATOR), Key::new(ACCOUNT), Key::new(ACCOUNT), Key::new(USER));
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_operator = json!({"type": "operator", "version": 2, "system_account": system.public()});
    let of_account = json!({"type": "account", "version": 2, "limits": limits});
    let of_system = json!({"type": "account", "version": 2, "limits": {
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
    }});
    let of_user = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
    let more = format!(
        "operator: {}\nsystem_account: {system_key}\nresolver: MEMORY\nresolver_preload: {{\n{system_key}: {}\n{}: {}\n}}",
        operator.token(&operator, &of_operator),
        operator.token(&system, &of_system),
        account.public(),
        operator.token(&account, &of_account),
        system_key = system.public(),
    );
    let Some((directory, address, _daemon)) = server(&more) else { return };
    let stranger = Key::new(ACCOUNT);
    let path = credentials::file(directory.path(), &stranger.token(&user, &of_user), &user);
    let options = options::Nats { credentials_file: Some(path.clone()), ..options_for(format!("nats://{address}")) };
    let mut sink = Nats::new(&options).unwrap();
    let outcomes = deliver(&mut sink, &[point(1)]).await;
    check_retry(&outcomes[0], "unauthorized", "authorization violation");

    std::fs::write(&path, "nothing of the kind").unwrap();
    let outcomes = deliver(&mut sink, &[point(1)]).await;
    check_retry(&outcomes[0], "local", "kaptap.creds holds no credentials");

    // It is read with each connection: what an operator mends works without a restart.
    credentials::file(directory.path(), &account.token(&user, &of_user), &user);
    assert_eq!(deliver(&mut sink, &[point(1)]).await, [Outcome::Delivered]);
}
