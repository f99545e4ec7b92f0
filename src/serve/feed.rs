//! The body of `GET /v1/events`: pages of events, made when the connection asks for them.
//!
//! hyper asks for the next page once the last one is in the socket, so a slow reader is simply read for more slowly: in
//! memory there is one page per reader. What retention removes in the meantime becomes a gap line. A follower waits for
//! the journal to say that more was written; nothing polls.

use super::background::Background;
use super::board::{Board, Given};
use super::page::Page;
use super::scan::{Scan, Step};
use crate::journal::{Attention, Journal, ReadError};
use crate::telemetry::Metrics;
use bytes::Bytes;
use futures_core::Stream;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Wait before a failed read is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// So many reads in a row that found nothing for a follower, and it lets more be written before it looks again: two
/// hundred followers of rare things must not read two hundred times for each point.
const IN_VAIN: u32 = 2;

/// How long it lets more be written then.
const GATHER: Duration = Duration::from_millis(5);

/// Failed reads in a row after which an answer that does not follow is broken off.
const TRIES: u32 = 5;

/// Everything one reader needs.
pub(super) struct Feed {
    /// The stretch to read and the page to fill; elsewhere while a read is under way.
    pub(super) work: Option<Box<(Scan, Page)>>,
    /// Next seq to look at.
    pub(super) position: u64,
    /// Where it shares the work of others, once it is beyond this seq.
    pub(super) board: Option<(Arc<Board>, u64)>,
    /// What is read.
    pub(super) journal: Journal,
    /// Highest seq written.
    pub(super) written: watch::Receiver<u64>,
    /// Where reads run.
    pub(super) background: Background,
    /// Counts gaps.
    pub(super) metrics: Metrics,
    /// How the answer goes on at the end of what is written; without it, the answer ends there.
    pub(super) follow: Option<Follow>,
    /// Ends followers, and breaks off what is not yet read.
    pub(super) stop: CancellationToken,
    /// Place among the readers.
    pub(super) _place: OwnedSemaphorePermit,
}

/// What a read came to; a failure may be tried again.
pub(super) type Read<T> = Result<T, ReadError>;

/// What was read.
#[derive(Debug)]
pub(super) struct Done {
    /// As it is sent.
    pub(super) bytes: Bytes,
    /// Gaps told of in it.
    pub(super) gaps: u64,
    /// How the read ended.
    pub(super) step: Step,
    /// Next seq to look at.
    pub(super) position: u64,
}

/// How a reader follows.
pub(super) struct Follow {
    /// Ends the answer once passed: `until`, when it is a time to come.
    pub(super) deadline: Option<Instant>,
    /// How often a silent answer shows a sign of life, if at all.
    pub(super) heartbeat: Option<Duration>,
    /// When the next one is due.
    pub(super) due: Option<Instant>,
    /// Reads in a row that came to the end of what is written and found nothing.
    pub(super) in_vain: u32,
    /// What it waits for is written soon.
    pub(super) _attention: Attention,
    /// Counted for as long as it follows.
    pub(super) _counted: Counted,
}

/// Keeps the gauge of followers right, however the answer ends.
pub(super) struct Counted(Metrics);

impl Counted {
    pub(super) fn new(metrics: &Metrics) -> Self {
        metrics.readers.inc();
        Self(metrics.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.readers.dec();
    }
}

/// What makes pages.
pub(super) trait Paging: Sized + Send + 'static {
    /// The next page, or `None` at the end.
    ///
    /// # Errors
    /// When the answer cannot be completed. The connection is then broken off, so that the client does not take what it
    /// got for everything.
    fn page(&mut self) -> impl Future<Output = io::Result<Option<Bytes>>> + Send;

    /// The body.
    fn into_stream(self) -> Pages<Self> {
        Pages { turn: Some(turn(self)) }
    }
}

impl Paging for Feed {
    async fn page(&mut self) -> io::Result<Option<Bytes>> {
        let mut failures = 0;
        loop {
            if self.stop.is_cancelled() {
                return if self.follow.is_some() { Ok(None) } else { Err(io::ErrorKind::Interrupted.into()) };
            }
            // Seen before reading: what is written after this wakes us again.
            let written = *self.written.borrow_and_update();
            match self.read(written).await? {
                Ok(Done { bytes, gaps, .. }) if !bytes.is_empty() => {
                    self.metrics.reader_gaps.inc_by(gaps);
                    if let Some(follow) = &mut self.follow {
                        (follow.due, follow.in_vain) = (None, 0);
                    }
                    return Ok(Some(bytes));
                }
                Ok(Done { step: Step::Done, .. }) => return Ok(None),
                Ok(Done { step: Step::AtEnd, .. }) => {
                    if !self.wait().await {
                        return Ok(None);
                    }
                    failures = 0;
                }
                Ok(Done { step: Step::More, .. }) => failures = 0,
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        warn!(error = &error as &dyn std::error::Error, "Cannot read the journal, will try again");
                    }
                    // A follower has time: what a failed disk holds back comes again once the journal has recovered.
                    if failures == TRIES && self.follow.is_none() {
                        return Err(io::Error::other(error));
                    }
                    tokio::select! {
                        () = tokio::time::sleep(RETRY) => {}
                        () = self.stop.cancelled() => {}
                    }
                }
            }
            if let Some(sign) = self.heartbeat() {
                return Ok(Some(sign));
            }
        }
    }
}

