//! Commands: the only place that prints to standard output.

use std::process::ExitCode;

/// Runs the command line and returns the exit code: 0 ok, 1 failed, 2 usage.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
