//! The demo: the story played against a running kaptap over its real sockets and HTTP, while a tail prints the events
//! as they come. It knows of kaptap what anybody knows: two sockets and an address.

mod follow;
mod play;
mod summary;

pub use play::Played;
pub use summary::{Seen, Summary};

use super::acceptor::Ending;
use follow::Follower;
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// At most one point is shown in this time: a person cannot read more, and alerts matter more.
const POINT_EVERY: Duration = Duration::from_millis(1100);
/// Story lines waiting to be printed; the story waits when they are not.
const SAID: usize = 16;

/// How the demo is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seed of the story.
    pub seed: u64,
    /// Factor on all pauses: 1 is about 15 s, 0 is as fast as it goes.
    pub pace: f64,
    /// Time without news after which what has not come out counts as lost; 5 s is good.
    pub patience: Duration,
    /// Begin again when the story is over, until stopped.
    pub keep: bool,
    /// Whether the demo's own lines may be coloured.
    pub colour: bool,
    /// What `kaptap run` would listen on, for the advice at the end.
    pub own: Own,
}

/// What `kaptap run` would listen on.
#[derive(Debug, Clone)]
pub struct Own {
    /// Socket for UDFs on stream edges, absolute.
    pub stream_socket: PathBuf,
    /// Address of the HTTP listener.
    pub http: String,
}

/// Where the kaptap under the demo listens.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// Address of the HTTP listener.
    pub http: SocketAddr,
    /// Socket for UDFs on stream edges.
    pub stream_socket: PathBuf,
    /// Socket for UDFs on batch edges.
    pub batch_socket: PathBuf,
}

/// Why the demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The socket cannot be used.
    #[error("cannot speak over {}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A task would have ended.
    #[error("a UDF connection ended before its time")]
    Udf(#[from] Ending),
    /// The answers did not end after the half-close.
    #[error("the answers of a UDF connection did not end within 10 s")]
    NoEnd,
    /// The event stream broke.
    #[error("cannot follow the events")]
    Follow(#[source] std::io::Error),
    /// Nothing can be printed any more.
    #[error("cannot print")]
    Print(#[source] std::io::Error),
}

impl DemoError {
    fn connect(path: &Path, source: std::io::Error) -> Self {
        Self::Connect { path: path.to_owned(), source }
    }
}

/// Plays the story once (or, with [`Options::keep`], until `stop`), prints events through `render`, one line each, and
/// a summary. `None` when it was stopped before its end.
///
/// # Errors
/// When the story cannot be played or printed to its end.
pub async fn run(
    options: &Options,
    daemon: &Daemon,
    render: impl Fn(&Value) -> String,
    out: &mut (dyn Write + Send),
    stop: &CancellationToken,
) -> Result<Option<Summary>, DemoError> {
    let mut follower = Follower::open(daemon.http).await.map_err(DemoError::Follow)?;
    let mut screen = Screen { out, colour: options.colour, last_point: None, shown: 0, hidden: 0 };
    let Some(summary) = once(options, daemon, &render, &mut follower, &mut screen, stop).await? else {
        return Ok(None);
    };
    screen.hidden_points()?;
    screen.print(&format!("\n{}\n{}", summary.framed(screen.shown), summary::advice(&options.own)))?;
    if options.keep {
        screen.print(&format!("The story begins again, until Ctrl-C; events: http://{}/v1/events\n", daemon.http))?;
        while once(options, daemon, &render, &mut follower, &mut screen, stop).await?.is_some() {}
    }
    Ok(Some(summary))
}

async fn once(
    options: &Options,
    daemon: &Daemon,
    render: &impl Fn(&Value) -> String,
    follower: &mut Follower,
    screen: &mut Screen<'_>,
    stop: &CancellationToken,
) -> Result<Option<Summary>, DemoError> {
    let (say, mut said) = mpsc::channel(SAID);
    let mut play = std::pin::pin!(play::play(options, daemon, say));
    let mut played = None;
    let mut seen = Seen::default();
    let mut due = Instant::now();
    loop {
        if let Some(done) = played.take() {
            let summary = Summary { played: done, seen };
            if summary.lost() == 0 || due <= Instant::now() {
                while let Ok(line) = said.try_recv() {
                    screen.say(line)?;
                }
                return Ok(Some(summary));
            }
            (played, seen) = (Some(summary.played), summary.seen);
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            Some(line) = said.recv() => screen.say(line)?,
            event = follower.next() => {
                let event = event.map_err(DemoError::Follow)?;
                seen.count(&event);
                due = Instant::now() + options.patience;
                screen.event(&event, render)?;
            }
            done = &mut play, if played.is_none() => {
                played = Some(done?);
                due = Instant::now() + options.patience;
            }
            () = tokio::time::sleep_until(due), if played.is_some() => {}
        }
    }
}

/// What is printed, and what is left out of it.
struct Screen<'a> {
    out: &'a mut (dyn Write + Send),
    colour: bool,
    last_point: Option<Instant>,
    shown: u64,
    hidden: u64,
}

impl Screen<'_> {
    fn event(&mut self, event: &Value, render: &impl Fn(&Value) -> String) -> Result<(), DemoError> {
        if event.get("kind").and_then(Value::as_str) == Some("point") {
            if self.last_point.is_some_and(|last| last.elapsed() < POINT_EVERY) {
                self.hidden += 1;
                return Ok(());
            }
            self.last_point = Some(Instant::now());
            self.shown += 1;
        } else if event.get("duplicate_of").is_some() {
            return Ok(());
        }
        self.hidden_points()?;
        self.print(&format!("{}\n", render(event).trim_end_matches('\n')))
    }

    fn say(&mut self, line: &str) -> Result<(), DemoError> {
        let (on, off) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.hidden_points()?;
        self.print(&format!("{on}── {line}{off}\n"))
    }

    /// Says how many points were left out, once they are many.
    fn hidden_points(&mut self) -> Result<(), DemoError> {
        if self.hidden < 100 {
            return Ok(());
        }
        let (on, off) = if self.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let hidden = summary::grouped(std::mem::take(&mut self.hidden));
        self.print(&format!("{on}   … {hidden} points not shown{off}\n"))
    }

    fn print(&mut self, text: &str) -> Result<(), DemoError> {
        self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).map_err(DemoError::Print)
    }
}
