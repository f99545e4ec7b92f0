//! What kaptap itself has to say: records of lane `self`, kind `system`.

use super::append::{New, Terms};
use super::kapacitor_change::KapacitorChange;
use super::{Intake, clock};
use crate::journal::{AppendError, Share, Sync};
use crate::record::{Content, Note, StreamId};
use crate::words::Lane;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::Duration;

/// How many system notices wait for a blocked journal; beyond it the oldest are only logged.
const NOTICES: usize = 1024;

/// How long notices wait at least between two looks whether the journal takes them.
const FLUSH: Duration = Duration::from_millis(50);

/// A system notice. Its JSON is `{"what": …, "message": …, …}`; `what` is a word of a closed set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Records of a stream that the journal does not hold: not kept while it was blocked, or promised by a snapshot.
    Gap {
        /// The stream.
        stream: StreamId,
        /// Task of the stream, where known.
        task: Option<String>,
        /// First missing number.
        first_n: u64,
        /// Last missing number.
        last_n: u64,
        /// How many.
        count: u64,
        /// `journal_blocked` or `restored_beyond_journal`.
        reason: &'static str,
        /// Time of arrival of the first and last of them, nanoseconds since 1970; unknown for a restore.
        observed: Option<(i64, i64)>,
    },
    /// A connection was ended because of what came over it.
    Violation {
        /// Source of the connection.
        source: String,
        /// Task, where known.
        task: Option<String>,
        /// The sentence that was sent to Kapacitor.
        sentence: String,
    },
    /// Restore brought bytes that are not ours, or a stream that is open already: a new stream was begun.
    StreamBegunAnew {
        /// The new stream.
        stream: StreamId,
        /// Task, where known.
        task: Option<String>,
        /// Why.
        sentence: String,
    },
    /// kaptap has started.
    Started {
        /// Its version.
        version: &'static str,
        /// Whether it had been stopped cleanly before; unknown at the first start.
        clean: Option<bool>,
        /// Seq of the last record before.
        last_seq: u64,
    },
    /// kaptap was told to stop.
    Stopped,
    /// A task's UDF was connected before kaptap stopped, and has not come back: Kapacitor does not reconnect.
    UdfMissing {
        /// Task.
        task: String,
        /// Node.
        node: String,
    },
    /// What recovery found missing in the journal.
    JournalGap {
        /// First missing seq.
        first_seq: u64,
        /// Last missing seq.
        last_seq: u64,
        /// The journal's reason.
        reason: String,
    },
    /// Records that were gone from the journal before a sink had them.
    SinkGap {
        /// Name of the sink.
        sink: String,
        /// First missing seq.
        first_seq: u64,
        /// Last missing seq.
        last_seq: u64,
        /// The journal's reason.
        reason: String,
    },
    /// Parked events of a sink that were dropped because there were too many.
    ParkedDropped {
        /// Name of the sink.
        sink: String,
        /// How many.
        count: u64,
        /// Seq of the first of them.
        first_seq: u64,
        /// Seq of the last of them.
        last_seq: u64,
    },
    /// It was not known how far a sink was: it begins with the oldest record.
    SinkBegunAnew {
        /// Name of the sink.
        sink: String,
        /// What is wrong with its cursor.
        error: String,
    },
    /// Something changed about a Kapacitor that is watched.
    Kapacitor {
        /// Its name.
        name: String,
        /// What.
        change: KapacitorChange,
    },
    /// A task that had died of its UDF connection to us was disabled and enabled, or could not be.
    Medic {
        /// `name` of the Kapacitor.
        kapacitor: String,
        /// Task.
        task: String,
        /// Number of the try within the window.
        attempt: usize,
        /// Most tries within the window.
        attempts: usize,
        /// What it had died of.
        error: String,
        /// Why it could not be.
        failure: Option<String>,
    },
    /// A task that was left disabled by an earlier try was enabled again.
    MedicPaid {
        /// `name` of the Kapacitor.
        kapacitor: String,
        /// Task.
        task: String,
        /// What it had died of, as far as Kapacitor still says it.
        error: String,
    },
    /// A task has died of its UDF connection to us, and nobody is told to start it again.
    MedicHint {
        /// `name` of the Kapacitor.
        kapacitor: String,
        /// Task.
        task: String,
        /// What it died of.
        error: String,
    },
    /// The end of the journal was torn and has been cut.
    TornTail {
        /// Bytes cut.
        bytes: u64,
    },
}

