//! Follows `GET /v1/events` of a running kaptap.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Longest line that is read.
const MAX_LINE: usize = 16 << 20;

/// A stream of events, from now on.
pub(super) struct Follower {
    body: Incoming,
    line: Vec<u8>,
    /// Bytes of `line` that are known to hold no line end.
    searched: usize,
    _connection: AbortOnDropHandle<()>,
}

impl Follower {
    /// Asks for all events from now on; returns once the answer has begun.
    pub(super) async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Error::other)?;
        // How the connection ends shows in the body.
        let connection = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
        let request = Request::get("/v1/events?follow=true")
            .header(header::HOST, address.to_string())
            .body(Empty::<Bytes>::new())
            .map_err(Error::other)?;
        let answer = sender.send_request(request).await.map_err(Error::other)?;
        if answer.status() != StatusCode::OK {
            return Err(Error::other(format!("GET /v1/events was answered {}", answer.status())));
        }
        Ok(Self { body: answer.into_body(), line: Vec::new(), searched: 0, _connection: connection })
    }

    /// The next event. Nothing is lost when the future is dropped before it is ready.
    pub(super) async fn next(&mut self) -> std::io::Result<serde_json::Value> {
        loop {
            let end = self.line.iter().skip(self.searched).position(|&byte| byte == b'\n');
            if let Some(end) = end.map(|end| end + self.searched) {
                let rest = self.line.split_off(end + 1);
                let line = std::mem::replace(&mut self.line, rest);
                self.searched = 0;
                if line.len() > 1 {
                    return serde_json::from_slice(&line).map_err(Error::from);
                }
                continue;
            }
            self.searched = self.line.len();
            if self.line.len() > MAX_LINE {
                return Err(Error::new(ErrorKind::InvalidData, "a line of the event stream is too long"));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame.map_err(Error::other)?.into_data() {
                        self.line.extend_from_slice(&data);
                    }
                }
                None => return Err(Error::new(ErrorKind::UnexpectedEof, "the event stream ended")),
            }
        }
    }
}
