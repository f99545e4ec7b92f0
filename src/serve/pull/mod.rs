//! The pull surface: what Kapacitor's own API says of topics and their events, served from what was received here.
//!
//! | path below `/kapacitor/v1` | answers |
//! |---|---|
//! | `/ping` | 204 |
//! | `/alerts/topics` | the topics; `pattern=`, `min-level=` |
//! | `/alerts/topics/{topic}` | a topic: its level, how many events it collected |
//! | `/alerts/topics/{topic}/events` | its events; `min-level=` |
//! | `/alerts/topics/{topic}/events/{id}` | one of them |
//! | `/alerts/topics/{topic}/handlers[/{id}]` | the handlers that Kapacitor has, as far as it is asked (`connector`) |
//!
//! A client that was written for Kapacitor can be pointed here unchanged. Statuses, headers, errors, the order of keys and
//! every byte of the JSON are Kapacitor's, but for what it gets wrong: levels of topics and lists by level are right,
//! events come in the order of their ids, any id can be asked for (`path`), and nothing can be changed here.
//!
//! A topic of which nothing was received under its own name, and which a Kapacitor that is asked lists, is answered from
//! what that one told (`theirs`).
//!
//! `scope=` asks for another scope than the configured one. With read tokens one is needed: `Bearer`, `Basic` with the
//! token as password, or `u=` and `p=` in the query.

mod answer;
mod json;
mod path;
mod pattern;
mod question;
mod render;
mod theirs;
mod traffic;

use super::ServeState;
use crate::connector::Snapshot;
use crate::kapacitor::api::Handler;
use crate::sorted;
use crate::words::Level;
use answer::Answer;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::any;
use json::quoted;
use path::Named;
use pattern::Pattern;
use render::{TOPICS, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use theirs::Shown;
use tokio::sync::Semaphore;
use traffic::Asked;

/// How many answers of more than one piece may be under way at once: what they list stays in memory for as long.
const LARGE: usize = 16;
/// How long a further one waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// What the pull surface has beside the topics.
#[derive(Clone)]
pub(super) struct Pull {
    /// What is known of the Kapacitors that are asked.
    snapshots: Arc<dyn Fn() -> Vec<Arc<Snapshot>> + Send + Sync>,
    /// Places for large answers.
    large: Arc<Semaphore>,
}

impl Pull {
    pub(super) fn new(snapshots: impl Fn() -> Vec<Arc<Snapshot>> + Send + Sync + 'static) -> Self {
        Self { snapshots: Arc::new(snapshots), large: Arc::new(Semaphore::new(LARGE)) }
    }
}

/// The routes. They answer for themselves who may come in, in Kapacitor's words.
pub(super) fn router() -> Router<ServeState> {
    Router::new()
        .route("/kapacitor", any(answer))
        .route("/kapacitor/", any(answer))
        .route("/kapacitor/{*rest}", any(answer))
}

/// A request, as far as it matters here.
struct Question<'a> {
    state: &'a ServeState,
    /// Path and query, as they came.
    target: &'a str,
    query: &'a str,
    scope: String,
    gzip: bool,
}

async fn answer(State(state): State<ServeState>, request: Request) -> Response {
    let asked = Asked::of(&state, &request);
    let response = answered(&state, request).await;
    asked.answered(&state, &response);
    response
}

async fn answered(state: &ServeState, request: Request) -> Response {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    // Kapacitor takes one for the other.
    let shortened =
        uri.path_and_query().and_then(|target| target.as_str().strip_prefix("/kapacitor/v1preview/")).map(of_version_1);
    let target = shortened.as_deref().unwrap_or_else(|| uri.path_and_query().map_or("", |target| target.as_str()));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if method == Method::OPTIONS {
        return answer::options();
    }
    if let Err(said) = is_allowed(state, &request, query) {
        state.count_refused("token");
        return answer::denied(said);
    }
    let question = Question {
        state,
        target,
        query,
        scope: question::parameter(query, "scope").unwrap_or_else(|| state.intake.options().scope.clone()),
        gzip: answer::takes_gzip(headers),
    };
    let below = path.strip_prefix(TOPICS).and_then(|rest| rest.strip_prefix('/'));
    let found = match below {
        Some(rest) if method == Method::GET => question.named(rest),
        _ => None,
    };
    if let Some(found) = found {
        return question.send(found).await;
    }
    if let Some(clean) = path::cleaned(&crate::intake::http::percent_decode(path)) {
        let to = path::encoded(&clean);
        let to = if target.contains('?') { format!("{to}?{query}") } else { to };
        return answer::moved(method, &to);
    }
    let answer = match (method, path, below) {
        (&Method::GET | &Method::HEAD, "/kapacitor/v1/ping", _) => return answer::empty(StatusCode::NO_CONTENT),
        (&Method::GET, TOPICS, _) => question.topics(),
        (&Method::GET, _, Some(rest)) => question.unknown(rest),
        (&Method::POST | &Method::PUT | &Method::PATCH | &Method::DELETE, _, Some(_)) => question.error(
            StatusCode::METHOD_NOT_ALLOWED,
            "kaptap shows topics and changes nothing: ask Kapacitor itself for that",
        ),
        _ => question.error(StatusCode::NOT_FOUND, "Not Found"),
    };
    question.send(answer).await
}

