//! One event as one line for a person. Pure: the time zone, the width and whether there is colour are given.
//!
//! `14:03:22.123 CRITICAL cpu_alert  host=web-1  opened  web-1 is CRITICAL  usage_idle=3.2`

mod paint;
pub(super) mod table;
mod text;
mod view;

pub(super) use paint::{Look, paint};
pub(super) use text::{about, harmless};

use std::borrow::Cow;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::value::RawValue;
use view::{Alert, Gap, Notice, Series, View};

/// Longest text of one value; what is longer is cut.
const MAX_VALUE: usize = 60;
/// Widest origin that later lines are aligned to, columns.
const MAX_ORIGIN: usize = 24;

/// Makes lines of events. It remembers the day, to say when another one begins, and the widest origin so far, to align
/// what follows it.
#[derive(Debug, Clone)]
pub struct Renderer {
    /// Whether lines have colours.
    pub colour: bool,
    /// Columns to fit into; `None` does not cut.
    pub width: Option<usize>,
    /// Time zone of the times shown.
    pub zone: TimeZone,
    /// The day of the last line.
    pub day: Date,
    /// Columns of the widest origin so far, of those that are not too wide to be aligned to.
    origin_width: usize,
}

impl Renderer {
    /// A renderer for this machine's time zone, beginning today.
    #[must_use]
    pub fn new(colour: bool, width: Option<usize>) -> Self {
        let now = jiff::Zoned::now();
        Self { colour, width, zone: now.time_zone().clone(), day: now.date(), origin_width: 0 }
    }

    /// What the zone of the times is called at this time: `UTC` or `UTC+01:00`.
    #[must_use]
    pub fn zone_name(&self, time: Timestamp) -> String {
        zone_name(&time.to_zoned(self.zone.clone()))
    }

    /// The line of one event, given as its JSON, without a line end. A line that says the day and the zone comes before
    /// it when the day is another than that of the line before, and before the first line another than today. What is
    /// not an event is shown as it is, made harmless.
    #[must_use]
    pub fn line(&mut self, json: &str) -> String {
        let Ok(view) = serde_json::from_str::<View<'_>>(json) else {
            return self.paint(&[(Look::Plain, text::harmless(json))]);
        };
        if let Some(gap) = &view.gap {
            return self.paint(&gap_line(gap));
        }
        let mut spans = Vec::with_capacity(16);
        let heading = self.push_time(&view, &mut spans);
        self.push_event(&view, &mut spans);
        let line = self.paint(&spans);
        match heading {
            Some(heading) => format!("{heading}\n{line}"),
            None => line,
        }
    }

    fn push_time<'a>(&mut self, view: &View<'a>, spans: &mut Vec<(Look, Cow<'a, str>)>) -> Option<String> {
        let Ok(time) = view.time.parse::<Timestamp>() else {
            spans.push((Look::Dim, Cow::Borrowed("--:--:--.--- ")));
            return None;
        };
        let local = time.to_zoned(self.zone.clone());
        spans.push((Look::Dim, Cow::Owned(local.strftime("%H:%M:%S.%3f ").to_string())));
        if local.date() == self.day {
            return None;
        }
        self.day = local.date();
        let day = format!("── {}, {} ──", local.strftime("%A, %-d %B %Y"), zone_name(&local));
        Some(self.paint(&[(Look::Dim, Cow::Owned(day))]))
    }

    fn push_event<'a>(&mut self, view: &View<'a>, spans: &mut Spans<'a>) {
        let (look, word) = badge(view);
        spans.push((look, word));
        spans.push((Look::Plain, Cow::Borrowed(" ")));
        let origin = view.origin.task.as_ref().or(view.origin.topic.as_ref()).unwrap_or(&view.origin.source);
        let origin = self.aligned(text::harmless(origin).into_owned());
        push(spans, Look::Plain, origin);
        match (&view.alert, &view.system) {
            (Some(alert), _) => push_alert(view, alert, spans),
            (None, Some(notice)) => push_notice(notice, spans),
            (None, None) => push_data(view, spans),
        }
        if let Some(first) = view.duplicate_of {
            push(spans, Look::Dim, format!("duplicate of {first}"));
        }
        if !view.marks.is_empty() {
            push(spans, Look::Warning, text::harmless(&view.marks.join(", ")).into_owned());
        }
    }

    /// The origin, filled up to the widest so far.
    fn aligned(&mut self, mut origin: String) -> String {
        let columns = text::columns(&origin);
        if columns <= MAX_ORIGIN {
            self.origin_width = self.origin_width.max(columns);
        }
        origin.extend(std::iter::repeat_n(' ', self.origin_width.saturating_sub(columns)));
        origin
    }

    fn paint(&self, spans: &[(Look, Cow<'_, str>)]) -> String {
        paint(spans, self.colour, self.width)
    }
}

type Spans<'a> = Vec<(Look, Cow<'a, str>)>;

