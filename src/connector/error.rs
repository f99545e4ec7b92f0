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

/// One topic that cannot be asked for must not keep all others from being asked: errors of single topics are spared.
#[derive(Debug, Default)]
pub(super) struct Spared {
    topics: usize,
    failed: usize,
    first: Option<(String, ApiError)>,
}

impl Spared {
    /// Nothing failed yet of so many topics, asked for or known well enough not to be.
    pub(super) fn of(topics: usize) -> Self {
        Self { topics, ..Self::default() }
    }

    /// Spares an error.
    ///
    /// # Errors
    /// The error itself, if it is not one of this topic: Kapacitor is gone, or lets nobody in.
    pub(super) fn spare(&mut self, topic: &str, error: ApiError) -> Result<(), ApiError> {
        match error {
            ApiError::Unreachable(_) | ApiError::TimedOut(_) | ApiError::Denied { .. } => Err(error),
            ApiError::NotFound(_) | ApiError::Status { .. } | ApiError::NotUnderstood(_) => {
                self.failed += 1;
                self.first.get_or_insert_with(|| (topic.to_owned(), error));
                Ok(())
            }
        }
    }

    /// The sentence to be remembered, logged if it is not the one from `before`.
    ///
    /// # Errors
    /// The first error, if it was the same with every topic.
    pub(super) fn end(self, kapacitor: &str, before: Option<&String>) -> Result<Option<String>, ApiError> {
        let Some((topic, error)) = self.first else { return Ok(None) };
        if self.failed == self.topics {
            return Err(error);
        }
        let said = format!("topic {topic:?}: {error}");
        if before != Some(&said) {
            tracing::warn!(kapacitor, topics = self.failed, said, "A topic of Kapacitor cannot be asked for");
        }
        Ok(Some(said))
    }
}
