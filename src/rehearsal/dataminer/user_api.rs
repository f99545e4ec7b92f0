//! The User-Defined API in front of the Data API: routes `data/parameters` and `data/config`, a token, query parameters
//! instead of headers, a window of requests, and errors as `{"errors":[…]}`.

use super::data_api::DataApi;
use super::{Answer, Request};
use std::collections::VecDeque;

/// Longest query, bytes.
const QUERY: usize = 2048;
/// Longest body, bytes.
const BODY: usize = 29_000_000;
/// Media types that are taken.
const MEDIA: [&str; 4] = ["application/json", "application/xml", "text/xml", "text/plain"];

/// The User-Defined API.
#[derive(Debug, Clone)]
pub struct UserApi {
    /// The token; at least 32 characters.
    pub token: String,
    /// Requests in a window, and its length in milliseconds. `None`: as many as come.
    pub limit: Option<(usize, i64)>,
    times: VecDeque<i64>,
}

impl UserApi {
    /// With this token and a limit.
    #[must_use]
    pub fn new(token: &str, limit: Option<(usize, i64)>) -> Self {
        Self { token: token.to_owned(), limit, times: VecDeque::new() }
    }

    /// Takes a request to `/api/custom/…`, and passes it on.
    pub fn take(&mut self, request: &Request, behind: &mut DataApi) -> Answer {
        let Some(route) = request.path.strip_prefix("/api/custom/") else {
            return error(404, 5, "no such route");
        };
        if !self.in_window(request.now) {
            return error(429, 1014, "too many requests");
        }
        let token = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
        if token != Some(self.token.as_str()) {
            return error(401, 1008, "the token is not known");
        }
        let path = match route {
            "data/parameters" => "/api/data/parameters",
            "data/config" => "/api/config",
            _ => return error(404, 5, "no such route"),
        };
        if request.query.len() > QUERY {
            return error(414, 1011, "the query is too long");
        }
        let media = request.header("content-type").and_then(|media| media.split(';').next()).unwrap_or_default();
        if !MEDIA.contains(&media.trim()) {
            return error(415, 1003, "the media type is not taken");
        }
        if request.body.len() > BODY {
            return error(413, 1009, "the body is too large");
        }
        if request.method != "PUT" {
            return error(405, 3, "only PUT");
        }
        // Only as many bytes are read as the length says; without one, none.
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_usize);
        let body = request.body.get(..length).unwrap_or(&request.body).to_vec();
        let identifier = parameter(&request.query, "identifier");
        let kind = parameter(&request.query, "type");
        if kind.is_none() || (path == "/api/data/parameters" && identifier.is_none()) {
            return Answer::new(400, "identifier or type is missing in the query");
        }
        // `historySet` is not passed on, and the request comes from the agent itself now.
        let inner = Request { local: true, path: path.to_owned(), body, ..request.clone() };
        behind.put(&inner, identifier.as_deref(), kind.as_deref(), None)
    }

    fn in_window(&mut self, now: i64) -> bool {
        let Some((most, length)) = self.limit else { return true };
        while self.times.front().is_some_and(|first| now - first >= length) {
            self.times.pop_front();
        }
        let room = self.times.len() < most;
        if room {
            self.times.push_back(now);
        }
        room
    }
}

fn error(status: u16, code: u32, detail: &str) -> Answer {
    let body = serde_json::json!({
        "errors": [{"title": "Request refused", "detail": detail, "errorCode": code, "faultingNode": 1}],
    });
    Answer::new(status, body.to_string())
}

/// The value of a query parameter, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
