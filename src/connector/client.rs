//! One Kapacitor, asked over its HTTP API: one request at a time, each with a time limit and a bounded answer.

use super::access;
use super::last::{Last, LastBody};
use super::paths::{escaped, topic_path};
use super::traffic::Traffic;
use super::{ApiError, Options, SharedSecret, secrets};
use crate::http::text::{clip, harmless};
use crate::http::{self, Answer, BuildError, Call, FailureKind, Proxies};
use crate::intake::clock;
use crate::kapacitor::api::{
    ApiFault, Events, Handler, Handlers, ServiceTest, Task, Tasks, Topic, TopicEvent, Topics, Vars,
};
use bytes::Bytes;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Fields of a task that are asked for in the routine: none of them costs Kapacitor much.
pub const TASK_FIELDS: &[&str] =
    &["type", "status", "executing", "error", "stats", "created", "modified", "last-enabled", "dbrps"];

/// Longest answer, in bytes.
const ANSWER: usize = 64 << 20;
/// Tasks on a page.
const PAGE: usize = 100;
/// Most pages: what lists more tasks than that is not a Kapacitor.
const PAGES: usize = 200;
/// Longest sentence of an error, in bytes.
const SENTENCE: usize = 300;
/// How long a token made of the shared secret is good for, in seconds. The clocks may differ by as much.
const TOKEN: u64 = 15 * 60;

/// A Kapacitor that is asked. Cheap to clone; clones share the turn and the memory of exchanges.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: http::Client,
    shared_secret: Option<SharedSecret>,
    /// Held during a request.
    turn: tokio::sync::Mutex<()>,
    /// Last exchange by what it was for: a closed set.
    last: Mutex<BTreeMap<&'static str, Last>>,
    traffic: Traffic,
}

/// Where a request goes.
pub(super) struct Ask<'a> {
    pub(super) what: &'static str,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) body: Option<serde_json::Value>,
}

impl Client {
    /// A client of this Kapacitor.
    ///
    /// # Errors
    /// When the URL, the credentials, a certificate or the proxy cannot be used.
    pub fn new(options: &Options, proxies: &Proxies) -> Result<Self, BuildError> {
        let mut http = http::Client::new(&options.http, "", proxies)?;
        if let Some(shared) = &options.shared_secret {
            http.hide(&shared.secret.0);
        }
        Ok(Self(Arc::new(Inner {
            http,
            shared_secret: options.shared_secret.clone(),
            turn: tokio::sync::Mutex::new(()),
            last: Mutex::new(BTreeMap::new()),
            traffic: Traffic::default(),
        })))
    }

    /// Where its traffic is shown.
    pub(super) fn traffic(&self) -> &Traffic {
        &self.0.traffic
    }

