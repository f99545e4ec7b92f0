//! Commands: the only place that prints to standard output.
//!
//! Standard output is data, standard error is talk. Exit code 0: it went well, or whoever read the output has gone.
//! 1: it did not. 2: it was asked wrongly.

mod arguments;
mod check;
mod client;
mod doctor;
mod failure;
mod follow;
mod journal;
mod kapacitor;
mod machine;
mod output;
mod overview;
mod parked;
mod position;
mod preview;
pub mod render;
mod replay;
mod seconds;
mod secure;
mod send;
mod setup;
mod sides;
mod sinks;
mod stream;
mod tail;
mod udf;
mod wire;

pub use failure::{BoxError, chain};

use crate::config::{Config, Flags, load};
use arguments::{Arguments, Command, SettingsArguments};
use clap::{CommandFactory, Parser};
use failure::{Failure, say};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Runs the command line and returns the exit code: 0 ok, 1 failed, 2 usage.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.end(),
    }
}

/// Prints clap's own texts: help and version are asked for and a success, the rest is wrong usage.
fn usage(error: &clap::Error) -> ExitCode {
    // Whoever closed the output does not want to know more.
    drop(error.print());
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let settings = arguments.settings;
    match arguments.command.unwrap_or(Command::Run) {
        Command::Run => run(&settings),
        Command::Demo(demo) => {
            let renderer = render::Renderer::new(output::colour(), output::width());
            let asked = crate::app::Demo {
                keep: demo.keep,
                speed: demo.speed,
                data_dir: settings.data_dir.map(Into::into),
                listen: settings.listen,
            };
            ended(runtime(Threads::Many)?.block_on(crate::app::demo(asked, renderer)))
        }
        Command::Tail(tail) => tail::run(&settings, &tail),
        Command::Alerts(alerts) => overview::alerts(&settings, &alerts),
        Command::Streams(streams) => overview::streams(&settings, &streams),
        Command::Wire(wire) => wire::run(&settings, &wire),
        Command::Send(send) => send::run(&settings, &send),
        Command::Udf(udf) => udf::run(&settings, &udf),
        Command::Check(check) => check::run(&settings, &check),
        Command::Sinks(sinks) => sinks::run(&settings, &sinks),
        Command::Kapacitor(arguments) => kapacitor::run(&settings, &arguments),
        Command::Refresh(arguments) => kapacitor::refresh(&settings, &arguments),
        Command::Parked(command) => parked::run(&settings, &command),
        Command::Replay(replay) => replay::run(&settings, &replay),
        Command::Journal(command) => journal::run(&settings, &command),
        Command::Setup(setup) => setup::run(&settings, &setup),
        Command::Doctor(doctor) => doctor::run(&settings, &doctor),
        Command::Completions { shell } => completions(shell),
    }
}

fn run(settings: &SettingsArguments) -> Result<(), Failure> {
    let config = configuration(settings)?;
    crate::telemetry::start_log(&config.log, output::no_color());
    let (path, flags) = (settings.config.clone(), flags(settings));
    let read = move || read_configuration(path.as_deref(), &flags);
    ended(runtime(Threads::Many)?.block_on(crate::app::run(config, read)))
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "kaptap", &mut script);
    let mut output = output::Output::new();
    output.line(script.trim_ascii_end())?;
    output.flush()
}

/// Reads the configuration that the flags name, and says everything that is wrong with it.
fn configuration(settings: &SettingsArguments) -> Result<Config, Failure> {
    read_configuration(settings.config.as_deref(), &flags(settings)).map_err(|faults| {
        for fault in &faults {
            say(fault);
        }
        Failure::Said
    })
}

fn flags(settings: &SettingsArguments) -> Flags {
    Flags { data_dir: settings.data_dir.clone(), listen: settings.listen.clone() }
}

/// Reads the configuration, or gives everything that is wrong with it.
fn read_configuration(path: Option<&Path>, flags: &Flags) -> Result<Config, Vec<String>> {
    let (name, text) = match path.filter(|path| !path.as_os_str().is_empty()) {
        // Without a file there are no lines of it that a fault could name.
        None => (String::new(), None),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| vec![format!("cannot read {name}: {error}")])?;
            (name, Some(text))
        }
    };
    load(text.as_deref(), &name, &environment(), flags)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// The variables that are ours. Bytes that are not text are replaced, which the checks behind it then refuse.
fn environment() -> Vec<(String, String)> {
    let variables = std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value));
    variables
        .filter(|(name, _)| name.starts_with("KAPTAP_"))
        .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
        .collect()
}

/// Threads that serve HTTP and sinks, at most.
const WORKERS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threads {
    One,
    Many,
}

fn runtime(threads: Threads) -> Result<tokio::runtime::Runtime, Failure> {
    let mut builder = match threads {
        Threads::One => tokio::runtime::Builder::new_current_thread(),
        Threads::Many => tokio::runtime::Builder::new_multi_thread(),
    };
    // Points, posts and the disk have a thread of their own each; what is left does not fill two, and a large machine's
    // dozens would cost memory and wake one another.
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    builder.worker_threads(cores.min(WORKERS));
    builder.enable_all().build().map_err(|error| Failure::caused("cannot start", error))
}

/// What the wiring returned, as the end of a command. Its own words come first: there is nothing to add to them.
fn ended(result: Result<(), BoxError>) -> Result<(), Failure> {
    result.map_err(|error| Failure::because(chain(error.as_ref())))
}

/// Text of the peer, made harmless for a terminal, with its line breaks.
fn harmless_lines(text: &str) -> String {
    text.lines().map(|line| render::harmless(line).into_owned()).collect::<Vec<_>>().join("\n")
}

/// Ends the process with success at Ctrl-C, even while a write to standard output blocks.
fn end_at_interrupt() -> Result<(), Failure> {
    let failed = |error| Failure::caused("cannot wait for signals", error);
    let runtime = runtime(Threads::One)?;
    let mut interrupt = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()).map_err(failed)?
    };
    let waiting = move || {
        runtime.block_on(interrupt.recv());
        // The person asked for the end; there is nobody left to tell that a last word did not come out.
        std::io::stderr().flush().ok();
        std::process::exit(0);
    };
    std::thread::Builder::new().name("interrupt".to_owned()).spawn(waiting).map_err(failed)?;
    Ok(())
}
