//! One UDF connection over any pair of byte streams.
//!
//! The session says what every frame means; this file moves the bytes. For each gulp that was read it first sends
//! back what is to be sent back, because the echo never waits for the disk, and then keeps what is to be kept.

mod accept;
mod hold;
mod opening;

pub use accept::accept;

use crate::intake::gather::Flowing;
use crate::intake::{Intake, Notice, clock};
use crate::kapacitor::session::{EdgeKind, Limits, Opened, Session, Step, mark};
use crate::kapacitor::{frame, reply};
use crate::record::{Content, Edge, Note};
use crate::wire::{Direction, Tap};
use crate::words::Lane;
use bytes::{Buf, BytesMut};
use hold::{Item, Keeper, Voice};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// Room for one read on a quiet connection; it doubles while reads fill it …
const QUIET_READ: usize = 8 << 10;
/// … up to this, and falls back when they no longer do.
const BUSY_READ: usize = 256 << 10;

/// A gulp of this much needs no gathering: what is still to come has piled up while it was handled.
const GATHERED: usize = 32 << 10;

/// The word for a UDF source.
const fn source_name(edge: Edge) -> &'static str {
    match edge {
        Edge::Stream => "stream",
        Edge::Batch => "batch",
    }
}

const fn kind(edge: Edge) -> EdgeKind {
    match edge {
        Edge::Stream => EdgeKind::Stream,
        Edge::Batch => EdgeKind::Batch,
    }
}

/// How a connection came to its end.
#[derive(Debug, thiserror::Error)]
enum Ending {
    /// Kapacitor half-closed: the normal end.
    #[error("ended by Kapacitor")]
    EndOfInput,
    /// kaptap is stopping.
    #[error("kaptap stops")]
    Stopped,
    /// The connection broke.
    #[error("lost: {0}")]
    Lost(io::Error),
    /// Kapacitor sent what cannot be read on from; it was told this sentence.
    #[error("violation: {0}")]
    Violation(String),
}

/// Serves one connection to its end.
pub async fn serve<R, W>(
    intake: Intake,
    edge: Edge,
    mut reader: R,
    writer: W,
    flowing: Flowing,
    stop: CancellationToken,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    intake.metrics().udf_connections.inc();
    let limits = Limits { max_frame: intake.options().max_frame, ..Limits::default() };
    let tap = intake.wire().open(Lane::Udf, source_name(edge), clock::now());
    let mut connection = Connection {
        session: Session::new(kind(edge), limits),
        voice: Voice::new(writer, Arc::clone(&tap), stop.clone()),
        tap,
        keeper: None,
        opened: None,
        steps: Vec::new(),
        stop,
        edge,
        intake,
    };
    let mut buffer = BytesMut::new();
    let ending = connection.run(&mut reader, &mut buffer, &flowing).await;
    connection.finish(ending, &buffer).await;
    // Only now, so that nothing is left unread when the socket closes and Kapacitor's last reads succeed.
    drop(reader);
    connection.intake.wire().close(&connection.tap);
    connection.intake.metrics().udf_connections.dec();
}

struct Connection<W> {
    intake: Intake,
    edge: Edge,
    session: Session,
    voice: Voice<W>,
    /// What a person can look at of this connection.
    tap: Arc<Tap>,
    /// Opened with the first record, so that Info-only connections leave nothing behind.
    keeper: Option<Keeper>,
    opened: Option<Opened>,
    /// Filled by the session, emptied by `act`; kept for its memory.
    steps: Vec<Step>,
    stop: CancellationToken,
}

