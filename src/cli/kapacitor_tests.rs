//! Tests of the tables of Kapacitors, tasks and topics.

use super::*;

#[track_caller]
fn check<const N: usize>(table: &Table<N>, expected: &[&str]) {
    let lines = table.lines(false, None);
    let found: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_kapacitor_its_tasks_and_its_topics() {
    let body = br#"[{"name":"k","url":"http://a:9092","up":true,"version":"","host":"h","tasks":{"dead":1,"disabled":0,
        "executing":2},"topics":{"OK":1,"CRITICAL":2},"polls":{"ping":{"stale":false,"age_seconds":1.0,"error":null},
        "handlers":{"stale":false,"age_seconds":1.0,"error":null,"partial":"topic \"a\": 500"},
        "tasks":{"stale":true,"age_seconds":95.2,"error":"no\u001b whole answer"},
        "vars":{"stale":true,"age_seconds":null,"error":"x"}}}]"#;
    let all: Vec<Kapacitor> = read(body).unwrap();
    check(
        &state_table(&all),
        &[
            "KAPACITOR  STATE      URL            VERSION    HOST  TASKS                TOPICS",
            "k          up, stale  http://a:9092  own build  h     1 dead, 2 executing  2 CRITICAL, 1 OK",
        ],
    );
    let said = troubles(&all[0]);
    assert!(said[0].starts_with("k: tasks: known as it was 1m35s ago: no"), "{said:?}");
    assert!(!said[0].contains('\u{1b}') && said[1] == "k: vars: never known: x", "{said:?}");
    assert_eq!(said[2], "k: handlers: in part: topic \"a\": 500");

    let body = br#"{"tasks":[{"id":"cpu","type":"stream","state":"dead","error":"keepalive timedout","throughput":null,
        "nodes":null},{"id":"mem","type":"batch","state":"executing","error":"","throughput":12.34,
        "nodes":{"a":{"errors":1,"alerts_triggered":7},"b":{"errors":2}}}]}"#;
    check(
        &task_table(&read::<Tasks>(body).unwrap().tasks),
        &[
            "TASK  TYPE    STATE      PER SECOND  ALERTS  ERRORS  ERROR",
            "cpu   stream  dead                -       -       -  keepalive timedout",
            "mem   batch   executing        12.3       7       3  -",
        ],
    );

    let body = br#"{"topics":[{"id":"cpu","level":"CRITICAL","their_level":"OK","collected":7,"events":3,"handlers":1},
        {"id":"a/b","level":null,"their_level":"OK","collected":0,"events":null,"handlers":null}]}"#;
    check(
        &topic_table(&read::<Topics>(body).unwrap().topics),
        &[
            "TOPIC  LEVEL     KAPACITOR SAYS  EVENTS  COLLECTED  HANDLERS",
            "cpu    CRITICAL  OK                   3          7         1",
            "a/b    -         OK                   -          0         -",
        ],
    );
}

#[test]
fn what_all_polls_fail_of_is_said_once() {
    let body = br#"[{"name":"k","url":"http://a:9092","up":false,"version":"1","host":"h","tasks":{},"topics":{},"polls":{
        "ping":{"stale":true,"age_seconds":4.0,"error":"refused"},"tasks":{"stale":true,"age_seconds":9.0,"error":"refused"},
        "topics":{"stale":true,"age_seconds":4.0,"error":"slow"},"vars":{"stale":true,"age_seconds":null,"error":"refused"}}}]"#;
    let all: Vec<Kapacitor> = read(body).unwrap();
    let expected = ["k: ping, tasks: known as it was 9s ago: refused", "k: topics: known as it was 4s ago: slow"];
    assert_eq!(troubles(&all[0]), [expected[0], expected[1], "k: vars: never known: refused"]);
}
