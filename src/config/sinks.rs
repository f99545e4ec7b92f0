//! `[[sink]]` tables: what delivery needs of them, and the reader that every key goes through.

use super::kapacitors::KapacitorSettings;
use super::keys::nearest;
use super::settings::{Setting, Settings, Table, Value};
use super::sink_keys::{SINK_KEYS, SINK_TYPES, find};
use super::sink_peers;
use super::typed::{count, is, period, size, switch, text, word};
use super::{ConfigError, Place};
use crate::delivery::backoff::Bounds;
use crate::delivery::cursor::is_name;
use crate::delivery::options::{Correlation, SinkOptions, Start};
use crate::filter::Filter;
use crate::filter::template::Lookup;
use crate::sinks::options::Peer;
use crate::words::Kind;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Types that tell their peer of what is on and what is over.
const KEEP_STATE: [&str; 3] = ["alertmanager", "dataminer", "dataminer-webhook"];

const YEAR: Duration = Duration::from_hours(365 * 24);

/// One `[[sink]]`, read and checked. Two are equal when nothing has to be done to turn one into the other.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkSettings {
    /// How it is fed.
    pub options: SinkOptions,
    /// Its type, as it is written.
    pub kind: &'static str,
    /// Its peer.
    pub peer: Peer,
    /// Files that its peer reads, and when they were changed: a renewed certificate makes another sink.
    pub files: Vec<(PathBuf, Option<SystemTime>)>,
}

impl SinkSettings {
    /// What is allowed and hardly meant.
    #[must_use]
    pub fn doubt(&self) -> Option<String> {
        let filter = self.options.filter.as_ref().filter(|_| KEEP_STATE.contains(&self.kind))?;
        filter.leaves_out_recoveries().then(|| {
            format!(
                "its filter leaves out every recovery, so {} never hears that an alert is over; add \
                 || alert.state == \"resolved\"",
                self.kind
            )
        })
    }
}

/// Reads all sinks. Those with faults are left out, and the faults are in `settings`.
pub(super) fn sinks(settings: &mut Settings, kapacitors: &[KapacitorSettings]) -> Vec<SinkSettings> {
    let tables = std::mem::take(&mut settings.sinks);
    let mut names: Vec<String> = Vec::new();
    let mut written: Vec<PathBuf> = Vec::new();
    let mut sinks = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader::new(&mut settings.errors, table, "sink", number, default_of);
        let name = reader.name(&names);
        names.extend(name.clone());
        if let Some(name) = &name {
            reader.label.clone_from(name);
        }
        let Some(kind) = reader.kind() else { continue };
        reader.kind = kind;
        reader.refuse_unknown();
        let options = options(&mut reader, name);
        let peer = sink_peers::peer(&mut reader, options.as_ref());
        let shown = match &peer {
            Some(Peer::Dataminer(dataminer)) => dataminer.kapacitor.as_ref(),
            _ => None,
        };
        if let Some(shown) = shown
            && !kapacitors.iter().any(|kapacitor| kapacitor.options.name == *shown)
        {
            reader.report("kapacitor", format!("{shown:?} names no [[kapacitor]]"));
        }
        if let Some(Peer::File(file)) = &peer {
            // Through links they may still be one: then the second finds the file locked, and says so.
            let path = std::path::absolute(&file.path).unwrap_or_else(|_| file.path.clone());
            if written.contains(&path) {
                reader.report("path", format!("another sink writes to {}; each needs its own file", path.display()));
            }
            written.push(path);
        }
        let files = std::mem::take(&mut reader.files);
        sinks.extend(options.zip(peer).map(|(options, peer)| SinkSettings { options, kind, peer, files }));
    }
    sinks
}

/// Reads the keys of one table; a fault becomes an error with its line.
pub(super) struct Reader<'a> {
    errors: &'a mut Vec<ConfigError>,
    pub(super) table: &'a Table,
    /// `sink` or `kapacitor`.
    section: &'static str,
    /// Default of a key, as it would be written.
    default: fn(&str) -> Option<&'static str>,
    pub(super) kind: &'static str,
    /// How errors call it.
    pub(super) label: String,
    pub(super) files: Vec<(PathBuf, Option<SystemTime>)>,
}

fn default_of(key: &str) -> Option<&'static str> {
    find(key).and_then(|key| key.default)
}

