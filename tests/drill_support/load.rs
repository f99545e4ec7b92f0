//! Alerts and points, as Kapacitor sends them, whether or not anybody is there.

use super::books::Sent;
use kaptap::rehearsal::alert_node::{AlertNode, Raised, Rule};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::poster;
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use kaptap::rehearsal::wire;
use kaptap::words::Level;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const START: i64 = 1_795_353_827_000_000_000;
/// Between two points of an alert or a stream.
const STEP: i64 = 1_000_000;
/// Handlers that post, each one post after the other.
const POSTERS: u64 = 3;
/// Before the next try where nobody was there.
const PAUSE: Duration = Duration::from_millis(3);

/// A running load.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    stop: CancellationToken,
    sent: Mutex<Sent>,
    acknowledged: watch::Sender<u64>,
    seed: AtomicU64,
}

impl Load {
    pub(crate) fn start(http: SocketAddr, stream_socket: &Path, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            stop: CancellationToken::new(),
            sent: Mutex::default(),
            acknowledged: watch::Sender::new(0),
            seed: AtomicU64::new(seed),
        });
        let mut tasks = JoinSet::new();
        for number in 0..POSTERS {
            let target = poster::Target::new(http, &format!("/v1/alerts/source-{number}"));
            tasks.spawn(post_alerts(Arc::clone(&shared), target, number));
        }
        let target = poster::Target::new(http, "/v1/alerts/both").header("X-Kapacitor-Task", "both");
        tasks.spawn(alerts_over_both_lanes(Arc::clone(&shared), target, stream_socket.to_owned()));
        tasks.spawn(stream_points(Arc::clone(&shared), stream_socket.to_owned()));
        Self { shared, tasks }
    }

    /// Posts that were acknowledged so far.
    pub(crate) fn acknowledged(&self) -> u64 {
        *self.shared.acknowledged.borrow()
    }

    /// Posts that were refused so far.
    pub(crate) fn refused(&self) -> usize {
        self.shared.sent.lock().unwrap().refused.len()
    }

    pub(crate) async fn until_acknowledged(&self, enough: u64) {
        self.shared.acknowledged.subscribe().wait_for(|count| *count >= enough).await.unwrap();
    }

    /// Ends it; what it was promised.
    pub(crate) async fn stop(self) -> Sent {
        self.shared.stop.cancel();
        self.tasks.join_all().await;
        std::mem::take(&mut *self.shared.sent.lock().unwrap())
    }
}

impl Shared {
    fn random(&self) -> Random {
        Random::new(self.seed.fetch_add(1, Ordering::Relaxed))
    }

    fn goes_on(&self) -> bool {
        !self.stop.is_cancelled()
    }

    /// One post; false where nobody took it. Kapacitor does not try again, and neither does this.
    async fn post(&self, target: &poster::Target, raised: &Raised) -> bool {
        let begun = Instant::now();
        let answer = poster::post(target, raised.body.as_deref().unwrap()).await;
        let mut sent = self.sent.lock().unwrap();
        match answer.map(|answer| answer.status) {
            Ok(204) => {
                sent.posts.push(key("alert", &raised.id, raised.time));
                sent.taken.push(Instant::now());
                self.acknowledged.send_modify(|count| *count += 1);
                return true;
            }
            Ok(503) => sent.refused.push((begun, Instant::now())),
            Ok(_) | Err(_) => sent.failed += 1,
        }
        false
    }

    /// Ends a connection as Kapacitor does.
    async fn ended(&self, peer: UdfPeer) {
        let finished = peer.finish().await;
        let mut sent = self.sent.lock().unwrap();
        sent.connections += 1;
        if finished.echoed() {
            sent.echoed += finished.sent.frames();
        }
    }

    async fn pause(&self) {
        // The pace of the load: whoever finds nobody there does not try again at once.
        tokio::time::sleep(PAUSE).await;
    }
}

/// As the books call an event.
fn key(kind: &str, name: &str, time: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(time.into()).unwrap();
    format!("{kind} {name} {time:.9}")
}

fn node(task: &str) -> AlertNode {
    let rule = Rule::below("idle").at(Level::Info, 80.0).at(Level::Warning, 60.0).at(Level::Critical, 30.0);
    AlertNode::new(task, rule)
}

