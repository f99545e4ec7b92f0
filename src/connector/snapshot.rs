//! What is known of one Kapacitor.

use super::ErrorKind;
use crate::kapacitor::api::{Handler, Task, Topic, TopicEvent, Vars};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is known of one Kapacitor, each part as it was when its poll last went well. Cheap to copy: the parts are
/// shared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// `name` of the Kapacitor.
    pub name: String,
    /// Scope of its events.
    pub scope: String,
    /// Scheme, host and port.
    pub url: String,
    /// Version, as ping or `/debug/vars` says it; `None` until it was reached, empty in a build of one's own.
    pub version: Option<String>,
    /// Counters and what it is.
    pub vars: Option<Arc<Vars>>,
    /// When kaptap learned that it was started anew, nanoseconds since 1970.
    pub restarted: Option<i64>,
    /// Tasks, by id.
    pub tasks: Arc<BTreeMap<String, Task>>,
    /// Topics, by id.
    pub topics: Arc<BTreeMap<String, Topic>>,
    /// Last event of each alert id, by topic. A topic that has been listed but whose events could not be had is not in it.
    pub events: BTreeMap<String, Arc<Vec<TopicEvent>>>,
    /// Handlers, by topic.
    pub handlers: Arc<BTreeMap<String, Vec<Handler>>>,
    /// Topics whose events are left out because there is too much of them to hold.
    pub left_out: usize,
    /// How each kind of poll went.
    pub polls: Polls,
}

/// What is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PollKind {
    /// Reachability and version.
    Ping,
    /// Tasks.
    Tasks,
    /// Topics and their events.
    Topics,
    /// Handlers of the topics.
    Handlers,
    /// `/debug/vars`
    Vars,
}

impl PollKind {
    /// All, in the order in which they are done when several are due.
    pub const ALL: [Self; 5] = [Self::Ping, Self::Vars, Self::Tasks, Self::Topics, Self::Handlers];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Tasks => "tasks",
            Self::Topics => "topics",
            Self::Handlers => "handlers",
            Self::Vars => "vars",
        }
    }
}

/// How the polls of one kind went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Poll {
    /// When one last ended well, nanoseconds since 1970.
    pub last_success: Option<i64>,
    /// When one last ended, nanoseconds since 1970.
    pub last_attempt: Option<i64>,
    /// What the last one failed of; `None` if it went well.
    pub error: Option<String>,
    /// What single topics could not be asked for, where the others could; the poll went well all the same.
    pub partial: Option<String>,
    /// Kind of `error`.
    pub error_kind: Option<ErrorKind>,
    /// Failures in a row.
    pub failures: u64,
    /// How long the last one took.
    pub took: Duration,
    /// All that ended since kaptap was started.
    pub attempts: u64,
    /// Those of them that failed, by kind.
    pub failed: BTreeMap<ErrorKind, u64>,
}

impl Poll {
    /// Whether what is known is older than it should be: the last one failed, or there was none yet.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.error.is_some() || self.last_success.is_none()
    }
}

/// How each kind of poll went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polls {
    /// [`PollKind::Ping`]
    pub ping: Poll,
    /// [`PollKind::Tasks`]
    pub tasks: Poll,
    /// [`PollKind::Topics`]
    pub topics: Poll,
    /// [`PollKind::Handlers`]
    pub handlers: Poll,
    /// [`PollKind::Vars`]
    pub vars: Poll,
}

impl Polls {
    /// Those of one kind.
    #[must_use]
    pub const fn of(&self, kind: PollKind) -> &Poll {
        match kind {
            PollKind::Ping => &self.ping,
            PollKind::Tasks => &self.tasks,
            PollKind::Topics => &self.topics,
            PollKind::Handlers => &self.handlers,
            PollKind::Vars => &self.vars,
        }
    }

    /// Those of one kind, to be changed.
    pub const fn of_mut(&mut self, kind: PollKind) -> &mut Poll {
        match kind {
            PollKind::Ping => &mut self.ping,
            PollKind::Tasks => &mut self.tasks,
            PollKind::Topics => &mut self.topics,
            PollKind::Handlers => &mut self.handlers,
            PollKind::Vars => &mut self.vars,
        }
    }
}