impl<'a> Reader<'a> {
    /// A reader of the table that is this many tables behind the first.
    pub(super) fn new(
        errors: &'a mut Vec<ConfigError>,
        table: &'a Table,
        section: &'static str,
        number: usize,
        default: fn(&str) -> Option<&'static str>,
    ) -> Self {
        let label = format!("#{}", number + 1);
        Self { errors, table, section, default, kind: section, label, files: Vec::new() }
    }

    /// A reader for a section whose keys are those of this type of sink.
    pub(super) fn of_section(
        errors: &'a mut Vec<ConfigError>,
        table: &'a Table,
        kind: &'static str,
        (section, label): (&'static str, &str),
    ) -> Self {
        Self { errors, table, section, default: default_of, kind, label: label.to_owned(), files: Vec::new() }
    }

    /// Where a key was written; where the table begins, if it was not.
    fn place(&self, key: &str) -> Place {
        self.table.found.get(key).map_or_else(|| self.table.place.clone(), |setting| setting.place.clone())
    }

    pub(super) fn report(&mut self, key: &str, problem: impl Into<String>) {
        let place = self.place(key);
        self.errors.push(ConfigError {
            place,
            key: format!("{}.{}.{key}", self.section, self.label),
            problem: problem.into(),
        });
    }

    /// Whether the key was written.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.found.contains_key(key)
    }

    /// The value of a key that may be absent: outer `None` is a fault, inner `None` is absent.
    #[expect(clippy::option_option, reason = "a fault and an absent key are different things here")]
    pub(super) fn take<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<Option<T>> {
        let read = match self.table.found.get(key) {
            Some(Setting { value, .. }) => read(value),
            None => match (self.default)(key) {
                Some(default) => read(&Value::Bare(default.to_owned())),
                None => return Some(None),
            },
        };
        match read {
            Ok(value) => Some(Some(value)),
            Err(problem) => {
                self.report(key, problem);
                None
            }
        }
    }

    /// The value of a key that has to be there.
    pub(super) fn need<T>(&mut self, key: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.take(key, read)?;
        if value.is_none() {
            let article = if self.kind.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
            self.report(key, format!("is missing; {article} {} needs it", self.kind));
        }
        value
    }

    pub(super) fn period(&mut self, key: &str, low: Duration, high: Duration) -> Option<Duration> {
        self.take(key, |value| period(value, &(low..=high)))?
    }

    pub(super) fn size(&mut self, key: &str, low: u64, high: u64) -> Option<u64> {
        self.take(key, |value| size(value, &(low..=high)))?
    }

    pub(super) fn count(&mut self, key: &str, low: usize, high: usize) -> Option<usize> {
        self.take(key, |value| count(value, &(low..=high)))?
    }

    pub(super) fn switch(&mut self, key: &str) -> Option<bool> {
        self.take(key, switch)?
    }

    pub(super) fn name(&mut self, others: &[String]) -> Option<String> {
        let section = self.section;
        self.need("name", |value| {
            let name = text(value, "a name")?;
            if !is_name(name) {
                return Err(format!(
                    "{name:?} cannot name files: write letters, digits, -, _ and ., beginning with a letter or digit, 64 at most"
                ));
            }
            if others.iter().any(|other| other == name) {
                return Err(format!("another {section} is named {name:?}; each needs its own name"));
            }
            Ok(name.to_owned())
        })
    }

    fn kind(&mut self) -> Option<&'static str> {
        let words: Vec<(&str, &'static str)> = SINK_TYPES.iter().map(|kind| (*kind, *kind)).collect();
        self.need("type", |value| word(value, &words))
    }

    /// Reports keys that this type does not have.
    fn refuse_unknown(&mut self) {
        let kind = self.kind;
        let known = || SINK_KEYS.iter().filter(|key| key.types.contains(&kind)).map(|key| key.name);
        let unknown: Vec<String> =
            self.table.found.keys().filter(|key| !known().any(|name| name == *key)).cloned().collect();
        for key in unknown {
            let problem = match (find(&key), nearest(&key, known())) {
                (Some(other), _) => {
                    format!("a sink of type {kind} has no such key; it is one of {}", other.types.join(", "))
                }
                (None, Some(near)) => format!("a sink of type {kind} has no such key; did you mean {near}?"),
                (None, None) => format!("a sink of type {kind} has no such key; remove it, or see docs/sinks.md"),
            };
            self.report(&key, problem);
        }
    }
}

