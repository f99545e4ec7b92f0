//! The TCP lane over real connections: one document each, kept whatever it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod http_support;
mod parts_support;
mod wait_support;

use http_support::{Rig, WATCHDOG};
use kaptap::intake::accept;
use kaptap::intake::tcp::{self, TcpOptions};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use wait_support::wait_until_async;

fn listen(rig: &Rig, timeout: Duration) -> (SocketAddr, JoinHandle<()>) {
    let listener = accept::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let options = TcpOptions { max_body: 100, timeout, connections: 8, grace: Duration::from_millis(100) };
    (address, tokio::spawn(tcp::serve(listener, rig.intake.clone(), options, rig.stop.clone())))
}

async fn send(address: SocketAddr, document: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(document).await.unwrap();
    stream
}

#[tokio::test]
async fn documents_are_kept_as_they_came() {
    let rig = Rig::start();
    let (address, _server) = listen(&rig, WATCHDOG);
    // Kapacitor ends each with two line ends.
    for (count, document) in ["{\"not\":\"an alert\"}\n\n", "no JSON"].into_iter().enumerate() {
        drop(send(address, document.as_bytes()).await);
        wait_until_async("it is kept", async || (rig.seqs("").await.len() == count + 1).then_some(())).await;
    }
    let events = rig.events("raw=1").await;
    assert_eq!((&events[0]["origin"]["lane"], &events[0]["origin"]["source"]), (&"tcp".into(), &"tcp".into()));
    assert_eq!(events[0]["raw"]["data"], "{\"not\":\"an alert\"}\n\n");
    assert_eq!(events[1]["raw"]["data"], "no JSON");
    assert!(events[1].get("marks").is_none_or(|marks| !marks.to_string().contains("not_closed")));
    rig.end().await;
}

#[tokio::test]
async fn connections_that_do_not_end_are_cut_and_what_came_is_kept() {
    let rig = Rig::start();
    let (address, _server) = listen(&rig, Duration::from_millis(50));
    let _open = send(address, b"{}").await;
    let event = wait_until_async("it is kept", async || rig.events("raw=1").await.pop()).await;
    assert_eq!(event["raw"]["data"], "{}");
    assert!(event["marks"].to_string().contains("not_closed"), "{event}");
    rig.end().await;
}

#[tokio::test]
async fn what_is_too_large_is_counted_and_what_is_empty_is_not_kept() {
    let rig = Rig::start();
    let (address, _server) = listen(&rig, WATCHDOG);
    drop(send(address, b"").await);
    drop(send(address, &[b'x'; 101]).await);
    rig.metric_becomes("kaptap_refused_total{lane=\"tcp\",source=\"\",reason=\"too_large\"}", 1).await;
    drop(send(address, &[b'x'; 100]).await);
    wait_until_async("it is kept", async || (rig.seqs("").await == [1]).then_some(())).await;
    rig.end().await;
}

#[tokio::test]
async fn stopping_waits_for_open_connections_no_longer_than_the_grace_time() {
    let rig = Rig::start();
    let (address, server) = listen(&rig, WATCHDOG);
    let _open = send(address, b"{").await;
    rig.stop.cancel();
    tokio::time::timeout(WATCHDOG, server).await.expect("did not stop").unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    rig.end().await;
}
