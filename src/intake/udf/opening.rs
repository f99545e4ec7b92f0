//! Opening a connection's stream: Init, Snapshot and Restore.

use super::hold::Keeper;
use super::{Connection, Ending, source_name};
use crate::intake::connected::TaskNode;
use crate::intake::streams::fresh_id;
use crate::intake::{Intake, Notice};
use crate::kapacitor::reply;
use crate::kapacitor::session::Opened;
use crate::kapacitor::snapshot::Snapshot;
use crate::record::{AlertNames, Edge, Stream, StreamId};
use crate::wire::Named;
use crate::words::Lane;
use std::sync::Arc;
use tokio::io::AsyncWrite;

impl<W: AsyncWrite + Unpin> Connection<W> {
    /// The keeper of the connection's stream; opened with the first record.
    pub(super) fn keeper(&mut self) -> &mut Keeper {
        let (intake, edge, opened) = (&self.intake, self.edge, &self.opened);
        self.keeper.get_or_insert_with(|| open_stream(intake, edge, opened.as_ref(), fresh_id(), 0))
    }

    /// Init was accepted.
    pub(super) fn open(&mut self, opened: Opened) {
        if opened.options.alert {
            // Kapacitor began this node anew: what it says next of an alert may be what it said before.
            self.intake.fold().restarted(Some(&opened.task));
        }
        tracing::info!(source = source_name(self.edge), task = opened.task, node = opened.node, "UDF opened");
        self.leave();
        self.intake.0.connected.opened(TaskNode { task: opened.task.clone(), node: opened.node.clone() });
        self.opened = Some(opened);
        // A second Init on one connection is a second stream.
        self.keeper = None;
        self.keeper();
        self.name_tap();
    }

    /// Says on the connection's ring whose it is.
    fn name_tap(&self) {
        let task = self.opened.as_ref();
        self.tap.name(Named {
            stream: self.keeper.as_ref().map(|keeper| keeper.live.stream.id),
            task: task.map(|opened| opened.task.clone()),
            node: task.map(|opened| opened.node.clone()),
        });
    }

    /// The task is not expected back.
    pub(super) fn leave(&mut self) {
        if let Some(before) = self.opened.take() {
            self.intake.0.connected.closed(&TaskNode { task: before.task, node: before.node });
        }
    }

    /// Everything before is durable, or patience ended; then the snapshot is sent.
    pub(super) async fn snapshot(&mut self) -> Result<(), Ending> {
        self.keeper();
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        keeper.barrier(&mut self.voice, &self.stop).await;
        let snapshot = Snapshot { stream: keeper.live.stream.id.0, last_n: self.session.next_n() - 1 };
        self.voice.send(&reply::snapshot(&snapshot.encode())).await.map_err(Ending::Lost)
    }

    /// Finds the stream to go on with; whatever comes of it, Kapacitor is told that it went well.
    pub(super) async fn restore(&mut self, bytes: &[u8]) -> Result<(), Ending> {
        let task = self.opened.as_ref().map(|opened| opened.task.clone());
        let anew = match Snapshot::decode(bytes) {
            None => Some("the snapshot to restore is not one of kaptap's".to_owned()),
            Some(snapshot) if self.intake.0.streams.is_open(StreamId(snapshot.stream)) => {
                Some(format!("stream {:016x} is open on another connection", snapshot.stream))
            }
            Some(snapshot) => {
                self.go_on(&snapshot, task.as_ref());
                None
            }
        };
        if let Some(sentence) = anew {
            let stream = self.keeper().live.stream.id;
            self.intake.notice(Notice::StreamBegunAnew { stream, task, sentence });
        }
        self.voice.send(&reply::restored()).await.map_err(Ending::Lost)
    }

    /// Goes on with a stream where its snapshot, or the journal, whichever is further, left it.
    fn go_on(&mut self, snapshot: &Snapshot, task: Option<&String>) {
        let stream = StreamId(snapshot.stream);
        let kept = self.intake.last_n(stream).unwrap_or(0);
        let reached = kept.max(snapshot.last_n);
        let alert = self.opened.as_ref().is_some_and(|opened| opened.options.alert);
        if kept < snapshot.last_n && (self.intake.options().keep || alert) {
            self.intake.notice(Notice::Gap {
                stream,
                task: task.cloned(),
                first_n: kept + 1,
                last_n: snapshot.last_n,
                count: snapshot.last_n - kept,
                reason: "restored_beyond_journal",
                observed: None,
            });
        }
        self.keeper = Some(open_stream(&self.intake, self.edge, self.opened.as_ref(), stream, reached));
        self.session.set_next_n(reached + 1);
        self.name_tap();
    }
}

fn open_stream(intake: &Intake, edge: Edge, opened: Option<&Opened>, id: StreamId, last_n: u64) -> Keeper {
    let mut stream = Stream::new(id, Lane::Udf, source_name(edge), &intake.options().scope);
    stream.edge = Some(edge);
    if let Some(opened) = opened {
        stream.task = Some(opened.task.clone());
        stream.node = Some(opened.node.clone());
        let options = &opened.options;
        stream.database.clone_from(&options.database);
        stream.retention_policy.clone_from(&options.retention_policy);
        stream.labels.clone_from(&options.labels);
        stream.alert = options.alert.then(|| AlertNames {
            id_tag: options.id_tag.clone(),
            level_tag: options.level_tag.clone(),
            message_field: options.message_field.clone(),
            duration_field: options.duration_field.clone(),
        });
    }
    let counters = intake.counters(Lane::Udf, source_name(edge));
    Keeper::new(intake.clone(), intake.open(Arc::new(stream), last_n), counters)
}
