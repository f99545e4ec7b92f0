//! Which tasks are connected by UDF, remembered over a restart of kaptap.
//!
//! Kapacitor never comes back to a UDF that it lost: the task is dead, though it goes on looking alive until its next
//! point. So what was connected when kaptap stopped, and does not come back in time, is named.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many nodes are remembered that are neither connected nor missed.
const KNOWN: usize = 4096;

/// The file in the state directory.
const FILE: &str = "connected.json";

/// A task's UDF node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskNode {
    /// Task.
    pub task: String,
    /// Node.
    pub node: String,
}

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Whether kaptap was running when it was written: after a clean stop it was not.
    pub running: bool,
    /// The tasks that were connected.
    pub tasks: Vec<TaskNode>,
    /// All that were ever connected, as many as are remembered.
    #[serde(default)]
    pub known: Vec<TaskNode>,
}

impl Remembered {
    /// Reads the file; `None` when this is the first start, or the file is damaged.
    #[must_use]
    pub fn read(state: &Path) -> Option<Self> {
        match fs::read(state.join(FILE)) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(remembered) => Some(remembered),
                Err(error) => {
                    tracing::warn!(file = FILE, %error, "Cannot tell which tasks were connected");
                    None
                }
            },
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(file = FILE, %error, "Cannot tell which tasks were connected");
                }
                None
            }
        }
    }
}

/// Which tasks are connected now, and which have not come back.
#[derive(Debug, Default)]
pub(crate) struct Connected {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Connections of each node. Kapacitor opens a second one for a moment when a task is defined.
    now: BTreeMap<TaskNode, u32>,
    missing: Vec<TaskNode>,
    /// Whatever was connected once.
    known: BTreeSet<TaskNode>,
    changed: bool,
}

impl Connected {
    pub(crate) fn new(remembered: Remembered) -> Self {
        let Remembered { tasks: missing, known, .. } = remembered;
        let known = known.into_iter().chain(missing.iter().cloned()).collect();
        Self { inner: Mutex::new(Inner { now: BTreeMap::new(), missing, known, changed: true }) }
    }

    /// Whether this node was ever connected, as far as is remembered.
    pub(crate) fn knows(&self, node: &TaskNode) -> bool {
        self.lock().known.contains(node)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self, node: TaskNode) {
        let mut inner = self.lock();
        inner.missing.retain(|missing| *missing != node);
        if inner.known.insert(node.clone()) && inner.known.len() > KNOWN {
            let Inner { now, missing, known, .. } = &mut *inner;
            let gone =
                known.iter().find(|known| !now.contains_key(known) && !missing.contains(known) && **known != node);
            if let Some(gone) = gone.cloned() {
                known.remove(&gone);
            }
        }
        *inner.now.entry(node).or_default() += 1;
        inner.changed = true;
    }

    /// Kapacitor ended a connection: the node is not expected back.
    pub(crate) fn closed(&self, node: &TaskNode) {
        let mut inner = self.lock();
        if let Some(count) = inner.now.get_mut(node) {
            *count -= 1;
            if *count == 0 {
                inner.now.remove(node);
            }
        }
        inner.changed = true;
    }

    /// The nodes that were connected before the last stop and have not come back.
    pub(crate) fn missing(&self) -> Vec<TaskNode> {
        self.lock().missing.clone()
    }

    /// Writes the file if something changed since it was last written, or if `running` ends.
    pub(crate) fn save(&self, state: &Path, running: bool) -> io::Result<()> {
        let remembered = {
            let mut inner = self.lock();
            if running && !std::mem::take(&mut inner.changed) {
                return Ok(());
            }
            // What is missing still is expected at the next start.
            let tasks = inner.now.keys().chain(&inner.missing).cloned().collect();
            Remembered { running, tasks, known: inner.known.iter().cloned().collect() }
        };
        let fresh = state.join(format!("{FILE}.new"));
        fs::write(&fresh, serde_json::to_vec(&remembered)?)?;
        fs::rename(&fresh, state.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::{Connected, Remembered, TaskNode};

    fn node(task: &str) -> TaskNode {
        TaskNode { task: task.to_owned(), node: "kaptap2".to_owned() }
    }

    #[test]
    fn what_was_connected_and_does_not_come_back_is_missing() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Remembered::read(state.path()), None);
        let before = Connected::new(Remembered::default());
        for task in ["stays", "returns", "disabled", "returns"] {
            before.opened(node(task));
        }
        before.closed(&node("disabled"));
        before.closed(&node("returns"));
        before.save(state.path(), true).unwrap();

        let remembered = Remembered::read(state.path()).unwrap();
        assert!(remembered.running, "it was killed");
        let after = Connected::new(remembered);
        after.opened(node("returns"));
        assert!(after.knows(&node("disabled")) && !after.knows(&node("another")));
        assert_eq!(after.missing(), [node("stays")]);
        after.save(state.path(), false).unwrap();
        let remembered = Remembered::read(state.path()).unwrap();
        assert_eq!((remembered.running, remembered.tasks), (false, vec![node("returns"), node("stays")]));
    }

    #[test]
    fn a_damaged_file_is_no_reason_to_stop() {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("connected.json"), b"{").unwrap();
        assert_eq!(Remembered::read(state.path()), None);
    }
}
