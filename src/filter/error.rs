//! What is wrong with an expression, and where.

use std::fmt;

/// How much of a long line is shown on each side of the place.
const AROUND: usize = 60;

/// Why an expression is not a filter; `Display` shows the expression with a caret under the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong.
    pub message: String,
    /// Byte offset in the expression.
    pub at: usize,
    /// The expression.
    pub expression: String,
}

/// An error on its way to somebody who knows the expression.
#[derive(Debug)]
pub(super) struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    pub(super) fn of(self, expression: &str) -> FilterError {
        FilterError { message: self.message, at: self.at, expression: expression.to_owned() }
    }
}

impl std::error::Error for FilterError {}

/// The line with the place, a caret under it, and the sentence.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.expression.split_at_checked(self.at).unwrap_or((&self.expression, ""));
        let before = before.rsplit('\n').next().unwrap_or_default();
        let after = after.split('\n').next().unwrap_or_default();
        let skipped = before.chars().count().saturating_sub(AROUND);
        let shown: String = before.chars().skip(skipped).collect();
        let rest: String = after.chars().take(AROUND).collect();
        let [left, right] = [skipped > 0, rest.len() < after.len()].map(|cut| if cut { "…" } else { "" });
        // Whatever is not printable would push the caret aside.
        let printable = |text: &str| text.replace(char::is_control, " ");
        writeln!(f, "{left}{}{}{right}", printable(&shown), printable(&rest))?;
        writeln!(f, "{:indent$}^", "", indent = left.chars().count() + shown.chars().count())?;
        f.write_str(&self.message)
    }
}
