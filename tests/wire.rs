//! Recent traffic with Kapacitor, seen from outside: UDF frames and posts in both directions, without secrets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod support;
mod wait_support;

use kaptap::rehearsal::poster::{self, Target};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use support::{PATIENCE, Process, lines, recordings};

/// The exchanges that `GET /v1/wire` has.
fn wire(kaptap: &Process, query: &str) -> Vec<Value> {
    lines(kaptap.http, &format!("/v1/wire?{query}"))
}

fn titles(exchanges: &[Value], direction: &str) -> Vec<String> {
    let messages = exchanges.iter().filter(|exchange| exchange["direction"] == direction);
    let messages = messages.flat_map(|exchange| exchange["messages"].as_array().unwrap().clone());
    messages.map(|message| message["title"].as_str().unwrap().to_owned()).collect()
}

/// Sends what a real kapacitord sent and waits until nothing more comes back.
fn replay(kaptap: &Process, recording: &str, most: usize) {
    let mut bytes = std::fs::read(recordings().join(recording)).unwrap();
    bytes.truncate(most);
    let mut stream = UnixStream::connect(kaptap.stream_socket()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut writing = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        writing.write_all(&bytes).unwrap();
        writing.shutdown(std::net::Shutdown::Write).unwrap();
    });
    stream.read_to_end(&mut Vec::new()).unwrap();
    writer.join().unwrap();
}

#[test]
fn frames_are_shown_with_their_bytes_in_both_directions() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = Process::start(directory.path(), None);
    // Its beginning, all of which fits into the ring.
    replay(&kaptap, "udf/stream-a.request.bin", 1500);
    let exchanges = wire(&kaptap, "lane=udf");
    let (received, sent) = (titles(&exchanges, "received"), titles(&exchanges, "sent"));
    for title in ["init", "point"] {
        assert!(received.iter().any(|known| known == title), "{title}: {received:?}");
        assert!(sent.iter().any(|known| known == title), "{title}: {sent:?}");
    }
    let numbers: Vec<u64> = exchanges.iter().map(|exchange| exchange["number"].as_u64().unwrap()).collect();
    assert!(numbers.is_sorted() && !numbers.is_empty(), "{numbers:?}");
    assert!(wire(&kaptap, &format!("after={}", numbers[numbers.len() - 1])).is_empty());
    // By task, by stream and by connection it is the same one.
    let one = &exchanges[exchanges.len() - 1];
    let (task, stream) = (one["task"].as_str().unwrap(), one["stream"].as_str().unwrap());
    for query in [format!("task={task}"), format!("stream={stream}"), format!("stream={}", one["connection"])] {
        assert_eq!(wire(&kaptap, &query).last(), Some(one), "{query}");
    }
    assert!(wire(&kaptap, "task=another").is_empty());
    let printed = Command::new(env!("CARGO_BIN_EXE_kaptap"))
        .args(["wire", "--url", &format!("http://{}", kaptap.http), "--task", task])
        .output()
        .unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    for part in ["▶ received", "◀ sent", "  point, ", "name = \"", "tags["] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_shown_with_their_answers_and_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let kaptap = tokio::task::block_in_place(|| Process::start(directory.path(), None));
    let headers = vec![("Authorization".to_owned(), "Bearer hunter2".to_owned())];
    let target = Target { address: kaptap.http, path: "/v1/alerts/cpu".to_owned(), headers };
    let alert = r#"{"id":"web-1","message":"m","details":"","time":"2026-01-01T00:00:00Z","duration":0,"level":"OK"}"#;
    poster::post(&target, alert.as_bytes()).await.unwrap();
    let exchanges = tokio::task::block_in_place(|| wire(&kaptap, "lane=post"));
    assert_eq!(titles(&exchanges, "received"), ["POST /v1/alerts/cpu HTTP/1.1"]);
    assert_eq!(titles(&exchanges, "sent"), ["HTTP/1.1 204 No Content"]);
    let fields = exchanges[0]["messages"][0]["fields"].as_array().unwrap();
    let value = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap()["value"].as_str().unwrap();
    assert_eq!((value("authorization"), value("body")), ("[secret]", alert));
    // A large body is shown by its beginning, one that is refused is shown as well.
    poster::post(&target, &vec![b'x'; 100_000]).await.unwrap();
    let exchanges = tokio::task::block_in_place(|| wire(&kaptap, "lane=post"));
    assert!(exchanges[2]["left_out"].as_u64().unwrap() > 90_000, "{:?}", exchanges[2]["left_out"]);
    assert!(!format!("{exchanges:?}").contains("hunter2"));
}
