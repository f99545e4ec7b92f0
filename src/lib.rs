//! kaptap: a sidecar for `InfluxData` Kapacitor.
//!
//! Kapacitor pushes points into it over the UDF socket protocol and alerts over HTTP. kaptap writes down what it was
//! told, byte for byte ([`journal`] of [`record`]s), and turns it into one kind of [`event`] whenever somebody reads.
//!
//! The modules, in reading order:
//!
//! * [`words`]: the closed sets of words that all rooms share.
//! * [`kapacitor`]: the peer. Frames, UDF session, borrowed views of points, alert and row bodies.
//! * [`record`]: what was received, as bytes: coding only.
//! * [`event`]: the normalized event, its identity and its JSON.
//! * [`interpret`]: record to event, and the fold that knows which alerts are open. Pure.
//! * [`filter`]: the filter language, over anything that can be asked for a path.
//! * [`journal`]: segments, writer, reader, recovery, retention.
//! * [`intake`]: UDF sockets, HTTP and TCP: bytes to record to journal.
//! * [`nats`]: a `JetStream` stream of events: the connection to it, and reading it.
//! * [`serve`]: HTTP reading: events, alerts, streams, metrics.
//! * [`http`]: the HTTP client that everything which reaches out shares.
//! * [`connector`]: Kapacitor's HTTP API, polled and compared with what was received.
//! * [`rehearsal`]: a Kapacitor to rehearse with: speaks the real protocol, needs no Kapacitor.
//! * [`config`], [`cli`], [`app`], [`telemetry`]: edges and wiring.

pub mod app;
pub mod cli;
pub mod config;
pub mod connector;
pub mod delivery;
pub mod event;
pub mod filter;
pub mod http;
pub mod intake;
pub mod interpret;
pub mod journal;
pub mod kapacitor;
pub mod nats;
pub mod record;
pub mod rehearsal;
pub mod serve;
pub mod sinks;
pub mod sorted;
pub mod telemetry;
pub mod wire;
pub mod words;
