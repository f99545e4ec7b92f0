//! What sinks there are to be, and why one cannot be had.

use super::cursor::CursorError;
use super::options::SinkOptions;
use super::sink::Sink;
use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// A sink as it should be.
pub struct Plan {
    /// How it is fed.
    pub options: SinkOptions,
    /// Its type, as in the configuration.
    pub kind: &'static str,
    /// Nothing about it has changed: if it runs, it is left alone.
    pub unchanged: bool,
    /// Makes it. Called inside the runtime, and again when its worker has to be started again.
    pub build: Build,
}

/// Makes a sink.
pub type Build = Arc<dyn Fn() -> Result<Box<dyn Sink>, BoxError> + Send + Sync>;

/// Why a sink cannot be had as planned. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The peer's part does not work.
    #[error("sink {name} cannot be made")]
    Build {
        /// Name of the sink.
        name: String,
        /// The cause.
        source: BoxError,
    },
    /// Its cursor cannot be used.
    #[error("sink {name} does not know where to begin")]
    Cursor {
        /// Name of the sink.
        name: String,
        /// The cause.
        source: CursorError,
    },
    /// A directory cannot be used.
    #[error("cannot use {path} for delivery")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Why something that was asked for is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such sink.
    #[error("there is no sink of this name")]
    NoSink,
    /// One replay at a time.
    #[error("a replay to this sink is under way; wait until it is at its end")]
    Busy,
    /// The worker does not take commands now.
    #[error("the sink is stopping or broken, or has too much to do; try again later")]
    NotNow,
}
