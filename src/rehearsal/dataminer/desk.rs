//! All stand-ins behind one address, with faults on demand and a list of what was asked.

use super::alarm_table::AlarmTable;
use super::data_api::DataApi;
use super::user_api::UserApi;
use super::{Answer, Request};
use std::collections::{BTreeSet, VecDeque};

/// Most requests that are remembered; the oldest go.
const REMEMBERED: usize = 10_000;

/// What is done with the next request instead of taking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answers this.
    Answer(u16, String),
    /// Takes it, and ends the connection without an answer.
    TakeAndCut,
    /// Ends the connection.
    Cut,
}

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Method and path.
    pub what: String,
    /// Identifier, where there is one.
    pub identifier: String,
    /// Bytes of the body.
    pub bytes: usize,
    /// Status; 0 when there was no answer.
    pub status: u16,
    /// What was answered, or why not.
    pub said: String,
    /// Whether that was a fault that somebody asked for.
    pub fault: bool,
}

/// The stand-ins.
#[derive(Debug)]
pub struct Desk {
    /// The Data API.
    pub data_api: DataApi,
    /// What is in front of it.
    pub user_api: UserApi,
    /// The alarm table.
    pub alarm_table: AlarmTable,
    /// Faults to come.
    pub faults: VecDeque<Fault>,
    /// What was asked.
    pub entries: VecDeque<Entry>,
    /// Identifiers that are being written now.
    busy: BTreeSet<String>,
    /// Requests that came while another of the same identifier was under way.
    pub overlaps: usize,
}

impl Desk {
    /// Stand-ins with nothing in them.
    #[must_use]
    pub fn new(user_api: UserApi, alarm_table: AlarmTable) -> Self {
        Self {
            data_api: DataApi::default(),
            user_api,
            alarm_table,
            faults: VecDeque::new(),
            entries: VecDeque::new(),
            busy: BTreeSet::new(),
            overlaps: 0,
        }
    }

    /// What tells the elements of two requests apart.
    fn element(request: &Request) -> String {
        request.header("identifier").map_or_else(|| request.query.clone(), str::to_owned)
    }

    /// A request begins to come in. Two at once for one element are counted: which of them wins is chance.
    pub fn begins(&mut self, request: &Request) {
        if !self.busy.insert(Self::element(request)) {
            self.overlaps += 1;
        }
    }

    /// Takes a request. `None`: the connection ends without an answer.
    pub fn take(&mut self, request: &Request) -> Option<Answer> {
        self.busy.remove(&Self::element(request));
        let fault = self.faults.pop_front();
        let faulty = fault.is_some();
        let answer = match fault {
            None => Some(self.answer(request)),
            Some(Fault::Answer(status, body)) => Some(Answer::new(status, body)),
            Some(Fault::TakeAndCut) => {
                self.answer(request);
                None
            }
            Some(Fault::Cut) => None,
        };
        if self.entries.len() >= REMEMBERED {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            what: format!("{} {}", request.method, request.path),
            identifier: Self::element(request),
            bytes: request.body.len(),
            status: answer.as_ref().map_or(0, |answer| answer.status),
            said: answer.as_ref().map_or_else(|| "connection ended".to_owned(), |answer| answer.body.clone()),
            fault: faulty,
        });
        answer
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request.path.as_str() {
            "/" if request.method == "GET" => Answer::new(200, self.text()),
            path if path.starts_with("/api/custom/") => self.user_api.take(request, &mut self.data_api),
            path if path.starts_with("/api/") => self.data_api.take(request),
            _ => self.alarm_table.take(request),
        }
    }

    /// Requests that were refused by the rules, and not by a fault that was asked for.
    pub fn refused(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.fault && entry.status >= 300)
    }

    /// All that there is, for people.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.data_api.text(), self.alarm_table.text())
    }
}