/// A point of one of a few hosts, whose alert changes its level often.
fn measured(name: &str, time: i64, random: &mut Random) -> Point {
    let host = format!("web-{}", random.below(5));
    let text = "x".repeat(random.below(400));
    let point = Point::new(name, time).tag("host", &host).group_by(&["host"]);
    point.field("idle", random.between(0.0, 100.0)).field("text", text.as_str())
}

async fn post_alerts(shared: Arc<Shared>, target: poster::Target, number: u64) {
    let (mut node, mut random, mut time) = (node(&format!("task-{number}")), shared.random(), START);
    while shared.goes_on() {
        time += STEP;
        let Some(raised) = node.point(&measured(&format!("cpu{number}"), time, &mut random)) else { continue };
        if !shared.post(&target, &raised).await {
            shared.pause().await;
        }
    }
}

/// The same alert as a point of a UDF and as a post: one event with one id.
async fn alerts_over_both_lanes(shared: Arc<Shared>, target: poster::Target, socket: PathBuf) {
    let (mut node, mut random, mut time) = (node("both"), shared.random(), START);
    let mut task = Task::new("both", vec![wire::flag("alert", true)]);
    while shared.goes_on() {
        let Some(mut peer) = task.connect(&socket).await else {
            shared.pause().await;
            continue;
        };
        while shared.goes_on() {
            time += STEP;
            let Some(raised) = node.point(&measured("both", time, &mut random)) else { continue };
            // Which of the two comes first is open, as it is with Kapacitor.
            let (point, _) = tokio::join!(peer.send_point(&raised.point), shared.post(&target, &raised));
            if point.is_err() {
                break;
            }
            task.unacknowledged.push(key("alert", &raised.id, raised.time));
            if random.below(20) == 0 && !task.snapshot(&mut peer, &shared).await {
                break;
            }
        }
        shared.ended(peer).await;
    }
}

async fn stream_points(shared: Arc<Shared>, socket: PathBuf) {
    let (mut random, mut time) = (shared.random(), START);
    let mut task = Task::new("points", vec![]);
    while shared.goes_on() {
        let Some(mut peer) = task.connect(&socket).await else {
            shared.pause().await;
            continue;
        };
        'connected: while shared.goes_on() {
            for _ in 0..random.below(40) {
                time += STEP;
                if peer.send_point(&measured("mem", time, &mut random)).await.is_err() {
                    break 'connected;
                }
                task.unacknowledged.push(key("point", "mem", time));
            }
            if random.below(8) == 0 && !task.snapshot(&mut peer, &shared).await {
                break;
            }
            // The pace of the load.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shared.ended(peer).await;
    }
}

/// A task with a UDF node, over all its connections.
struct Task {
    name: &'static str,
    options: Vec<kaptap::kapacitor::proto::Option>,
    snapshot: Option<Vec<u8>>,
    /// Sent on this connection, and not yet covered by a snapshot.
    unacknowledged: Vec<String>,
}

impl Task {
    fn new(name: &'static str, options: Vec<kaptap::kapacitor::proto::Option>) -> Self {
        Self { name, options, snapshot: None, unacknowledged: Vec::new() }
    }

    /// Connects and opens the node, with the last snapshot if there is one.
    async fn connect(&mut self, socket: &Path) -> Option<UdfPeer> {
        self.unacknowledged.clear();
        let settings = Settings { keep_bytes: 0, ..Settings::stream() };
        let mut peer = UdfPeer::connect(socket, &settings).await.ok()?;
        assert!(peer.init(self.name, "kaptap2", self.options.clone()).await.ok()?.success);
        if let Some(snapshot) = &self.snapshot {
            assert!(peer.restore(snapshot.clone()).await.ok()?.success);
        }
        Some(peer)
    }

    /// Asks for a snapshot: what was sent before it is kept once it is answered.
    async fn snapshot(&mut self, peer: &mut UdfPeer, shared: &Shared) -> bool {
        let Ok(snapshot) = peer.snapshot().await else { return false };
        self.snapshot = Some(snapshot);
        let mut sent = shared.sent.lock().unwrap();
        sent.points.append(&mut self.unacknowledged);
        sent.snapshots += 1;
        true
    }
}
