//! `kaptap check`: says whether the configuration, or a filter, is good.
//!
//! Good is the file, and the exit code speaks of nothing else: the machine that is asked, and its user, are often not
//! those that kaptap will run on. What it would lack here is said besides.

use super::arguments::{CheckArguments, SettingsArguments};
use super::failure::{Failure, chain, say};
use super::machine;
use super::output::Output;
use crate::config::{Config, Period, Read, Size};
use crate::filter::Filter;
use crate::journal::Sync;
use std::time::Duration;

pub(super) fn run(settings: &SettingsArguments, arguments: &CheckArguments) -> Result<(), Failure> {
    let mut output = Output::new();
    if let Some(expression) = &arguments.filter {
        Filter::compile(expression).map_err(|error| Failure::because(format!("the filter is not good:\n{error}")))?;
        output.line("the filter is good")?;
        return output.flush();
    }
    let config = super::configuration(settings)?;
    if let (Some(sink), Some(event)) = (&arguments.sink, &arguments.event) {
        return super::preview::run(&config, sink, event, &mut output);
    }
    build_all(&config)?;
    let source = match &settings.config {
        Some(path) => format!("{} is good", path.display()),
        None => "no configuration file; these are the defaults and what the environment says".to_owned(),
    };
    output.line(source)?;
    for (name, text) in summary(&config) {
        output.line(format!("  {name:<14}{text}"))?;
    }
    for sink in &config.sinks {
        if let Some(doubt) = sink.doubt() {
            output.line(format!("sink {} can hardly be meant so: {doubt}", sink.options.name))?;
        }
    }
    let obstacles = machine::obstacles(&config);
    if obstacles.is_empty() {
        output.line("directories, sockets and group can be used from here; ports were not tried")?;
    } else {
        output.line("what this user on this machine would lack now (ports were not tried):")?;
        for obstacle in obstacles {
            output.line(format!("  {obstacle}"))?;
        }
    }
    output.flush()
}

/// Makes every sink and every client of a Kapacitor, as a start would: certificates are read, nobody is connected to.
fn build_all(config: &Config) -> Result<(), Failure> {
    let runtime = super::runtime(super::Threads::One)?;
    let _inside = runtime.enter();
    let mut good = true;
    for sink in &config.sinks {
        if let Err(error) = crate::sinks::build(&sink.options.name, &sink.peer, &config.data_dir.join("state")) {
            say(&format!("sink {}: {}", sink.options.name, chain(&error)));
            good = false;
        }
    }
    let proxies = crate::http::Proxies::of_environment();
    for kapacitor in &config.kapacitors {
        if let Err(error) = crate::connector::Client::new(&kapacitor.options, &proxies) {
            say(&format!("kapacitor {}: {}", kapacitor.options.name, chain(&error)));
            good = false;
        }
    }
    if good { Ok(()) } else { Err(Failure::Said) }
}

/// What the configuration comes to, in a line for each part. Shows no secret.
fn summary(config: &Config) -> Vec<(&'static str, String)> {
    let (http, intake, journal) = (&config.http, &config.intake, &config.journal);
    let tokens = match (http.tokens.len(), http.read_tokens.len()) {
        (0, 0) => "posting and reading are open".to_owned(),
        (0, reading) => format!("posting is open, {reading} for reading"),
        (both, reading) => format!("{both} for posting and reading, {reading} for reading only"),
    };
    let mut lines = vec![
        ("data", config.data_dir.display().to_string()),
        ("scope", config.scope.clone()),
        ("http", format!("{}, bodies up to {}", http.listen, Size(http.max_body as u64))),
        ("tokens", tokens),
        ("stream socket", format!("{} (mode {:04o})", intake.stream_socket.display(), intake.mode)),
        ("batch socket", format!("{} (mode {:04o})", intake.batch_socket.display(), intake.mode)),
        (
            "udf",
            format!("hold {}, gather {}, {}", period(intake.udf_hold), Period(intake.gather), keeping(intake.keep)),
        ),
    ];
    if let Some(tls) = &http.tls {
        lines.push(("tls", format!("certificate {}, key {}", tls.certificate.display(), tls.key.display())));
    }
    if let Some(listen) = config.tcp {
        lines.push(("tcp", listen.to_string()));
    }
    lines.push((
        "journal",
        format!(
            "up to {} and {}, in segments of {}, buffer {}",
            Size(journal.max_bytes),
            period(journal.max_age),
            Size(journal.segment_bytes),
            Size(journal.buffer_bytes as u64)
        ),
    ));
    lines.push((
        "sync",
        format!(
            "alert {}, row {}, point {}, batch {}, interval {}",
            sync(intake.sync_alert),
            sync(intake.sync_row),
            sync(intake.sync_point),
            sync(intake.sync_batch),
            Period(journal.sync_interval)
        ),
    ));
    for kapacitor in &config.kapacitors {
        let options = &kapacitor.options;
        // The URL may have a password in it; what a client shows has not.
        let medic = if options.medic.enabled { ", medic" } else { "" };
        lines.push(("kapacitor", format!("{}: polled every {}{medic}", options.name, Period(options.poll))));
    }
    if let Read::Nats(options) = &config.read {
        let (stream, servers) = (&options.stream, options.access.servers.shown());
        lines.push(("read", format!("events from the stream {stream} of {servers}")));
    }
    for sink in &config.sinks {
        let options = &sink.options;
        let kinds: Vec<&str> = options.kinds.iter().map(|kind| kind.as_str()).collect();
        let filter = options.filter.as_ref().map_or_else(String::new, |filter| format!(", where {}", filter.as_str()));
        lines.push(("sink", format!("{} ({}): {}{filter}", options.name, sink.kind, kinds.join(", "))));
    }
    lines
}

fn period(period: Option<Duration>) -> String {
    period.map_or_else(|| "forever".to_owned(), |period| Period(period).to_string())
}

const fn keeping(keep: bool) -> &'static str {
    if keep { "points are kept" } else { "points are not kept, only alerts" }
}

const fn sync(sync: Sync) -> &'static str {
    match sync {
        Sync::Commit => "commit",
        Sync::Interval => "interval",
        Sync::Os => "os",
    }
}
