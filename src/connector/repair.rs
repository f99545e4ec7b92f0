//! What is done after the polls of a Kapacitor: reconciliation and the medic.

use super::hooks::{AfterPoll, BoxFuture, MakeHooks};
use super::medic::Medic;
use super::reconcile::{Reconciler, Report};
use super::{Client, Options, Snapshot};
use crate::intake::Intake;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many of the Kapacitors that are watched have each scope.
#[derive(Debug, Default)]
struct Scopes(Mutex<BTreeMap<String, usize>>);

impl Scopes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Kapacitor's place in its scope.
#[derive(Debug)]
pub struct Seat {
    scopes: Arc<Scopes>,
    scope: String,
}

impl Seat {
    fn take(scopes: &Arc<Scopes>, scope: &str) -> Self {
        *scopes.lock().entry(scope.to_owned()).or_default() += 1;
        Self { scopes: Arc::clone(scopes), scope: scope.to_owned() }
    }

    /// A place in a scope that nobody else has.
    #[must_use]
    pub fn alone(scope: &str) -> Self {
        Self::take(&Arc::default(), scope)
    }

    /// Whether no other Kapacitor that is watched has the same scope.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.scopes.lock().get(&self.scope).is_none_or(|seats| *seats < 2)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut scopes = self.scopes.lock();
        if let Some(seats) = scopes.get_mut(&self.scope) {
            *seats -= 1;
            if *seats == 0 {
                scopes.remove(&self.scope);
            }
        }
    }
}

struct Repair {
    reconciler: Reconciler,
    medic: Medic,
}

impl AfterPoll for Repair {
    fn after_events<'a>(
        &'a mut self,
        client: &'a Client,
        snapshot: &'a Snapshot,
        intake: &'a Intake,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.reconciler.after_events(client, snapshot, intake))
    }

    fn after_tasks<'a>(
        &'a mut self,
        client: &'a Client,
        snapshot: &'a Snapshot,
        intake: &'a Intake,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.medic.after_tasks(client, snapshot, intake))
    }

    fn report(&self) -> Option<Arc<Mutex<Report>>> {
        Some(self.reconciler.report())
    }
}

/// Reconciliation and the medic for every Kapacitor; what they have to remember over a restart is kept in `state`.
#[must_use]
pub fn hooks(state: Option<PathBuf>) -> MakeHooks {
    let scopes = Arc::new(Scopes::default());
    Arc::new(move |options: &Options| {
        let seat = Seat::take(&scopes, &options.scope);
        let reconciler = Reconciler::new(options, seat, state.as_deref());
        vec![Box::new(Repair { reconciler, medic: Medic::new(options, state.as_deref()) })]
    })
}
