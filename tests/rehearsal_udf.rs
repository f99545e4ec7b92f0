//! The rehearsal's UDF peer against small UDFs that echo, or do what a UDF must not do.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, helpers included")]

use kaptap::kapacitor::proto::{self, EdgeType, response};
use kaptap::rehearsal::acceptor::{Acceptor, Ending, Fatal, Question};
use kaptap::rehearsal::point::{Batch, Point};
use kaptap::rehearsal::random::Random;
use kaptap::rehearsal::recording::{Cut, Recording, echoed};
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer, is_data};
use kaptap::rehearsal::{poster, wire};
use prost::Message as _;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// What the small UDF does with one request; `None` closes the connection.
type Habit = fn(&[u8]) -> Option<Vec<u8>>;

fn reply(message: response::Message) -> Vec<u8> {
    wire::framed(&proto::Response { message: Some(message) }.encode_to_vec())
}

/// Answers as a transparent UDF does.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a habit")]
fn transparent(frame: &[u8]) -> Option<Vec<u8>> {
    use proto::request::Message;
    Some(match proto::Request::decode(frame).unwrap().message.unwrap() {
        Message::Info(_) => reply(response::Message::Info(proto::InfoResponse::default())),
        Message::Init(_) => reply(response::Message::Init(proto::InitResponse { success: true, error: String::new() })),
        Message::Snapshot(_) => {
            reply(response::Message::Snapshot(proto::SnapshotResponse { snapshot: b"state".to_vec() }))
        }
        Message::Restore(_) => {
            reply(response::Message::Restore(proto::RestoreResponse { success: true, error: String::new() }))
        }
        Message::Keepalive(_) | Message::Begin(_) | Message::Point(_) | Message::End(_) => wire::framed(frame),
    })
}

/// Starts a small UDF and connects to it.
fn peer(settings: &Settings, habit: Habit) -> UdfPeer {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(serve(theirs, habit));
    let (reader, writer) = tokio::io::split(ours);
    UdfPeer::over(reader, writer, settings)
}

