//! Parking what the peer refused, and taking back what it took after all: in the background, because the disk blocks.

use super::item::{Item, event};
use super::options::SinkOptions;
use super::parked::{DroppedOldest, Gone, Parked, Why};
use super::report::Reporter;
use super::sink::Reason;
use crate::event::Event;
use crate::record::Record;
use std::sync::{Arc, Mutex, PoisonError};

/// Parks refused events; false when the disk does not take them, so that they have to come again.
pub(super) async fn park(
    store: &Arc<Mutex<Parked>>,
    options: &Arc<SinkOptions>,
    refused: Vec<(Item, Reason, Why)>,
    reporter: &mut Reporter,
    clock: i64,
) -> bool {
    if refused.is_empty() {
        return true;
    }
    let (store, options) = (Arc::clone(store), Arc::clone(options));
    let work = move || {
        let records: Vec<Record<'_>> = refused.iter().map(|(item, ..)| item.record()).collect();
        let events: Vec<Event<'_>> =
            refused.iter().zip(&records).map(|((item, ..), record)| event(&item.stream, record, &options)).collect();
        let lines: Vec<(&Item, &Event<'_>, &Why)> =
            refused.iter().zip(&events).map(|((item, _, why), event)| (item, event, why)).collect();
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        let added = store.add(&lines);
        let size = store.size();
        let reasons: Vec<(Reason, String)> =
            refused.iter().map(|(_, reason, why)| (*reason, why.error.clone())).collect();
        (added, size, reasons)
    };
    let parked: Option<(std::io::Result<Option<DroppedOldest>>, _, _)> = tokio::task::spawn_blocking(work).await.ok();
    match parked {
        Some((Ok(dropped), size, reasons)) => {
            reporter.parked(&reasons, dropped, size, clock);
            true
        }
        Some((Err(error), ..)) => {
            reporter.retried(Reason::Local, &format!("cannot park what the peer refused: {error}"), clock);
            false
        }
        None => false,
    }
}

/// Takes what was delivered after all off the list.
pub(super) async fn unpark(store: &Arc<Mutex<Parked>>, seqs: Vec<u64>, reporter: &mut Reporter) {
    let store = Arc::clone(store);
    let work = move || {
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = store.remove(&seqs, Gone::Delivered);
        (removed, store.size())
    };
    if let Ok((removed, size)) = tokio::task::spawn_blocking(work).await {
        reporter.parked_size(size);
        if let Err(error) = removed {
            tracing::error!(%error, "Events that were delivered after all stay on the list of parked ones");
        }
    }
}
