//! Which topics are meant.

use super::handler::takes_handlers;
use crate::kapacitor::api::{Task, Topic};
use crate::sorted;

/// Numbers of alert nodes that are asked for when handlers are taken away: Kapacitor lists no handlers of topics that
/// are not there, so each must be asked for by name.
const NODES_ASKED: usize = 64;

/// What the command line names.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Topics by name.
    pub topics: Vec<String>,
    /// All topics that Kapacitor has now.
    pub all: bool,
    /// Tasks whose anonymous topics are meant.
    pub tasks: Vec<String>,
    /// Topics may be such that Kapacitor has not seen yet.
    pub unseen: bool,
}

/// A topic that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its id.
    pub topic: String,
    /// The task that it is the anonymous topic of, if it was chosen by that.
    pub task: Option<String>,
}

/// What was chosen, and what is to be said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The topics, each once.
    pub chosen: Vec<Chosen>,
    /// Sentences about what was left out.
    pub notes: Vec<String>,
}

/// Why nothing can be done as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// Nothing was named.
    #[error("say which topics: --topic, --all-topics or --task")]
    Nothing,
    /// No such topic.
    #[error("Kapacitor has no topic {topic:?} ({known}); with --unseen it is set up for when it comes")]
    UnknownTopic {
        /// As given.
        topic: String,
        /// Those that there are.
        known: String,
    },
    /// Kapacitor refuses handlers for it.
    #[error(
        "topic {0:?} cannot have handlers: Kapacitor takes letters, digits, ':', '-', '.' and '_', and kaptap up to 256 bytes"
    )]
    Unfit(String),
    /// No such task.
    #[error("Kapacitor has no task {0:?}")]
    UnknownTask(String),
    /// Its topics exist only while it runs.
    #[error(
        "task {0:?} is not executing, and its topics are there only while it is: enable or repair it, then set it up"
    )]
    NotExecuting(String),
    /// It has no anonymous topic.
    #[error(
        "task {0:?} has no anonymous topic: no |alert() of it has a handler of its own. Give it .topic('NAME') and set up that topic, or write .post()"
    )]
    NoTopic(String),
}

/// Chooses the topics to set up, or says everything that is wrong.
///
/// # Errors
/// All that is wrong, in the order of the command line.
pub fn choose(asked: &Asked, topics: &[Topic], tasks: &[Task]) -> Result<Choice, Vec<ChoiceError>> {
    let mut errors = named_nothing(asked);
    let mut choice = Choice::default();
    for topic in &asked.topics {
        if !takes_handlers(topic) {
            errors.push(ChoiceError::Unfit(topic.clone()));
        } else if asked.unseen || topics.iter().any(|known| known.id == *topic) {
            choice.add(topic, None);
        } else {
            errors.push(ChoiceError::UnknownTopic { topic: topic.clone(), known: names(topics) });
        }
    }
    for task in &asked.tasks {
        match tasks.iter().find(|known| known.id == *task) {
            None => errors.push(ChoiceError::UnknownTask(task.clone())),
            Some(known) if !known.executing => errors.push(ChoiceError::NotExecuting(task.clone())),
            Some(known) => {
                if !taps(known, topics, &mut choice) {
                    errors.push(ChoiceError::NoTopic(task.clone()));
                }
            }
        }
    }
    if asked.all {
        let running = sorted::map(tasks.iter().map(|task| (task.id.as_str(), task)));
        for topic in topics {
            let left = anonymous(&topic.id).is_some_and(|(task, node)| {
                running.get(task).is_none_or(|task| alert_nodes(task).is_some_and(|nodes| !nodes.contains(&node)))
            });
            if !takes_handlers(&topic.id) {
                choice.notes.push(format!("{}: left out, Kapacitor takes no handlers for such a name", topic.id));
            } else if left {
                choice.notes.push(format!("{}: left out, no node publishes to it any more", topic.id));
            } else {
                choice.add(&topic.id, anonymous(&topic.id).map(|(task, _)| task));
            }
        }
    }
    if errors.is_empty() { Ok(choice) } else { Err(errors) }
}