/// The level of an alert, the kind of everything else; eight columns.
fn badge<'a>(view: &View<'_>) -> (Look, Cow<'a, str>) {
    let Some(alert) = &view.alert else {
        let look = if view.kind == "system" { Look::Warning } else { Look::Dim };
        let word = text::harmless(&view.kind).to_uppercase();
        return (look, Cow::Owned(format!("{word:<8}")));
    };
    (Look::of_level(&alert.level), Cow::Owned(format!("{:<8}", text::harmless(&alert.level))))
}

fn push<'a>(spans: &mut Spans<'a>, look: Look, text: impl Into<Cow<'a, str>>) {
    let text = text.into();
    if !text.is_empty() {
        if spans.len() > 3 {
            spans.push((Look::Plain, Cow::Borrowed("  ")));
        }
        spans.push((look, text));
    }
}

fn push_alert(view: &View<'_>, alert: &Alert<'_>, spans: &mut Spans<'_>) {
    let after_id = after_id(&alert.message, &alert.id);
    if after_id.is_none() {
        push(spans, Look::Bold, text::harmless(&alert.id).into_owned());
    }
    if let Some(transition) = &alert.transition {
        push(spans, Look::Plain, change(view, alert, transition));
    }
    match after_id {
        Some(rest) => {
            push(spans, Look::Bold, text::harmless(&alert.id).into_owned());
            spans.push((Look::Plain, Cow::Owned(text::harmless(rest).into_owned())));
        }
        None => push(spans, Look::Plain, text::harmless(&alert.message).into_owned()),
    }
    if let Some(series) = view.series.first() {
        push(spans, Look::Dim, values(series, Some(alert)));
    }
}

/// What a message says behind the id, if it begins with it, as Kapacitor's own messages do: then the id need not be said
/// twice. `web-1` begins `web-1 is down` and `web-1: down`, not `web-10 is down` or `web-1:80 is down`.
fn after_id<'m>(message: &'m str, id: &str) -> Option<&'m str> {
    let rest = message.strip_prefix(id).filter(|_| !id.is_empty())?;
    let next = rest.strip_prefix([',', ':', ';', '.']).unwrap_or(rest).chars().next();
    next.is_none_or(char::is_whitespace).then_some(rest)
}

/// The zone of a moment: `UTC` or `UTC+01:00`.
pub(super) fn zone_name(moment: &Zoned) -> String {
    if moment.offset().is_zero() { "UTC".to_owned() } else { moment.strftime("UTC%:z").to_string() }
}

/// What the alert event changed, in a word or three.
fn change(view: &View<'_>, alert: &Alert<'_>, transition: &str) -> String {
    match transition {
        "resolved" => {
            // A time that cannot be read leaves out how long it lasted; that it is resolved is what counts.
            let started = alert.started.as_deref().and_then(|text| text.parse::<Timestamp>().ok());
            let time = view.time.parse::<Timestamp>().ok();
            let between = started.zip(time).map(|(started, time)| time.as_nanosecond() - started.as_nanosecond());
            // A body without a duration, such as one written by hand, says 0.
            let said = alert.duration_ns.filter(|duration| *duration > 0).map(i128::from);
            let lasted = said.or(between).and_then(|lasted| u128::try_from(lasted).ok());
            lasted.map_or_else(|| "resolved".to_owned(), |lasted| format!("resolved after {}", text::about(lasted)))
        }
        "repeated" if alert.repeat > 1 => format!("repeated {}×", alert.repeat),
        "orphan_resolved" => "resolved, never seen firing".to_owned(),
        "late" => "late, state unchanged".to_owned(),
        word => text::harmless(word).into_owned(),
    }
}

