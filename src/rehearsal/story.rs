//! A short story told by four hosts: one gets hot and recovers, one hiccups, one vanishes; a batch task asks for
//! memory, and a burst comes by. The same from every seed.

use super::point::{Batch, Point};
use super::random::Random;
use crate::sorted;
use std::time::Duration;

/// Points of the burst.
pub const BURST: i64 = 2000;

/// One step of the story.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// When, from the beginning.
    pub at: Duration,
    /// What happens.
    pub act: Act,
}

/// What happens.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A line for whoever watches.
    Say(&'static str),
    /// A point of the task `cpu`: it goes to the UDF, and through the task's alert node.
    Point(Point),
    /// What the task `deadman` counts of a host.
    Heartbeats(Point),
    /// Points of the task `cpu` that raise nothing, as fast as they go.
    Burst(Vec<Point>),
    /// What the task `mem` found for one host.
    Batch(Batch),
    /// Kapacitor asks all UDFs for their state.
    Snapshot,
}

/// The story.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    steps: Vec<Step>,
}

/// `usage_idle` of each host, second by second; a host without a value is silent.
const IDLE: [(&str, &[f64]); 4] = [
    ("web-1", &[82.0, 79.5, 81.2, 80.1, 77.7, 78.9, 80.4, 81.0, 79.2, 76.3, 77.1, 78.8, 80.0, 79.9, 81.3]),
    ("web-2", &[72.0, 70.1, 52.4, 27.3, 8.4, 3.2, 6.1, 22.8, 64.0, 70.2, 69.4, 71.9, 70.7, 72.5, 73.1]),
    ("db-1", &[66.0, 67.4, 65.8, 66.6, 64.9, 65.1, 66.2, 65.7, 66.3, 24.1, 19.6, 71.3, 68.2, 67.7, 66.9]),
    ("cache-1", &[91.0, 90.3, 89.8, 90.6, 88.7, 61.5, 9.5]),
];

impl Story {
    /// The story from a seed; its points begin at `start`, nanoseconds since 1970.
    #[must_use]
    pub fn new(seed: u64, start: i64) -> Self {
        let mut random = Random::new(seed);
        let mut story = Self { steps: Vec::new() };
        let say = [
            (0, "Four hosts report once a second; the task cpu sends every point and every alert to kaptap"),
            (1900, "web-2 gets busy"),
            (5900, "cache-1 runs hot and is not heard of again; the task deadman will notice"),
            (8900, "db-1 has a hiccup"),
            (12_400, "a burst: 2,000 points at once"),
            (13_900, "Kapacitor takes a snapshot and stops its tasks"),
        ];
        for (at, line) in say {
            story.add(at, Act::Say(line));
        }
        for ((host, idle), offset) in IDLE.into_iter().zip([0, 230, 460, 690]) {
            for (second, idle) in (0..).zip(idle) {
                let at = second * 1000 + offset;
                story.add(at, Act::Point(cpu(host, start + at * 1_000_000, *idle, second, &mut random)));
            }
        }
        let dead = Point::new("stats", start + 11_000_000_000).tag("host", "cache-1").field("emitted", 0_i64);
        story.add(11_000, Act::Heartbeats(dead.group_by(&["host"])));
        for at in [3500, 7500, 11_500] {
            for host in ["web-1", "db-1"] {
                story.add(at, Act::Batch(memory(host, start + at * 1_000_000, &mut random)));
            }
        }
        let burst = (0..BURST).map(|index| net(index, start + 12_500_000_000 + index, &mut random)).collect();
        story.add(12_500, Act::Burst(burst));
        story.add(14_200, Act::Snapshot);
        sorted::sort_by(&mut story.steps, |one, other| one.at.cmp(&other.at));
        story
    }

    /// Its steps in order of time.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn add(&mut self, milliseconds: i64, act: Act) {
        self.steps.push(Step { at: Duration::from_millis(milliseconds.unsigned_abs()), act });
    }
}

fn cpu(host: &str, time: i64, idle: f64, second: i64, random: &mut Random) -> Point {
    Point::new("cpu", time)
        .tag("host", host)
        .tag("cpu", "cpu-total")
        .tag("dc", "eu-1")
        .field("usage_idle", idle)
        .field("usage_user", random.between(0.0, 100.0 - idle))
        .field("procs", 100 + second)
        .field("state", if idle < 10.0 { "busy" } else { "calm" })
        .field("up", true)
        .group_by(&["host"])
}

fn net(index: i64, time: i64, random: &mut Random) -> Point {
    Point::new("net", time)
        .tag("host", ["web-1", "web-2", "db-1"].get(random.below(3)).copied().unwrap_or("web-1"))
        .tag("interface", "eth0")
        .field("bytes_recv", (index + 1) * 1_400)
        .field("drop_rate", random.between(0.0, 0.01))
        .group_by(&["host"])
}

fn memory(host: &str, tmax: i64, random: &mut Random) -> Batch {
    let points = (1..=6).rev().map(|ago| {
        Point::new("", tmax - ago * 500_000_000).tag("host", host).field("used_percent", random.between(40.0, 60.0))
    });
    Batch {
        name: "mem".to_owned(),
        tags: [("host".to_owned(), host.to_owned())].into_iter().collect(),
        by_name: false,
        tmax,
        points: points.collect(),
    }
}
