//! `kaptap wire`: what went over the wire lately, each field beside its bytes.

use super::arguments::{SettingsArguments, WireArguments};
use super::client::{Client, Purpose};
use super::failure::Failure;
use super::output::{self, Output};
use super::render::{self, Look, paint};
use super::{Threads, runtime};
use crate::http::escaped;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::time::Duration;

/// How often new traffic is asked for.
const EVERY: Duration = Duration::from_millis(500);
/// Columns of the readable half.
const READABLE: usize = 56;
/// Bytes in one line of the other half.
const ROW: usize = 16;
/// Rows of bytes shown of one field.
const ROWS: usize = 8;

/// An exchange as `GET /v1/wire` says it.
#[derive(Debug, Deserialize)]
struct Exchange {
    number: u64,
    time: String,
    direction: String,
    connection: u64,
    lane: String,
    source: String,
    task: Option<String>,
    node: Option<String>,
    bytes: u64,
    left_out: u64,
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
struct Message {
    title: String,
    bytes: u64,
    fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
struct Field {
    name: String,
    value: String,
    #[serde(rename = "base64", deserialize_with = "decoded")]
    bytes: Vec<u8>,
}

/// Bytes that JSON carries as base64.
fn decoded<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    STANDARD.decode(&*text).map_err(D::Error::custom)
}

pub(super) fn run(settings: &SettingsArguments, arguments: &WireArguments) -> Result<(), Failure> {
    let client = Client::new(&arguments.peer, settings, Purpose::Reading)?;
    let runtime = runtime(Threads::One)?;
    if arguments.follow {
        super::end_at_interrupt()?;
    }
    let (mut output, mut after, colour) = (Output::new(), 0, output::colour());
    loop {
        let body = runtime.block_on(client.ask(Method::GET, &path(arguments, after)))?;
        for text in body.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            let exchange: Exchange =
                serde_json::from_slice(text).map_err(|error| Failure::caused("cannot read the answer", error))?;
            after = after.max(exchange.number);
            if arguments.json {
                output.line(text)?;
            } else {
                for line in lines(&exchange, colour) {
                    output.line(line)?;
                }
            }
        }
        output.flush()?;
        if !arguments.follow {
            return Ok(());
        }
        runtime.block_on(tokio::time::sleep(EVERY));
    }
}

fn path(arguments: &WireArguments, after: u64) -> String {
    let mut path = format!("/v1/wire?after={after}");
    for (name, value) in [("stream", &arguments.stream), ("task", &arguments.task), ("lane", &arguments.lane)] {
        if let Some(value) = value {
            path.extend(["&", name, "=", &escaped(value, "")]);
        }
    }
    path
}

/// A head for the exchange, then each message with its fields.
fn lines(exchange: &Exchange, colour: bool) -> Vec<String> {
    let (arrow, look) =
        if exchange.direction == "sent" { ("◀ sent", Look::Good) } else { ("▶ received", Look::Info) };
    let time = exchange.time.get(11..23).unwrap_or(&exchange.time);
    let names = [exchange.task.as_deref(), exchange.node.as_deref()];
    let who = names.into_iter().flatten().fold(String::new(), |who, name| who + "  " + name);
    let (lane, source) = (&exchange.lane, &exchange.source);
    let about = format!("{lane} {source}{who}  connection {}  {} bytes", exchange.connection, exchange.bytes);
    let head = [
        (Look::Dim, Cow::Owned(format!("{time}Z "))),
        (look, Cow::Owned(format!("{arrow:<12}"))),
        (Look::Plain, render::harmless(&about)),
    ];
    let mut lines = vec![paint(&head, colour, None)];
    for message in &exchange.messages {
        let title = format!("  {}, {} bytes", render::harmless(&message.title), message.bytes);
        lines.push(paint(&[(Look::Bold, Cow::Owned(title))], colour, None));
        lines.extend(message.fields.iter().flat_map(|field| beside(field, colour)));
    }
    if exchange.left_out > 0 {
        let more = format!("  … and {} bytes more, which are not remembered", exchange.left_out);
        lines.push(paint(&[(Look::Dim, Cow::Owned(more))], colour, None));
    }
    lines
}

/// A field in as many lines as it needs: what it says on the left, its bytes on the right.
fn beside(field: &Field, colour: bool) -> Vec<String> {
    let said = if field.name.is_empty() { field.value.clone() } else { format!("{} = {}", field.name, field.value) };
    let said: Vec<char> = render::harmless(&said).chars().collect();
    let mut left = said.chunks(READABLE);
    let mut right = field.bytes.chunks(ROW);
    let mut lines = Vec::new();
    for row in 0.. {
        let (text, bytes) = (left.next(), right.next());
        if text.is_none() && bytes.is_none() {
            break;
        }
        if row == ROWS {
            let more = format!("    … {} bytes in all", field.bytes.len());
            lines.push(paint(&[(Look::Dim, Cow::Owned(more))], colour, None));
            break;
        }
        let text: String = text.unwrap_or_default().iter().collect();
        let spans = [
            (Look::Plain, Cow::Owned(format!("    {text:<READABLE$}  "))),
            (Look::Dim, Cow::Owned(bytes.map(dump).unwrap_or_default())),
        ];
        lines.push(paint(&spans, colour, None).trim_end().to_owned());
    }
    lines
}

/// Bytes as hexadecimal digits and as the characters they are.
fn dump(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16)));
    let digits: Vec<char> = digits.flatten().collect();
    let hex = digits.chunks(2).fold(String::new(), |hex, pair| hex + &pair.iter().collect::<String>() + " ");
    let text: String = bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
    format!("{hex:<width$} {text}", width = ROW * 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_beside_their_bytes() {
        let exchange: Exchange = serde_json::from_str(
            r#"{"number":1,"time":"2026-01-01T10:00:00.123456789Z","direction":"received","connection":3,"lane":"udf",
            "source":"stream","task":"cpu","node":"kaptap2","bytes":40,"left_out":7,"messages":[{"title":"point","bytes":8,
            "fields":[{"name":"name","value":"\"c\u001b\"","base64":"CgNjcHU="}]}]}"#,
        )
        .unwrap();
        let expected = [
            "10:00:00.123Z ▶ received  udf stream  cpu  kaptap2  connection 3  40 bytes",
            "  point, 8 bytes",
            "    name = \"c\\u{1b}\"                                          0a 03 63 70 75                                   ..cpu",
            "  … and 7 bytes more, which are not remembered",
        ];
        assert_eq!(lines(&exchange, false), expected);
        let long = Field { name: "x".to_owned(), value: "v".repeat(2000), bytes: Vec::new() };
        assert_eq!(beside(&long, false).len(), ROWS + 1);
        let broken = r#"{"name":"x","value":"","base64":"C!"}"#;
        assert!(serde_json::from_str::<Field>(broken).is_err(), "what is no base64 is no answer of a kaptap");
    }
}
