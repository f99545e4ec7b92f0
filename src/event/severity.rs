//! How bad a level is on the scale that OpenTelemetry's logs use.

use crate::words::Level;

/// Severity word of a level.
#[must_use]
pub const fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Critical => "critical",
    }
}

/// Severity number of a level: `INFO`, `INFO2`, `WARN` and `ERROR2` of OpenTelemetry.
#[must_use]
pub const fn number(level: Level) -> u8 {
    match level {
        Level::Ok => 9,
        Level::Info => 10,
        Level::Warning => 13,
        Level::Critical => 18,
    }
}
