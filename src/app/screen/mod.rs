//! What a `dataminer` sink shows besides alerts: Kapacitor as the connector last saw it, and kaptap itself.

mod kapacitor;
mod own;
mod rates;

use crate::connector::Snapshot;
use crate::delivery::Delivery;
use crate::intake::{Intake, clock};
use crate::sinks::dataminer::{Pages, Shown};
use rates::Rates;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Gives what is known of all Kapacitors now.
type Snapshots = Box<dyn Fn() -> Vec<Arc<Snapshot>> + Send + Sync>;

/// What sinks are shown. Sinks are made before what they show is there; until then they are shown nothing. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Screen(Arc<Sources>);

#[derive(Default)]
struct Sources {
    own: OnceLock<(Intake, Delivery, i64)>,
    snapshots: OnceLock<Snapshots>,
}

impl Screen {
    /// From now on kaptap itself is shown.
    pub(super) fn show_own(&self, intake: &Intake, delivery: &Delivery) {
        // Called once, when kaptap is put together.
        drop(self.0.own.set((intake.clone(), delivery.clone(), clock::now())));
    }

    /// From now on Kapacitors are shown.
    pub(super) fn show_kapacitors(&self, snapshots: impl Fn() -> Vec<Arc<Snapshot>> + Send + Sync + 'static) {
        drop(self.0.snapshots.set(Box::new(snapshots)));
    }

    /// The pages of one sink, with the Kapacitor of this name; without one, the first.
    pub(super) fn pages(&self, kapacitor: Option<String>) -> Arc<dyn Pages> {
        Arc::new(ForSink { screen: self.clone(), kapacitor, rates: Mutex::default() })
    }
}

/// What one sink is shown. It has its own rates, for they are since it last looked.
struct ForSink {
    screen: Screen,
    kapacitor: Option<String>,
    rates: Mutex<Rates>,
}

impl Pages for ForSink {
    fn shown(&self) -> Shown {
        let now = clock::now();
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = Shown::default();
        if let Some((intake, delivery, started)) = self.screen.0.own.get() {
            own::show(intake, delivery, *started, now, &mut rates, &mut shown);
        }
        if let Some(snapshots) = self.screen.0.snapshots.get() {
            let all = snapshots();
            let wanted = |snapshot: &&Arc<Snapshot>| self.kapacitor.as_ref().is_none_or(|name| *name == snapshot.name);
            if let Some(snapshot) = all.iter().find(wanted) {
                kapacitor::show(snapshot, now, &mut rates, &mut shown);
            }
        }
        rates.forget_unseen();
        shown
    }
}
