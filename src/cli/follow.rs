//! `kaptap tail --nats`: the events of several kaptaps, read from the stream that they publish to.
//!
//! Each event is shown once: an id that came already, among the last [`REMEMBERED`] events, is counted and said.

use super::arguments::{NatsArguments, TailArguments};
use super::client::Backoff;
use super::failure::{Failure, say};
use super::output::{self, Output};
use super::position::Position;
use super::render::harmless;
use super::tail::{Look, filter, greeting, resized};
use super::{Threads, end_at_interrupt, runtime};
use crate::event::id::EventId;
use crate::filter::Filter;
use crate::intake::clock;
use crate::nats::follower::Start;
use crate::nats::link::Servers;
use crate::nats::reading::{Item, Reading, Until, Wanted};
use crate::nats::{Access, NatsError, Options, Source, Why, is_stream_name, is_subject, search};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Ids that are remembered, to show each event once.
const REMEMBERED: usize = 65_536;
/// Longest wait for a connection and for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn run(arguments: &TailArguments, servers: &str) -> Result<(), Failure> {
    let options = options(&arguments.nats, servers)?;
    end_at_interrupt()?;
    runtime(Threads::One)?.block_on(async {
        let look = if arguments.json { Look::Json } else { Look::lines()? };
        let source = Arc::new(Source::new(options));
        let filter = filter(arguments.filter.as_deref(), arguments.json || arguments.duplicates);
        let filter = filter.map(|expression| Filter::compile(&expression)).transpose();
        let filter = filter.map_err(|error| Failure::Usage(format!("the filter is not good:\n{error}")))?;
        let wanted = wanted(arguments, &source, filter).await.map_err(|error| unreadable(&error))?;
        let greeting = output::is_terminal().then(|| {
            let stream = format!("the stream {} of {}", source.options().stream, source.server());
            greeting(&stream, wanted.follow, look.zone().as_deref())
        });
        let is_json = arguments.json;
        let mut reading = Reading::new(Arc::clone(&source), wanted);
        // What cannot be read at all is more likely a mistake than a restart.
        reading.open().await.map_err(|error| unreadable(&error))?;
        if let Some(greeting) = greeting {
            say(&greeting);
        }
        let repeats = Repeats::default();
        Following { source, reading, look, output: Output::new(), is_json, repeats, foreign: 0, is_lost: false }
            .run()
            .await
    })
}

fn unreadable(error: &NatsError) -> Failure {
    let hint = if error.why == Why::Unreachable { " (is it running?)" } else { "" };
    Failure::because(format!("{error}{hint}"))
}

/// What the flags say, checked.
fn options(arguments: &NatsArguments, servers: &str) -> Result<Options, Failure> {
    let usage = |problem: &str| Failure::Usage(problem.to_owned());
    let first_line = |path: &Path| {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
        Ok::<_, Failure>(text.lines().next().unwrap_or_default().trim().to_owned())
    };
    // It is not repeated: it may hold a password.
    let servers = Servers::parse(servers).ok_or_else(|| {
        usage("--nats is not a list of NATS servers, such as nats://host:4222 or tls://a:4222,tls://b")
    })?;
    if !is_stream_name(&arguments.stream) {
        return Err(Failure::Usage(format!("{:?} cannot name a stream", arguments.stream)));
    }
    if let Some(subject) = arguments.subject.as_ref().filter(|subject| !is_subject(subject)) {
        return Err(Failure::Usage(format!("{subject:?} cannot be subscribed to; write one such as \"kaptap.alert\"")));
    }
    let password = arguments.password_file.as_deref().map(first_line).transpose()?;
    let access = Access {
        servers,
        timeout: TIMEOUT,
        basic: arguments.username.clone().zip(password),
        token: arguments.token_file.as_deref().map(first_line).transpose()?,
        credentials_file: arguments.credentials_file.clone(),
        ca_file: arguments.ca_file.clone(),
        client_certificate: arguments.certificate_file.clone().zip(arguments.key_file.clone()),
    };
    for (_, path) in access.files() {
        std::fs::File::open(path)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))?;
    }
    Ok(Options { access, stream: arguments.stream.clone(), subject: arguments.subject.clone() })
}

