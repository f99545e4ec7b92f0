//! `POST /v1/probe/{name}`: a post that is not kept, for trying the way from Kapacitor to here.
//!
//! It is answered as an alert would be, 204 or 401, and remembered; `GET` of the same path says whether it arrived. The
//! names are made up by whoever tries, so that an answer tells that it was this kaptap that the post reached.

use super::http::sentence;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// How many posts are remembered; the oldest goes for the next.
const REMEMBERED: usize = 64;

/// Longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// The posts that arrived last.
#[derive(Debug, Default)]
pub(super) struct Probes(Mutex<VecDeque<Probe>>);

#[derive(Debug)]
struct Probe {
    name: String,
    /// Whether an alert would have been taken.
    allowed: bool,
}

impl Probes {
    /// Remembers a post and answers it.
    pub(super) fn arrived(&self, name: String, allowed: bool) -> Response {
        if name.is_empty() || name.len() > LONGEST_NAME {
            return sentence(StatusCode::BAD_REQUEST, "a name may have 64 bytes\n");
        }
        let mut probes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if probes.len() == REMEMBERED {
            probes.pop_front();
        }
        probes.push_back(Probe { name, allowed });
        if allowed {
            StatusCode::NO_CONTENT.into_response()
        } else {
            sentence(StatusCode::UNAUTHORIZED, "a token is needed: Authorization: Bearer <token>")
        }
    }

    /// Says whether a post of this name arrived.
    pub(super) fn answer(&self, name: &str) -> Response {
        let probes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(probe) = probes.iter().rev().find(|probe| probe.name == name) else {
            return sentence(StatusCode::NOT_FOUND, "no such probe\n");
        };
        let mut response = format!("{{\"allowed\":{}}}\n", probe.allowed).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_posts_are_remembered_and_no_more() {
        let probes = Probes::default();
        for number in 0..=REMEMBERED {
            assert_eq!(
                probes.arrived(format!("p{number}"), number != 1).status().as_u16(),
                if number == 1 { 401 } else { 204 }
            );
        }
        assert_eq!(probes.answer("p0").status(), StatusCode::NOT_FOUND);
        assert_eq!(probes.answer("p1").status(), StatusCode::OK);
        assert_eq!(probes.answer("p64").status(), StatusCode::OK);
        assert_eq!(probes.0.lock().unwrap().len(), REMEMBERED);
        assert_eq!(probes.arrived("x".repeat(65), true).status(), StatusCode::BAD_REQUEST);
    }
}