/// What delivery needs.
fn options(reader: &mut Reader<'_>, name: Option<String>) -> Option<SinkOptions> {
    let filter = reader.take("filter", |value| {
        let expression = text(value, "a filter, such as 'alert.level == \"CRITICAL\"'")?;
        let filter = Filter::compile(expression).map_err(|error| format!("is no filter:\n{error}"))?;
        filter.unknown_word().map_or(Ok(filter), Err)
    });
    let default: &[Kind] = if KEEP_STATE.contains(&reader.kind) { &[Kind::Alert] } else { Kind::ALL };
    let kinds = reader.take("kinds", kinds).map(|kinds| kinds.unwrap_or_else(|| default.to_vec()));
    let labels = reader.take("labels", |value| strings(value, "labels, such as { site = \"berlin\" }"));
    let max_rate = reader.take("max_rate", |value| {
        text(value, "a rate, such as \"100/s\"")?.parse().map_err(|error: crate::delivery::NotARate| error.to_string())
    });
    let skip_duplicates = reader.switch("skip_duplicates");
    let correlation = reader.take("correlation", correlation);
    let batch_events = reader.count("batch_events", 1, 10_000);
    let batch_bytes = reader.size("batch_bytes", 1 << 10, 8 << 20);
    let batch_age = reader.period("batch_age", Duration::ZERO, Duration::from_mins(1));
    let starts = [("cursor", Start::Cursor), ("end", Start::End), ("beginning", Start::Beginning)];
    let start = reader.take("start", |value| word(value, &starts));
    let first = reader.period("retry_min", Duration::from_millis(10), Duration::from_hours(1));
    let longest = reader.period("retry_max", Duration::from_millis(10), Duration::from_hours(1));
    if first > longest && longest.is_some() {
        let key = if reader.has("retry_min") { "retry_min" } else { "retry_max" };
        reader.report(key, "retry_min is more than retry_max");
    }
    let give_up_after = reader.take("give_up_after", |value| period(value, &(Duration::from_secs(1)..=YEAR)));
    let parked_events = reader.count("parked_events", 1, 1_000_000);
    let parked_bytes = reader.size("parked_bytes", 1 << 20, 1 << 40);
    Some(SinkOptions {
        name: name?,
        filter: filter?,
        kinds: kinds?,
        labels: labels?.unwrap_or_default(),
        max_rate: max_rate?,
        skip_duplicates: skip_duplicates?,
        correlation: correlation??,
        batch_events: batch_events?,
        batch_bytes: usize::try_from(batch_bytes?).ok()?,
        batch_age: batch_age?,
        start: start??,
        retry: Bounds { first: first?, longest: longest? },
        give_up_after: give_up_after?,
        parked_events: parked_events?,
        parked_bytes: parked_bytes?,
    })
}

fn kinds(value: &Value) -> Result<Vec<Kind>, String> {
    let all = || Kind::ALL.iter().map(|kind| format!("{:?}", kind.as_str())).collect::<Vec<_>>().join(", ");
    let Value::List(words) = value else { return Err(format!("{}; write a list of some of {}", is(value), all())) };
    if words.is_empty() {
        return Err(format!("is empty, so nothing would be delivered; write some of {}", all()));
    }
    let read = |word: &String| Kind::parse(word).ok_or_else(|| format!("{word:?} is not one of {}", all()));
    words.iter().map(read).collect()
}

fn correlation(value: &Value) -> Result<Correlation, String> {
    match text(value, "\"fingerprint\", \"all\", or a path such as \"tags.host\"")? {
        "fingerprint" => Ok(Correlation::Fingerprint),
        "all" => Ok(Correlation::All),
        path => Lookup::compile(path)
            .map(Correlation::Path)
            .map_err(|error| format!("is neither \"fingerprint\", \"all\" nor a path:\n{error}")),
    }
}

/// A table of texts.
pub(super) fn strings(value: &Value, wanted: &str) -> Result<Vec<(String, String)>, String> {
    match value {
        Value::Map(pairs) if pairs.iter().all(|(name, _)| !name.is_empty() && !name.chars().any(char::is_control)) => {
            Ok(pairs.clone())
        }
        Value::Map(_) => Err(format!("has an empty name, or one with control characters; write {wanted}")),
        // What is written may be secret: it is not repeated.
        _ => Err(format!("is not a table of texts; write {wanted}")),
    }
}
