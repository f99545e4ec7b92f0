//! A `DataMiner` to rehearse with: strict stand-ins for its Data API, for the User-Defined API in front of that, and for the
//! connector Generic Webhook Alarm Table.
//!
//! They are made from what is documented, and refuse what the real ones are documented to refuse; where the documents
//! only advise, they refuse as well. What no document says, status codes of the Data API above all, is chosen here:
//! 400 for what is wrong with a request, 403 for a request from elsewhere, 413 for one that is too large.
//!
//! * [`data_api::DataApi`]: elements, their values and tables, the types that the first push fixes. Pure.
//! * [`user_api::UserApi`]: token, query parameters, the window of requests, error bodies. Pure.
//! * [`alarm_table::AlarmTable`]: one alarm a request. Pure.
//! * [`Desk`]: all of them behind one address, with faults on demand and a list of what was asked; [`server`] listens.

pub mod alarm_table;
pub mod data_api;
mod desk;
mod names;
pub mod server;
mod shape;
pub mod user_api;

pub use desk::{Desk, Entry, Fault};

/// A request, as far as it is looked at.
#[derive(Debug, Clone)]
pub struct Request {
    /// Whether it comes from the machine itself.
    pub local: bool,
    /// Method.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query, as it was sent.
    pub query: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// When it came, milliseconds since 1970.
    pub now: i64,
}

impl Request {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body: text, or JSON.
    pub body: String,
}

impl Answer {
    /// An answer.
    #[must_use]
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() }
    }

    /// Whether the request was taken.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.status < 300
    }
}
