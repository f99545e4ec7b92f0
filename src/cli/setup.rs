//! `kaptap setup`: handlers on Kapacitor's topics that post to kaptap.

use super::arguments::SettingsArguments;
use super::failure::{Failure, chain, say};
use super::output::{self, Output};
use super::render::table::{Cell, Side, Table};
use super::render::{Look, harmless};
use super::sides::{HANDLER_TIMEOUT, Sides, SidesArguments};
use crate::config::Period;
use crate::connector::setup::{
    Action, Aim, Asked, Planned, Probed, SetupError, Step, apply, kapacitor_conf, look, probe, shown_probe,
};
use clap::Args;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct SetupArguments {
    #[command(flatten)]
    sides: SidesArguments,
    /// A topic to put a handler on; may be given again
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// All topics that Kapacitor has now
    #[arg(long, conflicts_with_all = ["topics", "tasks"])]
    all_topics: bool,
    /// A task whose own topics (`main:TASK:alertN`) to put handlers on, without touching its script; may be given again
    #[arg(long = "task", value_name = "TASK")]
    tasks: Vec<String>,
    /// Also topics that Kapacitor has not seen yet
    #[arg(long)]
    unseen: bool,
    /// Id of the handlers
    #[arg(long, value_name = "ID", default_value = "kaptap")]
    id: String,
    /// Only events that match, a lambda expression such as `changed() == TRUE`; without it what a handler has stays
    #[arg(long = "match", value_name = "EXPRESSION", conflicts_with = "remove")]
    matching: Option<String>,
    /// How long Kapacitor waits for kaptap, up to 30s
    #[arg(long, value_name = "PERIOD", default_value_t = Period(HANDLER_TIMEOUT))]
    timeout: Period,
    /// Take our handlers away instead
    #[arg(long)]
    remove: bool,
    /// Print the requests that would be sent, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on although Kapacitor does not reach kaptap now
    #[arg(long)]
    untested: bool,
}

pub(super) fn run(settings: &SettingsArguments, arguments: &SetupArguments) -> Result<(), Failure> {
    super::runtime(super::Threads::One)?.block_on(set_up(settings, arguments))
}

async fn set_up(settings: &SettingsArguments, arguments: &SetupArguments) -> Result<(), Failure> {
    let sides = Sides::new(settings, &arguments.sides)?;
    let aim = sides.aim(&arguments.id, arguments.timeout.0, arguments.matching.clone())?;
    let asked = Asked {
        topics: arguments.topics.clone(),
        all: arguments.all_topics,
        tasks: arguments.tasks.clone(),
        unseen: arguments.unseen,
    };
    let planned = look(&sides.kapacitor, &aim, &asked, arguments.remove).await.map_err(|error| match error {
        SetupError::Wrong(sentences) => Failure::Usage(sentences.join("\nkaptap: ")),
        error @ SetupError::Asking { .. } => Failure::because(chain(&error)),
    })?;
    let mut output = Output::new();
    if arguments.dry_run {
        return dry_run(&sides, &aim, &planned, arguments.remove, &mut output);
    }
    if !arguments.remove {
        output.line("kapacitor.conf needs these lines for the UDFs; start kaptap, then restart kapacitord:\n")?;
        output.line(kapacitor_conf(&sides.sockets[0], &sides.sockets[1]))?;
        tried(&sides, &aim, arguments.untested, &mut output).await?;
    }
    let mut results = Vec::with_capacity(planned.steps.len());
    for step in &planned.steps {
        results.push(apply(&sides.kapacitor, step).await.map_err(|error| error.to_string()));
    }
    for line in table(&planned.steps, &results).lines(output::colour(), output::width()) {
        output.line(line)?;
    }
    notes(&planned, arguments.remove, &mut output)?;
    output.flush()?;
    let failed = results.iter().filter(|result| result.is_err()).count();
    if failed > 0 { Err(Failure::because(format!("{failed} of {} failed", results.len()))) } else { Ok(()) }
}