impl Notice {
    /// The word of the closed set.
    #[must_use]
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Violation { .. } => "violation",
            Self::StreamBegunAnew { .. } => "stream_begun_anew",
            Self::Started { .. } => "started",
            Self::Stopped => "stopped",
            Self::UdfMissing { .. } => "udf_missing",
            Self::JournalGap { .. } => "journal_gap",
            Self::SinkGap { .. } => "sink_gap",
            Self::ParkedDropped { .. } => "parked_dropped",
            Self::SinkBegunAnew { .. } => "sink_begun_anew",
            Self::Kapacitor { change, .. } => change.kind.as_str(),
            Self::Medic { .. } | Self::MedicPaid { .. } => "medic",
            Self::MedicHint { .. } => "medic_hint",
            Self::TornTail { .. } => "torn_tail",
        }
    }

    /// Whether somebody should do something about it; the rest is for the record.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        match self {
            Self::Started { clean, .. } => matches!(clean, Some(false)),
            Self::Stopped => false,
            Self::Kapacitor { change, .. } => change.kind.is_trouble(),
            _ => true,
        }
    }

    /// The notice as the JSON that is kept.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut value = match self {
            Self::Gap { stream, task, first_n, last_n, count, reason, observed } => json!({
                "message": if *count == 1 {
                    format!("a record of stream {stream} was not kept: n {first_n}")
                } else {
                    format!("{count} records of stream {stream} were not kept: n {first_n} to {last_n}")
                },
                "stream": stream.to_string(), "task": task, "first_n": first_n, "last_n": last_n, "count": count,
                "reason": reason,
                "first_observed_ns": observed.map(|o| o.0), "last_observed_ns": observed.map(|o| o.1),
            }),
            Self::Violation { source, task, sentence } => json!({
                "message": format!("connection on {source} ended: {sentence}"), "source": source, "task": task,
            }),
            Self::StreamBegunAnew { stream, task, sentence } => json!({
                "message": format!("stream {stream} was begun anew: {sentence}"),
                "stream": stream.to_string(), "task": task,
            }),
            Self::Started { version, clean, last_seq } => json!({
                "message": match clean {
                    None => format!("kaptap {version} has started for the first time"),
                    Some(true) => format!("kaptap {version} has started"),
                    Some(false) => format!("kaptap {version} has started; it had not been stopped cleanly"),
                },
                "version": version, "clean": clean, "last_seq": last_seq,
            }),
            Self::Stopped => json!({
                "message": "kaptap was told to stop; every task that uses it as a UDF ends with it",
            }),
            Self::UdfMissing { task, node } => json!({
                "message": format!(
                    "task {task} ({node}) was connected before kaptap stopped and has not come back: \
                     Kapacitor does not reconnect by itself; run: kapacitor reload {task}"
                ),
                "task": task, "node": node,
            }),
            Self::JournalGap { first_seq, last_seq, reason } => json!({
                "message": format!("records {first_seq} to {last_seq} are missing in the journal: {reason}"),
                "first_seq": first_seq, "last_seq": last_seq, "reason": reason,
            }),
            Self::SinkGap { sink, first_seq, last_seq, reason } => json!({
                "message": format!("sink {sink} never had records {first_seq} to {last_seq}: {reason}"),
                "sink": sink, "first_seq": first_seq, "last_seq": last_seq, "reason": reason,
            }),
            Self::ParkedDropped { sink, count, first_seq, last_seq } => json!({
                "message": format!("{count} parked events of sink {sink} were dropped, the oldest, because there were too many"),
                "sink": sink, "count": count, "first_seq": first_seq, "last_seq": last_seq,
            }),
            Self::SinkBegunAnew { sink, error } => json!({
                "message": format!("sink {sink} begins with the oldest record: {error}"), "sink": sink, "error": error,
            }),
            Self::Kapacitor { name, change } => change.json(name),
            Self::Medic { kapacitor, task, attempt, attempts, error, failure } => json!({
                "message": match failure {
                    None => format!("task {task} of {kapacitor} was enabled again (try {attempt} of {attempts}); it had died of: {error}"),
                    Some(failure) => format!("task {task} of {kapacitor} could not be enabled again (try {attempt} of {attempts}): {failure}"),
                },
                "kapacitor": kapacitor, "task": task, "attempt": attempt, "error": error, "failure": failure,
            }),
            Self::MedicPaid { kapacitor, task, error } => json!({
                "message": format!("task {task} of {kapacitor}, which an earlier try had left disabled, was enabled again"),
                "kapacitor": kapacitor, "task": task, "error": error,
            }),
            Self::MedicHint { kapacitor, task, error } => json!({
                "message": format!(
                    "task {task} of {kapacitor} has died of its connection to kaptap: {error}; run: kapacitor reload \
                     {task}; medic = true in [[kapacitor]] would do so by itself"
                ),
                "kapacitor": kapacitor, "task": task, "error": error,
            }),
            Self::TornTail { bytes } => json!({
                "message": format!("{bytes} bytes of an unfinished write were cut from the end of the journal"),
                "bytes": bytes,
            }),
        };
        if let Value::Object(map) = &mut value {
            map.retain(|_, v| !v.is_null());
            map.insert("what".to_owned(), Value::from(self.what()));
        }
        value
    }

    fn log(&self) {
        if self.is_trouble() {
            let json = self.json();
            tracing::warn!(
                what = self.what(),
                "{}",
                json.get("message").and_then(|said| said.as_str()).unwrap_or_default()
            );
        }
    }

    /// Reads from a kept notice which stream it accounts for, and up to which number.
    #[must_use]
    pub fn accounts_for(raw: &[u8]) -> Option<(StreamId, u64)> {
        let value: Value = serde_json::from_slice(raw).ok()?;
        if value.get("what")?.as_str()? != "gap" {
            return None;
        }
        let stream = u64::from_str_radix(value.get("stream")?.as_str()?, 16).ok()?;
        Some((StreamId(stream), value.get("last_n")?.as_u64()?))
    }
}

