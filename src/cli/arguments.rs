//! The command line, as clap reads it. The doc comments here are the help texts.

use super::doctor::DoctorArguments;
use super::position::Position;
use super::setup::SetupArguments;
use crate::config::Period;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// Most events that `-n` may ask for; the server's bound.
const MOST_LAST: u64 = 100_000;

/// A sidecar for Kapacitor: keeps every point and every alert it is told, and serves them as events.
///
/// Without a command it runs. Standard output is data, standard error is talk; the exit code is 0 when it went well,
/// 1 when it did not, 2 when it was asked wrongly.
#[derive(Debug, Parser)]
#[command(name = "kaptap", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) settings: SettingsArguments,
    /// What to do; without a command it runs.
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Flags that every command knows.
#[derive(Debug, Args)]
pub(super) struct SettingsArguments {
    /// Configuration file; without one everything has its default
    #[arg(long, global = true, value_name = "FILE", env = "KAPTAP_CONFIG")]
    pub(super) config: Option<PathBuf>,
    /// Directory of the journal and, by default, of the sockets; overrides `data_dir`
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(super) data_dir: Option<String>,
    /// Address of the HTTP listener; overrides `[http] listen`
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub(super) listen: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take in what Kapacitor sends, keep it and serve it (the default)
    Run,
    /// Show what kaptap does with a rehearsed Kapacitor; none is needed
    Demo(DemoArguments),
    /// Print events as they come
    Tail(Box<TailArguments>),
    /// Print the alerts that are open, the worst first
    Alerts(AlertsArguments),
    /// Print the streams that are open: UDF nodes and HTTP sources
    Streams(StreamsArguments),
    /// Print what went over the wire lately between Kapacitor and kaptap, decoded beside its bytes
    Wire(WireArguments),
    /// Post the alert on standard input; for Kapacitor's exec handler
    Send(SendArguments),
    /// Be a UDF process: pass standard input and output through to the running kaptap
    Udf(UdfArguments),
    /// Check the configuration, or a filter
    Check(CheckArguments),
    /// List the sinks: how far, how well
    Sinks(SinksArguments),
    /// Print the Kapacitors that are watched: their state, tasks and topics
    Kapacitor(KapacitorArguments),
    /// Ask the Kapacitors that are watched now, instead of at the next turn
    Refresh(RefreshArguments),
    /// Look at what sinks refused for good, try it again or drop it
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// Deliver a stretch of the journal to a sink again
    Replay(ReplayArguments),
    /// Look into the journal, also while kaptap runs
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Put handlers on Kapacitor's topics that post to kaptap, or take them away
    Setup(SetupArguments),
    /// Say what is wrong between Kapacitor and kaptap, and what to do about it
    Doctor(DoctorArguments),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    /// Leave it running when the story has ended
    #[arg(long)]
    pub(super) keep: bool,
    /// How many times as fast the story is played
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = speed)]
    pub(super) speed: f64,
}

/// Where the running kaptap is.
#[derive(Debug, Args)]
pub(super) struct PeerArguments {
    /// Address of the running kaptap, `http://HOST:PORT`; without it `[http] listen` of the configuration
    #[arg(long, value_name = "URL", env = "KAPTAP_URL")]
    pub(super) url: Option<String>,
    /// Token to show to it; without it the first one of the configuration that allows it
    #[arg(long, env = "KAPTAP_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct TailArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Print the events as they come, one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    /// Begin here: an age (10m), a time (RFC 3339) or a seq; without it only new events are printed
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<Position>,
    /// End here: an age, a time or a seq; does not wait for new events
    #[arg(long, value_name = "WHEN")]
    pub(super) until: Option<Position>,
    /// Begin with the last N events
    #[arg(short = 'n', long = "last", value_name = "N", conflicts_with = "since", value_parser = clap::value_parser!(u64).range(1..=MOST_LAST))]
    pub(super) last: Option<u64>,
    /// Only events that pass, for example: kind == "alert" && alert.level == "CRITICAL"
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// Show duplicates too: alerts that came before, by another way. `--json` has them always, and a filter that
    /// speaks of `duplicate_of` decides about them itself
    #[arg(long)]
    pub(super) duplicates: bool,
    /// End when everything up to now is printed
    #[arg(long)]
    pub(super) no_follow: bool,
    #[command(flatten)]
    pub(super) nats: NatsArguments,
}

