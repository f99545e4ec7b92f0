//! What pull clients ask and how they are answered, for whoever looks at the traffic (`kaptap wire`).

use super::super::ServeState;
use crate::intake::clock;
use crate::wire::{Direction, http};
use crate::words::Lane;
use axum::extract::Request;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::LOCATION;

/// Name under which it is shown.
const SOURCE: &str = "pull";

/// A request, until it is answered; `None` where nobody can look.
pub(super) struct Asked(Option<(i64, Vec<u8>)>);

impl Asked {
    pub(super) fn of(state: &ServeState, request: &Request) -> Self {
        Self(state.intake.wire().is_on().then(|| {
            let target = request.uri().path_and_query().map_or("", |target| target.as_str());
            let mut head = Vec::new();
            let first = [request.method().as_str(), " ", &without_password(target), " HTTP/1.1"];
            http::write_head(&mut head, &first, pairs(request.headers()));
            (clock::now(), head)
        }))
    }

    /// Shows it with the head of the answer. Bodies are sent in pieces, which nobody keeps.
    pub(super) fn answered(self, state: &ServeState, response: &Response) {
        let Some((at, head)) = self.0 else { return };
        let tap = state.intake.wire().source(Lane::Poll, SOURCE, at);
        tap.record(Direction::Received, at, &head);
        let mut head = Vec::new();
        // Where a path was not clean, the answer says the target again.
        let location = response
            .headers()
            .get(LOCATION)
            .map(|target| without_password(&String::from_utf8_lossy(target.as_bytes())));
        let shown = pairs(response.headers()).map(|(name, value)| match &location {
            Some(target) if name == LOCATION.as_str() => (name, target.as_bytes()),
            _ => (name, value),
        });
        http::write_head(&mut head, &["HTTP/1.1 ", &response.status().to_string()], shown);
        tap.record(Direction::Sent, clock::now(), &head);
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// A path whose query does not show the password, which Kapacitor's clients may put there as `p`.
fn without_password(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let shown = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if crate::intake::http::percent_decode(name) == "p" => "p=[secret]".to_owned(),
        _ => pair.to_owned(),
    };
    format!("{path}?{}", query.split('&').map(shown).collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("/a?u=x&p=geheim&min-level=OK"), "/a?u=x&p=[secret]&min-level=OK");
        assert_eq!(without_password("/a?%70=geheim"), "/a?p=[secret]");
        assert_eq!(without_password("/a"), "/a");
    }
}
