//! A small model of Kapacitor's `|alert()`: levels per group, what was raised before, and what comes out of it.
//!
//! The default id, message and details, the order of keys and the escaping are Kapacitor's; a test compares the bodies
//! with recorded ones byte for byte.

use super::go_text::{html, json_object, json_string, json_value, push, time};
use super::point::{Point, Value};
use crate::words::Level;
use std::collections::BTreeMap;

/// What makes a point worth an alert: thresholds of one numeric field.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    field: String,
    above: bool,
    limits: [Option<f64>; 4],
}

impl Rule {
    /// Raises when the field falls below the limits.
    #[must_use]
    pub fn below(field: &str) -> Self {
        Self { field: field.to_owned(), above: false, limits: [None; 4] }
    }

    /// Raises when the field rises above the limits.
    #[must_use]
    pub fn above(field: &str) -> Self {
        Self { above: true, ..Self::below(field) }
    }

    /// Sets the limit of a level.
    #[must_use]
    pub fn at(mut self, level: Level, limit: f64) -> Self {
        if let Some(slot) = self.limits.get_mut(usize::from(level.number())) {
            *slot = Some(limit);
        }
        self
    }

    /// The highest level whose limit is crossed. A point without the field is OK, as Kapacitor has it.
    fn level(&self, point: &Point) -> Level {
        #[expect(clippy::cast_precision_loss, reason = "a comparison with a threshold")]
        let value = match point.fields.get(&self.field) {
            Some(Value::Float(value)) => *value,
            Some(Value::Int(value)) => *value as f64,
            _ => return Level::Ok,
        };
        let crossed = |limit: f64| if self.above { value > limit } else { value < limit };
        Level::ALL
            .iter()
            .rev()
            .copied()
            .find(|level| self.limits.get(usize::from(level.number())).copied().flatten().is_some_and(crossed))
            .unwrap_or(Level::Ok)
    }
}

/// What templates may speak of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Task.
    pub task: &'a str,
    /// Group, `nil` where nothing is grouped.
    pub group: &'a str,
    /// The alert's id; empty while the id itself is rendered.
    pub id: &'a str,
    /// Level.
    pub level: Level,
    /// The point.
    pub point: &'a Point,
}

/// A template of an id or a message.
pub type Template = fn(&Facts<'_>) -> String;

/// The server that details speak of.
#[derive(Debug, Clone)]
pub struct Server {
    /// Host name.
    pub host: String,
    /// Cluster id.
    pub cluster: String,
    /// Server id.
    pub server: String,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: "rehearsal".to_owned(),
            cluster: "5a3c1b52-0000-4000-8000-00000000c1a5".to_owned(),
            server: "5a3c1b52-0000-4000-8000-00000000e77e".to_owned(),
        }
    }
}

/// What came out of one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    /// The alert's id.
    pub id: String,
    /// Level.
    pub level: Level,
    /// Event time, nanoseconds since 1970.
    pub time: i64,
    /// Time in the episode so far, nanoseconds.
    pub duration: i64,
    /// The body that `.post()` sends; `None` for values that Go cannot write as JSON: the event is lost there.
    pub body: Option<Vec<u8>>,
    /// The point that goes on below, with idTag, levelTag, messageField and durationField of the default names.
    pub point: Point,
}

/// One `|alert()` node of one task.
#[derive(Debug, Clone)]
pub struct AlertNode {
    task: String,
    rule: Rule,
    id: Template,
    message: Template,
    server: Server,
    changes_only: bool,
    groups: BTreeMap<String, Group>,
    topic: BTreeMap<String, Level>,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    level: Level,
    first: i64,
    last: i64,
}

impl AlertNode {
    /// A node with Kapacitor's default id (`measurement:group`) and message (`id is LEVEL`).
    #[must_use]
    pub fn new(task: &str, rule: Rule) -> Self {
        Self {
            task: task.to_owned(),
            rule,
            id: |facts| format!("{}:{}", facts.point.name, facts.group),
            message: |facts| format!("{} is {}", facts.id, facts.level),
            server: Server::default(),
            changes_only: false,
            groups: BTreeMap::new(),
            topic: BTreeMap::new(),
        }
    }

    /// Sets the id, as `.id()` does.
    #[must_use]
    pub fn id(mut self, template: Template) -> Self {
        self.id = template;
        self
    }

    /// Sets the message, as `.message()` does.
    #[must_use]
    pub fn message(mut self, template: Template) -> Self {
        self.message = template;
        self
    }

    /// Sets the server that details speak of.
    #[must_use]
    pub fn server(mut self, server: Server) -> Self {
        self.server = server;
        self
    }

    /// Raises only on a change of level, as `.stateChangesOnly()` does.
    #[must_use]
    pub fn changes_only(mut self) -> Self {
        self.changes_only = true;
        self
    }

