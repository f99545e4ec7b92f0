//! Wiring of the connector: from the configuration's Kapacitors to what is watched.

use crate::cli::chain;
use crate::config::{Config, KapacitorSettings};
use crate::connector::{Connector, ConnectorError, Options};
use crate::http::Proxies;
use crate::intake::Intake;
use std::sync::Arc;

/// Watches nothing yet; what it learns becomes events of this intake.
pub(super) fn connector(intake: &Intake) -> Connector {
    Connector::new(intake.clone(), Proxies::of_environment(), Arc::new(|_| Vec::new()))
}

/// The Kapacitors of a configuration.
pub(super) fn options(config: &Config) -> Vec<Options> {
    config.kapacitors.iter().map(|kapacitor| kapacitor.options.clone()).collect()
}

/// Names of those whose files were changed, so that they are to be watched anew though their options are the same.
pub(super) fn renewed(before: &Config, now: &Config) -> Vec<String> {
    let same = |new: &&KapacitorSettings| before.kapacitors.contains(new);
    now.kapacitors.iter().filter(|new| !same(new)).map(|new| new.options.name.clone()).collect()
}

/// All that is wrong, in one line.
pub(super) fn all(errors: &[ConnectorError]) -> String {
    errors.iter().map(|error| chain(error)).collect::<Vec<_>>().join("; ")
}
