//! One UDF connection, from kapacitord's side.
//!
//! Habits kept: the length and the message of a frame are two writes; answers are read through a 4 KiB buffer;
//! a keepalive is asked every half of the timeout, whatever else goes on; no answer of any kind for the whole timeout
//! stops the task; at the end the writing side is closed and the answers are read to their end, without a limit.
//!
//! What comes back is judged by an [`Acceptor`](super::acceptor::Acceptor) as it comes. The first thing that
//! kapacitord would not survive is the [`Ending`]: every later call returns it.

mod connection;

use super::acceptor::{Ending, Question};
use super::point::{Batch, Point};
use super::random::Random;
use super::tally::Tally;
use super::wire;
use crate::kapacitor::proto::{self, request, response};
use connection::{State, Writer, ask_for_life, read_answers, until, watch_life, write, write_frame};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// How a connection is played.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Kind of edge that the UDF node stands on.
    pub edge: proto::EdgeType,
    /// `timeout` of the UDF in kapacitor.conf; zero asks for no keepalives and never times out.
    pub timeout: Duration,
    /// How long a refused connection is tried again; kapacitord does so for five minutes.
    pub patience: Duration,
    /// Seed of the order of maps.
    pub seed: u64,
    /// Bytes of returned data frames that are kept; all are counted.
    pub keep_bytes: usize,
}

impl Settings {
    /// A UDF on a stream edge: timeout 10 s, no patience, 64 MiB of answers kept.
    #[must_use]
    pub const fn stream() -> Self {
        Self {
            edge: proto::EdgeType::Stream,
            timeout: Duration::from_secs(10),
            patience: Duration::ZERO,
            seed: 1,
            keep_bytes: 64 << 20,
        }
    }

    /// The same on a batch edge.
    #[must_use]
    pub const fn batch() -> Self {
        Self { edge: proto::EdgeType::Batch, ..Self::stream() }
    }
}

/// What a connection came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// Why no more answers come; [`Ending::Done`] when all is well.
    pub ending: Ending,
    /// Data frames sent.
    pub sent: Tally,
    /// Data frames that came back.
    pub returned: Tally,
    /// Data frames that came back, without prefixes, as far as they were kept.
    pub frames: Vec<Vec<u8>>,
    /// Answers to keepalives, asked or not.
    pub keepalives: u64,
}

impl Finished {
    /// Whether the connection ended as it should and every data frame came back unchanged and in order.
    #[must_use]
    pub fn echoed(&self) -> bool {
        self.ending == Ending::Done && self.sent == self.returned
    }
}

/// A running UDF node's connection. Dropping it breaks the connection off.
pub struct UdfPeer {
    writer: Writer,
    state: Arc<watch::Sender<State>>,
    random: Random,
    tasks: Vec<AbortOnDropHandle<()>>,
}

impl UdfPeer {
    /// Connects to a UDF's socket.
    ///
    /// # Errors
    /// When the socket cannot be connected to, within [`Settings::patience`].
    pub async fn connect(socket: &Path, settings: &Settings) -> std::io::Result<Self> {
        let started = Instant::now();
        let mut pause = Duration::from_millis(500);
        loop {
            match UnixStream::connect(socket).await {
                Ok(stream) => {
                    let (reader, writer) = stream.into_split();
                    return Ok(Self::over(reader, writer, settings));
                }
                Err(error) if started.elapsed() + pause > settings.patience => return Err(error),
                Err(_) => tokio::time::sleep(pause).await,
            }
            pause = pause.mul_f64(1.5);
        }
    }

    /// Plays over any pair of byte streams, for example a child process's pipes.
    pub fn over(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        settings: &Settings,
    ) -> Self {
        let state = Arc::new(watch::Sender::new(State::new(settings)));
        let writer: Writer = Arc::new(Mutex::new(Some(Box::new(writer))));
        let mut tasks = vec![AbortOnDropHandle::new(tokio::spawn(read_answers(reader, Arc::clone(&state))))];
        if !settings.timeout.is_zero() {
            let asking = ask_for_life(Arc::clone(&writer), Arc::clone(&state), settings.timeout / 2);
            tasks.push(AbortOnDropHandle::new(tokio::spawn(asking)));
            tasks.push(AbortOnDropHandle::new(tokio::spawn(watch_life(Arc::clone(&state), settings.timeout))));
        }
        Self { writer, state, random: Random::new(settings.seed), tasks }
    }

    /// Asks what the UDF is, on a connection of its own that carries nothing else, as kapacitord does at its start.
    ///
    /// # Errors
    /// When the connection fails or ends without an answer.
    pub async fn info_only(socket: &Path, settings: &Settings) -> std::io::Result<proto::InfoResponse> {
        let mut peer = Self::connect(socket, settings).await?;
        let info = peer.info().await.map_err(std::io::Error::other)?;
        match peer.finish().await.ending {
            Ending::Done => Ok(info),
            ending => Err(std::io::Error::other(ending)),
        }
    }

