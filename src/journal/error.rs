//! Errors of the journal, by what the caller does next.

use std::path::PathBuf;

/// Why an append was not taken. Nothing was kept and no seq was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The buffer is full; wait for space and try again.
    #[error("the journal's buffer is full")]
    Full,
    /// The run is larger than a run may be.
    #[error("a run of {bytes} bytes is larger than the journal's buffer takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why a read did not give a block.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// These positions are not there (any more); the reader goes on behind them.
    #[error("records {first} to {last} are not in the journal: {reason}")]
    Gap {
        /// First missing seq.
        first: u64,
        /// Last missing seq.
        last: u64,
        /// `retention`, `damage` or `skipped`.
        reason: &'static str,
    },
    /// The disk failed; the same read may be tried again.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the lock.
    #[error("{path} is in use by another kaptap")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be used.
    #[error("cannot use {path} for the journal")]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Written by a newer version.
    #[error("{path} has format {found}, this version knows up to {known}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Version found.
        found: u16,
        /// Newest version known.
        known: u16,
    },
}

/// Missing positions were taken away by retention.
pub(super) const RETENTION: &str = "retention";
/// Missing positions were there once and cannot be read.
pub(super) const DAMAGE: &str = "damage";
/// Missing positions were never certainly given; they were passed over so that none is given twice.
pub(super) const SKIPPED: &str = "skipped";
