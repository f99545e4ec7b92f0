//! What changed about a Kapacitor that is watched, as a system notice says it.

use serde_json::{Value, json};

/// How many names a summary gives.
const NAMES: usize = 10;
/// More changes of one sort than this, found at once, become one notice.
const AT_ONCE: usize = 20;

/// The sorts of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// It can be asked, for the first time or again.
    Reachable,
    /// It cannot be asked.
    Unreachable,
    /// Its version is another.
    Version,
    /// It was started anew: its counters have begun again.
    Restarted,
    /// A task that was not there.
    TaskAppeared,
    /// A task that is not there any more.
    TaskVanished,
    /// A task was enabled.
    TaskEnabled,
    /// A task was disabled.
    TaskDisabled,
    /// A task was defined anew: its script, its databases or something else of it.
    TaskChanged,
    /// A task is enabled and does not run; nothing in Kapacitor starts it again.
    TaskDied,
    /// A task that had died runs again.
    TaskRevived,
    /// A topic that was not there.
    TopicAppeared,
    /// A topic that is not there any more.
    TopicVanished,
    /// A handler of a topic that was not there.
    HandlerAdded,
    /// A handler of a topic that is not there any more.
    HandlerRemoved,
    /// A handler of a topic that does something else now.
    HandlerChanged,
}

impl ChangeKind {
    /// The word of the closed set.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reachable => "kapacitor_reachable",
            Self::Unreachable => "kapacitor_unreachable",
            Self::Version => "kapacitor_version",
            Self::Restarted => "kapacitor_restarted",
            Self::TaskAppeared => "task_appeared",
            Self::TaskVanished => "task_vanished",
            Self::TaskEnabled => "task_enabled",
            Self::TaskDisabled => "task_disabled",
            Self::TaskChanged => "task_changed",
            Self::TaskDied => "task_died",
            Self::TaskRevived => "task_revived",
            Self::TopicAppeared => "topic_appeared",
            Self::TopicVanished => "topic_vanished",
            Self::HandlerAdded => "handler_added",
            Self::HandlerRemoved => "handler_removed",
            Self::HandlerChanged => "handler_changed",
        }
    }

    /// Whether somebody should do something about it.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(self, Self::Unreachable | Self::TaskDied)
    }

    /// What happened, behind the name of what it happened to.
    const fn sentence(self) -> &'static str {
        match self {
            Self::Reachable => "can be asked",
            Self::Unreachable => "cannot be asked",
            Self::Version => "has another version",
            Self::Restarted => "was started anew",
            Self::TaskAppeared | Self::TopicAppeared => "is new",
            Self::TaskVanished | Self::TopicVanished => "is gone",
            Self::TaskEnabled => "was enabled",
            Self::TaskDisabled => "was disabled",
            Self::TaskDied => "is enabled but does not run",
            Self::TaskRevived => "runs again",
            Self::HandlerAdded => "was added",
            Self::HandlerRemoved => "was removed",
            Self::TaskChanged | Self::HandlerChanged => "was changed",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Reachable | Self::Unreachable | Self::Version | Self::Restarted => "Kapacitors",
            Self::TaskAppeared
            | Self::TaskVanished
            | Self::TaskEnabled
            | Self::TaskDisabled
            | Self::TaskChanged
            | Self::TaskDied
            | Self::TaskRevived => "tasks",
            Self::TopicAppeared | Self::TopicVanished => "topics",
            Self::HandlerAdded | Self::HandlerRemoved | Self::HandlerChanged => "handlers",
        }
    }
}

/// A change, or several of one sort that were found at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KapacitorChange {
    /// Which sort.
    pub kind: ChangeKind,
    /// The task, if it is about one.
    pub task: Option<String>,
    /// The topic, if it is about one or about a handler.
    pub topic: Option<String>,
    /// The handler, if it is about one.
    pub handler: Option<String>,
    /// Why, or what it is now, where there is something to say: an error, a version.
    pub detail: Option<String>,
    /// How many of this sort; more than one is a summary.
    pub count: usize,
    /// The first ten of a summary.
    pub names: Vec<String>,
}

impl KapacitorChange {
    /// About the Kapacitor itself.
    #[must_use]
    pub const fn of(kind: ChangeKind, detail: Option<String>) -> Self {
        Self { kind, task: None, topic: None, handler: None, detail, count: 1, names: Vec::new() }
    }

    /// About a task.
    #[must_use]
    pub fn of_task(kind: ChangeKind, task: &str, detail: Option<String>) -> Self {
        Self { task: Some(task.to_owned()), ..Self::of(kind, detail) }
    }

    /// About a topic.
    #[must_use]
    pub fn of_topic(kind: ChangeKind, topic: &str) -> Self {
        Self { topic: Some(topic.to_owned()), ..Self::of(kind, None) }
    }

    /// About a handler of a topic.
    #[must_use]
    pub fn of_handler(kind: ChangeKind, topic: &str, handler: &str, detail: Option<String>) -> Self {
        Self { handler: Some(handler.to_owned()), detail, ..Self::of_topic(kind, topic) }
    }

    /// Changes that were found at once: many of one sort become a summary, so that a restart of a large Kapacitor does
    /// not fill the journal.
    #[must_use]
    pub fn summarized(changes: Vec<Self>) -> Vec<Self> {
        let mut by_kind: std::collections::BTreeMap<ChangeKind, Vec<Self>> = std::collections::BTreeMap::new();
        for change in changes {
            by_kind.entry(change.kind).or_default().push(change);
        }
        let mut all = Vec::new();
        for (kind, changes) in by_kind {
            if changes.len() <= AT_ONCE {
                all.extend(changes);
            } else {
                let names = changes.iter().take(NAMES).map(Self::about).collect();
                all.push(Self { count: changes.len(), names, ..Self::of(kind, None) });
            }
        }
        all
    }

    fn about(&self) -> String {
        match (&self.task, &self.topic, &self.handler) {
            (Some(task), ..) => format!("task {task}"),
            (None, Some(topic), Some(handler)) => format!("handler {handler} of topic {topic}"),
            (None, Some(topic), None) => format!("topic {topic}"),
            (None, None, _) => "it".to_owned(),
        }
    }

    /// The notice's JSON, but for `what`.
    pub(super) fn json(&self, kapacitor: &str) -> Value {
        let detail = self.detail.as_ref().filter(|detail| !detail.is_empty());
        let more = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        let said = self.kind.sentence();
        let message = if self.count > 1 {
            let (count, plural) = (self.count, self.kind.plural());
            format!("Kapacitor {kapacitor}: of {count} {plural} each {said}, among them {}", self.names.join(", "))
        } else if self.task.is_some() || self.topic.is_some() {
            format!("Kapacitor {kapacitor}: {} {said}{more}", self.about())
        } else {
            format!("Kapacitor {kapacitor} {said}{more}")
        };
        let count = (self.count > 1).then_some(self.count);
        let names = (self.count > 1).then_some(&self.names);
        json!({
            "message": message, "kapacitor": kapacitor, "task": self.task, "topic": self.topic,
            "handler": self.handler, "detail": detail, "count": count, "names": names,
        })
    }
}
