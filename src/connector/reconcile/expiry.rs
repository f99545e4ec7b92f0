//! The records that say that an alert has expired.

use crate::event::id::{self, EventId};
use crate::intake::Intake;
use crate::interpret::fold::Fold;
use crate::kapacitor::api::duration;
use crate::record::Note;
use crate::words::{How, Level};

/// The records that say that an alert has expired: one for each topic in which it is on, one at least.
pub(super) fn records(fold: &Fold, intake: &Intake, scope: &str, alert: EventId) -> Option<Vec<(Note, Vec<u8>)>> {
    let state = fold.alert(alert)?;
    // The text of a very long id is cut: it is not this alert's any more.
    if id::fingerprint(scope, &state.task, &state.id) != alert {
        return None;
    }
    let topics = intake.topics();
    let is_on = |topic: &str| {
        let event = topics.event(scope, topic, &state.id);
        event.is_some_and(|event| event.level != Level::Ok && event.task == state.task && event.time <= state.time)
    };
    let mut names: Vec<Option<String>> = topics
        .topics()
        .filter(|topic| &*topic.scope == scope && is_on(&topic.topic))
        .map(|topic| Some(topic.topic.to_string()))
        .collect();
    if names.is_empty() {
        names.push(state.topic.clone());
    }
    let raw = serde_json::json!({
        "id": state.id,
        "expired": true,
        "state": {
            "message": state.message,
            "details": "",
            "time": time_text(state.time),
            "duration": duration::format(state.duration.unwrap_or_default()),
            "level": state.level.as_str(),
        },
    });
    let raw = raw.to_string().into_bytes();
    let note = |topic: Option<String>| Note {
        task: (!state.task.is_empty()).then(|| (state.task.clone(), How::Known)),
        // Where no topic was named, the task stands for it.
        topic: topic.filter(|topic| *topic != state.task).map(|topic| (topic, How::Known)),
        media: Some("application/json".to_owned()),
        ..Note::default()
    };
    Some(names.into_iter().map(|topic| (note(topic), raw.clone())).collect())
}

pub(super) fn time_text(time: i64) -> String {
    let mut text = Vec::new();
    crate::event::time::write(time, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
