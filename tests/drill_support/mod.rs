//! The parts of drills on a whole kaptap: a process to harm, its load, its peers, and the books that are compared.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod archive;
pub(crate) mod books;
pub(crate) mod load;
pub(crate) mod receiver;
pub(crate) mod stored;
pub(crate) mod victim;

use crate::support::{self, PATIENCE};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What `GET /v1/sinks` says.
pub(crate) async fn sinks(http: SocketAddr) -> Vec<Value> {
    let answer = tokio::task::spawn_blocking(move || support::get(http, "/v1/sinks")).await.unwrap();
    serde_json::from_slice(&answer.expect("it answers").1).unwrap()
}

/// Waits until every sink has everything; only those named may have parked something. As long as something moves there
/// is no limit.
pub(crate) async fn wait_delivered(http: SocketAddr, may_park: &[&str]) {
    let (mut moved, mut before) = (Instant::now(), Vec::new());
    loop {
        let sinks = sinks(http).await;
        let lag: Vec<_> = sinks.iter().map(|sink| sink["lag"]["events"].as_u64().unwrap()).collect();
        for sink in sinks.iter().filter(|sink| sink["parked"] != 0) {
            assert!(may_park.contains(&sink["name"].as_str().unwrap()), "nothing may be parked: {sink}");
        }
        if lag.iter().all(|lag| *lag == 0) {
            return;
        }
        if lag != before {
            (moved, before) = (Instant::now(), lag);
        }
        assert!(moved.elapsed() < PATIENCE, "nothing moves any more: {sinks:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