/// A stream that several kaptaps publish to. The keys of a sink of type `nats`, as flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "A stream of NATS, instead of one kaptap")]
pub(super) struct NatsArguments {
    /// Read a stream of these NATS servers, `nats://HOST:PORT` or `tls://HOST:PORT`, several separated by commas.
    /// A number in --since and --until is then a sequence of the stream
    #[arg(long, value_name = "URL")]
    pub(super) nats: Option<String>,
    /// The stream
    #[arg(long, value_name = "NAME", default_value = "KAPTAP", requires = "nats")]
    pub(super) stream: String,
    /// Only messages on these subjects, such as kaptap.alert or kaptap.>
    #[arg(long, value_name = "SUBJECT", requires = "nats")]
    pub(super) subject: Option<String>,
    /// User name; needs --password-file
    #[arg(long, value_name = "NAME", requires_all = ["nats", "password_file"])]
    pub(super) username: Option<String>,
    /// File with the password in its first line
    #[arg(long, value_name = "FILE", requires = "username")]
    pub(super) password_file: Option<PathBuf>,
    /// File with a token in its first line
    #[arg(long, value_name = "FILE", requires = "nats", conflicts_with = "username")]
    pub(super) token_file: Option<PathBuf>,
    /// File with user JWT and nkey, as nsc writes it
    #[arg(long, value_name = "FILE", requires = "nats")]
    pub(super) credentials_file: Option<PathBuf>,
    /// PEM file of certificate authorities, instead of the system's
    #[arg(long, value_name = "FILE", requires = "nats")]
    pub(super) ca_file: Option<PathBuf>,
    /// PEM file of a client certificate; needs --key-file
    #[arg(long, value_name = "FILE", requires_all = ["nats", "key_file"])]
    pub(super) certificate_file: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, value_name = "FILE", requires = "certificate_file")]
    pub(super) key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct AlertsArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Print the answer of kaptap as it came, a JSON array
    #[arg(long)]
    pub(super) json: bool,
    /// Also those that are resolved and still remembered
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct WireArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Print the answer of kaptap as it came, one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
    /// Only this stream (`kaptap streams` lists them), or the connection with this number
    #[arg(long, value_name = "ID")]
    pub(super) stream: Option<String>,
    /// Only the connections of this task
    #[arg(long, value_name = "TASK")]
    pub(super) task: Option<String>,
    /// Only this lane: udf, post, row, tcp, exec
    #[arg(long, value_name = "LANE")]
    pub(super) lane: Option<String>,
    /// Go on with what comes
    #[arg(short, long)]
    pub(super) follow: bool,
}

#[derive(Debug, Args)]
pub(super) struct StreamsArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Print the answer of kaptap as it came, a JSON array
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct SendArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Source to file it under
    #[arg(default_value = "exec")]
    pub(super) source: String,
    /// Kapacitor's topic, if standard input does not say
    #[arg(long)]
    pub(super) topic: Option<String>,
    /// Kapacitor's task, if standard input does not say
    #[arg(long)]
    pub(super) task: Option<String>,
    /// Standard input has rows (`|httpPost()`), not an alert
    #[arg(long)]
    pub(super) rows: bool,
    /// How long to try until it is kept, also while kaptap is not there or its disk takes nothing
    #[arg(long, value_name = "PERIOD", default_value = "60s")]
    pub(super) timeout: Period,
}

#[derive(Debug, Args)]
pub(super) struct UdfArguments {
    /// The UDF wants and provides batches
    #[arg(long)]
    pub(super) batch: bool,
    /// Socket of the running kaptap; without it that of the configuration
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Check this filter instead
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// Print what this sink of the configuration would send for the events of --event; sends nothing
    #[arg(long, value_name = "NAME", requires = "event", conflicts_with = "filter")]
    pub(super) sink: Option<String>,
    /// File with an alert as Kapacitor posts it, or with events as `kaptap journal export --raw` prints them
    #[arg(long, value_name = "FILE", requires = "sink")]
    pub(super) event: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct SinksArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Print the answer of the running kaptap as it is
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct KapacitorArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Only this one
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
    /// Print the answer of the running kaptap as it is
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RefreshArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// Only this one
    #[arg(value_name = "NAME")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ParkedCommand {
    /// List what is parked
    Ls {
        #[command(flatten)]
        peer: PeerArguments,
        /// The sink
        sink: String,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Print everything about one event, as JSON
    Show {
        #[command(flatten)]
        peer: PeerArguments,
        /// The sink
        sink: String,
        /// Seq of the event
        seq: u64,
    },
    /// Try events again; those that are taken leave the list
    Retry(WhichArguments),
    /// Drop events for good
    Drop(WhichArguments),
}

#[derive(Debug, Args)]
pub(super) struct WhichArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// The sink
    pub(super) sink: String,
    /// Seqs of the events
    #[arg(required_unless_present = "all")]
    pub(super) seqs: Vec<u64>,
    /// All of them
    #[arg(long, conflicts_with = "seqs")]
    pub(super) all: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    #[command(flatten)]
    pub(super) peer: PeerArguments,
    /// The sink
    #[arg(long, value_name = "NAME")]
    pub(super) sink: String,
    /// Begin here: an age (10m), a time (RFC 3339) or a seq
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Position,
    /// End here: an age, a time or a seq; without it, with what is there now
    #[arg(long, value_name = "WHEN")]
    pub(super) until: Option<Position>,
    /// Only events that pass, besides the sink's own filter
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// End when it has begun, without waiting for its end
    #[arg(long)]
    pub(super) no_wait: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum JournalCommand {
    /// List the segments
    Ls,
    /// Read everything and check it; exit code 1 when something is damaged
    Verify,
    /// Print the events, one JSON object a line
    Export(ExportArguments),
}

#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// Begin here: an age (10m), a time (RFC 3339) or a seq
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<Position>,
    /// End before this time or age, or with this seq
    #[arg(long, value_name = "WHEN")]
    pub(super) until: Option<Position>,
    /// Only events that pass
    #[arg(long, value_name = "EXPRESSION")]
    pub(super) filter: Option<String>,
    /// With the bytes as received
    #[arg(long)]
    pub(super) raw: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=100.0).contains(&speed) { Ok(speed) } else { Err("write 0.1 to 100".to_owned()) }
}
