//! A Kapacitor's tasks, topics and handlers in memory, answered as the real one does, with its mistakes: the order of
//! events that is none (`alert/topics.go`, `sortedStates`), and paths whose `/` end an id even when it is escaped.

use super::{Reply, Request, decoded};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The words of levels, from the lowest.
pub const LEVELS: [&str; 4] = ["OK", "INFO", "WARNING", "CRITICAL"];

/// A task.
#[derive(Debug, Clone)]
pub struct FakeTask {
    pub status: String,
    pub executing: bool,
    pub error: String,
    pub script: String,
    /// Counters of node `alert2`.
    pub alerts: u64,
    /// How often it was changed, by whomever: it shows in `modified`.
    pub changes: u64,
}

impl FakeTask {
    pub fn running() -> Self {
        let (status, error, script) = ("enabled".to_owned(), String::new(), "stream".to_owned());
        Self { status, executing: true, error, script, alerts: 0, changes: 0 }
    }
}

/// Last event of an alert id.
#[derive(Debug, Clone)]
pub struct FakeEvent {
    pub id: String,
    /// Index into [`LEVELS`].
    pub level: usize,
    pub message: String,
    pub details: String,
    /// RFC 3339.
    pub time: String,
    /// As Go writes it.
    pub duration: String,
}

/// A topic.
#[derive(Debug, Clone, Default)]
pub struct FakeTopic {
    pub collected: u64,
    /// In the order that Kapacitor takes for sorted.
    pub sorted: Vec<FakeEvent>,
    pub handlers: BTreeMap<String, Value>,
}

impl FakeTopic {
    fn put(&mut self, event: FakeEvent) {
        let known = self.sorted.iter_mut().find(|known| known.id == event.id);
        let sorts = if let Some(known) = known {
            let sorts = known.level != event.level;
            *known = event;
            sorts
        } else {
            self.sorted.push(event);
            true
        };
        if sorts {
            self.sort();
        }
    }

