//! What the demo saw, in few lines.

use super::{Own, play::Played};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What came out of kaptap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Events by kind and lane.
    pub kinds: BTreeMap<(String, String), u64>,
    /// Alert events by what they changed; duplicates not counted.
    pub transitions: BTreeMap<String, u64>,
    /// Alert events that had come by another lane before.
    pub duplicates: u64,
    /// Alerts that are firing, by fingerprint: id and level.
    pub open: BTreeMap<String, (String, String)>,
    /// Times the stream said that something is missing.
    pub gaps: u64,
}

impl Seen {
    /// Counts an event.
    pub fn count(&mut self, event: &Value) {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        if event.get("gap").is_some() {
            self.gaps += 1;
            return;
        }
        *self.kinds.entry((text("/kind"), text("/origin/lane"))).or_default() += 1;
        if event.get("alert").is_none() {
            return;
        }
        if event.get("duplicate_of").is_some() {
            self.duplicates += 1;
            return;
        }
        *self.transitions.entry(text("/alert/transition")).or_default() += 1;
        let fingerprint = text("/alert/fingerprint");
        if text("/alert/state") == "firing" {
            self.open.insert(fingerprint, (text("/alert/id"), text("/alert/level")));
        } else {
            self.open.remove(&fingerprint);
        }
    }

    /// Events of a kind, and of a lane if one is named.
    #[must_use]
    pub fn of(&self, kind: &str, lane: Option<&str>) -> u64 {
        let wanted = self.kinds.iter().filter(|((k, l), _)| k == kind && lane.is_none_or(|lane| lane == l));
        wanted.map(|(_, count)| count).sum()
    }
}

/// What the demo came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// What was sent.
    pub played: Played,
    /// What came out.
    pub seen: Seen,
}

impl Summary {
    /// What kaptap took and did not show: 0.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let Self { played, seen } = self;
        let expected = [
            (played.points, seen.of("point", Some("udf"))),
            (played.alert_points, seen.of("alert", Some("udf"))),
            (played.batches, seen.of("batch", Some("udf"))),
            (played.posts.taken, seen.of("alert", Some("post"))),
        ];
        expected.into_iter().map(|(sent, seen)| sent.saturating_sub(seen)).sum()
    }

    /// The summary in a frame.
    #[must_use]
    pub fn framed(&self, points_shown: u64) -> String {
        let Self { played, seen } = self;
        let points = seen.of("point", None);
        let mut rows = vec![
            ("kept", {
                let alerts = seen.of("alert", None);
                let batches = seen.of("batch", None);
                format!("{} points, {batches} batches, {alerts} alert events", grouped(points))
            }),
            ("shown", format!("{points_shown} of the points, and every other event once")),
            ("both lanes", format!("{} alert events came by UDF and by POST, each pair with one id", seen.duplicates)),
            ("transitions", words(&seen.transitions)),
        ];
        let open = seen.open.values().map(|(id, level)| format!("{id} is {level}"));
        rows.extend(open.enumerate().map(|(index, open)| (if index == 0 { "still open" } else { "" }, open)));
        rows.push(("lost", self.lost().to_string()));
        rows.push(("sent back", {
            let equal = if played.echoed() { "equal: yes" } else { "equal: NO" };
            format!("{} of {} frames, {equal}", grouped(played.returned()), grouped(played.sent()))
        }));
        rows.push(("signs of life", format!("{} keepalives answered, no task ended", played.keepalives())));
        if played.posts.refused + played.posts.failed + played.posts.dropped + seen.gaps > 0 {
            let posts = played.posts;
            rows.push((
                "trouble",
                format!(
                    "posts refused {}, failed {}, dropped {}; gaps {}",
                    posts.refused, posts.failed, posts.dropped, seen.gaps
                ),
            ));
        }
        boxed("What you saw", &rows)
    }
}

/// How to do the same with one's own Kapacitor.
#[must_use]
pub(super) fn advice(own: &Own) -> String {
    let Own { stream_socket, http } = own;
    format!(
        "Now with your own Kapacitor:

  1. start kaptap         kaptap run
  2. kapacitor.conf       [udf.functions.kaptap]
                            socket = \"{}\"
                            timeout = \"60s\"
  3. a TICKscript         stream
                              |from()
                                  .measurement('cpu')
                              @kaptap()
     and its alerts       |alert()
                              …
                              .post('http://{http}/v1/alerts/cpu')
  4. watch                kaptap tail

Kapacitor needs access to the socket, and kaptap should be started first: README.md says how, examples/kapacitor/
has a script for every way in.
",
        stream_socket.display(),
    )
}

fn words(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
}

/// Digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn boxed(title: &str, rows: &[(&str, String)]) -> String {
    let key_width = rows.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
    let lines: Vec<_> = rows.iter().map(|(key, value)| format!(" {key:key_width$}  {value} ")).collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0).max(title.chars().count() + 4);
    let mut out = format!("┌─ {title} {}┐\n", "─".repeat(width.saturating_sub(title.chars().count() + 3)));
    for line in lines {
        // Writing into a String does not fail.
        if writeln!(out, "│{line:width$}│").is_err() {
            break;
        }
    }
    out.push('└');
    out.push_str(&"─".repeat(width));
    out.push_str("┘\n");
    out
}
