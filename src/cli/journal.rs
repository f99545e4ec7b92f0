//! `kaptap journal`: looks into the journal, also while kaptap runs.

use super::arguments::{JournalCommand, SettingsArguments};
use super::failure::Failure;

pub(super) fn run(_settings: &SettingsArguments, command: &JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Ls | JournalCommand::Verify | JournalCommand::Export(_) => {
            Err(Failure::because("cannot look into the journal yet"))
        }
    }
}
