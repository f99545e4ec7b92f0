//! `kaptap kapacitor` and `kaptap refresh`: what is known of the Kapacitors that are watched, as tables.

use super::arguments::{KapacitorArguments, RefreshArguments, SettingsArguments};
use super::client::{Client, Purpose};
use super::failure::Failure;
use super::output::{self, Output};
use super::render::table::{Cell, Side, Table};
use super::render::{Look, about};
use super::seconds::Seconds;
use super::{Threads, runtime};
use crate::http::escaped;
use hyper::Method;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What of a Kapacitor of `GET /v1/kapacitor` is shown.
#[derive(Debug, Deserialize)]
struct Kapacitor {
    name: String,
    url: String,
    up: bool,
    version: Option<String>,
    host: Option<String>,
    tasks: BTreeMap<String, u64>,
    topics: BTreeMap<String, u64>,
    polls: BTreeMap<String, Poll>,
}

#[derive(Debug, Deserialize)]
struct Poll {
    stale: bool,
    age_seconds: Option<Seconds>,
    error: Option<String>,
    /// What single topics could not be asked for.
    partial: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Tasks {
    tasks: Vec<Task>,
}

#[derive(Debug, Deserialize)]
struct Task {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    state: String,
    error: String,
    throughput: Option<f64>,
    nodes: Option<BTreeMap<String, BTreeMap<String, f64>>>,
}

#[derive(Debug, Deserialize)]
struct Topics {
    topics: Vec<Topic>,
}

#[derive(Debug, Deserialize)]
struct Topic {
    id: String,
    level: Option<String>,
    their_level: String,
    collected: i64,
    events: Option<u64>,
    handlers: Option<u64>,
}

/// `kaptap kapacitor [NAME]`
pub(super) fn run(settings: &SettingsArguments, arguments: &KapacitorArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.peer, settings, Purpose::Reading)?;
    let mut output = Output::new();
    runtime(Threads::One)?.block_on(async {
        let body = client.ask(Method::GET, "/v1/kapacitor").await?;
        if arguments.json {
            return output.line(body.trim_ascii_end());
        }
        let mut all: Vec<Kapacitor> = read(&body)?;
        if let Some(name) = &arguments.name {
            all.retain(|one| one.name == *name);
            if all.is_empty() {
                return Err(Failure::because(format!("there is no Kapacitor named {name:?}")));
            }
        }
        if all.is_empty() {
            return output.line("no Kapacitor is watched; [[kapacitor]] tables in the configuration make them");
        }
        for (number, one) in all.iter().enumerate() {
            if number > 0 {
                output.line("")?;
            }
            lines(&mut output, &state_table(std::slice::from_ref(one)))?;
            troubles(one).iter().try_for_each(|line| output.line(line))?;
            let path = format!("/v1/kapacitor/{}", escaped(&one.name, ""));
            let Tasks { tasks } = read(&client.ask(Method::GET, &format!("{path}/tasks")).await?)?;
            let Topics { topics } = read(&client.ask(Method::GET, &format!("{path}/topics")).await?)?;
            if !tasks.is_empty() {
                output.line("")?;
                lines(&mut output, &task_table(&tasks))?;
            }
            if !topics.is_empty() {
                output.line("")?;
                lines(&mut output, &topic_table(&topics))?;
            }
        }
        Ok(())
    })?;
    output.flush()
}

/// `kaptap refresh [NAME]`
pub(super) fn refresh(settings: &SettingsArguments, arguments: &RefreshArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.peer, settings, Purpose::Posting)?;
    let query = arguments.name.as_ref().map_or_else(String::new, |name| format!("?kapacitor={}", escaped(name, "")));
    let body = runtime(Threads::One)?.block_on(client.ask(Method::POST, &format!("/v1/refresh{query}")))?;
    let all: Vec<Kapacitor> = read(&body)?;
    let mut output = Output::new();
    if all.is_empty() {
        output.line("no Kapacitor is watched; [[kapacitor]] tables in the configuration make them")?;
    } else {
        lines(&mut output, &state_table(&all))?;
        all.iter().flat_map(troubles).try_for_each(|line| output.line(line))?;
    }
    output.flush()
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Failure::caused("what answered is not a kaptap of this version", error))
}

fn lines<const N: usize>(output: &mut Output, table: &Table<N>) -> Result<(), Failure> {
    table.lines(output::colour(), output::width()).into_iter().try_for_each(|line| output.line(line))
}