/// Tries the way from Kapacitor to kaptap, and ends when it does not lead there.
async fn tried(sides: &Sides, aim: &Aim, untested: bool, output: &mut Output) -> Result<(), Failure> {
    let address = aim.address.as_str();
    let probed = probe(&sides.kapacitor, Some(&sides.own), address, &aim.probe_headers()).await;
    let (good, said) = match probed {
        Probed::Arrived => (true, format!("Kapacitor reaches kaptap at {address}: a post arrived.")),
        Probed::Answered { why } => {
            (true, format!("Kapacitor has an answer from {address}; whether it was kaptap's cannot be told: {why}."))
        }
        Probed::CannotTell { why } => (true, format!("Kapacitor could not be asked to post to {address}: {why}.")),
        Probed::NoToken => {
            (false, format!("Kapacitor reaches kaptap at {address}, which wants a token: say it with --token"))
        }
        Probed::Elsewhere => {
            (false, format!("Kapacitor has an answer from {address}, but it was not this kaptap that was reached"))
        }
        Probed::Failed { message } => (false, format!("Kapacitor cannot post to {address}: {message}")),
    };
    if good || untested {
        output.line(format!("{}\n", harmless(&said)))
    } else {
        output.flush()?;
        let remedy = "nothing was changed; correct it (--address, --token), or go on with --untested";
        Err(Failure::because(format!("{}; {remedy}", harmless(&said))))
    }
}

fn dry_run(sides: &Sides, aim: &Aim, planned: &Planned, remove: bool, output: &mut Output) -> Result<(), Failure> {
    let peer = sides.kapacitor.shown();
    if !remove {
        output.line(format!("# to {peer}, to test the connection; a new name each time\n{}\n", shown_probe(aim)))?;
    }
    for step in &planned.steps {
        match step.shown() {
            Some(request) => output.line(format!("# to {peer}: {}\n{request}\n", said(step)))?,
            None => output.line(format!("# nothing: {}\n", said(step)))?,
        }
    }
    if aim.token.is_some() {
        say("the token is masked here");
    }
    notes(planned, remove, output)?;
    output.flush()
}

fn said(step: &Step) -> String {
    let Step { topic, handler, action, .. } = step;
    let id = &handler.id;
    match action {
        Action::Create => format!("add handler {id} to topic {topic}"),
        Action::Update(differences) => format!("change {} of handler {id} of topic {topic}", differences.join(", ")),
        Action::Keep => format!("handler {id} of topic {topic} is as it should be"),
        Action::Remove => format!("take handler {id} away from topic {topic}"),
        Action::Nothing => format!("topic {topic} has no handler {id} of ours"),
    }
}

fn table(steps: &[Step], results: &[Result<(), String>]) -> Table<5> {
    let heads = ["TOPIC", "TASK", "HANDLER", "DONE", "WHAT"].map(|head| (Side::Left, head));
    let mut table = Table::new(heads);
    for (step, result) in steps.iter().zip(results) {
        let url = step.handler.options.get("url").and_then(serde_json::Value::as_str).unwrap_or("no url");
        let (look, done, what) = match (result, &step.action) {
            (Err(error), _) => (Look::Critical, "failed", error.clone()),
            (Ok(()), Action::Create) => (Look::Good, "added", url.to_owned()),
            (Ok(()), Action::Update(differences)) => (Look::Good, "changed", differences.join(", ")),
            (Ok(()), Action::Keep) => (Look::Plain, "as it was", url.to_owned()),
            (Ok(()), Action::Remove) => (Look::Good, "removed", url.to_owned()),
            (Ok(()), Action::Nothing) => (Look::Plain, "nothing", "there is none of ours".to_owned()),
        };
        table.push([
            Cell::plain(&step.topic),
            Cell::plain(step.task.as_deref().unwrap_or_default()),
            Cell::plain(&step.handler.id),
            Cell::new(look, done),
            Cell::plain(&what),
        ]);
    }
    table
}

/// What is to be known about what was done.
fn notes(planned: &Planned, remove: bool, output: &mut Output) -> Result<(), Failure> {
    let mut lines: Vec<String> = planned.notes.clone();
    if !remove && planned.steps.iter().any(|step| step.task.is_some()) {
        lines.push(
            "A handler on a task's own topic lasts over reload, restart and redefinition of the task. When its script \
             changes so that the alert node gets another number, it gets nothing more: set up again then; kaptap doctor \
             tells."
                .to_owned(),
        );
        lines.push(
            "A task that posts to kaptap itself as well has its alerts kept twice, marked duplicate_of.".to_owned(),
        );
    }
    for line in lines {
        output.line(format!("\n{}", harmless(&line)))?;
    }
    Ok(())
}