    /// Go's insertion sort, which is what it does with up to 12 elements, by Kapacitor's comparison.
    fn sort(&mut self) {
        let less = |a: &FakeEvent, b: &FakeEvent| a.level > b.level || a.id < b.id;
        for end in 1..self.sorted.len() {
            let mut at = end;
            while at > 0 && less(&self.sorted[at], &self.sorted[at - 1]) {
                self.sorted.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    /// What Kapacitor says the level is.
    pub fn their_level(&self) -> usize {
        self.sorted.first().map_or(0, |event| event.level)
    }

    /// What it is.
    pub fn true_level(&self) -> usize {
        self.sorted.iter().map(|event| event.level).max().unwrap_or(0)
    }

    /// What Kapacitor lists for a level.
    pub fn their_events(&self, level: usize) -> impl Iterator<Item = &FakeEvent> {
        self.sorted.iter().take_while(move |event| event.level >= level)
    }
}

/// Everything.
#[derive(Debug, Clone)]
pub struct Kapacitor {
    pub version: String,
    /// What `Authorization` has to be; anything if `None`.
    pub authorization: Option<String>,
    pub tasks: BTreeMap<String, FakeTask>,
    pub topics: BTreeMap<String, FakeTopic>,
    /// Number of its runs: part of the UUIDs.
    pub run: u64,
}

impl Default for Kapacitor {
    fn default() -> Self {
        let (tasks, topics) = (BTreeMap::new(), BTreeMap::new());
        Self { version: "1.8.3".to_owned(), authorization: None, tasks, topics, run: 1 }
    }
}

impl Kapacitor {
    /// An event of an alert, in a topic that is made if need be. `time` is RFC 3339.
    pub fn collect(&mut self, topic: &str, id: &str, level: &str, time: &str) {
        let event = FakeEvent {
            id: id.to_owned(),
            level: LEVELS.iter().position(|known| *known == level).unwrap(),
            message: format!("{id} is {level}"),
            details: "d".to_owned(),
            time: time.to_owned(),
            duration: "1m30s".to_owned(),
        };
        let topic = self.topics.entry(topic.to_owned()).or_default();
        topic.collected += 1;
        topic.put(event);
    }

    /// Is started anew: events at OK are gone, counts begin again, statistics have other UUIDs.
    pub fn restart(&mut self) {
        self.run += 1;
        for topic in self.topics.values_mut() {
            topic.collected = 0;
            topic.sorted.retain(|event| event.level > 0);
        }
    }

    /// The answer to a request.
    pub fn answer(&mut self, request: &Request) -> Reply {
        if self.authorization.as_deref().is_some_and(|wanted| request.header("authorization") != Some(wanted)) {
            return Reply::status(401, "unable to parse authentication credentials");
        }
        let reply = self.routed(request);
        match reply {
            Reply::Answer { status, body, .. } => Reply::Answer { status, version: self.version.clone(), body },
            other => other,
        }
    }

    fn routed(&mut self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let path = decoded(path.strip_prefix("/kapacitor/v1/").unwrap_or(path));
        let parameters: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let parameter = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let parts: Vec<&str> = path.split('/').collect();
        let level = parameter("min-level").map_or(0, |level| LEVELS.iter().position(|known| *known == level).unwrap());
        match (request.method.as_str(), parts.as_slice()) {
            (_, ["ping"]) => Reply::Answer { status: 204, version: String::new(), body: Vec::new() },
            ("GET", ["tasks"]) => {
                let number = |name, default| parameter(name).map_or(default, |text| text.parse::<usize>().unwrap());
                let page = self.tasks.iter().skip(number("offset", 0)).take(number("limit", 100));
                let asked: Vec<&str> =
                    parameters.iter().filter(|(name, _)| *name == "fields").map(|pair| pair.1).collect();
                let rows: Vec<Value> = page.map(|(id, task)| Self::task(id, task, &asked)).collect();
                Reply::json(200, &json!({ "tasks": rows }))
            }
            ("GET", ["tasks", id]) => match self.tasks.get(*id) {
                Some(task) => Reply::json(200, &Self::task(id, task, &[])),
                None => Reply::status(404, "no task exists"),
            },
            ("PATCH", ["tasks", id]) => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let Some(task) = self.tasks.get_mut(*id) else { return Reply::status(404, "no task exists") };
                body["status"].as_str().unwrap().clone_into(&mut task.status);
                task.changes += 1;
                task.executing = task.status == "enabled";
                if task.executing {
                    task.error.clear();
                }
                Reply::json(200, &Self::task(id, task, &[]))
            }
            ("GET", ["alerts", "topics"]) => {
                let listed = self.topics.iter().filter(|(_, topic)| topic.their_level() >= level);
                Reply::json(
                    200,
                    &json!({ "topics": listed.map(|(id, topic)| Self::topic(id, topic)).collect::<Vec<_>>() }),
                )
            }
            ("GET", ["alerts", "topics", id, "events"]) => match self.topics.get(*id) {
                Some(topic) => {
                    let events: Vec<Value> = topic.their_events(level).map(Self::event).collect();
                    Reply::json(200, &json!({ "topic": id, "events": events }))
                }
                None => Reply::status(500, &format!("failed to get topic events: unknown topic {id:?}")),
            },
            ("GET", ["alerts", "topics", id, "events", event]) => {
                let known = self.topics.get(*id).and_then(|topic| topic.sorted.iter().find(|known| known.id == *event));
                known.map_or_else(|| Reply::status(404, "unknown event"), |event| Reply::json(200, &Self::event(event)))
            }
            (method, ["alerts", "topics", id, "handlers", rest @ ..]) => self.handlers(method, id, rest, &request.body),
            ("GET", ["alerts", "topics", id, ..]) => match self.topics.get(*id) {
                Some(topic) => Reply::json(200, &Self::topic(id, topic)),
                None => Reply::status(404, &format!("unknown topic: {id:?}")),
            },
            ("GET", ["debug", "vars"]) => Reply::json(200, &self.vars()),
            ("POST", ["service-tests", _]) => Reply::json(200, &json!({ "success": true, "message": "" })),
            _ => Reply::status(404, "404 page not found"),
        }
    }

    fn handlers(&mut self, method: &str, topic: &str, rest: &[&str], body: &[u8]) -> Reply {
        let handlers = self.topics.get(topic).map(|topic| topic.handlers.clone()).unwrap_or_default();
        match (method, rest) {
            ("GET", []) => {
                Reply::json(200, &json!({ "topic": topic, "handlers": handlers.values().collect::<Vec<_>>() }))
            }
            ("POST", []) | ("PUT", [_]) => {
                let handler: Value = serde_json::from_slice(body).unwrap();
                let id = handler["id"].as_str().unwrap().to_owned();
                if method == "POST" && handlers.contains_key(&id) {
                    return Reply::status(500, "handler already exists");
                }
                self.topics.entry(topic.to_owned()).or_default().handlers.insert(id, handler.clone());
                Reply::json(200, &handler)
            }
            ("DELETE", [id]) => {
                if let Some(topic) = self.topics.get_mut(topic) {
                    topic.handlers.remove(*id);
                }
                Reply::Answer { status: 204, version: String::new(), body: Vec::new() }
            }
            _ => Reply::status(404, "404 page not found"),
        }
    }

    fn task(id: &str, task: &FakeTask, asked: &[&str]) -> Value {
        let nodes = json!({
            "stream0": { "collected": 10, "emitted": 10, "errors": 0, "avg_exec_time_ns": 5 },
            "alert2": { "collected": 10, "emitted": 0, "errors": 1, "alerts_triggered": task.alerts },
        });
        let stats = json!({ "task-stats": { "throughput": 1.5 }, "node-stats": nodes });
        let mut all = json!({
            "link": { "rel": "self", "href": format!("/kapacitor/v1/tasks/{id}") }, "id": id, "type": "stream",
            "status": task.status, "executing": task.executing, "error": task.error,
            "stats": if task.executing { stats } else { Value::Null },
            "created": "2026-11-22T13:23:47.1Z", "modified": format!("2026-11-22T13:23:48.{:09}Z", task.changes),
            "last-enabled": "2026-11-22T13:23:47.3Z", "dbrps": [{ "db": "d", "rp": "r" }],
            "script": task.script, "dot": "digraph {}", "vars": {}, "template-id": "",
        });
        if !asked.is_empty() {
            all.as_object_mut()
                .unwrap()
                .retain(|name, _| ["id", "link"].contains(&name.as_str()) || asked.contains(&name.as_str()));
        }
        all
    }

    fn topic(id: &str, topic: &FakeTopic) -> Value {
        let path = format!("/kapacitor/v1/alerts/topics/{id}");
        json!({
            "link": { "rel": "self", "href": path }, "id": id, "level": LEVELS[topic.their_level()],
            "collected": topic.collected, "events-link": { "rel": "events", "href": format!("{path}/events") },
            "handlers-link": { "rel": "handlers", "href": format!("{path}/handlers") },
        })
    }

    fn event(event: &FakeEvent) -> Value {
        let state = json!({
            "message": event.message, "details": event.details, "time": event.time, "duration": event.duration,
            "level": LEVELS[event.level],
        });
        json!({ "link": { "rel": "self", "href": "" }, "id": event.id, "state": state })
    }

    fn vars(&self) -> Value {
        let tags = json!({ "task": "task_master:main", "parent": "write_points", "child": "stream" });
        let edge = json!({ "name": "edges", "tags": tags, "values": { "collected": 1, "emitted": 1 } });
        let mut statistics = serde_json::Map::new();
        statistics.insert(format!("main-{}", self.run), edge);
        for (id, topic) in &self.topics {
            let statistic =
                json!({ "name": "topics", "tags": { "id": id }, "values": { "collected": topic.collected } });
            statistics.insert(format!("{id}-{}", self.run), statistic);
        }
        json!({
            "cluster_id": "c", "server_id": "s", "host": "h", "product": "kapacitor", "platform": "OSS",
            "version": self.version, "num_tasks": self.tasks.len(), "num_enabled_tasks": self.tasks.len(),
            "num_subscriptions": 0, "kapacitor": statistics, "cmdline": ["kapacitord"],
        })
    }
}
