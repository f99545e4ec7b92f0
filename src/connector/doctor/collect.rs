//! Reads both sides. Changes nothing in either, but for the probes that it has Kapacitor post, which kaptap does not keep.

use super::config::Section;
use super::facts::{Clock, Facts, OwnFacts, Ping, TopicFacts, Way};
use super::machine;
use super::scripts::posts_to;
use super::topics::{address_of, points_at_kaptap};
use crate::connector::client::get;
use crate::connector::own::Own;
use crate::connector::setup::probe;
use crate::connector::{ApiError, Client};
use crate::kapacitor::api::{Task, Topic};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// Fields of tasks that are looked at. Scripts cost Kapacitor something; this is asked once.
const FIELDS: [&str; 8] = ["type", "status", "executing", "error", "stats", "script", "vars", "template-id"];

/// Most ways that are tried: each costs Kapacitor a post.
const WAYS: usize = 16;

/// What is looked at.
#[derive(Debug)]
pub struct Looked<'a> {
    /// The Kapacitor.
    pub kapacitor: &'a Client,
    /// Whether it is on this machine.
    pub local: bool,
    /// The kaptap.
    pub own: &'a Own,
    /// kaptap's address as Kapacitor is to reach it; `None` where that is not known.
    pub address: Option<String>,
    /// Headers that posts to it need.
    pub headers: Map<String, Value>,
    /// kaptap's sockets.
    pub sockets: Vec<PathBuf>,
}

/// Reads everything that is judged.
pub async fn collect(looked: &Looked<'_>) -> Facts {
    let client = looked.kapacitor;
    let ping = ping(client).await;
    // One that does not answer is not asked on: each question would wait for its time limit.
    let (tasks, topics, config) = match &ping {
        Err(error) => (Err(error.clone()), Err(error.clone()), Err(error.clone())),
        Ok(_) => (client.tasks(&FIELDS).await, topics(client).await, sections(client).await),
    };
    let ways = if ping.is_ok() { ways(looked, &tasks, &topics).await } else { Vec::new() };
    // The second look says only whether a count of errors rises; where it fails, that is not said.
    let tasks_later = if tasks.is_ok() { client.tasks(&["stats"]).await.unwrap_or_default() } else { Vec::new() };
    let own = OwnFacts {
        address: looked.own.shown().to_owned(),
        streams: looked.own.streams().await,
        sockets: looked.sockets.iter().map(|path| machine::socket(path)).collect(),
        account: if looked.local { machine::account() } else { None },
    };
    Facts {
        kapacitor: client.shown().to_owned(),
        local: looked.local,
        ping,
        tasks,
        tasks_later,
        topics,
        config,
        ways,
        own,
    }
}

async fn ping(client: &Client) -> Result<Ping, ApiError> {
    let version = client.ping().await?;
    let last = client.last().into_iter().find(|last| last.what == "ping");
    let clock = last.and_then(|last| {
        let (_, date) = last.headers.iter().find(|(name, _)| name == "date")?;
        let said = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
        let took = i64::try_from(last.took.as_nanos()).unwrap_or(i64::MAX);
        Some(Clock { said, asked: last.observed.saturating_sub(took), answered: last.observed })
    });
    Ok(Ping { version, clock })
}

async fn topics(client: &Client) -> Result<Vec<TopicFacts>, ApiError> {
    let mut facts = Vec::new();
    for topic in client.topics().await? {
        let (events, handlers) = (client.events(&topic.id).await, client.handlers(&topic.id).await);
        facts.push(TopicFacts { topic, later: None, events, handlers });
    }
    let later: Vec<Topic> = client.topics().await?;
    for facts in &mut facts {
        facts.later = later.iter().find(|later| later.id == facts.topic.id).cloned();
    }
    Ok(facts)
}

async fn sections(client: &Client) -> Result<Vec<Section>, ApiError> {
    let config: Value = client.json(get("config", "/kapacitor/v1/config")).await?;
    Ok(Section::all(&config))
}

/// The way that is to be used, and those that handlers and scripts use, each tried once.
async fn ways(
    looked: &Looked<'_>,
    tasks: &Result<Vec<Task>, ApiError>,
    topics: &Result<Vec<TopicFacts>, ApiError>,
) -> Vec<Way> {
    let mut used: Vec<(String, Map<String, Value>, Vec<String>)> = Vec::new();
    let mut add = |address: &str, headers: &Map<String, Value>, user: String| {
        let address = address.trim_end_matches('/');
        match used.iter_mut().find(|(known, with, _)| known == address && with == headers) {
            Some((_, _, users)) => users.push(user),
            None => used.push((address.to_owned(), headers.clone(), vec![user])),
        }
    };
    for topic in topics.iter().flatten() {
        for handler in topic.handlers.iter().flatten().filter(|handler| points_at_kaptap(handler)) {
            let url = handler.options.get("url").and_then(Value::as_str);
            let headers = handler.options.get("headers").and_then(Value::as_object).into_iter().flatten();
            // The others say the topic, and are the same way.
            let needed = headers.filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
            let needed = needed.map(|(name, value)| (name.clone(), value.clone())).collect();
            if let Some(address) = url.and_then(address_of) {
                add(address, &needed, format!("handler {} of topic {}", handler.id, topic.topic.id));
            }
        }
    }
    for task in tasks.iter().flatten().filter(|task| task.executing) {
        for (line, url) in posts_to(task) {
            if let Some(address) = address_of(&url) {
                // What headers a script gives is not looked at: a way without them tells whether it is there.
                add(address, &looked.headers, format!("task {}, line {line}", task.id));
            }
        }
    }
    let expected = looked.address.as_deref().map(|address| address.trim_end_matches('/'));
    let mut ways = Vec::new();
    if let Some(address) = expected
        && !used.iter().any(|(known, headers, _)| known == address && *headers == looked.headers)
    {
        let probed = probe(looked.kapacitor, Some(looked.own), address, &looked.headers).await;
        ways.push(Way { address: address.to_owned(), users: Vec::new(), expected: true, probed });
    }
    for (address, headers, users) in used.into_iter().take(WAYS) {
        let probed = probe(looked.kapacitor, Some(looked.own), &address, &headers).await;
        ways.push(Way { expected: Some(address.as_str()) == expected, address, users, probed });
    }
    ways
}