impl<W: AsyncWrite + Unpin> Connection<W> {
    async fn run<R: AsyncRead + Unpin>(&mut self, reader: &mut R, buffer: &mut BytesMut, flowing: &Flowing) -> Ending {
        let mut room = QUIET_READ;
        loop {
            if let Some(keeper) = &mut self.keeper {
                keeper.reading();
            }
            // A large frame grows the buffer as its bytes arrive, not as its prefix claims.
            let wanted = self.session.wanted(buffer).min(buffer.len().max(room));
            buffer.reserve(wanted.max(room));
            let free = buffer.capacity() - buffer.len();
            let read = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ending::Stopped,
                () = name_gap(&mut self.keeper, &self.stop), if self.keeper.as_ref().is_some_and(Keeper::has_gap) => continue,
                read = reader.read_buf(buffer) => read,
            };
            match read {
                Ok(0) => return Ending::EndOfInput,
                Err(error) => return Ending::Lost(error),
                Ok(read) if read == free => room = (room * 2).min(BUSY_READ),
                Ok(read) if read < room / 4 => room = (room / 2).max(QUIET_READ),
                Ok(_) => {}
            }
            if let Err(ending) = self.take(buffer, flowing).await {
                return ending;
            }
            if buffer.is_empty() && buffer.capacity() > 4 * room {
                *buffer = BytesMut::new();
            }
        }
    }

    /// Handles all whole frames of the buffer.
    async fn take(&mut self, buffer: &mut BytesMut, flowing: &Flowing) -> Result<(), Ending> {
        let observed = clock::now();
        loop {
            let mut steps = std::mem::take(&mut self.steps);
            steps.clear();
            let received = self.session.receive(buffer, &mut steps);
            // Also before a violation there may be whole frames.
            let consumed = *received.as_ref().unwrap_or(&0);
            // What cannot be cut into frames is what somebody will want to see.
            let seen = if received.is_ok() { consumed } else { buffer.len() };
            self.tap.record(Direction::Received, observed, part(buffer, &(0..seen)));
            let done = self.act(&steps, buffer, observed, flowing).await;
            self.steps = steps;
            done?;
            if let Err(error) = received {
                return Err(Ending::Violation(error.to_string()));
            }
            buffer.advance(consumed);
            if consumed == 0 || buffer.is_empty() {
                return Ok(());
            }
        }
    }

    /// Does what the steps say.
    async fn act(&mut self, steps: &[Step], input: &[u8], observed: i64, flowing: &Flowing) -> Result<(), Ending> {
        let at = steps.iter().position(|step| matches!(step, Step::Opened(_))).unwrap_or(steps.len());
        let (before, after) = steps.split_at(at);
        self.act_on(before, input, observed, flowing).await?;
        if let Some(Step::Opened(opened)) = after.first() {
            // Before its answer is sent: what Kapacitor has heard of is there to be seen.
            self.open(opened.clone());
        }
        self.act_on(after, input, observed, flowing).await
    }

    /// Sends back what the steps say, then keeps what they say.
    async fn act_on(&mut self, steps: &[Step], input: &[u8], observed: i64, flowing: &Flowing) -> Result<(), Ending> {
        let sent = self.send(steps, input).await;
        let is_small = input.len() < GATHERED;
        for step in steps {
            match step {
                Step::Points { range, count, first_n, .. } => {
                    flowing.raise_if(is_small);
                    self.keep_points(part(input, range), *first_n, *count, observed).await;
                }
                Step::Echo { .. } => flowing.raise_if(is_small),
                Step::Batch { frames, n, part, marks, .. } => {
                    let note = Note { part: *part, marks: owned(marks), ..Note::default() };
                    self.keep_one(Content::Batch, *n, &note, frames, observed).await;
                }
                Step::Opaque { range, n, marks, .. } => {
                    let note = Note { marks: owned(marks), ..Note::default() };
                    self.keep_one(Content::Opaque, *n, &note, part(input, range), observed).await;
                }
                Step::Refused(sentence) => {
                    self.intake.refused_from(Lane::Udf, source_name(self.edge), "init_refused");
                    tracing::warn!(source = source_name(self.edge), "Init was refused: {sentence}");
                }
                Step::Snapshot => self.snapshot().await?,
                Step::Restore(bytes) => self.restore(bytes).await?,
                Step::Keepalive { time } => {
                    if let (Some(interval), Some(keeper)) = (self.voice.asked(*time), &self.keeper) {
                        keeper.live.asked_every.store(interval, Ordering::Relaxed);
                    }
                }
                Step::Opened(_) | Step::Reply(_) => {}
            }
        }
        sent.map_err(Ending::Lost)
    }

    /// Sends the echo and the replies in order, neighbouring frames in one write.
    async fn send(&mut self, steps: &[Step], input: &[u8]) -> io::Result<()> {
        let mut run: Option<Range<usize>> = None;
        let mut frames = 0;
        for step in steps {
            let echo = match step {
                Step::Points { range, count, echo: true, .. } | Step::Echo { range, frames: count } => {
                    frames += u64::from(*count);
                    range
                }
                Step::Reply(bytes) => {
                    if let Some(run) = run.take() {
                        self.voice.send(part(input, &run)).await?;
                    }
                    self.voice.send(bytes).await?;
                    continue;
                }
                _ => continue,
            };
            run = match run.take() {
                Some(before) if before.end == echo.start => Some(before.start..echo.end),
                Some(before) => {
                    self.voice.send(part(input, &before)).await?;
                    Some(echo.clone())
                }
                None => Some(echo.clone()),
            };
        }
        if let Some(run) = run {
            self.voice.send(part(input, &run)).await?;
        }
        if frames > 0 {
            self.keeper().counters.returned.inc_by(frames);
        }
        Ok(())
    }

    async fn keep_points(&mut self, frames: &[u8], first_n: u64, count: u32, observed: i64) {
        let keep_all = self.intake.options().keep;
        let keeper = self.keeper();
        let alert = keeper.live.stream.alert.is_some();
        received(keeper, u64::from(count), frames.len(), observed);
        if alert {
            // Each alert point is judged by itself.
            let note = Note::default();
            let (mut rest, mut n) = (frames, first_n);
            while let Ok(Some((length, frame))) = frame::split(rest, usize::MAX) {
                let item = Item::One { n, content: Content::Point, note: &note, raw: frame };
                self.keep(item, observed).await;
                rest = rest.get(length..).unwrap_or_default();
                n += 1;
            }
        } else if keep_all {
            self.keep(Item::Points { first_n, count, frames }, observed).await;
        }
    }

    async fn keep_one(&mut self, content: Content, n: u64, note: &Note, raw: &[u8], observed: i64) {
        for odd in &note.marks {
            if let Some(known) = mark::ALL.iter().find(|known| *known == odd) {
                self.intake.marked(Lane::Udf, source_name(self.edge), known);
            }
        }
        let keep_all = self.intake.options().keep;
        let keeper = self.keeper();
        received(keeper, 1, raw.len(), observed);
        if keep_all || keeper.live.stream.alert.is_some() || content == Content::Opaque {
            self.keep(Item::One { n, content, note, raw }, observed).await;
        }
    }

    async fn keep(&mut self, item: Item<'_>, observed: i64) {
        self.keeper();
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(item, observed, &mut self.voice, &self.stop).await;
        }
    }

    /// Ends the connection: what is left is sent and the stream closed first, then the rest is kept. Kapacitor waits
    /// for our end without a limit, so nothing may come between.
    async fn finish(&mut self, ending: Ending, rest: &[u8]) {
        if let Ending::Violation(sentence) = &ending {
            self.intake.refused_from(Lane::Udf, source_name(self.edge), "violation");
            if let Err(error) = self.voice.send(&reply::error(sentence)).await {
                tracing::debug!(%error, "The other side was gone before the error was sent");
            }
        }
        self.voice.end().await;
        let observed = clock::now();
        let mut steps = Vec::new();
        // After a violation the rest cannot be read; otherwise it is an open batch, or half a frame.
        let rest = if matches!(ending, Ending::Violation(_)) { &[] } else { rest };
        self.session.end(rest, &mut steps);
        let ended = self.act(&steps, rest, observed, &Flowing::default()).await;
        if let Err(error) = ended {
            tracing::debug!(?error, "After the end of the connection");
        }
        let task = self.opened.as_ref().map(|opened| opened.task.clone());
        self.say_closed(&ending);
        if let Ending::Violation(sentence) = ending {
            self.intake.notice(Notice::Violation { source: source_name(self.edge).to_owned(), task, sentence });
        }
        name_gap(&mut self.keeper, &self.stop).await;
    }

    /// Says in the log how a task's connection ended. Of connections for Info alone nothing is said: they are Kapacitor's
    /// way to start.
    fn say_closed(&mut self, ending: &Ending) {
        let Some(opened) = &self.opened else { return };
        let live = self.keeper.as_ref().map(|keeper| &keeper.live);
        tracing::info!(
            source = source_name(self.edge),
            task = opened.task,
            node = opened.node,
            received = live.map(|live| live.received.load(Ordering::Relaxed)),
            kept = live.map(|live| live.kept.load(Ordering::Relaxed)),
            reason = %ending,
            "UDF closed"
        );
        // One that ends because kaptap stops is expected back.
        if !matches!(ending, Ending::Stopped) {
            self.leave();
        }
    }
}

async fn name_gap(keeper: &mut Option<Keeper>, stop: &CancellationToken) {
    if let Some(keeper) = keeper {
        keeper.name_gap(stop).await;
    }
}

fn received(keeper: &Keeper, count: u64, bytes: usize, observed: i64) {
    keeper.live.received.fetch_add(count, Ordering::Relaxed);
    keeper.live.last.store(observed, Ordering::Relaxed);
    keeper.counters.received.inc_by(count);
    keeper.counters.received_bytes.inc_by(bytes as u64);
}

fn part<'a>(input: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    input.get(range.clone()).unwrap_or_default()
}

fn owned(marks: &[&'static str]) -> Vec<String> {
    marks.iter().map(|mark| (*mark).to_owned()).collect()
}
