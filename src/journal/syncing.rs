//! The thread that syncs what nobody waits for, so that the writer goes on writing, and readers reading, meanwhile.
//!
//! One sync is under way at a time, on a handle of its own. The writer syncs by itself what somebody waits for; before
//! that it waits for the one under way, because what that one found holds for all that was written before it.

use super::buffer::Buffer;
use super::storage::StorageFile;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

/// A sync that is over.
pub(super) struct Synced {
    /// What it was of.
    pub(super) of: Covered,
    /// What the disk said.
    pub(super) result: io::Result<()>,
    /// The handle, for the next one.
    pub(super) file: Option<Box<dyn StorageFile>>,
}

/// What a sync makes durable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Covered {
    /// Everything up to this seq.
    pub(super) seq: u64,
    /// So many chunks of those that were not durable.
    pub(super) chunks: usize,
}

/// The writer's end of the thread, which begins with the first sync and ends with this.
pub(super) struct Syncing {
    buffer: Arc<Buffer>,
    thread: Option<Thread>,
    under_way: Option<Covered>,
}

struct Thread {
    files: SyncSender<Box<dyn StorageFile>>,
    results: Receiver<(Box<dyn StorageFile>, io::Result<()>)>,
    handle: JoinHandle<()>,
}

impl Syncing {
    pub(super) fn new(buffer: Arc<Buffer>) -> Self {
        Self { buffer, thread: None, under_way: None }
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Begins a sync, unless one is under way. Gives the handle back if there is no thread to be had.
    pub(super) fn begin(&mut self, file: Box<dyn StorageFile>, covered: Covered) -> Result<(), Box<dyn StorageFile>> {
        if self.thread.is_none() {
            self.thread = Thread::start(&self.buffer).ok();
        }
        let Some(thread) = self.thread.as_ref().filter(|_| self.under_way.is_none()) else { return Err(file) };
        self.buffer.sync_begins();
        match thread.files.send(file) {
            Ok(()) => {
                self.under_way = Some(covered);
                Ok(())
            }
            Err(unsent) => {
                self.buffer.sync_ends();
                Err(unsent.0)
            }
        }
    }

    /// The sync that was under way, if it is over.
    pub(super) fn over(&mut self) -> Option<Synced> {
        let thread = self.thread.as_ref().filter(|_| self.under_way.is_some())?;
        match thread.results.try_recv() {
            Ok(result) => self.end(Some(result)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => self.end(None),
        }
    }

    /// Waits for the sync that is under way, if there is one.
    pub(super) fn wait(&mut self) -> Option<Synced> {
        let thread = self.thread.as_ref().filter(|_| self.under_way.is_some())?;
        let result = thread.results.recv().ok();
        self.end(result)
    }

    fn end(&mut self, result: Option<(Box<dyn StorageFile>, io::Result<()>)>) -> Option<Synced> {
        let of = self.under_way.take()?;
        let (file, result) = match result {
            Some((file, result)) => (Some(file), result),
            None => (None, Err(io::Error::other("the syncing thread stopped unexpectedly"))),
        };
        Some(Synced { of, result, file })
    }
}

impl Drop for Syncing {
    fn drop(&mut self) {
        if let Some(Thread { files, results, handle }) = self.thread.take() {
            drop((files, results));
            // It has said all it had to say.
            drop(handle.join());
        }
    }
}

impl Thread {
    fn start(buffer: &Arc<Buffer>) -> io::Result<Self> {
        // One is under way at a time, so nothing ever waits for room.
        let (files, asked) = sync_channel::<Box<dyn StorageFile>>(1);
        let (answer, results) = sync_channel(1);
        let buffer = Arc::clone(buffer);
        let run = move || {
            while let Ok(file) = asked.recv() {
                let result = file.sync_data();
                // Before the writer can know of it: it may begin the next one at once.
                buffer.sync_ends();
                let gone = answer.send((file, result)).is_err();
                buffer.sync_is_over();
                if gone {
                    return;
                }
            }
        };
        let handle = std::thread::Builder::new().name("kaptap-sync".to_owned()).spawn(run)?;
        Ok(Self { files, results, handle })
    }
}