impl Feed {
    /// Reads on, with others or alone.
    ///
    /// # Errors
    /// The outer one when reading cannot go on, the inner one when it may be tried again.
    async fn read(&mut self, written: u64) -> io::Result<Read<Done>> {
        let mut bound = u64::MAX;
        if let Some((board, beyond)) = &self.board
            && self.position > *beyond
        {
            if self.position > written {
                // Nothing to read: known without a read.
                let (bytes, position) = (Bytes::new(), self.position);
                return Ok(Ok(Done { bytes, gaps: 0, step: Step::AtEnd, position }));
            }
            let given = board.read(self.position, &self.journal, &self.background).await.map_err(io::Error::other)?;
            match given {
                Ok(Given::Read(done)) => {
                    self.position = done.position;
                    return Ok(Ok(done));
                }
                Ok(Given::Apart(up_to)) => bound = up_to,
                Err(error) => return Ok(Err(error)),
            }
        }
        self.read_alone(bound).await
    }

    /// Fills a page, off the threads that serve connections. What was found before a failure is not lost: it stays in
    /// the page, and the next read goes on behind it.
    async fn read_alone(&mut self, bound: u64) -> io::Result<Read<Done>> {
        let Some(mut work) = self.work.take() else {
            let position = self.position;
            return Ok(Ok(Done { bytes: Bytes::new(), gaps: 0, step: Step::Done, position }));
        };
        work.0.go_to(&self.journal, self.position);
        let reading = self.background.run(move || {
            let (scan, page) = work.as_mut();
            let read = scan.step_up_to(bound, |found| page.take(&found)).map(|step| {
                let (bytes, gaps) = page.send();
                let step = if page.is_last() { Step::Done } else { step };
                Done { bytes: bytes.into(), gaps, step, position: scan.position() }
            });
            (work, read)
        });
        let (work, read) = reading.await.map_err(io::Error::other)?;
        self.position = work.0.position();
        // At the end the work is dropped, and the next read says again that it is done: what was found is sent first.
        if !matches!(read, Ok(Done { step: Step::Done, .. })) {
            self.work = Some(work);
        }
        Ok(read)
    }

    /// Waits at the end of what is written. False when nothing more is to come.
    async fn wait(&mut self) -> bool {
        let Some(follow) = &mut self.follow else { return false };
        if let (None, Some(every)) = (follow.due, follow.heartbeat) {
            follow.due = Some(Instant::now() + every);
        }
        let more = tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            // An error says that the journal was closed.
            changed = self.written.changed() => {
                follow.in_vain = follow.in_vain.saturating_add(1);
                changed.is_ok()
            }
            () = at(follow.deadline) => false,
            () = at(follow.due) => true,
        };
        if more && follow.in_vain > IN_VAIN {
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(GATHER) => {}
            }
        }
        more
    }

    fn heartbeat(&mut self) -> Option<Bytes> {
        let follow = self.follow.as_mut()?;
        let now = Instant::now();
        if now < *follow.due.get_or_insert(now + follow.heartbeat?) {
            return None;
        }
        follow.due = None;
        Some(Page::heartbeat(self.position).into())
    }
}

/// Waits until then; forever, if there is no then.
pub(super) async fn at(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}

type Turn<F> = Pin<Box<dyn Future<Output = (F, io::Result<Option<Bytes>>)> + Send>>;

fn turn<F: Paging>(mut feed: F) -> Turn<F> {
    Box::pin(async move {
        let page = feed.page().await;
        (feed, page)
    })
}

/// The pages of a feed, as a stream.
pub(super) struct Pages<F> {
    turn: Option<Turn<F>>,
}

impl<F: Paging> Stream for Pages<F> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(now) = &mut self.turn else { return Poll::Ready(None) };
        let (feed, page) = ready!(now.as_mut().poll(context));
        // Nothing is read ahead: the next turn begins when it is polled.
        self.turn = matches!(page, Ok(Some(_))).then(|| turn(feed));
        Poll::Ready(page.transpose())
    }
}
