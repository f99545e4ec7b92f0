//! What came to a sink, what the journal holds, and what was promised: enough of each event to compare them.

use crate::support::PATIENCE;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

/// What of an event is looked at.
#[derive(Deserialize)]
struct Event<'a> {
    id: &'a str,
    seq: u64,
    kind: &'a str,
    time: &'a str,
    #[serde(borrow)]
    origin: Origin<'a>,
    alert: Option<Alert>,
    duplicate_of: Option<u64>,
    system: Option<Value>,
}

#[derive(Deserialize)]
struct Origin<'a> {
    lane: &'a str,
    stream: &'a str,
    n: u64,
    measurement: Option<String>,
}

#[derive(Deserialize)]
struct Alert {
    id: String,
    fingerprint: String,
}

/// What the load calls an event: kind, name and time. One name and time is sent once only, but over two lanes.
fn key(event: &Event<'_>) -> String {
    let name = event.alert.as_ref().map_or(event.origin.measurement.as_deref(), |alert| Some(&alert.id));
    format!("{} {} {}", event.kind, name.unwrap_or_default(), event.time)
}

/// An event's id as it is counted here: a collision would show as a difference of content.
type Id = u128;

fn id(event: &Event<'_>) -> Id {
    u128::from_str_radix(event.id, 16).unwrap()
}

/// What came to a sink.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By id: seq and digest of the text.
    events: HashMap<Id, (u64, u64)>,
    keys: HashSet<String>,
    /// Highest seq so far, by alert or stream.
    last: HashMap<String, u64>,
    repeated: u64,
    /// What is wrong with it, found while it came.
    out_of_order: Vec<(String, u64, u64)>,
    changed: Vec<String>,
}

impl Book {
    /// Takes the text of an event, as it came.
    pub(crate) fn take(&mut self, text: &[u8]) {
        let event: Event<'_> =
            serde_json::from_slice(text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
        let found = (event.seq, xxh3_64(text));
        if let Some(before) = self.events.get(&id(&event)) {
            self.repeated += 1;
            if *before != found {
                self.changed.push(String::from_utf8_lossy(text).into_owned());
            }
            return;
        }
        self.events.insert(id(&event), found);
        let line =
            event.alert.as_ref().map_or_else(|| event.origin.stream.to_owned(), |alert| alert.fingerprint.clone());
        let last = self.last.entry(line).or_default();
        if event.seq < *last {
            self.out_of_order.push((key(&event), event.seq, *last));
        }
        *last = event.seq.max(*last);
        self.keys.insert(key(&event));
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// How many arrivals were not the first of their event.
    pub(crate) fn repeated(&self) -> u64 {
        self.repeated
    }
}

/// What the load was promised.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Posts that were answered 204.
    pub(crate) posts: Vec<String>,
    /// Points sent before a snapshot that was answered.
    pub(crate) points: Vec<String>,
    /// Snapshots that were answered.
    pub(crate) snapshots: u64,
    /// When posts that were refused with 503 began, and when they were answered.
    pub(crate) refused: Vec<(Instant, Instant)>,
    /// When a post was answered 204.
    pub(crate) taken: Vec<Instant>,
    /// Posts that were not answered, or with something else.
    pub(crate) failed: u64,
    /// UDF connections made.
    pub(crate) connections: u64,
    /// Points sent over them, as far as the connections ended well, with everything sent back.
    pub(crate) echoed: u64,
}

/// What the journal holds.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// By id: seq and digest, but for duplicates.
    events: BTreeMap<u64, (Id, u64)>,
    keys: HashSet<String>,
    duplicates: u64,
    /// Streams of the UDF lane.
    tasks: HashSet<String>,
    /// Numbers of each stream.
    numbers: HashMap<String, Vec<u64>>,
    /// Stretches that gap events name, by stream.
    gaps: HashMap<String, Vec<(u64, u64)>>,
}

