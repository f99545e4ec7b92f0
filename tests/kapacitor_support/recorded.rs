//! What a real Kapacitor answered once, by path: `tests/recordings/api`.

use super::{Reply, Request};

macro_rules! recording {
    ($name:literal) => {
        (
            include_bytes!(concat!("../recordings/api/", $name, ".body")).as_slice(),
            include_str!(concat!("../recordings/api/", $name, ".headers")),
        )
    };
}

/// The answer to a request; what was not recorded is unknown.
pub fn answer(request: &Request) -> Reply {
    let path = request.path.split_once("/kapacitor/v1/").map_or(request.path.as_str(), |(_, path)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (body, headers) = match (request.method.as_str(), path) {
        ("GET", "ping") => recording!("ping"),
        ("GET", "tasks") if query.contains("fields=zzz") => recording!("badfield"),
        ("GET", "tasks") if query.contains("fields=script") => recording!("tasks-full"),
        ("GET", "tasks") => recording!("tasks"),
        ("GET", "tasks/alert_default") => recording!("task-one"),
        ("GET", path) if path.starts_with("tasks/") => recording!("task-unknown"),
        ("GET", "alerts/topics") if query.contains("min-level") => recording!("topics-crit"),
        ("GET", "alerts/topics") => recording!("topics"),
        ("GET", "alerts/topics/cpu/events") if query.contains("min-level") => recording!("topic-events-warn"),
        ("GET", "alerts/topics/cpu/events") => recording!("topic-events"),
        ("GET", "alerts/topics/main%3Aalert_default%3Aalert2/events") => recording!("topic-events-tap"),
        ("GET", "alerts/topics/cpu/handlers") => recording!("handlers"),
        ("GET", path) if path.ends_with("/events") => recording!("topic-unknown"),
        ("GET", path) if path.ends_with("/handlers") => {
            let topic = super::decoded(path.trim_start_matches("alerts/topics/").trim_end_matches("/handlers"));
            return Reply::json(200, &serde_json::json!({ "topic": topic, "handlers": [] }));
        }
        ("GET", path) if path.starts_with("alerts/topics/") => recording!("topic-unknown2"),
        ("GET", "debug/vars") => recording!("debug-vars"),
        ("POST", "service-tests/httppost") => recording!("service-test-post"),
        _ => return Reply::status(404, "not recorded"),
    };
    let status = headers.split_whitespace().nth(1).unwrap().parse().unwrap();
    Reply::Answer { status, version: String::new(), body: body.to_vec() }
}
