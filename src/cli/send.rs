//! `kaptap send`: posts standard input to a running kaptap and succeeds only once it is kept.
//!
//! A kaptap that is being restarted, or whose disk takes nothing, is tried again until `--timeout`: Kapacitor's exec
//! handler waits for the program without a time limit, and tries nothing again itself.

use super::arguments::{SendArguments, SettingsArguments};
use super::client::{Backoff, Client, ClientError, Purpose};
use super::failure::{Failure, chain, say};
use super::{Threads, runtime};
use crate::config::Period;
use crate::http::escaped;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use std::io::Read;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Most that is read from standard input: the highest bound that `[http] max_body` can have.
const MAX_BODY: u64 = 64 << 20;

pub(super) fn run(settings: &SettingsArguments, arguments: &SendArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.peer, settings, Purpose::Posting)?;
    let (path, headers) = request(arguments)?;
    let post = Post { path, headers, body: read_input()?, may_repeat: !arguments.rows };
    runtime(Threads::One)?.block_on(async {
        let response = deliver(&client, &post, arguments.timeout).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(());
        }
        Err(Failure::because(format!(
            "{} answered {} where kaptap answers 204; it is not kept",
            client.address(),
            response.status()
        )))
    })
}

/// What is posted.
struct Post {
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    /// Whether it may be sent again when nobody knows if it was taken: the second of two equal alerts is marked as a
    /// duplicate, while rows would simply be there twice.
    may_repeat: bool,
}

/// Posts until there is an answer that trying again does not change, for at most `timeout`.
async fn deliver(client: &Client, post: &Post, timeout: Period) -> Result<Response<Incoming>, Failure> {
    let deadline = Instant::now() + timeout.0;
    let mut backoff = Backoff::new();
    let mut is_said = false;
    loop {
        let sending = client.request(Method::POST, &post.path, &post.headers, post.body.clone());
        let error = match timeout_at(deadline, sending).await {
            Ok(Ok(response)) => return Ok(response),
            Ok(Err(error)) => error,
            Err(_) => return Err(Failure::because(format!("{} did not answer in {timeout}", client.address()))),
        };
        let Some(wait) = wait_after(&error, backoff.next(), post.may_repeat) else {
            return Err(Failure::because(chain(&error)));
        };
        if Instant::now() + wait >= deadline {
            return Err(Failure::because(format!("{}; given up, it is not kept after {timeout}", chain(&error))));
        }
        if !std::mem::replace(&mut is_said, true) {
            say(&format!("{}; trying again for {timeout}", chain(&error)));
        }
        sleep(wait).await;
    }
}

/// How long to wait before the next attempt, `backoff` if nobody asks for more; none if trying again is of no use.
fn wait_after(error: &ClientError, backoff: Duration, may_repeat: bool) -> Option<Duration> {
    match error {
        ClientError::Unreachable { .. } => Some(backoff),
        ClientError::Lost { .. } => may_repeat.then_some(backoff),
        ClientError::NotNow { retry_after, .. } => Some(retry_after.unwrap_or_default().max(backoff)),
        ClientError::Refused { .. } => None,
    }
}

fn request(arguments: &SendArguments) -> Result<(String, Vec<(HeaderName, HeaderValue)>), Failure> {
    let kind = if arguments.rows { "rows" } else { "alerts" };
    let path = format!("/v1/{kind}/{}", escaped(&arguments.source, "/"));
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    if !arguments.rows {
        headers.push((HeaderName::from_static("x-kaptap-lane"), HeaderValue::from_static("exec")));
    }
    let said = [("x-kapacitor-topic", "--topic", &arguments.topic), ("x-kapacitor-task", "--task", &arguments.task)];
    for (name, flag, text) in said {
        if let Some(text) = text {
            let value = HeaderValue::from_bytes(text.as_bytes())
                .map_err(|_| Failure::Usage(format!("{flag}: has characters that no HTTP header can carry")))?;
            headers.push((HeaderName::from_static(name), value));
        }
    }
    Ok((path, headers))
}

fn read_input() -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    let reading = std::io::stdin().lock().take(MAX_BODY + 1).read_to_end(&mut body);
    reading.map_err(|error| Failure::caused("cannot read standard input", error))?;
    if body.is_empty() {
        return Err(Failure::because("there is nothing on standard input; it takes the JSON of one alert"));
    }
    if body.len() as u64 > MAX_BODY {
        return Err(Failure::because("standard input is longer than 64 MiB, more than kaptap can be set to take"));
    }
    Ok(body.into())
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