impl Kept {
    /// Reads all of it from a running kaptap.
    pub(crate) async fn read(http: SocketAddr) -> Self {
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(http).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            write!(stream, "GET /v1/events?since=0 HTTP/1.0\r\nHost: t\r\n\r\n").unwrap();
            let mut answer = BufReader::new(stream);
            let mut line = Vec::new();
            while line != b"\r\n" {
                line.clear();
                assert!(answer.read_until(b'\n', &mut line).unwrap() > 0, "the head of an answer");
            }
            let mut kept = Self::default();
            loop {
                line.clear();
                if answer.read_until(b'\n', &mut line).unwrap() == 0 {
                    return kept;
                }
                kept.take(line.strip_suffix(b"\n").expect("a whole line"));
            }
        })
        .await
        .unwrap()
    }

    fn take(&mut self, text: &[u8]) {
        let event: Event<'_> = serde_json::from_slice(text).unwrap();
        if let Some(system) = &event.system {
            match system["what"].as_str().unwrap() {
                "gap" => {
                    let number = |key: &str| system[key].as_u64().unwrap();
                    let stretch = (number("first_n"), number("last_n"));
                    assert_eq!(number("count"), stretch.1 - stretch.0 + 1, "{system}");
                    self.gaps.entry(system["stream"].as_str().unwrap().to_owned()).or_default().push(stretch);
                }
                what => assert!(
                    ["started", "torn_tail", "udf_missing"].contains(&what),
                    "nothing of the kind was done: {system}"
                ),
            }
        } else {
            if event.origin.lane == "udf" {
                self.tasks.insert(event.origin.stream.to_owned());
            }
            self.numbers.entry(event.origin.stream.to_owned()).or_default().push(event.origin.n);
        }
        self.keys.insert(key(&event));
        if event.duplicate_of.is_some() {
            self.duplicates += 1;
        } else {
            let before = self.events.insert(event.seq, (id(&event), xxh3_64(text)));
            assert!(before.is_none(), "seq {} was given twice", event.seq);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn gaps(&self) -> usize {
        self.gaps.values().map(Vec::len).sum()
    }

    /// Every post that was answered 204 is kept.
    pub(crate) fn check_posts(&self, sent: &Sent) {
        for key in &sent.posts {
            assert!(self.keys.contains(key), "acknowledged and not in the journal: {key}");
        }
        assert!(!sent.posts.is_empty(), "nothing was acknowledged");
        assert!(self.duplicates > 0, "no event came over both lanes");
    }

    /// Every point that a snapshot covers is kept.
    pub(crate) fn check_points(&self, sent: &Sent) {
        for key in &sent.points {
            assert!(self.keys.contains(key), "covered by a snapshot and not in the journal: {key}");
        }
        assert!(!sent.points.is_empty(), "nothing was acknowledged");
    }

    /// Of what was kept of a stream nothing is missing in between, unless a gap event names it.
    pub(crate) fn check_streams(&self) {
        for (stream, numbers) in &self.numbers {
            let named = self.gaps.get(stream).map_or(&[][..], Vec::as_slice);
            let mut next = 1;
            for n in numbers {
                assert!(*n >= next, "{stream}: {n} came behind {}", next - 1);
                for missing in next..*n {
                    assert!(
                        named.iter().any(|(first, last)| (*first..=*last).contains(&missing)),
                        "{stream}: {missing} is missing before {n}, and no gap names it: {named:?}"
                    );
                }
                next = n + 1;
            }
            for (first, last) in named {
                let wrong = numbers.iter().find(|n| (first..=last).contains(n));
                assert!(wrong.is_none(), "{stream}: {wrong:?} is there, though the gap {first} to {last} names it");
            }
        }
    }

    /// Records of UDF streams kept, and those that gap events name.
    pub(crate) fn of_tasks(&self) -> (u64, u64) {
        let kept = self.tasks.iter().map(|stream| self.numbers[stream].len() as u64).sum();
        let named = self.gaps.values().flatten().map(|(first, last)| last - first + 1).sum();
        (kept, named)
    }

    /// A sink has exactly what the journal holds, as it holds it, without these seqs.
    pub(crate) fn check_sink(&self, name: &str, book: &Book, points_in_order: bool, without: &BTreeSet<u64>) {
        for (seq, (id, text)) in self.events.iter().filter(|(seq, _)| !without.contains(seq)) {
            let found = book.events.get(id);
            assert_eq!(found, Some(&(*seq, *text)), "{name}: event {id:032x} as the journal has it");
        }
        let expected = self.events.len() - without.len();
        assert_eq!(book.events.len(), expected, "{name} has events that the journal does not hold, or that it refused");
        assert!(book.changed.is_empty(), "{name}: came again with other content: {:?}", book.changed);
        let of_alerts = |(key, ..): &&(String, u64, u64)| points_in_order || key.starts_with("alert ");
        let wrong: Vec<_> = book.out_of_order.iter().filter(of_alerts).take(5).collect();
        assert!(wrong.is_empty(), "{name}: out of order (event, seq, seq before it): {wrong:?}");
    }
}
