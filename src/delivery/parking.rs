//! Parking what the peer refused, and taking back what it took after all: in the background, because the disk blocks.

use super::item::{Item, event};
use super::options::SinkOptions;
use super::parked::{DroppedOldest, Gone, Parked, Why};
use super::report::Reporter;
use super::sink::Reason;
use super::turns::within;
use crate::event::Event;
use crate::record::Record;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Parks refused events; false when the disk does not take them, so that they have to come again.
pub(super) async fn park(
    store: &Arc<Mutex<Parked>>,
    options: &Arc<SinkOptions>,
    refused: Vec<(Item, Reason, Why)>,
    reporter: &mut Reporter,
    stop: &CancellationToken,
    clock: i64,
) -> bool {
    if refused.is_empty() {
        return true;
    }
    let options = Arc::clone(options);
    let reasons: Vec<(Reason, String)> = refused.iter().map(|(_, reason, why)| (*reason, why.error.clone())).collect();
    let work = move |store: &mut Parked| {
        let records: Vec<Record<'_>> = refused.iter().map(|(item, ..)| item.record()).collect();
        let events: Vec<Event<'_>> =
            refused.iter().zip(&records).map(|((item, ..), record)| event(item, record, &options)).collect();
        let lines: Vec<(&Item, &Event<'_>, &Why)> =
            refused.iter().zip(&events).map(|((item, _, why), event)| (item, event, why)).collect();
        store.add(&lines)?;
        Ok((store.too_many(), store.size()))
    };
    match with(store, work).await {
        Ok((too_many, size)) => {
            reporter.parked(&reasons, size, clock);
            drop_oldest(store, &too_many, reporter, stop).await;
            true
        }
        Err(error) => {
            reporter.retried(Reason::Local, &format!("cannot park what the peer refused: {error}"), clock);
            false
        }
    }
}

/// Drops the oldest parked events, once it is written down that they are. When that, or the dropping, does not work they
/// stay, and are dropped with the next event that is parked.
async fn drop_oldest(store: &Arc<Mutex<Parked>>, seqs: &[u64], reporter: &mut Reporter, stop: &CancellationToken) {
    let (Some(first), Some(last)) = (seqs.first().copied(), seqs.last().copied()) else { return };
    let told = reporter.drops(DroppedOldest { count: seqs.len() as u64, seqs: (first, last) });
    if !matches!(within(stop, Duration::ZERO, told).await, Some(Ok(true))) {
        return;
    }
    match remove(store, seqs.to_vec(), Gone::Bound).await {
        Ok((count, size)) => {
            reporter.dropped(count as u64);
            reporter.parked_size(size);
        }
        Err(error) => {
            reporter.trouble("Too many events are parked, and the oldest cannot be dropped", &error.to_string());
        }
    }
}

/// Takes what was delivered after all off the list.
pub(super) async fn unpark(store: &Arc<Mutex<Parked>>, seqs: Vec<u64>, reporter: &mut Reporter) {
    match remove(store, seqs, Gone::Delivered).await {
        Ok((_, size)) => reporter.parked_size(size),
        Err(error) => {
            reporter
                .trouble("Events that were delivered after all stay on the list of parked ones", &error.to_string());
        }
    }
}

/// Removes events that are there; how many, and what is left.
async fn remove(store: &Arc<Mutex<Parked>>, seqs: Vec<u64>, why: Gone) -> io::Result<(usize, (usize, u64))> {
    with(store, move |store| store.remove(&seqs, why).map(|count| (count, store.size()))).await
}

async fn with<T: Send + 'static>(
    store: &Arc<Mutex<Parked>>,
    work: impl FnOnce(&mut Parked) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let store = Arc::clone(store);
    let work = move || work(&mut store.lock().unwrap_or_else(PoisonError::into_inner));
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