impl Intake {
    /// Writes a system notice. While the journal is full it waits in a bounded queue, and the oldest gives way.
    pub fn notice(&self, notice: Notice) {
        notice.log();
        let mut waiting = self.0.sources.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= NOTICES {
            waiting.pop_front();
            self.refused(Lane::Own, "notice_queue_full");
        }
        waiting.push_back(notice);
        self.flush_notices(&mut waiting);
    }

    /// Writes a system notice and waits until it is durable, however long the journal is blocked: for what is remembered
    /// elsewhere until then, and so takes no place in the queue. False when the journal was closed before.
    pub async fn notice_durably(&self, notice: Notice) -> bool {
        notice.log();
        let (mut space, mut durable) = (self.0.journal.space(), self.0.journal.durable());
        let seq = loop {
            match self.append_notice(&notice, Share::Last, Sync::Commit) {
                Ok(seq) => break seq,
                Err(AppendError::Full) if space.changed().await.is_ok() => {}
                Err(AppendError::Full | AppendError::Closed) => return false,
                // That it was logged is all that can be done.
                Err(AppendError::TooLarge { .. }) => return true,
            }
        };
        durable.wait_for(|durable| *durable >= seq).await.is_ok()
    }

    fn flush_notices(&self, waiting: &mut VecDeque<Notice>) {
        while let Some(notice) = waiting.front() {
            match self.try_notice(notice, Share::Last) {
                Err(AppendError::Full) => return,
                // Too large cannot be mended, closed is the end: both were logged when the notice came.
                Ok(_) | Err(AppendError::TooLarge { .. } | AppendError::Closed) => {
                    waiting.pop_front();
                }
            }
        }
    }

    /// Writes a system notice if the journal takes it now.
    pub(super) fn try_notice(&self, notice: &Notice, share: Share) -> Result<u64, AppendError> {
        self.append_notice(notice, share, self.0.options.sync_alert)
    }

    fn append_notice(&self, notice: &Notice, share: Share, sync: Sync) -> Result<u64, AppendError> {
        let source = self.source(Lane::Own, "kaptap");
        let raw = notice.json().to_string();
        let new = New { content: Content::System, note: &Note::default(), raw: raw.as_bytes() };
        self.append_next(&source, new, Terms { observed: clock::now(), sync, share })
    }

    /// Writes waiting notices whenever the journal has room again. Ends when the journal is closed.
    pub async fn flush_waiting_notices(&self) {
        let mut space = self.0.journal.space();
        while space.changed().await.is_ok() {
            self.flush_notices(&mut self.0.sources.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            // Space is freed with every write, and hardly ever does anything wait for it.
            tokio::time::sleep(FLUSH).await;
        }
    }
}
