//! How fast the journal goes out, against reading it, and against a bare client that sends the same bytes.

use super::peer::{Manner, Peer};
use super::{Bench, Result, Running, get, on_path, quiet};
use async_nats::jetstream;
use kaptap::config::Config;
use kaptap::event::json;
use kaptap::interpret;
use kaptap::journal::{Disk, Entry, Journal, Share, Sync};
use kaptap::record::{self, Edge, Stream, StreamId};
use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::wire;
use kaptap::words::Lane;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const START: i64 = 1_795_353_827_000_000_000;
/// Events in a request.
const BATCH: usize = 500;
/// Messages of `JetStream` whose acknowledgement is awaited at once, as by default.
const WINDOW: usize = 256;

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) async fn measure(bench: &Bench, events: u64) -> Result<()> {
    fill(bench, "rates", events)?;
    let Found { alone: read, written, texts } = read(bench, "rates")?;
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    println!("{} points in the journal, {:.0} bytes of JSON each", texts.len(), bytes as f64 / texts.len() as f64);
    println!("{:<46} {:>10} {:>8} {:>8}", "", "events/s", "÷ read", "÷ bare");
    let rate = |time: Duration| texts.len() as f64 / time.as_secs_f64();
    let say = |name: &str, time: Duration, bare: Option<Duration>| {
        let bare = bare.map_or_else(String::new, |bare| format!("{:.3}", rate(time) / rate(bare)));
        println!("{name:<46} {:>10.0} {:>8.4} {bare:>8}", rate(time), rate(time) / rate(read));
    };
    say("journal read", read, None);
    say("journal read, interpreted, written as JSON", written, None);

    let peer = Peer::start(Manner::Well).await?;
    let bare = post_all(peer.address, &texts).await?;
    say("bare client → webhook, batches of 500", bare, None);
    let peer = Peer::start(Manner::Well).await?;
    let config = sink("webhook", &format!("http://{}/", peer.address));
    let time = deliver(bench, &config, events, || peer.taken.load(Ordering::Relaxed) > 0).await?;
    say("kaptap → webhook, batches of 500", time, Some(bare));

    let Some(program) = on_path("nats-server") else {
        println!("nats-server is not on the path: no JetStream");
        return Ok(());
    };
    let (server, client) = nats_server(bench, &program, "nats-bare").await?;
    let bare = publish_all(jetstream::new(client), &texts).await?;
    say("bare client → JetStream, 256 in flight", bare, None);
    drop(server);
    let (server, client) = nats_server(bench, &program, "nats").await?;
    let config = sink("nats", &format!("nats://{}", server.http));
    let time = deliver(bench, &config, events, || true).await?;
    let stored = jetstream::new(client).get_stream("KAPTAP").await?.cached_info().state.messages;
    if stored < events {
        return Err(format!("{stored} of {events} are in the stream").into());
    }
    say("kaptap → JetStream, 256 in flight", time, Some(bare));
    Ok(())
}

