//! What Alertmanager is told of an alert, and what an event changes about it. Pure.

use super::super::{BuildError, options};
use super::labels;
use crate::delivery::sink::{Outcome, Reason};
use crate::event::{Event, cloudevents, time};
use crate::filter::template::Template;
use crate::words::{State, Transition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The state of an alert, as Alertmanager was told it. Times are nanoseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) generator_url: Option<String>,
    /// When it began to fire.
    pub(super) started: i64,
    /// When it was resolved; firing without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resolved: Option<i64>,
    /// When Alertmanager was told so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) announced: Option<i64>,
    /// Time of the last event.
    pub(super) time: i64,
}

/// What an event comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It changes nothing.
    Nothing,
    /// This is to be told.
    Tell(Box<Told>),
    /// It cannot be told.
    Refuse(Outcome),
}

/// Knows how alerts are written.
#[derive(Debug)]
pub(super) struct Writer {
    added: BTreeMap<String, String>,
    generator_url: Option<Template>,
    /// How far ahead a firing alert's end is set, nanoseconds.
    hold: i64,
}

impl Writer {
    pub(super) fn new(options: &options::Alertmanager, hold: Duration) -> Result<Self, BuildError> {
        labels::check(&options.labels)?;
        let compile = |text: &String| {
            if !text.starts_with("http://") && !text.starts_with("https://") {
                return Err(BuildError::value("generator_url", "does not begin with http:// or https://"));
            }
            Template::compile(text).map_err(|error| BuildError::value("generator_url", error.to_string()))
        };
        Ok(Self {
            added: options.labels.clone(),
            generator_url: options.generator_url.as_ref().map(compile).transpose()?,
            hold: i64::try_from(hold.as_nanos()).unwrap_or(i64::MAX),
        })
    }

    /// What an event changes about what is `known` of its alert.
    pub(super) fn step(&self, event: &Event<'_>, known: Option<&Told>, replay: bool, now: i64) -> Step {
        let Some(alert) = &event.alert else { return Step::Nothing };
        if event.duplicate_of.is_some() || alert.transition == Some(Transition::Late) {
            return Step::Nothing;
        }
        // The same event again is told again: it may have come to Alertmanager, or not. A replayed one has.
        if known.is_some_and(|known| known.time > event.time || (replay && known.time >= event.time)) {
            return Step::Nothing;
        }
        let firing = alert.state == State::Firing && alert.transition != Some(Transition::Expired);
        let labels = match known {
            Some(known) if known.resolved.is_none() || !firing => known.labels.clone(),
            _ => match labels::labels(event, alert, &self.added) {
                Ok(labels) => labels,
                Err(error) => {
                    return Step::Refuse(Outcome::Reject { reason: Reason::TooLarge, error, response: None });
                }
            },
        };
        let started = alert.started.or_else(|| known.map(|known| known.started)).unwrap_or(event.time);
        // An end that has not come yet would be firing; one before the start is refused.
        let resolved = (!firing).then(|| event.time.min(now).max(started));
        Step::Tell(Box::new(Told {
            labels,
            annotations: labels::annotations(event, alert),
            generator_url: self.generator_url.as_ref().map(|template| link(template, event)),
            started,
            resolved,
            announced: resolved.map(|_| now),
            time: event.time,
        }))
    }

    /// The body of a request.
    pub(super) fn body<'t>(&self, alerts: impl Iterator<Item = &'t Told>, now: i64) -> Vec<u8> {
        let posted: Vec<Posted<'_>> = alerts.map(|told| self.posted(told, now)).collect();
        // Texts in maps can always be written; an empty body would be refused and seen.
        serde_json::to_vec(&posted).unwrap_or_default()
    }

    fn posted<'t>(&self, told: &'t Told, now: i64) -> Posted<'t> {
        Posted {
            labels: &told.labels,
            annotations: &told.annotations,
            starts_at: time::text(told.started),
            ends_at: time::text(told.resolved.unwrap_or_else(|| now.saturating_add(self.hold))),
            generator_url: told.generator_url.as_deref(),
        }
    }
}

/// An alert in the API (`postableAlert` of Alertmanager's openapi.yaml).
#[derive(Serialize)]
struct Posted<'t> {
    labels: &'t BTreeMap<String, String>,
    annotations: &'t BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    starts_at: String,
    #[serde(rename = "endsAt")]
    ends_at: String,
    #[serde(rename = "generatorURL", skip_serializing_if = "Option::is_none")]
    generator_url: Option<&'t str>,
}

/// A link: values are percent-encoded, so that it stays one URL whatever they hold.
fn link(template: &Template, event: &Event<'_>) -> String {
    let mut text = Vec::new();
    template.render_with(event, &mut text, |value, out| {
        out.extend_from_slice(cloudevents::percent_encoded(value, cloudevents::unreserved).as_bytes());
    });
    // The template and what is written into it are text.
    String::from_utf8(text).unwrap_or_default()
}