async fn serve(mut stream: DuplexStream, habit: Habit) {
    let mut input = Vec::new();
    loop {
        while let Some((length, used)) = wire::read_varint(&input).unwrap() {
            let end = used + usize::try_from(length).unwrap();
            if input.len() < end {
                break;
            }
            let frame: Vec<u8> = input.drain(..end).skip(used).collect();
            let Some(answer) = habit(&frame) else { return };
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
        if stream.read_buf(&mut input).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn point(index: i64) -> Point {
    Point::new("cpu", index)
        .tag("host", "web-1")
        .tag("cpu", "cpu0")
        .tag("dc", "eu-1")
        .field("i", index)
        .group_by(&["host"])
}

fn batch(size: i64) -> Batch {
    let tags = [("host".to_owned(), "web-1".to_owned())].into_iter().collect();
    Batch { name: "cpu".to_owned(), tags, by_name: false, tmax: size, points: (0..size).map(point).collect() }
}

/// What the connection comes to when an answer to a point is replaced.
async fn check_answer(settings: Settings, habit: Habit, expected: Ending) {
    let mut peer = peer(&settings, habit);
    assert!(peer.init("task", "kaptap2", Vec::new()).await.unwrap().success);
    peer.send_point(&point(1)).await.unwrap();
    assert_eq!(peer.finish().await.ending, expected);
}

#[tokio::test]
async fn a_transparent_udf_ends_well() {
    let mut peer = peer(&Settings::stream(), transparent);
    peer.info().await.unwrap();
    assert!(peer.init("task", "kaptap2", vec![wire::flag("echo", true)]).await.unwrap().success);
    assert!(peer.restore(b"state".to_vec()).await.unwrap().success);
    for index in 0..3000 {
        peer.send_point(&point(index)).await.unwrap();
    }
    assert_eq!(peer.snapshot().await.unwrap(), b"state");
    let finished = peer.finish().await;
    assert!(finished.echoed(), "{finished:?}");
    assert_eq!((finished.returned.frames(), finished.frames.len()), (3000, 3000));
}

#[tokio::test]
async fn batches_come_back_whole() {
    let mut peer = peer(&Settings::batch(), transparent);
    assert!(peer.init("task", "kaptap2", Vec::new()).await.unwrap().success);
    for size in [3, 0, 10] {
        peer.send_batch(&batch(size)).await.unwrap();
    }
    peer.wait_returned(19).await.unwrap();
    assert!(peer.finish().await.echoed());
}

#[tokio::test]
async fn what_kapacitord_would_not_survive_is_named() {
    let stream = Settings::stream();
    check_answer(
        stream.clone(),
        |frame| if is_data(frame) { Some(vec![0]) } else { transparent(frame) },
        Fatal::NoMessage.into(),
    )
    .await;
    let end = |frame: &[u8]| {
        if is_data(frame) {
            Some(reply(response::Message::End(proto::EndBatch::default())))
        } else {
            transparent(frame)
        }
    };
    check_answer(stream.clone(), end, Fatal::EndWithoutBegin.into()).await;
    let size = |frame: &[u8]| {
        let begin = proto::BeginBatch { size: -1, ..proto::BeginBatch::default() };
        if is_data(frame) { Some(reply(response::Message::Begin(begin))) } else { transparent(frame) }
    };
    check_answer(stream.clone(), size, Fatal::BatchSize(-1).into()).await;
    let length = |frame: &[u8]| if is_data(frame) { Some(vec![0xff; 12]) } else { transparent(frame) };
    check_answer(stream.clone(), length, Fatal::Frame(wire::FramingError::Length).into()).await;
    let init = |frame: &[u8]| {
        let init = proto::InitResponse { success: true, error: String::new() };
        if is_data(frame) { Some(reply(response::Message::Init(init))) } else { transparent(frame) }
    };
    check_answer(stream.clone(), init, Fatal::Unrequested(Question::Init).into()).await;
    let error = |frame: &[u8]| {
        let error = proto::ErrorResponse { error: "no".to_owned() };
        if is_data(frame) { Some(reply(response::Message::Error(error))) } else { transparent(frame) }
    };
    check_answer(stream.clone(), error, Ending::Error("no".to_owned())).await;
    let garbage = |frame: &[u8]| if is_data(frame) { Some(vec![1, 0xff]) } else { transparent(frame) };
    check_answer(stream, garbage, Ending::NotTheSchema).await;
    check_answer(Settings::batch(), transparent, Fatal::WrongEdge("point").into()).await;
}

#[tokio::test]
async fn a_connection_that_the_udf_closes_is_lost() {
    let mut peer = peer(&Settings::stream(), |frame| if is_data(frame) { None } else { transparent(frame) });
    assert!(peer.init("task", "kaptap2", Vec::new()).await.unwrap().success);
    let mut index = 0;
    let ending = loop {
        if let Err(ending) = peer.send_point(&point(index)).await {
            break ending;
        }
        index += 1;
    };
    assert_eq!(ending, Ending::ConnectionLost);
}

#[tokio::test(start_paused = true)]
async fn a_silent_udf_times_out_and_a_living_one_does_not() {
    let settings = Settings { timeout: Duration::from_secs(4), ..Settings::stream() };
    let mut living = peer(&settings, transparent);
    assert!(living.init("task", "kaptap2", Vec::new()).await.unwrap().success);
    let mut silent =
        peer(&settings, |frame| if frame.first() == Some(&0x1a) { Some(Vec::new()) } else { transparent(frame) });
    assert!(silent.init("task", "kaptap2", Vec::new()).await.unwrap().success);
    assert_eq!(silent.wait_returned(1).await, Err(Ending::KeepaliveTimedOut));
    // How long it lives, in virtual time.
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(living.ending(), None);
    assert!(living.keepalives() >= 29, "{}", living.keepalives());
    assert!(living.finish().await.echoed());
}

#[test]
fn maps_come_in_random_order() {
    let mut random = Random::new(3);
    let orders: std::collections::HashSet<_> = (0..50).map(|_| wire::point(&point(1), &mut random)).collect();
    assert!(orders.len() > 3, "{}", orders.len());
    let decoded: Vec<_> = orders.iter().map(|frame| proto::Request::decode(&**frame).unwrap()).collect();
    assert!(decoded.windows(2).all(|pair| pair[0] == pair[1]));
}

fn recordings() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/udf")
}

#[test]
fn recordings_are_cut_without_a_change() {
    let options = [wire::texts("label", &["dc", "eu-1"]), wire::flag("echo", false)];
    let names = Recording::names(&recordings()).unwrap();
    assert_eq!(names.len(), 9);
    for name in names {
        let recorded = Recording::load(&recordings(), &name).unwrap();
        let changed = recorded.with_options(&options).unwrap();
        for recording in [&recorded, &changed] {
            for cut in [Cut::Recorded, Cut::OneByte, Cut::Random(9), Cut::Whole] {
                assert_eq!(recording.pieces(cut).concat(), recording.request, "{name} {cut:?}");
            }
        }
        let reads = recorded.pieces(Cut::Recorded).len();
        assert_eq!(changed.pieces(Cut::Recorded).len(), reads, "{name}");
        assert_eq!(changed.expected().unwrap(), recorded.expected().unwrap(), "{name}");
    }
}

#[test]
fn the_recorded_answers_are_accepted() {
    for name in Recording::names(&recordings()).unwrap() {
        let recording = Recording::load(&recordings(), &name).unwrap();
        let edge = if name.starts_with("batch") { EdgeType::Batch } else { EdgeType::Stream };
        let mut acceptor = Acceptor::new(edge);
        for frame in recording.frames().unwrap() {
            acceptor.sent(frame);
        }
        acceptor.accept_all(&recording.response).unwrap();
        // That UDF wrote its answers anew, with maps in another order: each is of the same length.
        let lengths = |bytes: &[u8]| wire::frames(bytes).unwrap().iter().map(|frame| frame.len()).collect::<Vec<_>>();
        let answers = echoed(&recording.response).unwrap();
        assert_eq!(lengths(&answers), lengths(&recording.expected().unwrap()), "{name}");
    }
}

#[tokio::test]
async fn recordings_are_replayed_over_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("udf.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let recording = Recording::load(&recordings(), "stream-alert").unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap();
            stream.write_all(&echoed(&bytes).unwrap()).await.unwrap();
        }
    });
    for cut in [Cut::Recorded, Cut::Random(2)] {
        assert_eq!(recording.replay(&path, cut).await.unwrap(), recording.expected().unwrap());
    }
}

