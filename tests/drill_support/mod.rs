//! The parts of drills on a whole kaptap: a process to harm, its load, its peers, and the books that are compared.
#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod archive;
pub(crate) mod books;
pub(crate) mod load;
pub(crate) mod receiver;
pub(crate) mod stored;
pub(crate) mod victim;

use crate::support;
use crate::wait_support::wait_while_moving;
use serde_json::Value;
use std::net::SocketAddr;

/// What `GET /v1/sinks` says.
pub(crate) async fn sinks(http: SocketAddr) -> Vec<Value> {
    let answer = tokio::task::spawn_blocking(move || support::get(http, "/v1/sinks")).await.unwrap();
    serde_json::from_slice(&answer.expect("it answers").1).unwrap()
}

/// Waits until every sink has everything; only those named may have parked something. As long as something moves there
/// is no limit.
pub(crate) async fn wait_delivered(http: SocketAddr, may_park: &[&str]) {
    let look = async || {
        let sinks = sinks(http).await;
        for sink in sinks.iter().filter(|sink| sink["parked"] != 0) {
            assert!(may_park.contains(&sink["name"].as_str().unwrap()), "nothing may be parked: {sink}");
        }
        let lags = sinks.iter().map(|sink| (sink["name"].to_string(), sink["lag"]["events"].as_u64().unwrap()));
        let behind: Vec<_> = lags.filter(|(_, lag)| *lag > 0).collect();
        if behind.is_empty() { Ok(()) } else { Err(behind) }
    };
    wait_while_moving("every sink has everything", look).await;
}