/// Chooses the topics to take handlers away from. Neither topics nor tasks need to be there.
///
/// # Errors
/// All that is wrong.
pub fn choose_removal(asked: &Asked, topics: &[Topic], tasks: &[Task]) -> Result<Choice, Vec<ChoiceError>> {
    let mut errors = named_nothing(asked);
    let mut choice = Choice::default();
    let unfit = asked.topics.iter().filter(|topic| !takes_handlers(topic));
    errors.extend(unfit.cloned().map(ChoiceError::Unfit));
    asked.topics.iter().for_each(|topic| choice.add(topic, None));
    let mut of_tasks: Vec<&str> = asked.tasks.iter().map(String::as_str).collect();
    if asked.all {
        // Those that cannot have handlers have none of ours.
        topics.iter().filter(|topic| takes_handlers(&topic.id)).for_each(|topic| choice.add(&topic.id, None));
        of_tasks.extend(tasks.iter().filter(|task| !task.executing).map(|task| task.id.as_str()));
        choice.notes.push(
            "Kapacitor does not list what is left of deleted tasks: name them with --task to have that removed"
                .to_owned(),
        );
    }
    for task in of_tasks {
        for number in 0..NODES_ASKED {
            choice.add(&format!("main:{task}:alert{number}"), Some(task));
        }
    }
    if errors.is_empty() { Ok(choice) } else { Err(errors) }
}

impl Choice {
    fn add(&mut self, topic: &str, task: Option<&str>) {
        if !self.chosen.iter().any(|chosen| chosen.topic == topic) {
            self.chosen.push(Chosen { topic: topic.to_owned(), task: task.map(str::to_owned) });
        }
    }
}

fn named_nothing(asked: &Asked) -> Vec<ChoiceError> {
    let nothing = asked.topics.is_empty() && asked.tasks.is_empty() && !asked.all;
    nothing.then_some(ChoiceError::Nothing).into_iter().collect()
}

/// Adds the anonymous topics of a task; whether there are any.
fn taps(task: &Task, topics: &[Topic], choice: &mut Choice) -> bool {
    let nodes = alert_nodes(task);
    let mut tapped = Vec::new();
    for topic in topics {
        let Some((_, node)) = anonymous(&topic.id).filter(|(of, _)| *of == task.id) else { continue };
        // A handler keeps its topic in the list when the script has changed and nothing publishes there any more.
        if nodes.as_ref().is_some_and(|nodes| !nodes.contains(&node)) {
            choice.notes.push(format!("{}: left out, the task has no node {node} any more", topic.id));
        } else {
            choice.add(&topic.id, Some(&task.id));
            tapped.push(node);
        }
    }
    for node in nodes.iter().flatten().filter(|node| !tapped.is_empty() && !tapped.contains(node)) {
        choice.notes.push(format!(
            "{node} of task {}: not tapped, it has no handler of its own and publishes at most to its .topic()",
            task.id
        ));
    }
    !tapped.is_empty()
}

/// Task and node of an anonymous topic, `main:TASK:alertN`.
#[must_use]
pub fn anonymous(topic: &str) -> Option<(&str, &str)> {
    let (task, node) = topic.strip_prefix("main:")?.rsplit_once(':')?;
    is_alert_node(node).then_some((task, node))
}

fn is_alert_node(node: &str) -> bool {
    node.strip_prefix("alert").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The alert nodes of a task that executes; `None` when its statistics do not say.
#[must_use]
pub fn alert_nodes(task: &Task) -> Option<Vec<&str>> {
    let nodes = &task.stats.as_ref()?.nodes;
    (!nodes.is_empty()).then(|| nodes.keys().map(String::as_str).filter(|node| is_alert_node(node)).collect())
}

/// Names of topics for a sentence, not too many.
fn names(topics: &[Topic]) -> String {
    const SHOWN: usize = 8;
    if topics.is_empty() {
        return "it has none".to_owned();
    }
    let mut names = topics.iter().take(SHOWN).map(|topic| topic.id.as_str()).collect::<Vec<_>>().join(", ");
    if topics.len() > SHOWN {
        names.push_str(", …");
    }
    format!("it has {names}")
}