/// Answers each connection with `answer` and counts what the poster makes of it.
async fn check_posts(answer: &'static str, expected: poster::Posts) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"{}") {
                stream.read_buf(&mut head).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let poster =
        poster::AlertPoster::start(poster::Target::new(address, "/v1/alerts/x").header("X-Kapacitor-Task", "t"));
    poster.post(b"{}".to_vec());
    poster.post(b"{}".to_vec());
    assert_eq!(poster.finish().await, expected);
}

#[tokio::test]
async fn posts_are_counted_by_what_became_of_them() {
    let none = poster::Posts::default();
    check_posts("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", poster::Posts { taken: 2, ..none }).await;
    check_posts("HTTP/1.1 204 No Content\r\n\r\n", poster::Posts { taken: 2, left_open: 2, ..none }).await;
    let refusal = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n";
    check_posts(refusal, poster::Posts { refused: 2, ..none }).await;
    check_posts("", poster::Posts { failed: 2, ..none }).await;
}

#[tokio::test]
async fn a_full_queue_drops() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let poster = poster::AlertPoster::start(poster::Target::new(listener.local_addr().unwrap(), "/"));
    for _ in 0..poster::QUEUE + 10 {
        poster.post(b"{}".to_vec());
    }
    assert_eq!(poster.posts().dropped, 10);
}
