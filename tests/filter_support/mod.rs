//! An event to filter, with a value at every path.

use kaptap::event::id::EventId;
use kaptap::event::{Alert, Cell, ColumnType, Event, Origin, Raw, Series};
use kaptap::words::{How, Kind, Lane, Level, State, Transition};

/// A critical alert of a host's processor, with every member present.
pub(crate) fn event() -> Event<'static> {
    let columns = ["time", "usage_idle", "procs", "state", "up", "huge", "tiny", "seen", "nothing", "json"];
    Event {
        id: EventId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        seq: 42,
        kind: Kind::Alert,
        time: 1_795_353_827_870_817_045,
        observed: 1_795_353_828_000_000_000,
        origin: Origin {
            lane: Lane::Post,
            source: "cpu".into(),
            stream: 0xfeed,
            n: 7,
            task: Some(("cpu_alert".into(), How::Details)),
            node: Some("kaptap2".into()),
            topic: Some(("cpu".into(), How::Header)),
            cluster: Some(("c1".into(), How::Details)),
            server: Some(("s1".into(), How::Details)),
            host: Some(("kap-1".into(), How::Details)),
            database: Some("telegraf".into()),
            retention_policy: Some("autogen".into()),
            measurement: Some("cpu".into()),
            group: Some("host=web-1".into()),
            dimensions: vec!["cpu".into(), "host".into()],
        },
        alert: Some(Alert {
            id: "cpu:host=web-1".into(),
            message: Some("cpu:host=web-1 is CRITICAL\nidle 3.25 %".into()),
            details: Some("{}".into()),
            level: Level::Critical,
            previous_level: Some(Level::Warning),
            duration_ns: Some(95_000_000_000),
            recoverable: Some(true),
            state: State::Firing,
            severity: "critical".into(),
            severity_number: 18,
            transition: Some(Transition::Escalated),
            started: Some(1_795_353_732_870_817_045),
            repeat: 2,
            fingerprint: EventId(0xabc),
            episode: Some(EventId(0xdef)),
        }),
        system: None,
        series: vec![Series {
            name: "cpu".into(),
            tags: vec![("a b".into(), "spaced".into()), ("dc".into(), "eu-1".into()), ("host".into(), "web-1".into())],
            columns: columns.map(Into::into).into(),
            types: vec![ColumnType::Time],
            rows: vec![
                vec![Cell::Time(1), Cell::Float(99.0)],
                vec![
                    Cell::Time(1_795_353_827_870_817_045),
                    Cell::Float(3.25),
                    Cell::Int(412),
                    Cell::Text("s1".into()),
                    Cell::Bool(false),
                    Cell::Number("9223372036854775807"),
                    Cell::Number("5e-324"),
                    Cell::Time(0),
                    Cell::Null,
                    Cell::Json("[1]"),
                ],
            ],
        }],
        labels: vec![("team".into(), "platform".into())],
        duplicate_of: Some(40),
        part: Some((1, Some(3))),
        marks: vec!["out_of_order".into()],
        raw: Raw { media: "application/json".into(), data: b"{}" },
    }
}
