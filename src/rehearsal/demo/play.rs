//! Plays the story against a running kaptap: four UDF connections, two alert handlers.

use super::{Daemon, DemoError, Options};
use crate::rehearsal::acceptor::Ending;
use crate::rehearsal::alert_node::{AlertNode, Raised, Rule};
use crate::rehearsal::point::Point;
use crate::rehearsal::poster::{AlertPoster, Posts, Target};
use crate::rehearsal::story::{Act, Story};
use crate::rehearsal::udf_peer::{Finished, Settings, UdfPeer};
use crate::rehearsal::wire;
use crate::words::Level;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Time kaptap has for the last answers after the half-close, which Kapacitor would wait for without a limit.
const END_LIMIT: Duration = Duration::from_secs(10);

/// What was sent, and what came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Points of the task `cpu`.
    pub points: u64,
    /// Alert points of the task `cpu`.
    pub alert_points: u64,
    /// Batches of the task `mem`.
    pub batches: u64,
    /// Alert posts of both handlers.
    pub posts: Posts,
    /// How the UDF connections ended.
    pub connections: Vec<Finished>,
}

impl Played {
    /// Whether all connections ended well with every frame returned unchanged and in order.
    #[must_use]
    pub fn echoed(&self) -> bool {
        self.connections.iter().all(Finished::echoed)
    }

    /// Data frames that came back.
    #[must_use]
    pub fn returned(&self) -> u64 {
        self.connections.iter().map(|connection| connection.returned.frames()).sum()
    }

    /// Data frames that were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.connections.iter().map(|connection| connection.sent.frames()).sum()
    }

    /// Answers to keepalives.
    #[must_use]
    pub fn keepalives(&self) -> u64 {
        self.connections.iter().map(|connection| connection.keepalives).sum()
    }
}

/// Plays the story once; `say` gets its lines.
pub(super) async fn play(
    options: &Options,
    daemon: &Daemon,
    say: mpsc::Sender<&'static str>,
) -> Result<Played, DemoError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let story = Story::new(options.seed, i64::try_from(now).unwrap_or(i64::MAX / 2));
    let mut stage = Stage::open(options, daemon).await?;
    let started = Instant::now();
    for step in story.steps() {
        let at = Duration::try_from_secs_f64(step.at.as_secs_f64() * options.pace).unwrap_or_default();
        tokio::time::sleep_until(started + at).await;
        match &step.act {
            // Whoever watches may have gone; the story goes on.
            Act::Say(line) => drop(say.send(line).await),
            act => stage.act(act).await?,
        }
    }
    stage.close().await
}

struct Stage {
    points: UdfPeer,
    alerts: UdfPeer,
    batches: UdfPeer,
    cpu: AlertNode,
    cpu_posts: AlertPoster,
    deadman: AlertNode,
    deadman_posts: AlertPoster,
    played: Played,
}

impl Stage {
    async fn open(options: &Options, daemon: &Daemon) -> Result<Self, DemoError> {
        let settings =
            |base: Settings, seed| Settings { timeout: Duration::from_secs(4), seed: options.seed + seed, ..base };
        for (socket, settings) in [
            (&daemon.stream_socket, settings(Settings::stream(), 0)),
            (&daemon.batch_socket, settings(Settings::batch(), 0)),
        ] {
            UdfPeer::info_only(socket, &settings).await.map_err(|source| DemoError::connect(socket, source))?;
        }
        let stream = &daemon.stream_socket;
        let label = vec![wire::texts("label", &["demo", "yes"])];
        let alert = vec![wire::flag("alert", true)];
        let batch = vec![wire::texts("db", &["telegraf"]), wire::texts("rp", &["autogen"])];
        let idle = Rule::below("usage_idle").at(Level::Info, 60.0).at(Level::Warning, 30.0).at(Level::Critical, 10.0);
        let target = Target::new(daemon.http, "/v1/alerts/cpu").header("X-Kapacitor-Task", "cpu");
        Ok(Self {
            points: node(stream, &settings(Settings::stream(), 1), "cpu", "kaptap2", label).await?,
            alerts: node(stream, &settings(Settings::stream(), 2), "cpu", "kaptap4", alert).await?,
            batches: node(&daemon.batch_socket, &settings(Settings::batch(), 3), "mem", "kaptap_batch2", batch).await?,
            cpu: AlertNode::new("cpu", idle),
            cpu_posts: AlertPoster::start(target),
            deadman: AlertNode::new("deadman", Rule::below("emitted").at(Level::Critical, 0.5))
                .id(|facts| format!("{}:from1 for task '{}'", facts.group, facts.task))
                .message(|facts| format!("{} is dead: no points for 4s", facts.id)),
            deadman_posts: AlertPoster::start(Target::new(daemon.http, "/v1/alerts/deadman")),
            played: Played { points: 0, alert_points: 0, batches: 0, posts: Posts::default(), connections: Vec::new() },
        })
    }

    async fn act(&mut self, act: &Act) -> Result<(), DemoError> {
        match act {
            Act::Say(_) => {}
            Act::Point(point) => {
                self.point(point).await?;
                if let Some(raised) = self.cpu.point(point) {
                    self.played.alert_points += 1;
                    self.alerts.send_point(&raised.point).await?;
                    post(&self.cpu_posts, raised);
                }
            }
            Act::Burst(points) => {
                for point in points {
                    self.point(point).await?;
                }
            }
            Act::Heartbeats(point) => {
                if let Some(raised) = self.deadman.point(point) {
                    post(&self.deadman_posts, raised);
                }
            }
            Act::Batch(batch) => {
                self.played.batches += 1;
                self.batches.send_batch(batch).await?;
            }
            Act::Snapshot => {
                for peer in [&mut self.points, &mut self.alerts, &mut self.batches] {
                    peer.snapshot().await?;
                }
            }
        }
        Ok(())
    }

    async fn point(&mut self, point: &Point) -> Result<(), DemoError> {
        self.played.points += 1;
        Ok(self.points.send_point(point).await?)
    }

    /// Stops the tasks: half-close, answers to their end, queues emptied.
    async fn close(self) -> Result<Played, DemoError> {
        let Self { points, alerts, batches, cpu_posts, deadman_posts, mut played, .. } = self;
        let closing = async {
            for posts in [cpu_posts.finish().await, deadman_posts.finish().await] {
                played.posts = played.posts + posts;
            }
            for peer in [points, alerts, batches] {
                played.connections.push(peer.finish().await);
            }
            played
        };
        tokio::time::timeout(END_LIMIT, closing).await.map_err(|_| DemoError::NoEnd)
    }
}

fn post(poster: &AlertPoster, raised: Raised) {
    // The story has no values that Go cannot write.
    raised.body.into_iter().for_each(|body| poster.post(body));
}

async fn node(
    socket: &Path,
    settings: &Settings,
    task: &str,
    node: &str,
    options: Vec<crate::kapacitor::proto::Option>,
) -> Result<UdfPeer, DemoError> {
    let mut peer = UdfPeer::connect(socket, settings).await.map_err(|source| DemoError::connect(socket, source))?;
    let answer = peer.init(task, node, options).await?;
    if answer.success { Ok(peer) } else { Err(Ending::Error(answer.error).into()) }
}
