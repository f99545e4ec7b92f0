//! `kaptap check --sink NAME --event FILE`: what a sink would send, without sending it.
//!
//! The file holds either one alert as Kapacitor posts it, which is read as if it had just arrived, or events as
//! `kaptap journal export --raw` prints them, which are made again from their bytes.

use super::failure::{Failure, say};
use super::output::Output;
use crate::config::{Config, SinkSettings};
use crate::delivery::sink::Batch;
use crate::event::Event;
use crate::intake::clock;
use crate::interpret::fold::{Bounds, Fold};
use crate::interpret::{self, FRAMES_MEDIA};
use crate::record::{AlertNames, Content, Note, Record, Stream, StreamId};
use crate::words::{Kind, Lane};
use base64::Engine as _;
use serde::Deserialize;
use std::borrow::Cow;
use std::path::Path;

/// Prints what the sink would send.
pub(super) fn run(config: &Config, name: &str, file: &Path, output: &mut Output) -> Result<(), Failure> {
    let names = || config.sinks.iter().map(|sink| sink.options.name.as_str()).collect::<Vec<_>>().join(", ");
    let settings = config.sinks.iter().find(|sink| sink.options.name == name);
    let settings =
        settings.ok_or_else(|| Failure::Usage(format!("there is no sink {name:?}; there are: {}", names())))?;
    let text =
        std::fs::read(file).map_err(|error| Failure::caused(format!("cannot read {}", file.display()), error))?;
    let kept = read(config, &text).map_err(|problem| Failure::because(format!("{}: {problem}", file.display())))?;

    let records: Vec<Record<'_>> = kept.iter().map(Kept::record).collect();
    let events: Vec<Event<'_>> = kept
        .iter()
        .zip(&records)
        .map(|(kept, record)| with_labels(interpret::event(&kept.stream, record), settings))
        .collect();
    for event in &events {
        if let Some(why) = left_out(settings, event) {
            say(&format!("event {} would not be sent: {why}", event.seq));
        }
    }
    // A sink is made in a runtime, as it is when kaptap runs; it connects to nobody before the first delivery.
    let runtime = super::runtime(super::Threads::One)?;
    let _inside = runtime.enter();
    let sink = crate::sinks::build(name, &settings.peer, &config.data_dir.join("state"))
        .map_err(|error| Failure::caused(format!("sink {name} cannot be made"), error))?;
    let most = settings.options.batch_events.min(sink.limits().events).max(1);
    for events in events.chunks(most) {
        let preview = sink.preview(&Batch { events, replay: false }).map_err(Failure::because)?;
        output.line(preview.trim_end())?;
    }
    output.flush()
}

/// An event of the file, as the journal would have it.
struct Kept {
    stream: Stream,
    seq: u64,
    observed: i64,
    content: Content,
    note: Note,
    raw: Vec<u8>,
}

impl Kept {
    fn record(&self) -> Record<'_> {
        let note = self.note.clone();
        Record { seq: self.seq, observed: self.observed, n: self.seq, content: self.content, note, raw: &self.raw }
    }
}

/// What of an exported event is needed to make it again.
#[derive(Deserialize)]
struct Exported<'a> {
    schema: Option<&'a str>,
    seq: Option<u64>,
    kind: Option<&'a str>,
    origin: Option<Origin>,
    #[serde(borrow)]
    raw: Option<Raw<'a>>,
}

#[derive(Deserialize)]
struct Origin {
    source: Option<String>,
    task: Option<String>,
    database: Option<String>,
    retention_policy: Option<String>,
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    media: Cow<'a, str>,
    data: Option<String>,
    base64: Option<String>,
}

fn read(config: &Config, text: &[u8]) -> Result<Vec<Kept>, String> {
    let first = text.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let is_exported = |line: &[u8]| {
        serde_json::from_slice::<Exported<'_>>(line).is_ok_and(|event| event.schema == Some(crate::event::json::SCHEMA))
    };
    let mut kept = Vec::new();
    if first.is_some_and(is_exported) {
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
            kept.push(exported(config, line, kept.len() as u64 + 1)?);
        }
    } else {
        let stream = stream(config, Lane::Post, "check");
        let raw = text.to_vec();
        kept.push(Kept { stream, seq: 1, observed: clock::now(), content: Content::Alert, note: Note::default(), raw });
    }
    let mut fold = Fold::new(Bounds::default());
    for one in &mut kept {
        let facts = interpret::alert_facts(&one.stream, one.content, &one.note, one.observed, &one.raw);
        match facts {
            Some(facts) => {
                let verdict = fold.weigh(&facts);
                fold.replay(&one.stream.scope, &facts, &verdict, one.seq, one.observed);
                drop(facts);
                one.note.verdict = Some(verdict);
            }
            None if one.content == Content::Alert => {
                return Err("is neither an alert as Kapacitor posts it nor an event of kaptap".to_owned());
            }
            None => {}
        }
    }
    Ok(kept)
}

fn exported(config: &Config, line: &[u8], number: u64) -> Result<Kept, String> {
    let event: Exported<'_> = serde_json::from_slice(line).map_err(|error| format!("line {number}: {error}"))?;
    let seq = event.seq.unwrap_or(number);
    let without = || format!("event {seq} has no bytes; export it with `kaptap journal export --raw`");
    let raw = event.raw.ok_or_else(without)?;
    let data = match (raw.data, raw.base64) {
        (Some(data), _) => data.into_bytes(),
        (None, Some(base64)) => {
            let decoded = base64::engine::general_purpose::STANDARD.decode(base64);
            decoded.map_err(|error| format!("event {seq}: {error}"))?
        }
        (None, None) => return Err(without()),
    };
    let is_frames = raw.media == FRAMES_MEDIA;
    let kind = event.kind.and_then(Kind::parse);
    let content = match kind {
        Some(Kind::Alert) if !is_frames => Content::Alert,
        // One point has no length prefix, frames of a batch have.
        Some(Kind::Alert | Kind::Point) => Content::Point,
        Some(Kind::Batch) => Content::Batch,
        Some(Kind::Row) => Content::Row,
        Some(Kind::System) => Content::System,
        Some(Kind::Opaque) | None => Content::Opaque,
    };
    let origin = event.origin.unwrap_or(Origin { source: None, task: None, database: None, retention_policy: None });
    let came_by = if is_frames { Lane::Udf } else { Lane::Post };
    let stream = Stream {
        task: origin.task,
        database: origin.database,
        retention_policy: origin.retention_policy,
        alert: (is_frames && kind == Some(Kind::Alert)).then(AlertNames::default),
        ..stream(config, came_by, origin.source.as_deref().unwrap_or("check"))
    };
    let note = Note { media: Some(raw.media.into_owned()), ..Note::default() };
    Ok(Kept { stream, seq, observed: clock::now(), content, note, raw: data })
}

fn stream(config: &Config, lane: Lane, source: &str) -> Stream {
    Stream::new(StreamId(0), lane, source, &config.scope)
}

fn with_labels<'a>(mut event: Event<'a>, settings: &'a SinkSettings) -> Event<'a> {
    settings.options.label(&mut event);
    event
}

/// Why a sink does not want an event.
fn left_out(settings: &SinkSettings, event: &Event<'_>) -> Option<String> {
    let options = &settings.options;
    if !options.kinds.contains(&event.kind) {
        return Some(format!("its kind is {}", event.kind));
    }
    if !options.wants(event) {
        return Some("it does not pass the filter".to_owned());
    }
    let is_again = options.skip_duplicates && event.duplicate_of.is_some();
    is_again.then(|| "it is a duplicate".to_owned())
}
