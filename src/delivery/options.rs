//! What of a `[[sink]]` table delivery itself needs; what the peer needs is the sinks' own.

use super::backoff::Bounds;
use super::rate::MaxRate;
use super::window::Key;
use crate::event::Event;
use crate::filter::Filter;
use crate::filter::template::Lookup;
use crate::words::Kind;
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_128;

/// How a sink is fed.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkOptions {
    /// `name`: names its files and metrics; [`super::cursor::is_name`].
    pub name: String,
    /// `filter`
    pub filter: Option<Filter>,
    /// `kinds`: events of these kinds only.
    pub kinds: Vec<Kind>,
    /// `labels`: added to each event, unless it has one of that name.
    pub labels: Vec<(String, String)>,
    /// `max_rate`
    pub max_rate: Option<MaxRate>,
    /// `skip_duplicates`: leave out events that came before with the same id.
    pub skip_duplicates: bool,
    /// `correlation`
    pub correlation: Correlation,
    /// `batch_events`: largest batch.
    pub batch_events: usize,
    /// `batch_bytes`: of the records in a batch; a larger event goes out alone.
    pub batch_bytes: usize,
    /// `batch_age`: how long an event may wait for others.
    pub batch_age: Duration,
    /// `start`
    pub start: Start,
    /// `retry_min`, `retry_max`
    pub retry: Bounds,
    /// `give_up_after`: how long an event that the peer can do nothing with is tried. Without it, for as long as it takes.
    pub give_up_after: Option<Duration>,
    /// `parked_events`: parked at most; beyond it the oldest are dropped.
    pub parked_events: usize,
    /// `parked_bytes`: the same in bytes.
    pub parked_bytes: u64,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            filter: None,
            kinds: Kind::ALL.to_vec(),
            labels: Vec::new(),
            max_rate: None,
            skip_duplicates: true,
            correlation: Correlation::Fingerprint,
            batch_events: 500,
            batch_bytes: 1 << 20,
            batch_age: Duration::from_millis(100),
            start: Start::Cursor,
            retry: Bounds::default(),
            give_up_after: None,
            parked_events: 10_000,
            parked_bytes: 100 << 20,
        }
    }
}

impl SinkOptions {
    /// Whether the sink wants an event, if it has not had it.
    #[must_use]
    pub fn wants(&self, event: &Event<'_>) -> bool {
        self.kinds.contains(&event.kind) && self.filter.as_ref().is_none_or(|filter| filter.matches(event))
    }

    /// Whether the id of an event says whether and how it goes.
    #[must_use]
    pub fn asks_for_id(&self) -> bool {
        let by_path = matches!(self.correlation, Correlation::Path(_));
        by_path || self.filter.as_ref().is_some_and(Filter::asks_for_id)
    }

    /// Adds the sink's labels to an event; what it has already stays.
    pub fn label<'a>(&'a self, event: &mut Event<'a>) {
        event.add_labels(&self.labels);
    }
}

/// Where a sink begins that was not there before. One that was goes on where it was, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// At its cursor; one that never was begins with what comes from now on.
    #[default]
    Cursor,
    /// With what comes from now on.
    End,
    /// With the oldest that the journal has.
    Beginning,
}

/// Which events keep their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Correlation {
    /// `fingerprint`: those of one alert; without an alert, those of one stream.
    #[default]
    Fingerprint,
    /// `all`: all of them.
    All,
    /// Those with the same value at a path; without one, as for `Fingerprint`.
    Path(Lookup),
}

impl Correlation {
    /// The key of an event.
    #[must_use]
    pub fn key(&self, event: &Event<'_>) -> Key {
        let by_path = match self {
            Self::All => return 0,
            Self::Fingerprint => None,
            Self::Path(lookup) => lookup.text(event),
        };
        let of_itself = || event.alert.as_ref().map_or(Key::from(event.origin.stream), |alert| alert.fingerprint.0);
        by_path.map_or_else(of_itself, |text| xxh3_128(text.as_bytes()))
    }
}