    /// Asks what the UDF is.
    ///
    /// # Errors
    /// When no answer comes any more.
    pub async fn info(&mut self) -> Result<proto::InfoResponse, Ending> {
        match self.ask(Question::Info, request::Message::Info(proto::InfoRequest {})).await? {
            response::Message::Info(info) => Ok(info),
            _ => Err(Ending::NotTheSchema),
        }
    }

    /// Opens a task's node, with the options that its script calls.
    ///
    /// # Errors
    /// When no answer comes any more. A refusal is an answer.
    pub async fn init(
        &mut self,
        task: &str,
        node: &str,
        options: Vec<proto::Option>,
    ) -> Result<proto::InitResponse, Ending> {
        let init = proto::InitRequest { options, task_id: task.to_owned(), node_id: node.to_owned() };
        match self.ask(Question::Init, request::Message::Init(init)).await? {
            response::Message::Init(init) => Ok(init),
            _ => Err(Ending::NotTheSchema),
        }
    }

    /// Gives a snapshot back. Anything but success would fail the task.
    ///
    /// # Errors
    /// When no answer comes any more.
    pub async fn restore(&mut self, snapshot: Vec<u8>) -> Result<proto::RestoreResponse, Ending> {
        match self.ask(Question::Restore, request::Message::Restore(proto::RestoreRequest { snapshot })).await? {
            response::Message::Restore(restore) => Ok(restore),
            _ => Err(Ending::NotTheSchema),
        }
    }

    /// Asks for a snapshot.
    ///
    /// # Errors
    /// When no answer comes any more.
    pub async fn snapshot(&mut self) -> Result<Vec<u8>, Ending> {
        match self.ask(Question::Snapshot, request::Message::Snapshot(proto::SnapshotRequest {})).await? {
            response::Message::Snapshot(snapshot) => Ok(snapshot.snapshot),
            _ => Err(Ending::NotTheSchema),
        }
    }

    /// Sends a point of a stream.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_point(&mut self, point: &Point) -> Result<(), Ending> {
        let frame = wire::point(point, &mut self.random);
        self.send_frame(&frame).await
    }

    /// Sends a batch: begin, its points, end.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_batch(&mut self, batch: &Batch) -> Result<(), Ending> {
        for frame in wire::batch(batch, &mut self.random) {
            self.send_frame(&frame).await?;
        }
        Ok(())
    }

    /// Sends any message, given without its length prefix; data frames are counted.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_frame(&mut self, frame: &[u8]) -> Result<(), Ending> {
        write_frame(&self.writer, &self.state, frame).await
    }

    /// Sends bytes as they are, frames or not; nothing is counted, and questions in them count as not asked.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        write(&self.writer, &self.state, &[bytes]).await
    }

    /// Data frames that came back so far.
    #[must_use]
    pub fn returned(&self) -> Tally {
        self.state.borrow().returned.clone()
    }

    /// Why no more answers come, if so.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.state.borrow().ending.clone()
    }

    /// Answers to keepalives so far, asked or not.
    #[must_use]
    pub fn keepalives(&self) -> u64 {
        self.state.borrow().keepalives
    }

    /// Waits until this many data frames have come back.
    ///
    /// # Errors
    /// When no more will.
    pub async fn wait_returned(&self, frames: u64) -> Result<(), Ending> {
        until(&self.state, |state| (state.returned.frames() >= frames).then_some(())).await
    }

    /// Closes the writing side and reads the answers to their end; like Kapacitor, without a limit.
    pub async fn finish(self) -> Finished {
        self.state.send_modify(|state| state.half_closed = true);
        let closing = async {
            if let Some(mut writer) = self.writer.lock().await.take() {
                // A broken connection shows in reading, too.
                drop(writer.shutdown().await);
            }
        };
        tokio::select! {
            () = closing => {}
            // A writer that stands still and holds the lock is not waited for once the connection has ended.
            _ = until::<()>(&self.state, |_| None) => {}
        }
        let ending = until::<()>(&self.state, |_| None).await.err().unwrap_or(Ending::ConnectionLost);
        drop(self.tasks);
        let mut frames = Vec::new();
        self.state.send_modify(|state| frames = std::mem::take(&mut state.frames));
        let state = self.state.borrow();
        Finished {
            ending,
            sent: state.sent.clone(),
            returned: state.returned.clone(),
            frames,
            keepalives: state.keepalives,
        }
    }

    async fn ask(&mut self, question: Question, message: request::Message) -> Result<response::Message, Ending> {
        self.send_frame(&wire::request(message)).await?;
        until(&self.state, |state| state.answers.iter().any(|(to, _)| *to == question).then_some(())).await?;
        let mut answer = None;
        self.state.send_modify(|state| {
            answer = state.answers.extract_if(.., |(to, _)| *to == question).map(|(_, message)| *message).last();
        });
        answer.ok_or(Ending::NotTheSchema)
    }
}

/// Whether a request is a begin, a point or an end: what a UDF that echoes sends back.
#[must_use]
pub fn is_data(frame: &[u8]) -> bool {
    matches!(frame, [0x82 | 0x8a | 0x92, 0x01, ..])
}
