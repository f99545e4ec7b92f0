//! How bad an alert is in `DataMiner`'s words. Pure.

use crate::event::Event;
use crate::filter::Filter;
use crate::words::{Level, State};

/// `DataMiner`'s severities, as far as a source may use them: Error and Notice are about `DataMiner` itself, and Timeout
/// about its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Red.
    Critical,
    /// Yellow.
    Major,
    /// Cyan.
    Minor,
    /// Blue.
    Warning,
    /// No alarm: an information event.
    Information,
    /// All well: clears the alarm.
    Normal,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: &[Self] =
        &[Self::Critical, Self::Major, Self::Minor, Self::Warning, Self::Information, Self::Normal];

    /// The word, as `DataMiner` shows it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "Critical",
            Self::Major => "Major",
            Self::Minor => "Minor",
            Self::Warning => "Warning",
            Self::Information => "Information",
            Self::Normal => "Normal",
        }
    }

    /// Reads the word, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|severity| severity.as_str().eq_ignore_ascii_case(word))
    }

    /// What a level of Kapacitor is, unless a rule says otherwise.
    #[must_use]
    pub const fn of(level: Level) -> Self {
        match level {
            Level::Ok => Self::Normal,
            Level::Info => Self::Information,
            Level::Warning => Self::Warning,
            Level::Critical => Self::Critical,
        }
    }
}

/// Which alerts have another severity than their level says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Severities(pub Vec<(Severity, Filter)>);

impl Severities {
    /// The severity of an alert event: the worst rule that it passes, or else what its level says. What is resolved is
    /// Normal, whatever the rules say: it clears the alarm.
    #[must_use]
    pub fn of(&self, event: &Event<'_>, level: Level) -> Severity {
        let resolved = event.alert.as_ref().is_none_or(|alert| alert.state == State::Resolved);
        if resolved || level == Level::Ok {
            return Severity::Normal;
        }
        let rules = self.0.iter().filter(|(_, condition)| condition.matches(event)).map(|(severity, _)| *severity);
        rules.min().unwrap_or(Severity::of(level))
    }
}
