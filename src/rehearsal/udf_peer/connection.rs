//! The two directions of a connection: frames out, answers in, and the watch over both.

use super::{Settings, is_data};
use crate::kapacitor::proto::{self, request, response};
use crate::rehearsal::acceptor::{Acceptor, Answer, Ending, Question};
use crate::rehearsal::tally::Tally;
use crate::rehearsal::wire;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

/// The writing side; gone after the half-close.
pub(super) type Writer = Arc<Mutex<Option<Box<dyn AsyncWrite + Send + Unpin>>>>;

/// What is known of a connection.
pub(super) struct State {
    pub(super) acceptor: Acceptor,
    pub(super) ending: Option<Ending>,
    pub(super) half_closed: bool,
    pub(super) last_answer: Instant,
    pub(super) keepalives: u64,
    pub(super) answers: Vec<(Question, Box<response::Message>)>,
    pub(super) sent: Tally,
    pub(super) returned: Tally,
    pub(super) frames: Vec<Vec<u8>>,
    pub(super) frames_bytes: usize,
    pub(super) keep_bytes: usize,
}

/// Waits until `found` finds something, or the connection has ended.
pub(super) async fn until<T>(state: &watch::Sender<State>, found: impl Fn(&State) -> Option<T>) -> Result<T, Ending> {
    let mut changes = state.subscribe();
    loop {
        {
            let state = changes.borrow_and_update();
            if let Some(found) = found(&state) {
                return Ok(found);
            }
            if let Some(ending) = &state.ending {
                return Err(ending.clone());
            }
        }
        if changes.changed().await.is_err() {
            return Err(Ending::ConnectionLost);
        }
    }
}

fn end(state: &watch::Sender<State>, ending: Ending) {
    state.send_modify(|state| {
        state.ending.get_or_insert(ending);
    });
}

pub(super) async fn write_frame(writer: &Writer, state: &watch::Sender<State>, frame: &[u8]) -> Result<(), Ending> {
    state.send_modify(|state| {
        state.acceptor.sent(frame);
        if is_data(frame) {
            state.sent.count(frame);
        }
    });
    write(writer, state, &[&wire::prefix(frame.len()), frame]).await
}

/// Each piece is a write of its own. A write that stands still ends with the connection.
pub(super) async fn write(writer: &Writer, state: &watch::Sender<State>, pieces: &[&[u8]]) -> Result<(), Ending> {
    let writing = async {
        let mut writer = writer.lock().await;
        let Some(writer) = writer.as_mut() else { return Err(Ending::Done) };
        for piece in pieces {
            if writer.write_all(piece).await.is_err() {
                end(state, Ending::ConnectionLost);
                return Err(Ending::ConnectionLost);
            }
        }
        Ok(())
    };
    tokio::select! {
        biased;
        ended = until::<()>(state, |_| None) => ended,
        written = writing => written,
    }
}

/// Asks for a sign of life every half of the timeout until the connection has ended.
pub(super) async fn ask_for_life(writer: Writer, state: Arc<watch::Sender<State>>, every: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    loop {
        ticks.tick().await;
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        let time = i64::try_from(time).unwrap_or(i64::MAX);
        let frame = wire::request(request::Message::Keepalive(proto::KeepaliveRequest { time }));
        if state.borrow().half_closed || write_frame(&writer, &state, &frame).await.is_err() {
            return;
        }
    }
}

/// Stops the task when no answer of any kind came for the whole timeout.
pub(super) async fn watch_life(state: Arc<watch::Sender<State>>, timeout: Duration) {
    loop {
        let due = state.borrow().last_answer + timeout;
        if due <= Instant::now() {
            break end(&state, Ending::KeepaliveTimedOut);
        }
        tokio::time::sleep_until(due).await;
        if state.borrow().half_closed {
            return;
        }
    }
}

pub(super) async fn read_answers(reader: impl AsyncRead + Unpin, state: Arc<watch::Sender<State>>) {
    let mut reader = BufReader::with_capacity(4096, reader);
    let mut frame = Vec::new();
    let ending = loop {
        match read_frame(&mut reader, &mut frame).await {
            Ok(true) => {}
            Ok(false) if state.borrow().half_closed => break Ending::Done,
            Ok(false) => break Ending::ConnectionLost,
            Err(ending) => break ending,
        }
        let mut ended = None;
        state.send_modify(|state| ended = state.take(&frame).err());
        if let Some(ending) = ended {
            break ending;
        }
    };
    end(&state, ending);
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            acceptor: Acceptor::new(settings.edge),
            ending: None,
            half_closed: false,
            last_answer: Instant::now(),
            keepalives: 0,
            answers: Vec::new(),
            sent: Tally::default(),
            returned: Tally::default(),
            frames: Vec::new(),
            frames_bytes: 0,
            keep_bytes: settings.keep_bytes,
        }
    }

    fn take(&mut self, frame: &[u8]) -> Result<(), Ending> {
        self.last_answer = Instant::now();
        match self.acceptor.accept(frame)? {
            Answer::Keepalive => self.keepalives += 1,
            Answer::To(question, message) => self.answers.push((question, message)),
            Answer::Data => {
                self.returned.count(frame);
                self.frames_bytes = self.frames_bytes.saturating_add(frame.len());
                if self.frames_bytes <= self.keep_bytes {
                    self.frames.push(frame.to_vec());
                }
            }
        }
        Ok(())
    }
}

/// Reads one frame into `frame`; false at a clean end of stream.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin), frame: &mut Vec<u8>) -> Result<bool, Ending> {
    let mut head = Vec::with_capacity(10);
    let length = loop {
        match reader.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && head.is_empty() => return Ok(false),
            Err(_) => return Err(Ending::ConnectionLost),
        }
        if let Some((length, _)) = wire::read_varint(&head).map_err(|error| Ending::Fatal(error.into()))? {
            break wire::checked(length).map_err(|error| Ending::Fatal(error.into()))?;
        }
    };
    frame.resize(length, 0);
    match reader.read_exact(frame).await {
        Ok(_) => Ok(true),
        Err(_) => Err(Ending::ConnectionLost),
    }
}
