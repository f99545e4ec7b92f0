//! Alert and row bodies.

use super::*;
use ColumnType::{Any, Bool, Null, Number, Str, Time};

#[test]
fn what_the_request_said_of_the_task_wins_over_the_details() {
    let details = "{&#34;Name&#34;:&#34;cpu&#34;,&#34;TaskName&#34;:&#34;by details&#34;,&#34;Group&#34;:&#34;nil&#34;,&#34;Tags&#34;:{},&#34;ServerInfo&#34;:{&#34;Hostname&#34;:&#34;h&#34;,&#34;ClusterID&#34;:&#34;c&#34;,&#34;ServerID&#34;:&#34;s&#34;}}";
    let body = serde_json::json!({"id": "a", "message": "", "details": details, "level": "INFO", "time": "1970-01-01T00:00:01Z", "duration": 5, "previousLevel": "OK", "recoverable": false, "data": {"series": null}});
    let raw = body.to_string();
    let post = stream(Lane::Post);
    let mut record = record(Content::Alert, raw.as_bytes());
    let event = check_event(&post, &record);
    assert_eq!(event.origin.task, Some(("by details".into(), How::Details)));
    assert_eq!(event.origin.host, Some(("h".into(), How::Details)));
    assert_eq!(event.origin.cluster, Some(("c".into(), How::Details)));
    assert_eq!(event.origin.server, Some(("s".into(), How::Details)));
    assert_eq!((event.origin.measurement.as_deref(), event.origin.group.as_deref()), (Some("cpu"), None));
    let alert = event.alert.unwrap();
    assert_eq!((alert.details.as_deref(), alert.recoverable), (Some(details), Some(false)));
    assert_eq!((alert.transition, alert.previous_level), (None, Some(Level::Ok)));
    assert_eq!(event.time, 1_000_000_000);
    record.note.task = Some(("by header".to_owned(), How::Header));
    record.note.topic = Some(("t".to_owned(), How::Path));
    let event = check_event(&post, &record);
    assert_eq!(event.origin.task, Some(("by header".into(), How::Header)));
    assert_eq!(event.origin.topic, Some(("t".into(), How::Path)));
    assert_eq!(event.id, id::alert("lab", "by header", "a", 1_000_000_000, Level::Info));
}

#[test]
fn columns_of_a_body_are_typed_by_what_is_in_them() {
    let raw = br#"{"series":[{"name":"m","columns":["time","n","s","b","z","mix","o"],"values":[
        ["2026-01-01T00:00:00Z",9223372036854775808,"2026-01-01T00:00:00Z",true,null,1,{"a":1}],
        [null,1e400,null,null,null,"x",null]]},
        {"name":"m","columns":["time"],"values":[["0001-01-01T00:00:00Z"]]},
        {"columns":["n","time"],"values":[["2026-01-01T00:00:00Z"],[1,2,3]]}]}"#;
    let lane = stream(Lane::Row);
    let record = record(Content::Row, raw);
    let event = check_event(&lane, &record);
    assert_eq!((event.kind, event.time), (Kind::Row, 1_767_225_600_000_000_000));
    assert_eq!(event.id, id::other(Lane::Row, 0xfeed, 3));
    assert_eq!(event.series[0].types, [Time, Number, Str, Bool, Null, Any, Any]);
    assert_eq!(event.series[0].rows[1][..2], [Cell::Null, Cell::Number("1e400")]);
    assert_eq!(event.series[1].types, [Str], "Go's zero time is not a time that can be told");
    assert_eq!(event.series[2].types, [Any, Number]);
    assert_eq!(event.marks, ["ragged_rows"]);
}

#[test]
fn the_zero_event_of_a_service_test_is_an_alert_at_the_time_it_came() {
    let raw = br#"{"id":"","message":"","details":"","time":"0001-01-01T00:00:00Z","duration":0,"level":"OK","data":{"series":null},"previousLevel":"OK","recoverable":false}"#;
    let post = stream(Lane::Post);
    let record = record(Content::Alert, raw);
    let event = check_event(&post, &record);
    assert_eq!((event.kind, event.time), (Kind::Alert, 99));
    assert_eq!(event.alert.unwrap().state, State::Resolved);
}
