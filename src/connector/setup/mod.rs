//! `kaptap setup`: handlers on Kapacitor's topics that post to kaptap, made, changed and taken away.
//!
//! First everything is read and a plan is made; only then something is changed, so that whatever is wrong with what was
//! asked costs nothing. The same again changes nothing. What is ours is known by its id and by its URL, which is
//! kaptap's for just that topic; nothing else is ever touched.
//!
//! What is true of a handler on the anonymous topic of a task (`main:TASK:alertN`), tried with Kapacitor 1.8.3:
//!
//! | after | the handler |
//! |---|---|
//! | the task was disabled and enabled, reloaded | works on |
//! | kapacitord was started anew | works on |
//! | the task was deleted and defined again | works on |
//! | the script changed so that the alert node has another number | gets nothing more, and nobody says so; doctor does |
//! | the task was deleted | is left over; only who knows the topic's name can find it |

mod choose;
mod handler;
mod lines;
mod plan;
mod probe;

pub use choose::{Asked, Choice, ChoiceError, Chosen, alert_nodes, anonymous, choose, choose_removal};
pub use handler::{Address, Aim, AimError, LONGEST_TIMEOUT, differences, header_carries, path, takes_handlers};
pub use lines::{UDF_TIMEOUT, kapacitor_conf};
pub use plan::{Action, PlanError, Request, Step, plan, plan_removal};
pub use probe::{Probed, probe, shown_probe};

use super::client::Ask;
use super::{ApiError, Client};
use std::collections::BTreeMap;

/// What is to be done and said.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The steps, in the order of the command line.
    pub steps: Vec<Step>,
    /// Sentences about what was left out.
    pub notes: Vec<String>,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// What was asked cannot be done; each is a sentence of its own.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    /// Kapacitor could not be asked.
    #[error("cannot ask Kapacitor for {what}")]
    Asking {
        /// What it was asked for.
        what: String,
        /// The cause.
        source: ApiError,
    },
}

/// Reads what Kapacitor has and finds out what has to be done. Changes nothing.
///
/// # Errors
/// When it cannot be done as it was asked, or Kapacitor cannot be read.
pub async fn look(client: &Client, aim: &Aim, asked: &Asked, remove: bool) -> Result<Planned, SetupError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |source| SetupError::Asking { what, source }
    };
    aim.check().map_err(|error| SetupError::Wrong(vec![error.to_string()]))?;
    let topics = client.topics().await.map_err(failed("its topics"))?;
    let tasks = client.tasks(&["status", "executing", "stats"]).await.map_err(failed("its tasks"))?;
    let chosen = if remove { choose_removal(asked, &topics, &tasks) } else { choose(asked, &topics, &tasks) };
    let Choice { chosen, notes } = chosen.map_err(|errors| sentences(&errors))?;
    let mut found = BTreeMap::new();
    for Chosen { topic, .. } in &chosen {
        let handlers = client.handlers(topic).await.map_err(failed(&format!("the handlers of topic {topic:?}")))?;
        found.insert(topic.clone(), handlers);
    }
    let steps = if remove {
        plan_removal(aim, &chosen, &found)
    } else {
        plan(aim, &chosen, &found).map_err(|errors| sentences(&errors))?
    };
    Ok(Planned { steps, notes })
}

/// Does one step.
///
/// # Errors
/// See [`ApiError`].
pub async fn apply(client: &Client, step: &Step) -> Result<(), ApiError> {
    let Some(Request { method, path, body }) = step.request() else { return Ok(()) };
    client.ask(Ask { what: "setup", method, path: &path, body }).await.map(drop)
}

fn sentences<E: ToString>(errors: &[E]) -> SetupError {
    SetupError::Wrong(errors.iter().map(ToString::to_string).collect())
}