/// What is to be read.
async fn wanted(arguments: &TailArguments, source: &Arc<Source>, filter: Option<Filter>) -> Result<Wanted, NatsError> {
    let now = clock::now();
    let age = |age: Duration| now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
    let until = arguments.until.map(|until| match until {
        Position::Seq(sequence) => Until::Sequence(sequence),
        // `--until` does not wait for what comes.
        Position::Time(time) => Until::Time(time, Instant::now()),
        Position::Age(ago) => Until::Time(age(ago), Instant::now()),
    });
    let follow = !arguments.no_follow && arguments.until.is_none();
    let start = match (arguments.since, arguments.last) {
        (_, Some(count)) => {
            Start::Sequence(search::first_of_last(source, count, filter.as_ref(), (None, until)).await?)
        }
        (Some(Position::Seq(sequence)), _) => Start::Sequence(sequence),
        (Some(Position::Time(time)), _) => Start::Time(time),
        (Some(Position::Age(ago)), _) => Start::Time(age(ago)),
        (None, _) if follow => Start::New,
        (None, _) => Start::Sequence(0),
    };
    let remembered = if arguments.duplicates { 0 } else { REMEMBERED };
    Ok(Wanted { start, until, filter, follow, remembered })
}

struct Following {
    source: Arc<Source>,
    reading: Reading,
    look: Look,
    output: Output,
    is_json: bool,
    repeats: Repeats,
    /// Messages that are no events.
    foreign: u64,
    /// Whether the person was told that the server is away.
    is_lost: bool,
}

impl Following {
    async fn run(mut self) -> Result<(), Failure> {
        let mut backoff = Backoff::new();
        loop {
            let item = tokio::select! {
                biased;
                item = self.reading.next() => item,
                // Nothing more is there at once: what is printed is shown.
                () = std::future::ready(()) => {
                    self.output.flush()?;
                    self.wait().await
                }
            };
            match item {
                Ok(Item::End) => break,
                Ok(item) => {
                    backoff = Backoff::new();
                    if std::mem::take(&mut self.is_lost) {
                        say(&format!("reading {} again", self.source.server()));
                    }
                    self.show(&item)?;
                }
                Err(error) => {
                    self.output.flush()?;
                    if !std::mem::replace(&mut self.is_lost, true) {
                        say(&format!("{}; trying again", harmless(&error.to_string())));
                    }
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
        self.output.flush()?;
        self.repeats.end();
        self.reading.close().await;
        Ok(())
    }

    /// What comes next, however long it takes.
    async fn wait(&mut self) -> Result<Item, NatsError> {
        loop {
            tokio::select! {
                item = self.reading.next() => return item,
                () = resized(&mut self.look) => {}
            }
        }
    }

    fn show(&mut self, item: &Item) -> Result<(), Failure> {
        match item {
            Item::Event { json, .. } => self.look.print(json, &mut self.output)?,
            Item::Gap { first, last, reason } => {
                let gap = format!(
                    r#"{{"schema":"kaptap.event/v1","gap":{{"first_seq":{first},"last_seq":{last},"reason":"{reason}"}}}}"#
                );
                self.look.print(gap.as_bytes(), &mut self.output)?;
                if self.is_json {
                    say(&format!("gap: sequences {first} to {last} of the stream are missing: {reason}"));
                }
            }
            Item::Repeated { id, first, again } => self.repeats.add(*id, *first, *again),
            Item::Anew => say("the stream was deleted and made again; reading it from its beginning"),
            Item::Foreign { position } => {
                self.foreign += 1;
                if self.foreign == 1 {
                    say(&format!("message {position} of the stream is no event of kaptap; such messages are left out"));
                }
            }
            Item::CaughtUp | Item::End => {}
        }
        Ok(())
    }
}

/// Events that came twice: the first one is said, then each tenth power, and the rest at the end.
#[derive(Debug, Default)]
struct Repeats {
    count: u64,
    said: u64,
}

impl Repeats {
    fn add(&mut self, id: EventId, first: u64, again: u64) {
        self.count += 1;
        if self.count == 1 {
            self.said = 1;
            say(&format!("event {id} is in the stream twice, as {first} and {again}; shown once"));
        } else if self.count.ilog10() > (self.count - 1).ilog10() {
            self.said = self.count;
            say(&format!("{} events were in the stream twice so far; each shown once", self.count));
        }
    }

    fn end(&self) {
        if self.count > self.said {
            say(&format!("{} events were in the stream twice; each shown once", self.count));
        }
    }
}
