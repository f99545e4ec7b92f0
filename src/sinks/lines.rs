//! Events as lines, and the thread that writes them.
//!
//! Writing and syncing block, so each sink that writes to this machine has a thread of its own for it. Waiting for it is
//! asynchronous, and giving up waiting is safe: what was handed over is then written all the same, once.

use crate::delivery::sink::{Batch, Limits, Outcome, Reason};
use crate::event::json;
use tokio::sync::{mpsc, oneshot};

/// Most that one delivery holds.
pub(super) const LIMITS: Limits = Limits { events: 1000, bytes: 4 << 20 };

/// Where lines go.
pub(super) trait Output: Send + 'static {
    /// Writes whole lines, and all of them; `Ok` when they are where they are meant to stay. After an error none of
    /// them counts as written. The error is a sentence.
    fn append(&mut self, lines: &[u8]) -> Result<(), String>;
}

/// The thread that owns an output. It starts with the first lines.
#[derive(Debug)]
pub(super) struct LineWriter<O> {
    name: String,
    state: State<O>,
}

#[derive(Debug)]
enum State<O> {
    Idle(O),
    Running { commands: mpsc::Sender<Command>, ended: oneshot::Receiver<()> },
    Ended,
}

#[derive(Debug)]
struct Command {
    lines: Vec<u8>,
    done: oneshot::Sender<Result<(), String>>,
}

impl<O: Output> LineWriter<O> {
    pub(super) fn new(name: &str, output: O) -> Self {
        Self { name: format!("sink-{name}"), state: State::Idle(output) }
    }

    /// Writes a batch. All events share its fate.
    pub(super) async fn deliver(&mut self, batch: &Batch<'_>, with_raw: bool) -> Vec<Outcome> {
        let outcome = match self.append(lines(batch, with_raw)).await {
            Ok(()) => Outcome::Delivered,
            Err(error) => Outcome::Retry { after: None, reason: Reason::Local, error },
        };
        vec![outcome; batch.events.len()]
    }

    async fn append(&mut self, lines: Vec<u8>) -> Result<(), String> {
        let ended = || "the thread that writes has ended".to_owned();
        self.start()?;
        let State::Running { commands, .. } = &self.state else { return Err(ended()) };
        let (done, answer) = oneshot::channel();
        commands.send(Command { lines, done }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    fn start(&mut self) -> Result<(), String> {
        let output = match std::mem::replace(&mut self.state, State::Ended) {
            State::Idle(output) => output,
            other => {
                self.state = other;
                return Ok(());
            }
        };
        // One: calls of a sink never overlap, so only lines whose sender gave up waiting can be before others.
        let (commands, queue) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                write(output, queue);
                // Whoever gave up waiting for the end has gone.
                end.send(()).ok();
            })
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        self.state = State::Running { commands, ended };
        Ok(())
    }

    /// Lets the thread write what it was given, and end. A thread that hangs in a write is waited for as long as the caller
    /// likes, and ends with the process.
    pub(super) async fn close(&mut self) {
        if let State::Running { commands, ended } = std::mem::replace(&mut self.state, State::Ended) {
            drop(commands);
            if ended.await.is_err() {
                tracing::error!(thread = self.name, "The thread that writes has panicked");
            }
        }
    }
}

fn write(mut output: impl Output, mut queue: mpsc::Receiver<Command>) {
    while let Some(Command { lines, done }) = queue.blocking_recv() {
        // Whoever gave up waiting asks again.
        done.send(output.append(&lines)).ok();
    }
}

/// The events as NDJSON.
pub(super) fn lines(batch: &Batch<'_>, with_raw: bool) -> Vec<u8> {
    let mut lines = Vec::with_capacity(batch.events.len() * 1024);
    for event in batch.events {
        json::write(event, with_raw, &mut lines);
        lines.push(b'\n');
    }
    lines
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
