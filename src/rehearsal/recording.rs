//! What a real Kapacitor sent, read from files and played again in other cuts.
//!
//! `NAME.request.bin` and `NAME.response.bin` hold all bytes of one UDF connection, `NAME.chunks.jsonl` one line for
//! each read with its length. Alerts are one JSON object a line: request line, headers, body.

use super::go_text::push;
use super::random::Random;
use super::udf_peer::is_data;
use super::wire::{self, FramingError};
use crate::kapacitor::proto;
use crate::sorted;
use prost::Message as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A line is not what it should be.
    #[error("{path} is not a recording")]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The request is not whole frames.
    #[error("a recorded connection is not whole frames")]
    Framing(#[from] FramingError),
}

/// How a recorded request is cut into writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As it was read when it was recorded.
    Recorded,
    /// Byte by byte.
    OneByte,
    /// At random, from a seed: mostly small, sometimes many frames at once.
    Random(u64),
    /// In one piece.
    Whole,
}

/// One recorded UDF connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its name.
    pub name: String,
    /// Everything that Kapacitor sent.
    pub request: Vec<u8>,
    /// Everything that the UDF of that time answered.
    pub response: Vec<u8>,
    /// Where the recorded reads of the request ended, as offsets.
    cuts: Vec<usize>,
}

impl Recording {
    /// Reads a recording of a directory.
    ///
    /// # Errors
    /// When a file is missing or not what it should be.
    pub fn load(directory: &Path, name: &str) -> Result<Self, RecordingError> {
        #[derive(serde::Deserialize)]
        struct Chunk {
            dir: String,
            #[serde(default)]
            len: usize,
        }
        let file = |suffix: &str| directory.join(format!("{name}.{suffix}"));
        let chunks: Vec<Chunk> = json_lines(&file("chunks.jsonl"))?;
        let cuts = chunks
            .into_iter()
            .filter(|chunk| chunk.dir == "request" && chunk.len > 0)
            .scan(0, |end, chunk| {
                *end += chunk.len;
                Some(*end)
            })
            .collect();
        Ok(Self {
            name: name.to_owned(),
            request: read(&file("request.bin"))?,
            response: read(&file("response.bin"))?,
            cuts,
        })
    }

    /// Names of all recordings of a directory, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(directory: &Path) -> Result<Vec<String>, RecordingError> {
        let failed = |source| RecordingError::Io { path: directory.to_owned(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".request.bin")).map(str::to_owned));
        }
        sorted::sort_by(&mut names, Ord::cmp);
        Ok(names)
    }

    /// The same connection with other options in its Init; all else stays byte for byte.
    ///
    /// # Errors
    /// When the request is not whole frames.
    pub fn with_options(&self, options: &[proto::Option]) -> Result<Self, RecordingError> {
        use proto::request::Message;
        let mut changed = Self { request: Vec::with_capacity(self.request.len()), ..self.clone() };
        for frame in wire::frames(&self.request)? {
            let Some(Message::Init(init)) = proto::Request::decode(frame).ok().and_then(|request| request.message)
            else {
                changed.request.extend(wire::framed(frame));
                continue;
            };
            let init = wire::request(Message::Init(proto::InitRequest { options: options.to_vec(), ..init }));
            let start = changed.request.len();
            let old_end = start + wire::framed(frame).len();
            changed.request.extend(wire::framed(&init));
            let new_end = changed.request.len();
            // Reads that ended inside the old Init end within the new one; later ones move with it.
            for cut in changed.cuts.iter_mut().filter(|cut| **cut > start) {
                *cut = if *cut >= old_end { *cut - old_end + new_end } else { (*cut).min(new_end) };
            }
        }
        changed.cuts.dedup();
        Ok(changed)
    }

    /// The frames of the request.
    ///
    /// # Errors
    /// When it is not whole frames.
    pub fn frames(&self) -> Result<Vec<&[u8]>, RecordingError> {
        Ok(wire::frames(&self.request)?)
    }

    /// What a transparent UDF sends back: keepalive, begin, point and end, with their prefixes, in order.
    ///
    /// # Errors
    /// When the request is not whole frames.
    pub fn expected(&self) -> Result<Vec<u8>, RecordingError> {
        Ok(echoed(&self.request)?)
    }

    /// The request in pieces.
    #[must_use]
    pub fn pieces(&self, cut: Cut) -> Vec<&[u8]> {
        let mut random = Random::new(if let Cut::Random(seed) = cut { seed } else { 0 });
        let mut recorded = self.cuts.iter().copied();
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < self.request.len() {
            let end = match cut {
                Cut::Whole => self.request.len(),
                Cut::OneByte => start + 1,
                Cut::Recorded => recorded.find(|&end| end > start).unwrap_or(self.request.len()),
                Cut::Random(_) => {
                    let most = [1, 2, 3, 7, 100, 1000, 5000, 70_000];
                    let most = most.get(random.below(most.len())).copied().unwrap_or(1);
                    start + 1 + random.below(most)
                }
            };
            let end = end.min(self.request.len());
            pieces.extend(self.request.get(start..end));
            start = end;
        }
        pieces
    }

    /// Plays the request over a socket, each piece a write of its own, then closes the writing side and reads the
    /// answer to its end.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn replay(&self, socket: &Path, cut: Cut) -> std::io::Result<Vec<u8>> {
        let (mut reader, mut writer) = UnixStream::connect(socket).await?.into_split();
        let mut answer = Vec::new();
        let write = async {
            for piece in self.pieces(cut) {
                writer.write_all(piece).await?;
            }
            writer.shutdown().await
        };
        let (written, read) = tokio::join!(write, reader.read_to_end(&mut answer));
        written?;
        read?;
        Ok(answer)
    }
}

/// Keepalive, begin, point and end frames among the bytes, with their prefixes.
///
/// # Errors
/// When the bytes are not whole frames.
pub fn echoed(bytes: &[u8]) -> Result<Vec<u8>, FramingError> {
    let is_keepalive = |frame: &[u8]| frame.first() == Some(&0x1a);
    let frames = wire::frames(bytes)?.into_iter().filter(|frame| is_data(frame) || is_keepalive(frame));
    Ok(frames.flat_map(wire::framed).collect())
}

/// One recorded POST.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct RecordedPost {
    /// Request line.
    #[serde(rename = "request")]
    pub request_line: String,
    /// Headers in the order sent.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: String,
}

impl RecordedPost {
    /// Reads all posts of a file.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else.
    pub fn load(path: &Path) -> Result<Vec<Self>, RecordingError> {
        json_lines(path)
    }

    /// The path of the request.
    #[must_use]
    pub fn path(&self) -> &str {
        self.request_line.split(' ').nth(1).unwrap_or("/")
    }

    /// The request as it was sent, but to another host.
    #[must_use]
    pub fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.request_line);
        for (name, value) in &self.headers {
            if name == "Host" {
                push(&mut head, format_args!("Host: {address}\r\n"));
            } else {
                push(&mut head, format_args!("{name}: {value}\r\n"));
            }
        }
        head.push_str("\r\n");
        head.push_str(&self.body);
        head.into_bytes()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, RecordingError> {
    std::fs::read(path).map_err(|source| RecordingError::Io { path: path.to_owned(), source })
}

fn json_lines<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Vec<T>, RecordingError> {
    let bytes = read(path)?;
    bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()
        .map_err(|source| RecordingError::Json { path: path.to_owned(), source })
}
