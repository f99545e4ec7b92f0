//! Uses the library without a running kaptap: reads an alert body as Kapacitor posts it, prints its event.
//!
//! `head -n 1 tests/recordings/alerts/exec-stdin.jsonl | cargo run --example embed`

use kaptap::event::json;
use kaptap::interpret;
use kaptap::record::{Content, Note, Record, Stream, StreamId};
use kaptap::words::Lane;
use std::error::Error;
use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    let mut body = Vec::new();
    std::io::stdin().lock().read_to_end(&mut body)?;

    // What the journal would know of where the body came from.
    let stream = Stream::new(StreamId(1), Lane::Exec, "example", "default");
    let observed = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    let record = Record { seq: 1, observed, n: 1, content: Content::Alert, note: Note::default(), raw: &body };

    // An event is a pure function of these two. What is not an alert becomes an event of kind `opaque`.
    let event = interpret::event(&stream, &record);
    let mut line = Vec::new();
    json::write(&event, false, &mut line);
    line.push(b'\n');
    std::io::stdout().write_all(&line)?;
    Ok(())
}
