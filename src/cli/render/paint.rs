//! Pieces of a line with their looks, put together, coloured and cut.

use super::text;
use std::borrow::Cow;

/// How a piece of a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Look {
    Plain,
    Dim,
    Bold,
    Good,
    Info,
    Warning,
    Critical,
}

impl Look {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "\x1b[2m",
            Self::Bold => "\x1b[1m",
            Self::Good => "\x1b[32m",
            Self::Info => "\x1b[34m",
            Self::Warning => "\x1b[33m",
            Self::Critical => "\x1b[1;97;41m",
        }
    }

    /// How one of Kapacitor's levels looks.
    pub(in crate::cli) fn of_level(level: &str) -> Self {
        match level {
            "CRITICAL" => Self::Critical,
            "WARNING" => Self::Warning,
            "INFO" => Self::Info,
            "OK" => Self::Good,
            _ => Self::Plain,
        }
    }
}

/// One line of these pieces. With colours each piece has that of its look; what goes beyond the width is cut, and the
/// last column then says so.
pub(in crate::cli) fn paint(spans: &[(Look, Cow<'_, str>)], colour: bool, width: Option<usize>) -> String {
    let total: usize = spans.iter().map(|(_, text)| text::columns(text)).sum();
    // One column is kept for the mark that says that something was cut.
    let mut left = width.map_or(usize::MAX, |width| if total > width { width.saturating_sub(1) } else { width });
    let mut line = String::new();
    for (look, text) in spans {
        let shown = text::fit(text, left);
        left = left.saturating_sub(text::columns(shown));
        let code = if colour { look.code() } else { "" };
        line.push_str(code);
        line.push_str(shown);
        if !code.is_empty() {
            line.push_str("\x1b[0m");
        }
        if shown.len() < text.len() {
            line.push('…');
            break;
        }
    }
    line.truncate(line.trim_end_matches(' ').len());
    line
}
