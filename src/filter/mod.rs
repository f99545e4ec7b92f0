//! The filter language: a subset of CEL's syntax with CEL's meaning, compiled once, run per event.

use crate::event::Event;

/// A compiled filter.
#[derive(Debug, Clone)]
pub struct Filter {}

/// Why an expression is not a filter; `Display` shows the expression with a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// What is wrong.
    pub message: String,
    /// Byte offset in the expression.
    pub at: usize,
    /// The expression.
    pub expression: String,
}

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is not one.
    pub fn compile(_expression: &str) -> Result<Self, FilterError> {
        Ok(Self {})
    }

    /// Whether the event passes.
    #[must_use]
    pub fn matches(&self, _event: &Event<'_>) -> bool {
        true
    }
}
