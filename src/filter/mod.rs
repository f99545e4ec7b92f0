//! The filter language: a subset of CEL's syntax with CEL's meaning, compiled once, run per event.
//!
//! ```text
//! alert.level in ["CRITICAL", "WARNING"] && tags.host.startsWith("web-") && fields.usage_idle < 100.0
//! ```
//!
//! What there is: literals (int, double, string, bool, null), `== != < <= > >=`, `in` over a list, a map or a list of
//! the event, `&& || !`, parentheses, `startsWith endsWith contains matches size has duration timestamp`, and paths into
//! the event ([`path`]). What CEL has besides is refused with a sentence that says so; every filter is a CEL expression.
//!
//! Where the meaning is not CEL's:
//!
//! * **What is missing or of the wrong type is no error but makes the comparison or test false**, also `!=`. So
//!   `tags.host != "a"` is false for an event without that tag, and `!(tags.host == "a")` is true. With no errors there
//!   is nothing for `&&` and `||` to absorb. Two present values of different types are unequal, as in CEL.
//! * What is certainly of the wrong type when the filter is compiled is refused, as by CEL's checker.
//! * An int and a double are compared exactly, also beyond 2^53.
//! * In `matches`, `\d`, `\w` and `\s` mean Unicode's classes.
//!
//! From text to answer: `token` → `parser` → [`Filter`], which asks a [`Subject`] for the values at its paths.

mod calls;
mod error;
mod expression;
mod glance;
mod literal;
mod parsed;
mod parser;
pub mod path;
mod resolve;
mod subject;
pub mod template;
mod token;
mod value;

pub use error::FilterError;
pub use glance::Glance;
pub use parsed::Parsed;
pub use subject::Subject;
pub use value::{Type, Value};

use crate::event::Event;

/// The longest expression, in bytes.
pub const LONGEST: usize = 4096;

/// A compiled filter. Cloning is cheap enough for one clone per reader, not per event.
#[derive(Debug, Clone)]
pub struct Filter {
    text: String,
    condition: expression::Condition,
}

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is not one.
    pub fn compile(expression: &str) -> Result<Self, FilterError> {
        match parser::parse(expression) {
            Ok(condition) => Ok(Self { text: expression.to_owned(), condition }),
            Err(fault) => Err(fault.of(expression)),
        }
    }

    /// Whether the event passes.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.passes(event)
    }

    /// Whether anything that can be asked for a path passes.
    #[must_use]
    pub fn passes(&self, subject: &impl Subject) -> bool {
        self.condition.holds(subject)
    }

    /// Whether no event of which so much is known can pass. False where only the events themselves tell.
    #[must_use]
    pub fn excludes(&self, glance: &Glance<'_>) -> bool {
        self.condition.at_a_glance(glance) == Some(false)
    }

    /// Whether it looks at the id of an event, which is the one part that costs much to make.
    #[must_use]
    pub fn asks_for_id(&self) -> bool {
        self.condition.asks_for(path::Member::Id)
    }

    /// The expression, as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Compiled from the same expression, they are the same.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl std::str::FromStr for Filter {
    type Err = FilterError;

    fn from_str(expression: &str) -> Result<Self, FilterError> {
        Self::compile(expression)
    }
}
