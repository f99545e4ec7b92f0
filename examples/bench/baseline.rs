//! The baselines: servers that do as little as can be done, each in a process of its own.
//!
//! | kind | what it does |
//! |---|---|
//! | `echo` | reads, writes the same bytes back |
//! | `cut` | the same, and finds where each frame ends: what is not a frame must not go back |
//! | `gather` | as `echo`, and sleeps 300 µs between reads |
//! | `append` | as `echo`, and appends the bytes to files of 64 MiB that are synced every 50 ms |
//! | `typed` | reads, decodes each frame with prost's types, encodes the answer, writes it |
//! | `hyper` | hyper 1.x: reads the body of a POST, answers 204, stores nothing |

use super::Result;
use bytes::{Buf, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue, USER_AGENT};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kaptap::kapacitor::{frame, proto};
use prost::Message as _;
use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// One read: as much as kaptap's own reads become under load.
const READ: usize = 256 << 10;
/// How long the gathering echo sleeps: kaptap's default.
const GATHER: Duration = Duration::from_micros(300);
/// kaptap's defaults for its journal.
const SEGMENT: u64 = 64 << 20;
const SYNC: Duration = Duration::from_millis(50);

/// Serves as this kind, at a socket path or an address, until killed.
pub fn run(kind: &str, place: &str) -> Result<()> {
    if kind == "hyper" {
        return hyper(place);
    }
    let listener = UnixListener::bind(place)?;
    loop {
        let (stream, _) = listener.accept()?;
        let (kind, place) = (kind.to_owned(), PathBuf::from(place));
        // A connection that breaks ends its thread, as it should.
        std::thread::spawn(move || drop(serve(&kind, &place, stream)));
    }
}

/// What is done with what was read.
type Work = Box<dyn FnMut(&[u8], &mut UnixStream) -> Result<()>>;

fn serve(kind: &str, place: &Path, mut stream: UnixStream) -> Result<()> {
    if kind == "cut" {
        return cutting(&mut stream);
    }
    let mut buffer = vec![0; READ];
    let mut work: Work = match kind {
        "append" => appending(place.with_extension("files"))?,
        "typed" => typed(),
        "gather" => Box::new(|bytes, stream| {
            stream.write_all(bytes)?;
            std::thread::sleep(GATHER);
            Ok(())
        }),
        _ => Box::new(|bytes, stream| Ok(stream.write_all(bytes)?)),
    };
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        work(buffer.get(..read).unwrap_or_default(), &mut stream)?;
    }
}

/// Echo of whole frames.
fn cutting(stream: &mut UnixStream) -> Result<()> {
    let mut buffer = vec![0; READ];
    let mut held = 0;
    loop {
        let read = stream.read(buffer.get_mut(held..).unwrap_or_default())?;
        if read == 0 {
            return Ok(());
        }
        let have = held + read;
        let bytes = buffer.get(..have).unwrap_or_default();
        let mut whole = 0;
        while let Some(rest) = bytes.get(whole..) {
            let (points, _) = frame::points_at_front(rest, READ);
            let other = || frame::split(rest, READ).map(|found| found.map(|(length, _)| length));
            let Some(length) = (if points > 0 { Some(points) } else { other()? }) else { break };
            whole += length;
        }
        if whole == 0 && have == READ {
            return Err("a frame is longer than the buffer".into());
        }
        stream.write_all(bytes.get(..whole).unwrap_or_default())?;
        buffer.copy_within(whole..have, 0);
        held = have - whole;
    }
}

/// Echo and append; a thread of its own syncs, so that the echo does not wait for the disk.
fn appending(folder: PathBuf) -> Result<Work> {
    fs::create_dir_all(&folder)?;
    let (newest, files) = mpsc::sync_channel::<File>(8);
    std::thread::spawn(move || {
        let Ok(mut file) = files.recv() else { return };
        loop {
            match files.recv_timeout(SYNC) {
                Ok(next) => {
                    drop(file.sync_data());
                    file = next;
                }
                Err(mpsc::RecvTimeoutError::Timeout) => drop(file.sync_data()),
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    });
    let (mut number, mut length) = (0_u64, SEGMENT);
    let mut file = File::create(folder.join("first"))?;
    Ok(Box::new(move |bytes, stream| {
        stream.write_all(bytes)?;
        if length >= SEGMENT {
            (number, length) = (number + 1, 0);
            file = File::create(folder.join(number.to_string()))?;
            newest.send(file.try_clone()?)?;
            // As many stay as kaptap keeps in these benches.
            drop(fs::remove_file(folder.join(number.saturating_sub(8).to_string())));
        }
        length += bytes.len() as u64;
        Ok(file.write_all(bytes)?)
    }))
}

/// What an agent with typed messages does.
fn typed() -> Work {
    let (mut input, mut output) = (BytesMut::new(), Vec::new());
    Box::new(move |bytes, stream| {
        input.extend_from_slice(bytes);
        output.clear();
        while let Some((whole, _)) = frame::split(&input, READ)? {
            let request = proto::Request::decode_length_delimited(input.get(..whole).unwrap_or_default())?;
            input.advance(whole);
            let message = match request.message {
                Some(proto::request::Message::Point(point)) => proto::response::Message::Point(point),
                _ => proto::response::Message::Init(proto::InitResponse { success: true, error: String::new() }),
            };
            proto::Response { message: Some(message) }.encode_length_delimited(&mut output)?;
        }
        Ok(stream.write_all(&output)?)
    })
}

fn hyper(place: &str) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(place).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(async move {
                let service = service_fn(no_content);
                drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
            });
        }
    })
}

async fn no_content(request: Request<Incoming>) -> std::result::Result<Response<Empty<Bytes>>, Infallible> {
    let closes = request.headers().get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Go-http-client"));
    drop(request.into_body().collect().await);
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if closes {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response)
}
