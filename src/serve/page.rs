//! Events as the bytes of an answer: NDJSON or server-sent events.

use super::scan::Found;
use crate::event::{Event, json};
use std::io::Write as _;
use std::ops::ControlFlow;

/// A page is sent once it has grown to this many bytes; one event more may be in it.
const PAGE_BYTES: usize = 64 << 10;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// One JSON object a line.
    Lines,
    /// `text/event-stream`: id is the seq, event the kind, data the JSON.
    Sse,
}

impl Form {
    pub(super) const fn media(self) -> &'static str {
        match self {
            Self::Lines => "application/x-ndjson",
            Self::Sse => "text/event-stream",
        }
    }
}

/// Collects what is found until there is enough to send.
#[derive(Debug)]
pub(crate) struct Page {
    form: Form,
    raw: bool,
    /// Events that may still come.
    left: u64,
    bytes: Vec<u8>,
    gaps: u64,
}

impl Page {
    pub(crate) fn new(form: Form, raw: bool, limit: Option<u64>) -> Self {
        Self { form, raw, left: limit.unwrap_or(u64::MAX), bytes: Vec::new(), gaps: 0 }
    }

    /// Takes what was found; breaks when the page should be sent.
    pub(crate) fn take(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        match found {
            Found::Event(event) => {
                self.event(event);
                self.left -= 1;
            }
            Found::Gap { first, last, reason } => {
                self.gap(*first, *last, reason);
                self.gaps += 1;
            }
        }
        if self.left == 0 || self.bytes.len() >= PAGE_BYTES {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Whether as many events were taken as were asked for.
    pub(super) fn is_last(&self) -> bool {
        self.left == 0
    }

    /// Bytes collected.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes collected, and the number of gaps among them.
    pub(crate) fn send(&mut self) -> (Vec<u8>, u64) {
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.gaps))
    }

    /// A sign of life that also moves the client's Last-Event-ID over events that did not pass the filter.
    pub(super) fn heartbeat(position: u64) -> Vec<u8> {
        format!(": still here\nid: {}\n\n", position.saturating_sub(1)).into_bytes()
    }

    fn event(&mut self, event: &Event<'_>) {
        if self.form == Form::Sse {
            self.head(event.seq, event.kind.as_str());
        }
        json::write(event, self.raw, &mut self.bytes);
        self.end();
    }

    /// Takes an event that is written already, at the position that the client is to know; breaks when the page should
    /// be sent.
    pub(super) fn written(&mut self, position: u64, kind: &str, json: &[u8]) -> ControlFlow<()> {
        if self.form == Form::Sse {
            self.head(position, kind);
        }
        self.bytes.extend_from_slice(json);
        self.end();
        self.left -= 1;
        if self.left == 0 || self.bytes.len() >= PAGE_BYTES {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Says something that clients pass over, where there is a way to say it.
    pub(super) fn comment(&mut self, said: &str) {
        if self.form == Form::Sse {
            self.add(format_args!(": {said}\n\n"));
        }
    }

    /// Whether nothing was collected.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn gap(&mut self, first: u64, last: u64, reason: &str) {
        if self.form == Form::Sse {
            self.head(last, "gap");
        }
        self.add(format_args!(
            r#"{{"schema":"kaptap.event/v1","gap":{{"first_seq":{first},"last_seq":{last},"reason":"{reason}"}}}}"#
        ));
        self.end();
    }

    fn head(&mut self, id: u64, event: &str) {
        self.add(format_args!("id: {id}\nevent: {event}\ndata: "));
    }

    fn add(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a vector does not fail.
        self.bytes.write_fmt(text).ok();
    }

    fn end(&mut self) {
        self.bytes.extend_from_slice(match self.form {
            Form::Lines => b"\n",
            Form::Sse => b"\n\n",
        });
    }
}
