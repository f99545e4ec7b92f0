//! Wiring of delivery: from the configuration's sinks to plans, and from troubles to events.

use super::GRACE;
use super::screen::Screen;
use crate::cli::{BoxError, chain};
use crate::config::{Config, SinkSettings};
use crate::delivery::sink::Sink;
use crate::delivery::{Delivery, Plan, PlanError, Trouble};
use crate::intake::{Intake, Notice};
use crate::sinks::options::Peer;
use std::path::Path;
use std::sync::Arc;

/// Makes the sink of a `[[sink]]` table.
pub type Build = Arc<dyn Fn(&SinkSettings) -> Result<Box<dyn Sink>, BoxError> + Send + Sync>;

/// The sinks that kaptap has, with what they keep over a restart in the data directory, and what they show.
pub(super) fn sinks(data_dir: &Path, screen: Screen) -> Build {
    let state = data_dir.join("state");
    Arc::new(move |settings| {
        let kapacitor = match &settings.peer {
            Peer::Dataminer(options) => options.kapacitor.clone(),
            _ => None,
        };
        let pages = screen.pages(kapacitor);
        Ok(crate::sinks::build_showing(&settings.options.name, &settings.peer, &state, pages)?)
    })
}

/// Delivery from this intake's journal. Its troubles become system events.
pub(super) fn delivery(config: &Config, intake: &Intake) -> Delivery {
    let teller = intake.clone();
    let tell = Arc::new(move |trouble| {
        let teller = teller.clone();
        tokio::spawn(async move { teller.notice_durably(notice(trouble)).await })
    });
    Delivery::new(intake.journal().clone(), intake.metrics().clone(), &config.data_dir, GRACE, tell)
}

fn notice(trouble: Trouble) -> Notice {
    match trouble {
        Trouble::Missed { sink, seqs: (first_seq, last_seq), reason } => {
            Notice::SinkGap { sink, first_seq, last_seq, reason: reason.to_owned() }
        }
        Trouble::Dropped { sink, dropped } => {
            Notice::ParkedDropped { sink, count: dropped.count, first_seq: dropped.seqs.0, last_seq: dropped.seqs.1 }
        }
        Trouble::BegunAnew { sink, error } => Notice::SinkBegunAnew { sink, error },
    }
}

/// The sinks of a configuration, as they should be; `before` is the configuration that runs.
pub(super) fn plans(config: &Config, before: Option<&Config>, build: &Build) -> Vec<Plan> {
    let plan = |settings: &SinkSettings| {
        if let Some(doubt) = settings.doubt() {
            tracing::warn!(sink = settings.options.name, doubt, "A sink can hardly be meant so");
        }
        let (options, kind) = (settings.options.clone(), settings.kind);
        let unchanged = before.is_some_and(|before| before.sinks.contains(settings));
        let (settings, build) = (settings.clone(), Arc::clone(build));
        Plan { options, kind, unchanged, build: Arc::new(move || build(&settings)) }
    };
    config.sinks.iter().map(plan).collect()
}

/// All that is wrong with plans, in one line.
pub(super) fn all(errors: &[PlanError]) -> String {
    errors.iter().map(|error| chain(error)).collect::<Vec<_>>().join("; ")
}