    /// Restarts Kapacitor: levels come back from the topic, with the time of the last event as the beginning; groups
    /// that were OK are forgotten (`alert.go`, `restoreEventState`).
    pub fn restart(&mut self) {
        self.topic.retain(|_, level| *level != Level::Ok);
        self.groups.retain(|_, group| group.level != Level::Ok);
        for group in self.groups.values_mut() {
            group.first = group.last;
        }
    }

    /// Takes a point; `None` when nothing is raised.
    pub fn point(&mut self, point: &Point) -> Option<Raised> {
        let level = self.rule.level(point);
        let key = point.group();
        let before = self.groups.get(&key).copied().unwrap_or(Group { level: Level::Ok, first: 0, last: 0 });
        let changed = before.level != level;
        let raised = if self.changes_only { changed } else { changed || level != Level::Ok };
        let first = if before.level == Level::Ok { point.time } else { before.first };
        let after = if raised { Group { level, first, last: point.time } } else { Group { level, ..before } };
        self.groups.insert(key.clone(), after);
        if !raised {
            return None;
        }
        let group = if key.is_empty() { "nil" } else { &key };
        let mut facts = Facts { task: &self.task, group, id: "", level, point };
        let id = (self.id)(&facts);
        facts.id = &id;
        let message = (self.message)(&facts);
        let duration = point.time.saturating_sub(first);
        let details = self.details(&facts, &message, duration);
        let previous = self.topic.insert(id.clone(), level).unwrap_or(Level::Ok);
        let body = body(&facts, &message, &details, duration, previous);
        let point = point
            .clone()
            .tag("alert_id", &id)
            .tag("alert_level", level.as_str())
            .field("alert_message", message.as_str())
            .field("alert_duration", duration);
        Some(Raised { level, time: point.time, duration, body, point, id })
    }

    /// The default details: the template's context as JSON, escaped for HTML. Empty when a value is not JSON.
    fn details(&self, facts: &Facts<'_>, message: &str, duration: i64) -> String {
        let mut out = String::from("{\"Name\":");
        let point = facts.point;
        json_string(&point.name, &mut out);
        for (key, text) in [(",\"TaskName\":", facts.task), (",\"Group\":", facts.group)] {
            out.push_str(key);
            json_string(text, &mut out);
        }
        out.push_str(",\"Tags\":");
        let tags = json_object(&point.tags, &mut out, |tag, out| {
            json_string(tag, out);
            Some(())
        });
        for (key, text) in [
            (",\"ServerInfo\":{\"Hostname\":", self.server.host.as_str()),
            (",\"ClusterID\":", &self.server.cluster),
            (",\"ServerID\":", &self.server.server),
            ("},\"ID\":", facts.id),
        ] {
            out.push_str(key);
            json_string(text, &mut out);
        }
        out.push_str(",\"Fields\":");
        let fields = json_object(&point.fields, &mut out, json_value);
        for (key, text) in [(",\"Level\":", facts.level.as_str()), (",\"Time\":", &time(point.time))] {
            out.push_str(key);
            json_string(text, &mut out);
        }
        push(&mut out, format_args!(",\"Duration\":{duration},\"Message\":"));
        json_string(message, &mut out);
        out.push_str("}\n");
        if tags.and(fields).is_some() { html(&out) } else { String::new() }
    }
}

fn body(facts: &Facts<'_>, message: &str, details: &str, duration: i64, previous: Level) -> Option<Vec<u8>> {
    let point = facts.point;
    let mut out = String::from("{\"id\":");
    json_string(facts.id, &mut out);
    for (key, text) in [(",\"message\":", message), (",\"details\":", details), (",\"time\":", &time(point.time))] {
        out.push_str(key);
        json_string(text, &mut out);
    }
    push(&mut out, format_args!(",\"duration\":{duration},\"level\":\"{}\",\"data\":", facts.level));
    rows(point, &mut out)?;
    push(&mut out, format_args!(",\"previousLevel\":\"{previous}\",\"recoverable\":true}}\n"));
    Some(out.into_bytes())
}

/// `{"series":[…]}` of one point: what `|httpPost()` sends, and what an alert carries as `data`. `None` for values
/// that Go cannot write as JSON.
pub fn rows(point: &Point, out: &mut String) -> Option<()> {
    out.push_str("{\"series\":[{\"name\":");
    json_string(&point.name, out);
    if !point.tags.is_empty() {
        out.push_str(",\"tags\":");
        json_object(&point.tags, out, |tag, out| {
            json_string(tag, out);
            Some(())
        })?;
    }
    out.push_str(",\"columns\":[\"time\"");
    for name in point.fields.keys() {
        out.push(',');
        json_string(name, out);
    }
    out.push_str("],\"values\":[[");
    json_string(&time(point.time), out);
    for value in point.fields.values() {
        out.push(',');
        json_value(value, out)?;
    }
    out.push_str("]]}]}");
    Some(())
}