/// Starts a server with an empty store.
async fn nats_server(bench: &Bench, program: &Path, store: &str) -> Result<(Running, async_nats::Client)> {
    let folder = bench.folder(store)?;
    let http = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = Command::new(program);
    command.args(["-a", &http.ip().to_string(), "-p", &http.port().to_string(), "-js", "-sd"]).arg(&folder);
    let server = Running { child: quiet(&mut command).spawn()?, http };
    loop {
        match async_nats::connect(http.to_string()).await {
            Ok(client) => return Ok((server, client)),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

fn sink(kind: &str, url: &str) -> String {
    format!("[[sink]]\nname = \"a\"\ntype = \"{kind}\"\nurl = \"{url}\"\nstart = \"beginning\"\nkinds = [\"point\"]\n")
}

/// Fills a journal with points.
fn fill(bench: &Bench, data: &str, events: u64) -> Result<()> {
    let options = Config::in_directory(&bench.folder.join(data)).map_err(|errors| format!("{errors:?}"))?.journal;
    let (journal, _) = Journal::open(options, Arc::new(Disk::default()))?;
    let mut stream = Stream::new(StreamId(1), Lane::Udf, "stream", "default");
    stream.edge = Some(Edge::Stream);
    stream.task = Some("cpu".to_owned());
    journal.describe(stream.id.0, &stream.encode());
    let (mut random, mut n) = (Random::new(1), 1);
    while n <= events {
        let count = 200.min(events - n + 1);
        let run: Vec<u8> = (n..n + count).flat_map(|n| wire::framed(&wire::point(&point(n), &mut random))).collect();
        let header = record::frames_header(n);
        let entry = Entry { context: 1, count: u32::try_from(count)?, time: START, payload: &[&header, &run] };
        if journal.append(entry, Sync::Os, Share::Last).is_ok() {
            n += count;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    journal.close()?;
    Ok(())
}

fn point(n: u64) -> Point {
    Point::new("cpu", START + n.cast_signed())
        .tag("host", &format!("web-{}", n % 100))
        .tag("cpu", "cpu-total")
        .field("usage_idle", 97.25)
        .field("usage_user", 1.5)
        .field("usage_system", 1.25)
        .group_by(&["host"])
}

/// A journal that was read.
struct Found {
    /// Time of reading alone.
    alone: Duration,
    /// With all that a sink does before it sends.
    written: Duration,
    /// Ids and texts of the events.
    texts: Vec<(String, Vec<u8>)>,
}

fn read(bench: &Bench, data: &str) -> Result<Found> {
    let options = Config::in_directory(&bench.folder.join(data)).map_err(|errors| format!("{errors:?}"))?.journal;
    let (journal, _) = Journal::open(options, Arc::new(Disk::default()))?;
    let (mut reader, mut records) = (journal.reader(0), 0);
    let begun = Instant::now();
    while let Some(block) = reader.next_block()? {
        for record in record::records(&block.payload, block.first_seq, block.count, block.time)? {
            records += u64::from(record.is_ok());
        }
    }
    let read = begun.elapsed();
    let (mut reader, mut texts, mut text) = (journal.reader(0), Vec::new(), Vec::new());
    let mut written = Duration::ZERO;
    while let Some(block) = reader.next_block()? {
        let stream = Stream::decode(&block.description)?;
        for record in record::records(&block.payload, block.first_seq, block.count, block.time)? {
            let begun = Instant::now();
            let record = record?;
            let event = interpret::event(&stream, &record);
            text.clear();
            json::write(&event, false, &mut text);
            written += begun.elapsed();
            texts.push((event.id.to_string(), text.clone()));
        }
    }
    journal.close()?;
    if texts.len() as u64 != records {
        return Err("the journal was read differently".into());
    }
    Ok(Found { alone: read, written: read + written, texts })
}

/// One connection, one request after the other.
async fn post_all(address: SocketAddr, texts: &[(String, Vec<u8>)]) -> Result<Duration> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let bodies: Vec<Vec<u8>> = texts
        .chunks(BATCH)
        .map(|batch| {
            let texts: Vec<&[u8]> = batch.iter().map(|(_, text)| text.as_slice()).collect();
            [b"[", texts.join(&b","[..]).as_slice(), b"]"].concat()
        })
        .collect();
    let begun = Instant::now();
    let mut answer = Vec::new();
    for body in &bodies {
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        answer.clear();
        while !answer.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the peer went away".into());
            }
        }
    }
    Ok(begun.elapsed())
}

/// The same messages with the same ids, as many in flight.
async fn publish_all(context: jetstream::Context, texts: &[(String, Vec<u8>)]) -> Result<Duration> {
    let config = jetstream::stream::Config {
        name: "KAPTAP".to_owned(),
        subjects: vec!["kaptap.>".to_owned()],
        duplicate_window: Duration::from_mins(2),
        ..jetstream::stream::Config::default()
    };
    context.create_stream(config).await?;
    let messages: Vec<_> = texts.iter().map(|(id, text)| (id.clone(), bytes::Bytes::from(text.clone()))).collect();
    let begun = Instant::now();
    let mut waiting = std::collections::VecDeque::new();
    for (id, text) in messages {
        if waiting.len() == WINDOW
            && let Some(acknowledgement) = waiting.pop_front()
        {
            let acknowledgement: jetstream::context::PublishAckFuture = acknowledgement;
            acknowledgement.await?;
        }
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", id);
        headers.insert("Nats-Expected-Stream", "KAPTAP".to_owned());
        waiting.push_back(context.publish_with_headers("kaptap.point", headers, text).await?);
    }
    for acknowledgement in waiting {
        acknowledgement.await?;
    }
    Ok(begun.elapsed())
}

/// Starts kaptap on the journal; how long it takes until everything is delivered, from the first on.
async fn deliver(bench: &Bench, config: &str, events: u64, has_begun: impl Fn() -> bool) -> Result<Duration> {
    let kaptap = bench.start("rates", config).await?;
    let mut begun = Instant::now();
    loop {
        if !has_begun() {
            begun = Instant::now();
        }
        let answer = get(kaptap.http, "/v1/sinks").await.unwrap_or_default();
        let delivered = answer.split("\"delivered\":").nth(1).and_then(|rest| rest.split([',', '}']).next());
        if delivered.and_then(|text| text.parse().ok()).is_some_and(|delivered: u64| delivered >= events) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let time = begun.elapsed();
    drop(kaptap);
    // The next one begins anew.
    std::fs::remove_dir_all(bench.folder.join("rates/cursors"))?;
    Ok(time)
}
