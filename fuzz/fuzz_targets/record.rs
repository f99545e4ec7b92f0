//! Any bytes as a run, a stream and a fold: read or refused, never more than they hold; and what is read becomes an
//! event whose JSON is JSON on one line.

#![no_main]

use kaptap::event::json;
use kaptap::interpret::fold::{Bounds, Fold};
use kaptap::interpret::{alert_facts, event};
use kaptap::record::{AlertNames, Stream, StreamId, records};
use kaptap::words::{Kind, Lane};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(stream) = Stream::decode(data) {
        assert_eq!(Stream::decode(&stream.encode()), Ok(stream));
    }
    assert!(Fold::decode(data, Bounds::default()).is_none_or(|fold| fold.len() <= data.len()));
    let mut stream = Stream::new(StreamId(1), Lane::Udf, "stream", "default");
    stream.alert = Some(AlertNames::default());
    let Some((count, payload)) = data.split_first() else { return };
    let Ok(run) = records(payload, 1, (*count).into(), 0) else { return };
    let mut held = 0;
    for record in run.map_while(Result::ok) {
        held += record.raw.len();
        let found = event(&stream, &record);
        let facts = alert_facts(&stream, record.content, &record.note, record.observed, record.raw);
        assert_eq!(facts.is_some(), found.kind == Kind::Alert);
        let mut out = Vec::new();
        json::write(&found, true, &mut out);
        assert!(!out.contains(&b'\n') && std::str::from_utf8(&out).is_ok());
        assert!(out.starts_with(b"{\"schema\":") && out.ends_with(b"}"));
    }
    assert!(held <= payload.len());
});
