//! What the doctor knows when it judges: everything that was read, and nothing else.

use super::config::Section;
use crate::connector::ApiError;
use crate::connector::own::OpenStream;
use crate::connector::setup::Probed;
use crate::kapacitor::api::{Handler, Task, Topic, TopicEvent};
use std::path::PathBuf;

/// Both sides, as they were found.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Kapacitor's scheme, host and port.
    pub kapacitor: String,
    /// Whether that is this machine.
    pub local: bool,
    /// What ping answered.
    pub ping: Result<Ping, ApiError>,
    /// All tasks, with scripts and statistics.
    pub tasks: Result<Vec<Task>, ApiError>,
    /// All tasks once more, a little later: only statistics count.
    pub tasks_later: Vec<Task>,
    /// All topics.
    pub topics: Result<Vec<TopicFacts>, ApiError>,
    /// The configuration, as far as Kapacitor shows it.
    pub config: Result<Vec<Section>, ApiError>,
    /// Ways from Kapacitor to kaptap; the first is the one that is to be used.
    pub ways: Vec<Way>,
    /// kaptap's own side.
    pub own: OwnFacts,
}

/// An answer to ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ping {
    /// Version; empty in a build of one's own.
    pub version: String,
    /// What was learned of Kapacitor's clock.
    pub clock: Option<Clock>,
}

/// Kapacitor's clock against ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Its `Date` header, whole seconds since 1970, cut off.
    pub said: i64,
    /// When we asked, nanoseconds since 1970.
    pub asked: i64,
    /// When we had the answer, nanoseconds since 1970.
    pub answered: i64,
}

/// A topic and what is on it.
#[derive(Debug, Clone)]
pub struct TopicFacts {
    /// As it was listed.
    pub topic: Topic,
    /// As it was listed again when its events had been read.
    pub later: Option<Topic>,
    /// The last event of every id.
    pub events: Result<Vec<TopicEvent>, ApiError>,
    /// Its handlers.
    pub handlers: Result<Vec<Handler>, ApiError>,
}

/// A way from Kapacitor to kaptap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The address, as handlers have it: scheme, host, port and perhaps a path.
    pub address: String,
    /// What uses it, for people: handlers and scripts.
    pub users: Vec<String>,
    /// Whether it is said to be this kaptap's by the configuration or the command line.
    pub expected: bool,
    /// How trying it ended.
    pub probed: Probed,
}

/// kaptap's own side.
#[derive(Debug, Clone)]
pub struct OwnFacts {
    /// Its address.
    pub address: String,
    /// The streams that are open, or why that could not be asked.
    pub streams: Result<Vec<OpenStream>, String>,
    /// Its sockets.
    pub sockets: Vec<SocketFacts>,
    /// Who kapacitord runs as, where that can be found out.
    pub account: Option<Account>,
}

/// A socket of kaptap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketFacts {
    /// Where it should be.
    pub path: PathBuf,
    /// What is there.
    pub state: SocketState,
    /// The directories above it.
    pub above: Vec<Directory>,
}

/// What is where a socket should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SocketState {
    /// Nothing.
    Missing,
    /// Something else.
    NotASocket,
    /// It could not be looked at.
    Unseen(String),
    /// A socket.
    There {
        /// Permission bits and owner.
        owned: Owned,
        /// Whether somebody listens on it; `None` where this user may not try.
        listening: Option<bool>,
    },
}

/// Permission bits and owner of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owned {
    /// Permission bits.
    pub mode: u32,
    /// User.
    pub user: u32,
    /// Group.
    pub group: u32,
}

/// A directory above a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Its path.
    pub path: PathBuf,
    /// Permission bits and owner.
    pub owned: Owned,
}

/// Who a process runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// For people.
    pub name: String,
    /// User.
    pub user: u32,
    /// All groups.
    pub groups: Vec<u32>,
}

impl Account {
    /// Whether it has one of the permissions of `bits` (read 4, write 2, search 1) on a file.
    #[must_use]
    pub fn may(&self, owned: Owned, bits: u32) -> bool {
        let shift = if self.user == 0 {
            return true;
        } else if self.user == owned.user {
            6
        } else if self.groups.contains(&owned.group) {
            3
        } else {
            0
        };
        owned.mode >> shift & bits == bits
    }
}
