//! A stand-in for `DataMiner` on a free port, and options for it.
#![allow(dead_code, reason = "each test file uses its own part")]

use kaptap::filter::Filter;
use kaptap::filter::template::Lookup;
use kaptap::rehearsal::dataminer::alarm_table::AlarmTable;
use kaptap::rehearsal::dataminer::server::{Shared, serve};
use kaptap::rehearsal::dataminer::user_api::UserApi;
use kaptap::rehearsal::dataminer::{Desk, Request};
use kaptap::sinks::dataminer::{Severities, Severity};
use kaptap::sinks::options::{self, Route};
use std::net::SocketAddr;
use std::sync::MutexGuard;
use std::time::Duration;
use tokio::task::JoinHandle;

pub(crate) const TOKEN: &str = "a-token-of-thirty-two-characters";

/// Ends with the test.
pub(crate) struct Stand {
    pub(crate) address: SocketAddr,
    shared: Shared,
    task: JoinHandle<()>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stand {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let desk = Desk::new(UserApi::new(TOKEN, None), AlarmTable::new("/alarms", None));
        let shared = Shared::new(desk, Duration::ZERO, |_| ());
        let serving = shared.clone();
        let task = tokio::spawn(async move { serve(listener, serving).await.unwrap() });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.shared.desk()
    }

    /// What somebody else has pushed before.
    pub(crate) fn put(&self, kind: &str, identifier: &str, body: &str) {
        let request = Request {
            local: true,
            method: "PUT".to_owned(),
            path: "/api/data/parameters".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            now: 0,
        };
        let answer = self.desk().data_api.put(&request, Some(identifier), Some(kind), None);
        assert!(answer.is_good(), "{answer:?}");
    }
}

pub(crate) fn http(url: &str) -> options::Http {
    options::Http { timeout: Duration::from_secs(40), ..options::Http::at(url) }
}

pub(crate) fn options_for(url: &str) -> options::Dataminer {
    options::Dataminer {
        http: http(url),
        route: Route::DataApi,
        identifier: "Kapacitor kap01".to_owned(),
        element_type: "Kapacitor Sidecar".to_owned(),
        interval: Duration::ZERO,
        heartbeat: Duration::from_secs(1),
        full_state: Duration::from_hours(1),
        max_rows: 10_000,
        event_slots: 500,
        max_age: Duration::from_hours(24),
        columns: Vec::new(),
        severities: Severities::default(),
        kapacitor: None,
    }
}

pub(crate) fn columns(columns: &[(&str, &str)]) -> Vec<(String, Lookup)> {
    columns.iter().map(|(name, path)| ((*name).to_owned(), Lookup::compile(path).unwrap())).collect()
}

pub(crate) fn severities(rules: &[(&str, &str)]) -> Severities {
    let rule =
        |(severity, filter): &(&str, &str)| (Severity::parse(severity).unwrap(), Filter::compile(filter).unwrap());
    Severities(rules.iter().map(rule).collect())
}
