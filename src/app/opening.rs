//! Taking the data directory, and opening what is in it.

use super::AppError;
use crate::config::Config;
use crate::intake::{Intake, Notice, checkpoint};
use crate::journal::{Journal, Storage};
use crate::telemetry::Metrics;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Creates the data directory if need be, and locks it.
pub(super) fn take_directory(path: &Path) -> Result<File, AppError> {
    let failed = |source| AppError::Directory { path: path.to_owned(), source };
    fs::create_dir_all(path).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(path.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(AppError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Opens the journal, reads what is remembered, and says what is missing.
pub(super) async fn open(config: &Config, storage: Arc<dyn Storage>) -> Result<Intake, AppError> {
    let (options, state) = (config.journal.clone(), config.data_dir.join("state"));
    let opened = tokio::task::spawn_blocking(move || -> Result<_, AppError> {
        let (journal, recovery) = Journal::open(options, storage)?;
        let recovered = checkpoint::recover(&state, &journal);
        Ok((journal, recovery, recovered))
    })
    .await;
    let (journal, recovery, recovered) = opened.map_err(|e| AppError::Thread(io::Error::other(e)))??;
    tracing::debug!(replayed = recovered.replayed, open_alerts = recovered.fold.open().count(), "Recovered");
    let (unread, clean) = (recovered.unread, recovered.connected.as_ref().map(|remembered| !remembered.running));
    let last_seq = journal.next_seq() - 1;
    let intake = Intake::new(config.intake.clone(), journal, Metrics::default(), recovered);
    intake.notice(Notice::Started { version: env!("CARGO_PKG_VERSION"), clean, last_seq });
    if let Some((first_seq, last_seq)) = unread {
        intake.notice(Notice::JournalGap { first_seq, last_seq, reason: "not readable at the start".to_owned() });
    }
    if recovery.torn_bytes > 0 {
        intake.notice(Notice::TornTail { bytes: recovery.torn_bytes });
    }
    for (first_seq, last_seq, reason) in recovery.gaps {
        intake.notice(Notice::JournalGap { first_seq, last_seq, reason: reason.to_owned() });
    }
    for (path, reason) in recovery.quarantined {
        tracing::error!(path = %path.display(), reason, "A damaged journal file was set aside");
    }
    Ok(intake)
}