fn state_table(all: &[Kapacitor]) -> Table<7> {
    let heads = ["KAPACITOR", "STATE", "URL", "VERSION", "HOST", "TASKS", "TOPICS"];
    let mut table = Table::new(heads.map(|head| (Side::Left, head)));
    for one in all {
        let old = one.polls.values().any(|poll| poll.stale);
        let state = match (one.up, old) {
            (true, false) => Cell::new(Look::Good, "up"),
            (true, true) => Cell::new(Look::Warning, "up, stale"),
            (false, _) => Cell::new(Look::Critical, "down"),
        };
        let version = match one.version.as_deref() {
            Some("") => "own build",
            version => version.unwrap_or_default(),
        };
        table.push([
            Cell::new(Look::Bold, &one.name),
            state,
            Cell::plain(&one.url),
            Cell::plain(version),
            Cell::plain(one.host.as_deref().unwrap_or_default()),
            Cell::plain(&counts(&one.tasks)),
            Cell::plain(&counts(&one.topics)),
        ]);
    }
    table
}

/// Numbers of things by their state, without what there is none of.
fn counts(counts: &BTreeMap<String, u64>) -> String {
    let some = counts.iter().filter(|(_, count)| **count > 0).map(|(state, count)| format!("{count} {state}"));
    some.collect::<Vec<_>>().join(", ")
}

/// What does not go well, with the age of what is known: a line for each sentence, however many polls it is of.
fn troubles(one: &Kapacitor) -> Vec<String> {
    let mut failing: Vec<(&str, Option<Duration>, Vec<&str>)> = Vec::new();
    for (kind, poll) in &one.polls {
        let Some(error) = poll.error.as_deref() else { continue };
        let age = poll.age_seconds.map(|Seconds(age)| age);
        match failing.iter_mut().find(|(said, known, _)| *said == error && known.is_some() == age.is_some()) {
            Some((_, oldest, kinds)) => {
                *oldest = (*oldest).max(age);
                kinds.push(kind);
            }
            None => failing.push((error, age, vec![kind])),
        }
    }
    let failing = failing.into_iter().map(|(error, age, kinds)| {
        let age = age.map_or("never known".to_owned(), |age| format!("known as it was {} ago", about(age.as_nanos())));
        format!("{}: {}: {age}: {error}", one.name, kinds.join(", "))
    });
    let partial = one.polls.iter().filter_map(|(kind, poll)| Some((kind, poll.partial.as_ref()?)));
    let partial = partial.map(|(kind, said)| format!("{}: {kind}: in part: {said}", one.name));
    failing.chain(partial).map(|line| super::render::harmless(&line).into_owned()).collect()
}

fn task_table(tasks: &[Task]) -> Table<7> {
    let (left, right) = (Side::Left, Side::Right);
    let mut table = Table::new([
        (left, "TASK"),
        (left, "TYPE"),
        (left, "STATE"),
        (right, "PER SECOND"),
        (right, "ALERTS"),
        (right, "ERRORS"),
        (left, "ERROR"),
    ]);
    for task in tasks {
        let look = match task.state.as_str() {
            "executing" => Look::Good,
            "dead" => Look::Critical,
            _ => Look::Dim,
        };
        let sum = |counter: &str| {
            let nodes = task.nodes.as_ref();
            nodes.map_or_else(String::new, |nodes| {
                let sum: f64 = nodes.values().filter_map(|node| node.get(counter)).sum();
                sum.to_string()
            })
        };
        table.push([
            Cell::new(Look::Bold, &task.id),
            Cell::plain(&task.kind),
            Cell::new(look, &task.state),
            Cell::plain(&task.throughput.map(|rate| format!("{rate:.1}")).unwrap_or_default()),
            Cell::plain(&sum("alerts_triggered")),
            Cell::plain(&sum("errors")),
            Cell::plain(&task.error),
        ]);
    }
    table
}

fn topic_table(topics: &[Topic]) -> Table<6> {
    let (left, right) = (Side::Left, Side::Right);
    let mut table = Table::new([
        (left, "TOPIC"),
        (left, "LEVEL"),
        (left, "KAPACITOR SAYS"),
        (right, "EVENTS"),
        (right, "COLLECTED"),
        (right, "HANDLERS"),
    ]);
    for topic in topics {
        // Nothing where kaptap was told nothing of the topic.
        let level = topic.level.as_deref().unwrap_or("");
        let wrong = !level.is_empty() && topic.their_level != level;
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        table.push([
            Cell::new(Look::Bold, &topic.id),
            Cell::new(Look::of_level(level), level),
            // Kapacitor compares levels wrongly; where it differs it is worth seeing.
            if wrong { Cell::new(Look::Warning, &topic.their_level) } else { Cell::new(Look::Dim, &topic.their_level) },
            Cell::plain(&number(topic.events)),
            Cell::plain(&topic.collected.to_string()),
            Cell::plain(&number(topic.handlers)),
        ]);
    }
    table
}

#[cfg(test)]
#[path = "kapacitor_tests.rs"]
mod tests;
