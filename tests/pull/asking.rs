//! A client that shows everything of an answer, and alerts to ask for.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) const BASE: &str = "/kapacitor/v1";

/// An answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    /// By their names in lower case, but for those that differ each time.
    pub(crate) headers: BTreeMap<String, String>,
    /// Without chunks, and unpacked.
    pub(crate) body: Vec<u8>,
}

impl Raw {
    /// Reads a head and a body.
    pub(crate) fn read(head: &str, body: &[u8]) -> Self {
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pairs = lines.filter_map(|line| line.split_once(": ").or_else(|| line.split_once(':')));
        let mut headers: BTreeMap<String, String> =
            pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        let mut body = body.to_vec();
        if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            body = unchunked(&body);
        }
        if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") && !body.is_empty() {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
            body = plain;
        }
        for name in ["date", "request-id", "connection"] {
            headers.remove(name);
        }
        Self { status, headers, body }
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
}

/// One request on a connection of its own.
pub(crate) fn ask(address: SocketAddr, method: &str, target: &str, headers: &str, body: &str) -> Raw {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n{length}{headers}\r\n{body}")
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    Raw::read(std::str::from_utf8(&answer[..end]).unwrap(), &answer[end + 4..])
}

/// The same, from an asynchronous test.
pub(crate) async fn asked(address: SocketAddr, method: &str, target: &str, headers: &str) -> Raw {
    let (method, target, headers) = (method.to_owned(), target.to_owned(), headers.to_owned());
    tokio::task::spawn_blocking(move || ask(address, &method, &target, &headers, "")).await.unwrap()
}

/// A plain `GET` below the base path.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Raw {
    asked(address, "GET", &format!("{BASE}{path}"), "").await
}

/// Posts an alert into a topic.
pub(crate) async fn post(address: SocketAddr, topic: &str, body: String) {
    let headers = format!("X-Kapacitor-Topic: {topic}\r\n");
    let answer = tokio::task::spawn_blocking(move || ask(address, "POST", "/v1/alerts/x", &headers, &body)).await;
    assert_eq!(answer.unwrap().status, 204);
}

/// The body of an alert, at a second of a day.
pub(crate) fn alert(id: &str, level: &str, second: u32) -> String {
    json!({
        "id": id, "message": format!("{id} is {level}"), "details": "", "level": level, "duration": 1_500_000_000,
        "time": format!("2026-03-01T10:{:02}:{:02}Z", second / 60, second % 60), "previousLevel": "OK",
        "recoverable": true, "data": {"series": []},
    })
    .to_string()
}

/// Ids of the events of a list.
pub(crate) fn ids(list: &Value) -> Vec<&str> {
    list["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect()
}
