//! What it costs to watch a Kapacitor with many topics: `cargo run --release --example bench_poll [TOPICS [EVENTS [SECONDS]]]`.
//!
//! A server of its own answers as Kapacitor does (2,000 topics of 50 events by default, one alert of each topic on). It is
//! polled every 10 s, first with the count of every topic grown each time, then with nothing changed; both without
//! reconciliation and with it. Said is the processor time of this process but for the server's threads, and its resident
//! memory (the server's included).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement, not a part of the product"
)]

use kaptap::connector::{Connector, MakeHooks, Options, repair};
use kaptap::http::Proxies;
use kaptap::intake::Intake;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(10);

struct Server {
    topics: usize,
    /// What every topic answers, but for its name.
    events: String,
    changing: AtomicBool,
    lists: AtomicU64,
    /// Processor time of the serving threads so far, in ticks of the kernel.
    ticks: AtomicU64,
}

impl Server {
    fn answer(&self, path: &str) -> String {
        let path = path.trim_start_matches("/kapacitor/v1/");
        if path == "alerts/topics" {
            let lists = self.lists.fetch_add(1, Ordering::Relaxed);
            let collected = if self.changing.load(Ordering::Relaxed) { lists } else { 0 };
            let topic = |n| format!("{{\"id\":\"topic-{n}\",\"level\":\"OK\",\"collected\":{collected}}}");
            return format!("{{\"topics\":[{}]}}", (0..self.topics).map(topic).collect::<Vec<_>>().join(","));
        }
        let topic = path.split('/').nth(2).unwrap_or_default();
        match path.rsplit('/').next() {
            Some("events") => {
                format!("{{\"topic\":\"{topic}\",\"events\":{}}}", self.events.replace("cpu:host", topic))
            }
            Some("handlers") => format!("{{\"topic\":\"{topic}\",\"handlers\":[]}}"),
            _ => "{}".to_owned(),
        }
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        let mut before = ticks("/proc/thread-self/stat");
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while line.trim_end() != "" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let body = self.answer(&path);
            let head =
                format!("HTTP/1.1 200 OK\r\nX-Kapacitor-Version: 1.8.3\r\nContent-Length: {}\r\n\r\n", body.len());
            let mut writer = stream;
            if writer.write_all((head + &body).as_bytes()).is_err() {
                return;
            }
            let now = ticks("/proc/thread-self/stat");
            self.ticks.fetch_add(now - before, Ordering::Relaxed);
            (before, line) = (now, String::new());
        }
    }
}

/// User and system time, in ticks of the kernel: hundredths of a second.
fn ticks(path: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() >> 10
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let argument = |at: usize, default| arguments.get(at).copied().unwrap_or(default);
    let (topics, events, seconds) = (argument(0, 2_000), argument(1, 50), argument(2, 60));
    let event = |n| {
        format!(
            "{{\"link\":{{\"rel\":\"self\",\"href\":\"/kapacitor/v1/alerts/topics/t/events/cpu:host=web-{n}\"}},\"id\":\"cpu:host=web-{n}\",\
             \"state\":{{\"message\":\"cpu:host=web-{n} is CRITICAL\",\"details\":\"{}\",\"time\":\"2026-11-22T13:24:55.424828053Z\",\
             \"duration\":\"2.0086812s\",\"level\":\"{}\"}}}}",
            "{&#34;Name&#34;:&#34;cpu&#34;} ".repeat(8),
            if n == 0 { "CRITICAL" } else { "OK" }
        )
    };
    let server = Arc::new(Server {
        topics,
        events: format!("[{}]", (0..events).map(event).collect::<Vec<_>>().join(",")),
        changing: AtomicBool::new(true),
        lists: AtomicU64::new(0),
        ticks: AtomicU64::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = Arc::clone(&server);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serving = Arc::clone(&serving);
            std::thread::spawn(move || serving.serve(&stream));
        }
    });
    let directory = std::env::temp_dir().join(format!("kaptap-bench-{}", std::process::id()));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let config = kaptap::config::Config::in_directory(&directory).unwrap();
        let config = kaptap::config::Config {
            http: kaptap::config::Http { listen: "127.0.0.1:0".parse().unwrap(), ..config.http.clone() },
            ..config
        };
        let app = kaptap::app::App::bind(config).await.unwrap();
        let intake: Intake = app.intake().clone();
        println!(
            "{topics} topics of {events} events, polled every {INTERVAL:?}; answers of {} bytes each",
            server.events.len()
        );
        for reconcile in [false, true] {
            let hooks: MakeHooks = if reconcile { repair::hooks(None) } else { Arc::new(|_| Vec::new()) };
            let connector = Connector::new(intake.clone(), Proxies::none(), hooks);
            let options = Options { poll: INTERVAL, poll_tasks: INTERVAL, ..Options::at("k", url.as_str(), "s") };
            connector.start(connector.prepare(vec![options]).unwrap(), &[]).await;
            for (what, changing) in [("every count grows", true), ("nothing changes", false)] {
                server.changing.store(changing, Ordering::Relaxed);
                // What is missing at first is recorded at the third poll.
                tokio::time::sleep(4 * INTERVAL).await;
                let (began, before) = (Instant::now(), ticks("/proc/self/stat") - server.ticks.load(Ordering::Relaxed));
                tokio::time::sleep(Duration::from_secs(seconds as u64)).await;
                let used = ticks("/proc/self/stat") - server.ticks.load(Ordering::Relaxed) - before;
                let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap();
                let share = used * 10 * 10_000 / milliseconds;
                let with = if reconcile { "with" } else { "without" };
                println!(
                    "{with} reconciliation, {what}: {}.{:02} % of a core, {} MiB resident",
                    share / 100,
                    share % 100,
                    resident()
                );
            }
            connector.stop().await;
        }
    });
    std::fs::remove_dir_all(&directory).ok();
}
