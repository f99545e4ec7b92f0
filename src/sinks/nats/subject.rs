//! Subjects: from a template, so that whatever an event holds makes a subject that NATS takes.
//!
//! A value is one token: what NATS gives a meaning to (`.`, `*`, `>`, white space) or cannot be typed (controls) becomes
//! `_`, and so does a value that is missing or empty. So all subjects of a template have the same number of tokens, and
//! a pattern that covers them all is known before the first event.

use crate::event::Event;
use crate::filter::path::{Collection, Member};
use crate::filter::template::Template;
use crate::filter::{FilterError, Subject, Value};
use crate::http::text::clip;

/// Longest text of one value in a subject, bytes; longer ones are cut. NATS carries the subject in one protocol line,
/// whose bound is 4 KiB.
const VALUE: usize = 256;

/// Why a text is no template of subjects.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// A path between braces is wrong.
    #[error("{0}")]
    Template(FilterError),
    /// It would make no subject that NATS takes.
    #[error("{0:?} makes no subject: {1}")]
    Tokens(String, &'static str),
}

/// A template of subjects.
#[derive(Debug, Clone)]
pub struct Subjects {
    template: Template,
    covered_by: String,
    own: String,
}

impl Subjects {
    /// Compiles a template.
    ///
    /// # Errors
    /// When a path between braces is wrong, or when the text around the braces has what NATS does not take.
    pub fn compile(text: &str) -> Result<Self, SubjectError> {
        let template = Template::compile(text).map_err(SubjectError::Template)?;
        let tokens = rendered(&template, &Nothing, |_, out| out.push(b'\x01'));
        let wrong = |why| SubjectError::Tokens(text.to_owned(), why);
        if tokens.split('.').any(str::is_empty) {
            return Err(wrong("there is an empty token, between two dots or at an end"));
        }
        if tokens.contains(['*', '>']) {
            return Err(wrong("wildcards (* and >) are for those who subscribe"));
        }
        if tokens.contains(|c: char| c.is_whitespace() || (c.is_control() && c != '\u{1}')) {
            return Err(wrong("there is white space or a control character outside of {{ }}"));
        }
        if tokens.starts_with('$') {
            return Err(wrong("subjects that begin with $ are the server's own"));
        }
        let pattern = |token: &str| if token.contains('\u{1}') { "*".to_owned() } else { token.to_owned() };
        let covered_by = tokens.split('.').map(pattern).collect::<Vec<_>>().join(".");
        Ok(Self { own: below_literals(&covered_by), covered_by, template })
    }

    /// The subject of an event.
    #[must_use]
    pub fn of(&self, event: &Event<'_>) -> String {
        rendered(&self.template, event, token)
    }

    /// The narrowest pattern that covers all subjects.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.covered_by
    }

    /// What a stream that is created for them takes: everything below the fixed tokens at the front, so that another
    /// template with the same beginning finds its place in the same stream.
    #[must_use]
    pub fn for_stream(&self) -> &str {
        &self.own
    }
}

fn below_literals(pattern: &str) -> String {
    match pattern.split_once(".*") {
        Some((front, _)) if front != "*" => format!("{front}.>"),
        _ => pattern.to_owned(),
    }
}

fn rendered(template: &Template, subject: &impl Subject, write: impl FnMut(&str, &mut Vec<u8>)) -> String {
    let mut text = Vec::new();
    template.render_with(subject, &mut text, write);
    // Both the template and what is written into it are text.
    String::from_utf8(text).unwrap_or_default()
}

/// A subject without any value, to see what of a template is its own.
struct Nothing;

impl Subject for Nothing {
    fn member(&self, _: Member) -> Option<Value<'_>> {
        None
    }

    fn entry(&self, _: Collection, _: &str) -> Option<Value<'_>> {
        None
    }

    fn contains(&self, _: Collection, _: &str) -> bool {
        false
    }

    fn size(&self, _: Collection) -> usize {
        0
    }
}

/// Puts a value into a subject as one token.
fn token(value: &str, out: &mut Vec<u8>) {
    let harmless = |c: char| if matches!(c, '.' | '*' | '>') || c.is_whitespace() || c.is_control() { '_' } else { c };
    let token: String = clip(value, VALUE).chars().map(harmless).collect();
    out.extend_from_slice(if token.is_empty() { b"_" } else { token.as_bytes() });
}

/// Whether a stream's subject takes everything that a pattern covers.
#[must_use]
pub fn takes(subject: &str, pattern: &str) -> bool {
    let (mut asked, mut stream) = (pattern.split('.'), subject.split('.'));
    loop {
        match (stream.next(), asked.next()) {
            (None, None) | (Some(">"), Some(_)) => return true,
            (Some("*"), Some(one)) if one != ">" => {}
            (Some(its), Some(one)) if its == one => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
