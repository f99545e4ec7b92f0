//! What has to be done, as the requests that do it.

use super::choose::Chosen;
use super::handler::{Aim, body, differences};
use crate::connector::escaped;
use crate::connector::paths::topic_path;
use crate::kapacitor::api::Handler;
use hyper::Method;
use std::collections::BTreeMap;

/// What is done about one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// There is no handler of ours; one is added.
    Create,
    /// Ours differs in these options; it is replaced.
    Update(Vec<String>),
    /// Ours is as it should be.
    Keep,
    /// Ours is taken away.
    Remove,
    /// There is none of ours to take away.
    Nothing,
}

/// What is done about one topic, and by which handler.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The topic.
    pub topic: String,
    /// The task that it was chosen by.
    pub task: Option<String>,
    /// What is done.
    pub action: Action,
    /// The handler as it is to be, or as it is taken away.
    pub handler: Handler,
}

/// One request to Kapacitor.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its path.
    pub path: String,
    /// Its body.
    pub body: Option<serde_json::Value>,
}

/// Why it cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The id is taken by a handler of somebody else.
    #[error("topic {topic:?} has a handler {id:?} that is not ours (kind {kind}): choose another id with --id")]
    Foreign {
        /// The topic.
        topic: String,
        /// The id.
        id: String,
        /// What it is.
        kind: String,
    },
}

/// What has to be done so that each chosen topic has its handler.
///
/// # Errors
/// All topics on which the id is taken.
pub fn plan(aim: &Aim, chosen: &[Chosen], found: &BTreeMap<String, Vec<Handler>>) -> Result<Vec<Step>, Vec<PlanError>> {
    let (mut steps, mut errors) = (Vec::new(), Vec::new());
    for Chosen { topic, task } in chosen {
        let there = found.get(topic).into_iter().flatten().find(|handler| handler.id == aim.id);
        if let Some(there) = there.filter(|there| !aim.is_ours(topic, there)) {
            errors.push(PlanError::Foreign { topic: topic.clone(), id: there.id.clone(), kind: there.kind.clone() });
            continue;
        }
        let handler = aim.handler(topic, there);
        let action = match there.map(|there| differences(&handler, there)) {
            None => Action::Create,
            Some(differences) if differences.is_empty() => Action::Keep,
            Some(differences) => Action::Update(differences),
        };
        steps.push(Step { topic: topic.clone(), task: task.clone(), action, handler });
    }
    if errors.is_empty() { Ok(steps) } else { Err(errors) }
}

/// What has to be done so that no chosen topic has a handler of ours. What was chosen by its task, where there is
/// nothing to take away, is not worth a word: its topics were guessed.
#[must_use]
pub fn plan_removal(aim: &Aim, chosen: &[Chosen], found: &BTreeMap<String, Vec<Handler>>) -> Vec<Step> {
    let mut steps = Vec::new();
    for Chosen { topic, task } in chosen {
        let there = found.get(topic).into_iter().flatten().find(|handler| aim.is_ours(topic, handler));
        let action = if there.is_some() { Action::Remove } else { Action::Nothing };
        if there.is_none() && task.is_some() {
            continue;
        }
        let handler = there.cloned().unwrap_or_else(|| Handler { id: aim.id.clone(), ..Handler::default() });
        steps.push(Step { topic: topic.clone(), task: task.clone(), action, handler });
    }
    steps
}

impl Step {
    /// The request that does it, if there is something to do.
    #[must_use]
    pub fn request(&self) -> Option<Request> {
        let one = || topic_path(&self.topic, &format!("/handlers/{}", escaped(&self.handler.id)));
        let (method, path) = match self.action {
            Action::Create => (Method::POST, topic_path(&self.topic, "/handlers")),
            Action::Update(_) => (Method::PUT, one()),
            Action::Remove => return Some(Request { method: Method::DELETE, path: one(), body: None }),
            Action::Keep | Action::Nothing => return None,
        };
        Some(Request { method, path, body: Some(body(&self.handler, false)) })
    }

    /// That request for people: method, path, and the body with secrets masked.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        let request = self.request()?;
        let body = request.body.map(|_| format!("\n{:#}", body(&self.handler, true))).unwrap_or_default();
        Some(format!("{} {}{body}", request.method, request.path))
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