fn of_version_1(rest: &str) -> String {
    format!("/kapacitor/v1/{rest}")
}

/// Whether a request brings a token, where one is needed. What is said otherwise are Kapacitor's words.
fn is_allowed(state: &ServeState, request: &Request, query: &str) -> Result<(), &'static str> {
    let tokens = &state.options.read_tokens;
    if tokens.allow(request.headers()) {
        return Ok(());
    }
    let parameter = |name| question::parameter(query, name).filter(|value| !value.is_empty());
    match parameter("u").and_then(|_| parameter("p")) {
        Some(token) if tokens.allow_token(&token) => Ok(()),
        None if !request.headers().contains_key(AUTHORIZATION) => Err("unable to parse authentication credentials"),
        _ => Err("authorization failed"),
    }
}

impl Question<'_> {
    /// Sends an answer; a large one has to wait for its turn.
    async fn send(&self, answer: Answer) -> Response {
        if !answer.is_large() {
            return answer.send(None);
        }
        let place = Arc::clone(&self.state.pull.large).acquire_owned();
        match tokio::time::timeout(TURN, place).await {
            Ok(place) => answer.send(place.ok()),
            Err(_elapsed) => {
                self.state.count_refused("large_answers");
                self.error(StatusCode::SERVICE_UNAVAILABLE, "too many large answers are under way").send(None)
            }
        }
    }

    fn error(&self, status: StatusCode, said: &str) -> Answer {
        Answer::error(status, said, self.gzip)
    }

    /// The parameter `min-level`.
    fn least(&self) -> Result<Level, Box<Answer>> {
        let text = question::parameter(self.query, "min-level").unwrap_or_default();
        question::level(&text).map_err(|unknown| self.bad(&unknown.to_string()))
    }

    /// The parameter `pattern`.
    fn pattern(&self) -> Result<Pattern, Box<Answer>> {
        let text = question::parameter(self.query, "pattern").unwrap_or_default();
        Pattern::parse(&text).map_err(|bad| self.bad(&format!("invalid pattern: {bad}")))
    }

    fn bad(&self, said: &str) -> Box<Answer> {
        Box::new(self.error(StatusCode::BAD_REQUEST, said))
    }

    /// What is known of the Kapacitors of the scope.
    fn snapshots(&self) -> impl Iterator<Item = Arc<Snapshot>> {
        let all = (self.state.pull.snapshots)();
        all.into_iter().filter(|snapshot| snapshot.scope == self.scope)
    }

    /// Whether a Kapacitor has this topic, though nothing of it was received.
    fn has_topic(&self, topic: &str) -> bool {
        self.snapshots().any(|snapshot| snapshot.topics.contains_key(topic))
    }

    /// The handlers of a topic, by id.
    fn handlers(&self, topic: &str) -> BTreeMap<String, Handler> {
        let mut handlers = BTreeMap::new();
        for snapshot in self.snapshots() {
            for handler in snapshot.handlers.get(topic).into_iter().flatten() {
                handlers.insert(handler.id.clone(), handler.clone());
            }
        }
        handlers
    }

    /// `GET …/alerts/topics`
    fn topics(&self) -> Answer {
        let (pattern, least) = match (self.pattern(), self.least()) {
            (Ok(pattern), Ok(least)) => (pattern, least),
            (Err(answer), _) | (Ok(_), Err(answer)) => return *answer,
        };
        let received = self.state.intake.topics();
        let of_scope = received.topics().filter(|topic| *topic.scope == *self.scope);
        let mut topics =
            sorted::map(of_scope.map(|topic| (Arc::clone(&topic.topic), (topic.level(), topic.collected))));
        drop(received);
        let known: Vec<_> = self.snapshots().collect();
        for id in known.iter().flat_map(|snapshot| snapshot.topics.keys()) {
            if !topics.contains_key(id.as_str())
                && let Some(theirs) = theirs::summary(&known, id)
            {
                topics.insert(id.as_str().into(), theirs);
            }
        }
        topics.retain(|id, (level, _)| *level >= least && pattern.fits(id));
        let entries = topics.into_iter().map(|(id, (level, collected))| {
            move |out: &mut Vec<u8>, depth| render::topic(out, depth, &Topic { id: &id, level, collected })
        });
        self.list(self.target, None, "topics", entries)
    }

    /// What a path names that is known.
    fn named(&self, rest: &str) -> Option<Answer> {
        path::readings(rest).into_iter().find_map(|named| match named {
            Named::Topic(topic) => self.topic(&topic),
            Named::Events(topic) => self.events(&topic),
            Named::Event(topic, id) => self.event(&topic, &id),
            Named::Handlers(topic) => self.list_of_handlers(&topic, true),
            Named::Handler(topic, id) => {
                let handler = self.handlers(&topic).remove(&id)?;
                Some(self.whole(|out| render::handler(out, 0, &topic, &handler)))
            }
        })
    }

    fn topic(&self, id: &str) -> Option<Answer> {
        let received = self.state.intake.topics().topic(&self.scope, id);
        let (level, collected) = match received {
            Some(topic) => (topic.level(), topic.collected),
            None => theirs::summary(&self.snapshots().collect::<Vec<_>>(), id)?,
        };
        Some(self.whole(|out| render::topic(out, 0, &Topic { id, level, collected })))
    }

    fn events(&self, topic: &str) -> Option<Answer> {
        let topics = self.state.intake.topics();
        let received = topics.events(&self.scope, topic);
        let received = received.map(|events| events.cloned().map(Shown::Received).collect());
        drop(topics);
        let events: Vec<Shown> = match received {
            Some(events) => events,
            None => theirs::events(&self.snapshots().collect::<Vec<_>>(), topic)?,
        };
        let least = match self.least() {
            Ok(least) => least,
            Err(answer) => return Some(*answer),
        };
        let name: Arc<str> = topic.into();
        let is_shown = move |shown: &Shown| shown.event().is_some_and(|event| event.level >= least);
        let entries = events.into_iter().filter(is_shown).map(move |shown| {
            let name = Arc::clone(&name);
            move |out: &mut Vec<u8>, depth| {
                if let Some(event) = shown.event() {
                    render::event(out, depth, &name, &event);
                }
            }
        });
        Some(self.list(&format!("{TOPICS}/{topic}/events"), Some(topic), "events", entries))
    }

    fn event(&self, topic: &str, id: &str) -> Option<Answer> {
        let topics = self.state.intake.topics();
        let is_received = topics.topic(&self.scope, topic).is_some();
        let received = topics.event(&self.scope, topic, id).cloned().map(Shown::Received);
        drop(topics);
        let shown = if is_received {
            received?
        } else {
            let theirs = theirs::events(&self.snapshots().collect::<Vec<_>>(), topic)?;
            theirs.into_iter().find(|shown| shown.event().is_some_and(|event| event.id == id))?
        };
        let event = shown.event()?;
        Some(self.whole(|out| render::event(out, 0, topic, &event)))
    }

    /// The list of handlers; Kapacitor has one for any name, but here a name that is known comes first.
    fn list_of_handlers(&self, topic: &str, must_be_known: bool) -> Option<Answer> {
        let handlers = self.handlers(topic);
        let is_known = || self.has_topic(topic) || self.state.intake.topics().topic(&self.scope, topic).is_some();
        if must_be_known && handlers.is_empty() && !is_known() {
            return None;
        }
        let pattern = match self.pattern() {
            Ok(pattern) => pattern,
            Err(answer) => return Some(*answer),
        };
        let name: Arc<str> = topic.into();
        let entries = handlers.into_values().filter(move |handler| pattern.fits(&handler.id)).map(move |handler| {
            let name = Arc::clone(&name);
            move |out: &mut Vec<u8>, depth| render::handler(out, depth, &name, &handler)
        });
        Some(self.list(self.target, Some(topic), "handlers", entries))
    }

    /// What Kapacitor says when a path names nothing that it knows.
    fn unknown(&self, rest: &str) -> Answer {
        let Some(named) = path::readings(rest).into_iter().next() else {
            return self.error(StatusCode::NOT_FOUND, "Not Found");
        };
        let not_found = |said: &str| self.error(StatusCode::NOT_FOUND, said);
        match named {
            Named::Topic(topic) => not_found(&format!("unknown topic: {}", quoted(&topic))),
            Named::Events(topic) => match self.least() {
                Err(answer) => *answer,
                Ok(_) => self.error(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    &format!("failed to get topic events: unknown topic {}", quoted(&topic)),
                ),
            },
            Named::Event(topic, id) => {
                // Kapacitor takes the last element of the path, which is that without an id.
                let id = if id.is_empty() { "events" } else { id.as_str() };
                not_found(&format!("unknown event {} in topic {}", quoted(id), quoted(&topic)))
            }
            Named::Handlers(topic) => self.list_of_handlers(&topic, false).unwrap_or_else(|| not_found("Not Found")),
            Named::Handler(_, id) => not_found(&format!("unknown handler: {}", quoted(&id))),
        }
    }

    fn whole(&self, write: impl FnOnce(&mut Vec<u8>)) -> Answer {
        let mut out = Vec::new();
        write(&mut out);
        Answer::whole(StatusCode::OK, out, self.gzip)
    }

    fn list<W>(
        &self,
        href: &str,
        topic: Option<&str>,
        list: &str,
        entries: impl Iterator<Item = W> + Send + 'static,
    ) -> Answer
    where
        W: FnOnce(&mut Vec<u8>, usize) + Send,
    {
        let opening = render::opening(href, topic, list);
        let mut entries = entries.enumerate().map(|(place, write)| render::entry(place, write)).peekable();
        let closing = render::closing(entries.peek().is_none());
        let all = std::iter::once(opening).chain(entries).chain(std::iter::once(closing));
        Answer::of(StatusCode::OK, Box::new(all), self.gzip)
    }
}
