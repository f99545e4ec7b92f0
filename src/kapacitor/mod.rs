//! The peer: what Kapacitor sends and what it may be sent. Pure: no I/O, no clock, no log.
//!
//! # What binds us
//! Read in Kapacitor's source (1.8 line) or seen on a running kapacitord; the file is Kapacitor's.
//!
//! | | fact | so we |
//! |---|---|---|
//! | K1 | A frame's length and its body are two unbuffered writes (`udf/agent/io.go`). | A read that ends between them is the normal case: [`frame`] consumes nothing of a frame that is not all here. A reply is one buffer. |
//! | K2 | At its start kapacitord opens a connection per configured UDF, sends Info, reads the answer and half-closes (`services/udf/service.go`). Without an answer it does not start. | Info is answered at any time and is all that a connection may hold. |
//! | K3 | Keepalive is asked every half of the timeout; any response resets the timer; the question queues behind data (`udf/server.go`). | It is answered in its place, and [`reply::keepalive`] may be sent unasked. |
//! | K4 | `ErrorResponse` and a lost connection stop the task, and nothing starts it again (`handleResponse`). | Only a frame that cannot be cut ends a connection ([`frame::FrameError`]); what is odd is kept and marked. |
//! | K5 | A Response without a message panics, End without Begin dereferences nil, `Begin.size` is the capacity of a slice, unchecked (`handleResponse`). Nothing recovers: the whole process dies. | See *What goes out*. |
//! | K6 | On stop it half-closes and waits for our end without a limit (`stop`). | [`session::Session::end`] says what is left to keep; nothing else is waited for. |
//! | K7 | Points of a batch carry no name, database or retention policy; the name is in Begin, the upper time bound in End (`writeBatchPoint`). | The session holds the open batch; every part of a long one begins with its Begin. |
//! | K8 | `Begin.size` 0 says that the number of points is not known (`edge/messages.go`, `SizeHint`), as below `where` or `eval`. | 0 never counts as a mismatch. |
//! | K9 | Control requests come between any two data frames, also inside a batch (`writeData`). | They are answered there; a snapshot cuts the open batch. |
//! | K10 | A point that comes back outside a batch is taken for a point of a stream, one inside for a point of the batch, on either kind of edge (`handleResponse`). | Points go back on a stream connection, and between Begin and End on a batch connection, nowhere else. |
//! | K11 | Begin, point, end and keepalive have the same number and type in Request and Response, but 6 is `ErrorResponse` in Response and nothing in Request. | A data frame goes back as it came; one that a Response would read otherwise does not. |
//!
//! # What goes out
//! Bytes to Kapacitor are either frames received, named by their range in the input, or made by [`reply`], which cannot
//! make a Response without a message. Of the frames received go back, in order, on a connection with `.echo(TRUE)`:
//!
//! * on a stream connection: points;
//! * on a batch connection: a Begin whose size is 0 to 2^26 while no batch is open at the peer, the points after a Begin
//!   that went back, and the End that closes it. A Begin inside such a batch is withheld, while its points and its End
//!   go back: Kapacitor takes them into the batch that is open, and the order stays balanced.
//!
//! Everything else is kept, marked ([`session::mark`]), and not sent. `tests/session_acceptance` is the same rule from the other
//! side, and is held against random, mutated and recorded traffic.
//!
//! # What is kept
//! Every data frame, and every frame not understood, exactly once and byte for byte, numbered 1, 2, 3 … in the order in
//! which records are complete. Where the input was cut between reads changes neither records nor numbers.

pub mod alert;
pub mod api;
pub mod batch;
pub mod describe;
pub mod details;
mod envelope;
pub mod frame;
pub mod glance;
mod json;
pub mod options;
pub mod point;
pub mod proto;
pub mod reply;
pub mod row;
mod scan;
pub mod session;
pub mod snapshot;
pub mod time;
mod usual;
mod wire;
