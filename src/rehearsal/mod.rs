//! A rehearsal Kapacitor: speaks the real protocol with Kapacitor's habits, for the demo and the tests.
//!
//! * [`udf_peer::UdfPeer`]: one UDF connection from kapacitord's side; what comes back is judged by a strict
//!   [`acceptor::Acceptor`].
//! * [`poster::AlertPoster`]: alert posts, one connection each.
//! * [`alert_node::AlertNode`]: a small `|alert()`, whose bodies equal the recorded ones byte for byte.
//! * [`story::Story`]: scripted traffic, the same from every seed.
//! * [`recording::Recording`]: what a real Kapacitor sent, to be played again in other cuts.
//! * [`dataminer`]: a `DataMiner` that takes values and alarms, as strict as the documents are.
//! * [`demo`]: the story played against a running kaptap while a tail prints what comes of it.
//!
//! *Invariant*: nothing here uses the code that it is meant to test, but the generated protobuf messages and the
//! shared words.

pub mod acceptor;
pub mod alert_node;
pub mod dataminer;
pub mod demo;
pub mod go_text;
pub mod point;
pub mod poster;
pub mod random;
pub mod recording;
pub mod story;
pub mod tally;
pub mod udf_peer;
pub mod wire;
