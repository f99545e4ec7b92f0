//! Secrets that were sent to a peer and must not come back in what it says.

use crate::sorted;

/// Shorter ones are found in any text; hiding them would only spoil it.
const SHORTEST: usize = 4;

/// Texts that are hidden.
#[derive(Default)]
pub(crate) struct Secrets(Vec<String>);

impl Secrets {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
            // One secret may be a part of another.
            sorted::sort_by(&mut self.0, |one, other| other.len().cmp(&one.len()));
        }
    }

    /// Whether one is in the text.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// The text with `[secret]` for each.
    pub(crate) fn mask(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
    }
}
