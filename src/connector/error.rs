//! Why Kapacitor did not say what it was asked.

/// Why an exchange with Kapacitor failed. Sentences name the peer by scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// No connection, or one that was cut before the answer.
    #[error("{0}")]
    Unreachable(String),
    /// No whole answer in time.
    #[error("{0}")]
    TimedOut(String),
    /// 401 or 403: the credentials are missing, wrong, or do not go as far.
    #[error("Kapacitor does not let us in ({code}): {message}")]
    Denied {
        /// Status.
        code: u16,
        /// What it says.
        message: String,
    },
    /// What was asked for is not there.
    #[error("Kapacitor does not have it: {0}")]
    NotFound(String),
    /// Another status that is an error.
    #[error("Kapacitor answered {code}: {message}")]
    Status {
        /// Status.
        code: u16,
        /// What it says.
        message: String,
    },
    /// The answer is not what Kapacitor answers: broken off, no JSON, another shape, too long.
    #[error("the answer is not to be understood: {0}")]
    NotUnderstood(String),
}

/// The kinds of [`ApiError`], for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// [`ApiError::Unreachable`]
    Unreachable,
    /// [`ApiError::TimedOut`]
    TimedOut,
    /// [`ApiError::Denied`]
    Denied,
    /// [`ApiError::NotFound`]
    NotFound,
    /// [`ApiError::Status`]
    Status,
    /// [`ApiError::NotUnderstood`]
    NotUnderstood,
}

impl ErrorKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::Status => "status",
            Self::NotUnderstood => "not_understood",
        }
    }
}

impl ApiError {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable(_) => ErrorKind::Unreachable,
            Self::TimedOut(_) => ErrorKind::TimedOut,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Status { .. } => ErrorKind::Status,
            Self::NotUnderstood(_) => ErrorKind::NotUnderstood,
        }
    }
}