    /// Scheme, host and port, for people.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.0.http.shown()
    }

    /// The last exchange of every kind.
    #[must_use]
    pub fn last(&self) -> Vec<Last> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Kapacitor's version, as the header of its answer says; empty in a build of one's own.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn ping(&self) -> Result<String, ApiError> {
        let answer = self.ask(get("ping", "/kapacitor/v1/ping")).await?;
        let version = answer.headers.get("x-kapacitor-version").and_then(|version| version.to_str().ok());
        let version =
            version.ok_or_else(|| ApiError::NotUnderstood("no X-Kapacitor-Version: not a Kapacitor".into()))?;
        Ok(version.to_owned())
    }

    /// All tasks, in pages, with these fields (see [`TASK_FIELDS`]) beside the id.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn tasks(&self, fields: &[&str]) -> Result<Vec<Task>, ApiError> {
        let mut all: Vec<Task> = Vec::new();
        for page in 0..PAGES {
            let mut path = format!("/kapacitor/v1/tasks?offset={}&limit={PAGE}", page * PAGE);
            for field in fields {
                path.extend(["&fields=", field]);
            }
            let Tasks { tasks } = self.json(get("tasks", &path)).await?;
            let last = tasks.len() < PAGE;
            all.extend(tasks.into_iter().filter(|task| !task.id.is_empty()));
            if last {
                return Ok(all);
            }
        }
        Err(ApiError::NotUnderstood(format!("more than {} tasks", PAGES * PAGE)))
    }

    /// One task, with its script.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn task(&self, id: &str) -> Result<Task, ApiError> {
        self.json(get("task", &format!("/kapacitor/v1/tasks/{}", escaped(id)))).await
    }

    /// All topics. Their levels are Kapacitor's and may be wrong.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn topics(&self) -> Result<Vec<Topic>, ApiError> {
        let Topics { topics } = self.json(get("topics", "/kapacitor/v1/alerts/topics")).await?;
        Ok(topics)
    }

    /// One topic.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn topic(&self, topic: &str) -> Result<Topic, ApiError> {
        self.json(get("topic", &topic_path(topic, ""))).await
    }

    /// All events of a topic, never by level: Kapacitor's filter leaves some out.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn events(&self, topic: &str) -> Result<Vec<TopicEvent>, ApiError> {
        let Events { topic: of, events } = self.json(get("events", &topic_path(topic, "/events"))).await?;
        if of == topic { Ok(events) } else { Err(another(topic)) }
    }

    /// One event of a topic. Looked for in the list, because Kapacitor answers with something else for an id with a `/`.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn event(&self, topic: &str, id: &str) -> Result<TopicEvent, ApiError> {
        let events = self.events(topic).await?;
        let found = events.into_iter().find(|event| event.id == id);
        found.ok_or_else(|| ApiError::NotFound(format!("no event {id:?} in topic {topic:?}")))
    }

    /// Handlers that were added to a topic. Those inside a `TICKscript` are not listed.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn handlers(&self, topic: &str) -> Result<Vec<Handler>, ApiError> {
        let Handlers { topic: of, handlers } = self.json(get("handlers", &topic_path(topic, "/handlers"))).await?;
        if of == topic { Ok(handlers) } else { Err(another(topic)) }
    }

    /// What Kapacitor is, and its counters.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn vars(&self) -> Result<Vars, ApiError> {
        self.json(get("vars", "/kapacitor/v1/debug/vars")).await
    }

    /// Enables or disables a task. Kapacitor has done so when this returns; gives when the task was changed, if it says.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn set_task_status(&self, id: &str, enabled: bool) -> Result<Option<i64>, ApiError> {
        let path = format!("/kapacitor/v1/tasks/{}", escaped(id));
        let status = if enabled { "enabled" } else { "disabled" };
        let body = Some(json!({ "status": status }));
        let answer = self.ask(Ask { what: "set_task_status", method: Method::PATCH, path: &path, body }).await?;
        // It is done, whatever else is said: an answer that is no task only leaves open when.
        Ok(serde_json::from_slice::<Task>(&answer.body).ok().and_then(|task| task.modified))
    }

    /// Adds a handler to a topic, or replaces the one of the same id.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn put_handler(&self, topic: &str, handler: &Handler) -> Result<(), ApiError> {
        let there = self.handlers(topic).await?.iter().any(|known| known.id == handler.id);
        let (method, path) = if there {
            (Method::PUT, topic_path(topic, &format!("/handlers/{}", escaped(&handler.id))))
        } else {
            (Method::POST, topic_path(topic, "/handlers"))
        };
        let body = serde_json::to_value(handler).map_err(|error| ApiError::NotUnderstood(error.to_string()))?;
        self.ask(Ask { what: "put_handler", method, path: &path, body: Some(body) }).await?;
        Ok(())
    }

    /// Takes a handler away from a topic. One that is not there is no error.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn delete_handler(&self, topic: &str, id: &str) -> Result<(), ApiError> {
        let path = topic_path(topic, &format!("/handlers/{}", escaped(id)));
        match self.ask(Ask { what: "delete_handler", method: Method::DELETE, path: &path, body: None }).await {
            Ok(_) | Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Has Kapacitor try one of its services from its own host.
    ///
    /// # Errors
    /// See [`ApiError`]. That the test failed is no error.
    pub async fn service_test(&self, name: &str, options: &serde_json::Value) -> Result<ServiceTest, ApiError> {
        let path = format!("/kapacitor/v1/service-tests/{}", escaped(name));
        self.json(Ask { what: "service_test", method: Method::POST, path: &path, body: Some(options.clone()) }).await
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, ApiError> {
        let what = ask.what;
        let answer = self.ask(ask).await?;
        let read = if answer.whole {
            serde_json::from_slice(&answer.body).map_err(|error| format!("{what}: {error}"))
        } else {
            Err(format!("{what}: longer than {} MiB", ANSWER >> 20))
        };
        read.map_err(|problem| {
            self.failed(what, &problem);
            ApiError::NotUnderstood(problem)
        })
    }

    /// Asks, once it is our turn, and remembers the exchange.
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, ApiError> {
        let Ask { what, method, path, body } = ask;
        let call = self.call(method.clone(), path, body);
        // What a handler gets may have a token in it.
        let sent = if what == "put_handler" { Bytes::new() } else { call.body.clone() };
        let turn = self.0.turn.lock().await;
        let (began, at) = (Instant::now(), clock::now());
        let result = self.0.http.send(call, ANSWER).await;
        let took = began.elapsed();
        drop(turn);
        let result = match result {
            Ok(answer) => {
                let answer = Answer { body: self.masked(answer.body), ..answer };
                Ok((judge(&answer), answer))
            }
            Err(failure) => {
                let sentence = self.0.http.mask(&format!("{} {failure}", self.shown()));
                Err(match failure.kind() {
                    FailureKind::TimedOut => ApiError::TimedOut(sentence),
                    FailureKind::Unreachable | FailureKind::Cut | FailureKind::Unauthorized => {
                        ApiError::Unreachable(sentence)
                    }
                    FailureKind::Garbage | FailureKind::NotSendable => ApiError::NotUnderstood(sentence),
                })
            }
        };
        let answer = result.as_ref().ok().map(|(_, answer)| answer);
        let error = match &result {
            Ok((verdict, _)) => verdict.as_ref().err().map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        };
        let last = Last {
            what,
            method: method.to_string(),
            path: path.to_owned(),
            status: answer.map(|answer| answer.status.as_u16()),
            headers: answer.map(|answer| shown_headers(&answer.headers)).unwrap_or_default(),
            observed: clock::now(),
            took,
            body: answer.map(|answer| remembered(what, &answer.body)).unwrap_or_default(),
            error,
        };
        self.0.traffic.record(&last, at, &sent);
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).insert(what, last);
        let (verdict, answer) = result?;
        verdict.map(|()| answer)
    }

    /// The body without the secrets that were sent: it is shown to whoever may read, and Kapacitor may repeat them.
    fn masked(&self, body: Vec<u8>) -> Vec<u8> {
        match std::str::from_utf8(&body).map(|text| self.0.http.masked(text)) {
            Ok(Some(masked)) => masked.into_bytes(),
            Ok(None) | Err(_) => body,
        }
    }

    fn call(&self, method: Method, path: &str, body: Option<serde_json::Value>) -> Call {
        let mut headers = HeaderMap::new();
        if let Some(shared) = &self.0.shared_secret {
            let expires = u64::try_from(clock::now() / 1_000_000_000).unwrap_or(0).saturating_add(TOKEN);
            let token = access::token(&shared.secret.0, &shared.username, expires);
            // A token has only letters, digits, hyphens, underscores and dots: it is always good. Without it Kapacitor
            // would not let us in, and say so.
            if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) {
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default().into();
        Call { method, path: path.to_owned(), headers, body }
    }

    fn failed(&self, what: &'static str, problem: &str) {
        if let Some(last) = self.0.last.lock().unwrap_or_else(PoisonError::into_inner).get_mut(what) {
            last.error = Some(problem.to_owned());
        }
    }

    /// How long one exchange may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.0.http.timeout()
    }
}

