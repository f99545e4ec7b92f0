//! How a command ends when it does not end well, and the one place where a chain of errors is printed.

use std::error::Error;
use std::process::ExitCode;

/// Any error, as it goes up to the edge.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was asked wrongly: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// It did not work: exit code 1.
    #[error("{context}")]
    Failed {
        /// What was being done.
        context: String,
        /// The cause.
        source: Option<BoxError>,
    },
    /// It did not work, and everything about it has been said already: exit code 1.
    #[error("failed")]
    Said,
    /// Whoever reads standard output has gone: that is how `| head` ends, and a success.
    #[error("nobody reads the output")]
    ReaderGone,
}

impl Failure {
    /// A failure without a cause of its own.
    pub(super) fn because(context: impl Into<String>) -> Self {
        Self::Failed { context: context.into(), source: None }
    }

    /// A failure with its cause.
    pub(super) fn caused(context: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Failed { context: context.into(), source: Some(source.into()) }
    }

    /// Says it on standard error, if there is something to say, and gives the exit code.
    pub(super) fn end(&self) -> ExitCode {
        match self {
            Self::ReaderGone => ExitCode::SUCCESS,
            Self::Said => ExitCode::from(1),
            Self::Usage(_) => {
                say(&chain(self));
                ExitCode::from(2)
            }
            Self::Failed { .. } => {
                say(&chain(self));
                ExitCode::from(1)
            }
        }
    }
}

/// Says one line to the person: `kaptap: …` on standard error.
pub(super) fn say(line: &str) {
    eprintln!("kaptap: {line}");
}

/// An error and its causes: `a: b: c`. A cause that its parent has already spelled out is not said twice.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}
