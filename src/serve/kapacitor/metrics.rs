//! What is known of the Kapacitors, as metrics.

use super::super::now;
use super::{age, levels};
use crate::connector::reconcile::Report;
use crate::connector::reconcile::loss::Verdict;
use crate::connector::{Connector, PollKind, Snapshot};
use crate::kapacitor::api::Task;
use crate::sorted;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Tasks that have labels of their own, of each Kapacitor; the others are counted together.
const TASKS: usize = 200;
/// Topics that have labels of their own, of each Kapacitor; the others are counted together.
const TOPICS: usize = 200;
/// What stands for the others.
const OTHERS: &str = "(others)";

/// Writes the metrics of every Kapacitor.
pub(in crate::serve) fn encode(connector: &Connector, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let all = connector.snapshots();
    if all.is_empty() {
        return Ok(());
    }
    let now = now();
    polls(&all, now, encoder)?;
    states(&all, encoder)?;
    tasks(&all, encoder)?;
    let reports: Vec<Report> = all.iter().filter_map(|known| connector.report(&known.name)).collect();
    missing(&reports, encoder)
}

/// Only topics of which something is missing, those first that miss most.
fn missing(reports: &[Report], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Events of a topic that were collected and neither arrived nor were recovered";
    let mut family = encoder.encode_descriptor("kapacitor_topic_missing_events", help, None, MetricType::Gauge)?;
    for report in reports {
        for (topic, count) in missing_of(report) {
            let labels = [("kapacitor", report.kapacitor.as_str()), ("topic", topic)];
            ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn missing_of(report: &Report) -> Vec<(&str, u64)> {
    let told = report.topics.iter().filter(|loss| loss.verdict == Verdict::Told);
    let mut all: Vec<(&str, u64)> =
        told.map(|loss| (loss.topic.as_str(), loss.count.missing())).filter(|(_, count)| *count > 0).collect();
    sorted::sort_by(&mut all, |one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    let others: u64 = all.iter().skip(TOPICS).map(|(_, count)| count).sum();
    all.truncate(TOPICS);
    all.extend((others > 0).then_some((OTHERS, others)));
    all
}

fn polls(all: &[Arc<Snapshot>], now: i64, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "Whether the last ping of a Kapacitor went well";
    let mut family = encoder.encode_descriptor("kapacitor_up", help, None, MetricType::Gauge)?;
    for known in all {
        let up = u64::from(!known.polls.ping.is_stale());
        ConstGauge::new(up).encode(family.encode_family(&[("kapacitor", known.name.as_str())])?)?;
    }
    let help = "Time since a poll of this kind last went well";
    let unit = Some(&Unit::Seconds);
    let mut family = encoder.encode_descriptor("kapacitor_last_success_age", help, unit, MetricType::Gauge)?;
    for (known, kind) in each(all) {
        if let Some(age) = age(known.polls.of(kind), now) {
            ConstGauge::new(age).encode(family.encode_family(&labels(known, kind))?)?;
        }
    }
    let help = "How long the last poll of this kind took";
    let mut family = encoder.encode_descriptor("kapacitor_poll_duration", help, unit, MetricType::Gauge)?;
    for (known, kind) in each(all) {
        let took = known.polls.of(kind).took.as_secs_f64();
        ConstGauge::new(took).encode(family.encode_family(&labels(known, kind))?)?;
    }
    let help = "Polls of this kind that ended";
    let mut family = encoder.encode_descriptor("kapacitor_polls", help, None, MetricType::Counter)?;
    for (known, kind) in each(all) {
        let attempts = known.polls.of(kind).attempts;
        ConstCounter::new(attempts).encode(family.encode_family(&labels(known, kind))?)?;
    }
    let help = "Polls of this kind that failed";
    let mut family = encoder.encode_descriptor("kapacitor_polls_failed", help, None, MetricType::Counter)?;
    for (known, kind) in each(all) {
        for (reason, count) in &known.polls.of(kind).failed {
            let [name, poll] = labels(known, kind);
            let labels = [name, poll, ("reason", reason.as_str())];
            ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn each(all: &[Arc<Snapshot>]) -> impl Iterator<Item = (&Snapshot, PollKind)> {
    all.iter().flat_map(|known| PollKind::ALL.iter().map(move |kind| (&**known, *kind)))
}

fn labels(known: &Snapshot, kind: PollKind) -> [(&str, &str); 2] {
    [("kapacitor", known.name.as_str()), ("poll", kind.as_str())]
}

fn states(all: &[Arc<Snapshot>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut family =
        encoder.encode_descriptor("kapacitor_tasks", "Tasks of a Kapacitor, by state", None, MetricType::Gauge)?;
    for known in all {
        for state in ["executing", "dead", "disabled"] {
            let count = known.tasks.values().filter(|task| task.state() == state).count();
            let labels = [("kapacitor", known.name.as_str()), ("state", state)];
            ConstGauge::new(count as u64).encode(family.encode_family(&labels)?)?;
        }
    }
    let help = "Topics of a Kapacitor, by the worst level of their events";
    let mut family = encoder.encode_descriptor("kapacitor_topics", help, None, MetricType::Gauge)?;
    for known in all {
        for (level, count) in levels(known) {
            let labels = [("kapacitor", known.name.as_str()), ("level", level)];
            ConstGauge::new(count as u64).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

/// Name and help of a counter of tasks, and what it is of one.
type TaskCounter = (&'static str, &'static str, fn(&Task) -> f64);

fn tasks(all: &[Arc<Snapshot>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let counters: [TaskCounter; 3] = [
        ("kapacitor_task_node_errors", "Errors of a task's nodes since it was started", |task| sum(task, "errors")),
        ("kapacitor_task_alerts_triggered", "Alerts that a task triggered since it was started", |task| {
            sum(task, "alerts_triggered")
        }),
        ("kapacitor_task_collected", "Points or batches that a task took in since it was started", collected),
    ];
    for (name, help, value) in counters {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for known in all {
            let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
            for (number, task) in known.tasks.values().filter(|task| task.stats.is_some()).enumerate() {
                let label = if number < TASKS { task.id.as_str() } else { OTHERS };
                *sums.entry(label).or_default() += value(task);
            }
            for (task, sum) in sums {
                let labels = [("kapacitor", known.name.as_str()), ("task", task)];
                ConstCounter::new(sum).encode(family.encode_family(&labels)?)?;
            }
        }
    }
    Ok(())
}

fn sum(task: &Task, counter: &str) -> f64 {
    task.stats.as_ref().map_or(0.0, |stats| stats.sum(counter))
}

/// What came into the task: its first node has the number 0.
fn collected(task: &Task) -> f64 {
    let nodes = task.stats.iter().flat_map(|stats| &stats.nodes);
    let sources = nodes.filter(|(name, _)| matches!(name.as_str(), "stream0" | "batch0"));
    sources.filter_map(|(_, counters)| counters.get("collected")).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::reconcile::TopicLoss;
    use crate::connector::reconcile::loss::{Count, Told};

    #[test]
    fn topics_that_miss_most_have_labels() {
        let loss = |(topic, verdict, missing): (String, Verdict, u64)| {
            let mut count = Count::begin(0, Told::default(), 0);
            count.step(missing, Told::default(), false);
            TopicLoss { topic, verdict, count }
        };
        let many = (1..=TOPICS as u64 + 2).map(|number| (format!("t{number:03}"), Verdict::Told, number));
        let odd = [("whole".to_owned(), Verdict::Told, 0), ("unknown".to_owned(), Verdict::Matching, 999)];
        let report = Report { topics: many.chain(odd).map(loss).collect(), ..Report::default() };
        let found = missing_of(&report);
        assert_eq!((found.len(), found[0], found[TOPICS]), (TOPICS + 1, ("t202", 202), (OTHERS, 1 + 2)));
    }
}
