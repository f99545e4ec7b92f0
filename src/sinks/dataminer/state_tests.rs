//! The table of alerts and the log: bounded, and the same after a restart.

use super::*;
use crate::event::id;
use serde_json::json;

fn alert(id: &str, level: u8, time: i64) -> Alert {
    let status = if level == 0 { "Cleared" } else { "Active" };
    serde_json::from_value(json!({
        "key": id, "fingerprint": id::fingerprint("", "t", id).to_string(), "event": format!("{id} {time}"), "id": id,
        "topic": "topic", "task": "t", "level": level, "previous": 0, "severity": "Critical", "message": "m",
        "measurement": "cpu", "group": "", "host": "", "source": "s", "value": 0.1, "time": time, "raised": time,
        "duration": 0, "recoverable": true, "status": status, "occurrences": 1,
    }))
    .unwrap()
}

fn alerts(alerts: impl IntoIterator<Item = Alert>) -> Change {
    Change { alerts: alerts.into_iter().collect(), ..Change::default() }
}

fn ids(state: &State) -> BTreeSet<String> {
    state.alerts().map(|alert| alert.id.clone()).collect()
}

#[tokio::test]
async fn what_is_over_is_forgotten_first_and_what_is_on_never() {
    let mut state = State::new(None, 3, 0);
    let told = [alert("old over", 0, 1), alert("on", 3, 2), alert("new over", 0, 3), alert("another", 2, 4)];
    state.commit(alerts(told)).await.unwrap();
    assert_eq!(ids(&state), ["another", "new over", "on"].map(str::to_owned).into());
    state.commit(alerts([alert("third", 1, 5), alert("fourth", 1, 6)])).await.unwrap();
    assert_eq!(ids(&state), ["another", "on", "third"].map(str::to_owned).into());
    assert_eq!((state.counts(), state.forgotten()), ([1, 1, 1, 0], 1));
    assert!(state.is_free("fourth", EventId(1)) && !state.is_free("ON", EventId(1)));
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sink-a.ndjson");
    let new = || State::new(Some(path.clone()), 10, 3);
    let mut state = new();
    state.load().await;
    for n in 0..2000_i64 {
        let one = alert(&format!("id-{}", n % 12), u8::try_from(n % 4).unwrap(), n);
        let logged = state.log.entry(0, &one, n, n).unwrap();
        let there = n % 3 > 0;
        let rows = vec![("Tasks".to_owned(), format!("task-{}", n % 5), there)];
        state.commit(Change { alerts: vec![one], events: vec![logged], rows }).await.unwrap();
    }
    let mut again = new();
    again.load().await;
    assert_eq!(again.alerts().collect::<Vec<_>>(), state.alerts().collect::<Vec<_>>());
    assert_eq!(again.log.all().collect::<Vec<_>>(), state.log.all().collect::<Vec<_>>());
    assert_eq!(again.rows_of("Tasks").collect::<Vec<_>>(), state.rows_of("Tasks").collect::<Vec<_>>());
    assert_eq!(again.log.slots().collect::<Vec<_>>(), [1, 2, 3]);
    assert!(again.log.has("id-7 1999") && !again.log.has("id-4 1996"));
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines < 5000, "{lines} lines");
}

#[tokio::test]
async fn only_what_will_not_recover_becomes_too_old() {
    let mut state = State::new(None, 10, 0);
    let unrecoverable = |id: &str, level, time| Alert { recoverable: false, ..alert(id, level, time) };
    let second = 1_000_000_000;
    let told =
        [alert("a", 3, 0), unrecoverable("b", 3, 0), unrecoverable("c", 3, 9 * second), unrecoverable("d", 0, 0)];
    state.commit(alerts(told)).await.unwrap();
    let old = state.too_old(10 * second, Duration::from_secs(5));
    assert_eq!(
        old.iter().map(|alert| (alert.id.as_str(), alert.level, alert.status)).collect::<Vec<_>>(),
        [("b", 0, Status::Missing)]
    );
    state.commit(alerts(old)).await.unwrap();
    assert!(state.too_old(10 * second, Duration::from_secs(5)).is_empty());
}
