//! What is wrong with a configuration: where, which key, and the way out.

use std::fmt;
use std::sync::Arc;

/// Where a setting was written. The order is the order in which errors are reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the configuration file, counted from 1.
    Line {
        /// Name of the file.
        file: Arc<str>,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A command line flag.
    Flag(&'static str),
    /// Nowhere: the default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// One fault of a configuration. They are reported all at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {key}{separator}{problem}", separator = if key.is_empty() { "" } else { ": " })]
pub struct ConfigError {
    /// Where it was written.
    pub place: Place,
    /// The key, with its section: `http.listen`. Empty for text that is not TOML.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub problem: String,
}
