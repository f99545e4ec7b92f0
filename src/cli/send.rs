//! `kaptap send`: posts standard input to a running kaptap and succeeds only once it is kept.

use super::arguments::{SendArguments, SettingsArguments};
use super::client::{Client, Purpose, encode};
use super::failure::{Failure, chain};
use super::{Threads, runtime};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use std::io::Read;

/// Most that is read from standard input: the highest bound that `[http] max_body` can have.
const MAX_BODY: u64 = 64 << 20;

pub(super) fn run(settings: &SettingsArguments, arguments: &SendArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.peer, settings, Purpose::Posting)?;
    let (path, headers) = request(arguments)?;
    let body = read_input()?;
    runtime(Threads::One)?.block_on(async {
        let sending = client.request(Method::POST, &path, &headers, body);
        let response = tokio::time::timeout(arguments.timeout.0, sending)
            .await
            .map_err(|_| Failure::because(format!("{} did not answer in {}", client.address(), arguments.timeout)))?
            .map_err(|error| Failure::because(chain(&error)))?;
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

fn request(arguments: &SendArguments) -> Result<(String, Vec<(HeaderName, HeaderValue)>), Failure> {
    let kind = if arguments.rows { "rows" } else { "alerts" };
    let path = format!("/v1/{kind}/{}", encode(&arguments.source, "/"));
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