pub(super) fn get<'a>(what: &'static str, path: &'a str) -> Ask<'a> {
    Ask { what, method: Method::GET, path, body: None }
}

/// Kapacitor takes a `/` in a topic for the end of it, even an escaped one, and answers for what is before it.
fn another(topic: &str) -> ApiError {
    ApiError::NotFound(format!("Kapacitor answers for something else when asked for topic {topic:?}"))
}

/// What the status says.
fn judge(answer: &Answer) -> Result<(), ApiError> {
    let code = answer.status.as_u16();
    if answer.status.is_success() {
        return Ok(());
    }
    let said = ApiFault::sentence(&answer.body).unwrap_or_else(|| String::from_utf8_lossy(&answer.body).into_owned());
    let message = clip(&harmless(&said), SENTENCE).to_owned();
    Err(match code {
        401 | 403 => ApiError::Denied { code, message },
        404 => ApiError::NotFound(message),
        _ if ApiFault::names_unknown(&message) => ApiError::NotFound(message),
        _ => ApiError::Status { code, message },
    })
}

/// What is remembered of a body. What handlers have in their options is masked; what cannot be read is not kept.
fn remembered(what: &str, body: &[u8]) -> LastBody {
    if !matches!(what, "handlers" | "put_handler") {
        return LastBody::of(body);
    }
    match secrets::masked_body(body) {
        Some(masked) => LastBody { length: body.len(), ..LastBody::of(&masked) },
        None => LastBody { bytes: Vec::new(), length: body.len() },
    }
}

fn shown_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = |(name, value): (&hyper::header::HeaderName, &HeaderValue)| {
        (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    headers.iter().take(64).map(shown).collect()
}