fn push_notice(notice: &Notice<'_>, spans: &mut Spans<'_>) {
    push(spans, Look::Bold, text::harmless(&notice.what).into_owned());
    push(spans, Look::Plain, text::harmless(&notice.message).into_owned());
}

fn push_data(view: &View<'_>, spans: &mut Spans<'_>) {
    let Some(series) = view.series.first() else { return };
    let mut name = text::harmless(&series.name).into_owned();
    for (key, value) in &series.tags {
        text::add!(name, " {}={}", text::harmless(key), text::harmless(value));
    }
    push(spans, Look::Bold, name);
    if view.kind != "point" {
        let rows: usize = view.series.iter().map(|series| series.rows.len()).sum();
        let mut count = format!("{rows} {}", if rows == 1 { "row" } else { "rows" });
        if view.series.len() > 1 {
            text::add!(count, " in {} series", view.series.len());
        }
        match (view.part, view.parts) {
            (Some(part), Some(parts)) if parts > 1 => {
                text::add!(count, ", part {part} of {parts}");
            }
            (Some(part), None) => {
                text::add!(count, ", part {part}");
            }
            _ => {}
        }
        push(spans, Look::Plain, count);
    }
    push(spans, Look::Dim, values(series, None));
}

/// `name=value` of the newest row. What the line shows already (the time, and an alert's own message and duration
/// where Kapacitor left them in fields) is left out.
fn values(series: &Series<'_>, alert: Option<&Alert<'_>>) -> String {
    let mut shown = String::new();
    let Some(row) = series.rows.last() else { return shown };
    for (index, (column, cell)) in series.columns.iter().zip(row).enumerate() {
        let is_time = series.types.get(index).is_some_and(|kind| kind == "time");
        let value = value(cell);
        let is_said = alert.is_some_and(|alert| {
            (!alert.message.is_empty() && serde_json::from_str::<String>(cell.get()).is_ok_and(|v| v == alert.message))
                || alert.duration_ns.is_some_and(|duration| cell.get() == duration.to_string())
        });
        if is_time || is_said || value == "null" {
            continue;
        }
        let separator = if shown.is_empty() { "" } else { " " };
        text::add!(shown, "{separator}{}={value}", text::harmless(column));
    }
    shown
}

/// A cell as it stands in JSON, digit for digit; text without its quotes when it is one plain word.
fn value(cell: &RawValue) -> String {
    let shown = match serde_json::from_str::<String>(cell.get()) {
        Ok(word) if !word.is_empty() && !word.contains([' ', '=', '"']) => text::harmless(&word).into_owned(),
        Ok(words) => format!("\"{}\"", text::harmless(&words)),
        Err(_) => text::harmless(cell.get()).into_owned(),
    };
    let fits = text::fit(&shown, MAX_VALUE);
    if fits.len() < shown.len() { format!("{fits}…") } else { shown }
}

fn gap_line<'a>(gap: &Gap<'_>) -> Spans<'a> {
    let reason = match &*gap.reason {
        "retention" => "retention removed them before they were read",
        "damage" => "the journal is damaged there",
        "skipped" => "the numbers were skipped after a crash",
        "removed" => "they were removed from the stream",
        _ => "they are not in the journal",
    };
    let events = if gap.first_seq == gap.last_seq {
        format!("event {} is", gap.first_seq)
    } else {
        format!("events {} to {} are", gap.first_seq, gap.last_seq)
    };
    vec![(Look::Warning, Cow::Owned(format!("── gap: {events} missing: {reason} ──")))]
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
