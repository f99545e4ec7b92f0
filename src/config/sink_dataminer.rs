//! What a `[[sink]]` of type `dataminer` or `dataminer-webhook` needs.

use super::settings::Value;
use super::sink_peers::http;
use super::sinks::{Reader, strings};
use super::typed::{text, word};
use crate::filter::Filter;
use crate::filter::template::Lookup;
use crate::sinks::dataminer::{Severities, Severity, check_column, check_type, element as sanitized};
use crate::sinks::dataminer_webhook::FREE;
use crate::sinks::options::{Dataminer, DataminerWebhook, Http, Route};
use std::collections::BTreeMap;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);
/// The Data API itself waits up to 30 s for what is behind it.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The Data API.
pub(super) fn element(reader: &mut Reader<'_>) -> Option<Dataminer> {
    let http = http(reader);
    let routes = [("data_api", Route::DataApi), ("user_defined_api", Route::UserDefinedApi)];
    let route = reader.take("route", |value| word(value, &routes));
    if let (Some(http), Some(Some(Route::UserDefinedApi))) = (&http, route)
        && http.token.is_none()
        && http.headers.is_empty()
    {
        reader.report("route", "a User-Defined API wants a token; give token or token_file");
    }
    let identifier = reader.take("identifier", |value| match sanitized(text(value, "a name")?) {
        name if name.is_empty() => Err("is empty; write the name of the element".to_owned()),
        name => Ok(name),
    });
    let element_type = reader.take("element_type", |value| {
        let name = text(value, "the name of a connector")?;
        check_type(name).map(|()| name.to_owned())
    });
    let kapacitor = reader.take("kapacitor", |value| text(value, "the name of a [[kapacitor]]").map(str::to_owned));
    let interval = reader.period("interval", Duration::ZERO, Duration::from_mins(1));
    let heartbeat = reader.period("heartbeat", SECOND, Duration::from_hours(1));
    let full_state = reader.period("full_state", 10 * SECOND, 7 * DAY);
    let event_slots = reader.count("event_slots", 0, 10_000);
    let max_rows = reader.count("max_rows", 1, 100_000);
    let max_age = reader.period("max_age", SECOND, 365 * DAY);
    let columns = columns(reader, check_column);
    let severities = severities(reader);
    let waits = reader.has("timeout");
    Some(Dataminer {
        http: http.map(|http| Http { timeout: if waits { http.timeout } else { TIMEOUT }, ..http })?,
        route: route??,
        identifier: identifier??,
        element_type: element_type??,
        interval: interval?,
        heartbeat: heartbeat?,
        full_state: full_state?,
        max_rows: max_rows?,
        event_slots: u32::try_from(event_slots?).ok()?,
        max_age: max_age?,
        columns: columns?,
        severities: severities?,
        kapacitor: kapacitor?,
    })
}

/// The Generic Webhook Alarm Table.
pub(super) fn webhook(reader: &mut Reader<'_>) -> Option<DataminerWebhook> {
    let http = http(reader);
    let max_rows = reader.count("max_rows", 1, 100_000);
    let max_age = reader.period("max_age", SECOND, 365 * DAY);
    let free = |name: &str| {
        let problem = || format!("{name:?} cannot be set; those left to you are {}", FREE.join(", "));
        if FREE.contains(&name) { Ok(()) } else { Err(problem()) }
    };
    let columns = columns(reader, free);
    let severities = severities(reader);
    let words = reader.take("severity_words", |value| {
        let mut words = BTreeMap::new();
        for (severity, word) in strings(value, "words, such as { critical = \"Critical\" }")? {
            let severity = Severity::parse(&severity).ok_or_else(|| no_severity(&severity))?;
            words.insert(severity, word);
        }
        Ok(words)
    });
    Some(DataminerWebhook {
        http: http?,
        max_rows: max_rows?,
        max_age: max_age?,
        columns: columns?,
        severities: severities?,
        severity_words: words?.unwrap_or_default(),
    })
}

fn columns(reader: &mut Reader<'_>, check: impl Fn(&str) -> Result<(), String>) -> Option<Vec<(String, Lookup)>> {
    let columns = reader.take("columns", |value: &Value| {
        let mut columns = Vec::new();
        for (name, path) in strings(value, "names and paths, such as { Site = \"tags.site\" }")? {
            check(&name)?;
            let path = Lookup::compile(&path).map_err(|error| format!("{name}: is no path:\n{error}"))?;
            columns.push((name, path));
        }
        Ok(columns)
    });
    Some(columns?.unwrap_or_default())
}

fn severities(reader: &mut Reader<'_>) -> Option<Severities> {
    let severities = reader.take("severities", |value| {
        let mut rules = Vec::new();
        for (severity, condition) in
            strings(value, "severities and filters, such as { Major = 'tags.site == \"core\"' }")?
        {
            let severity = match Severity::parse(&severity) {
                Some(Severity::Normal) => {
                    return Err(
                        "Normal would clear an alarm that is on; leave such alerts out with `filter`".to_owned()
                    );
                }
                Some(severity) => severity,
                None => return Err(no_severity(&severity)),
            };
            let condition = Filter::compile(&condition)
                .map_err(|error| format!("{}: is no filter:\n{error}", severity.as_str()))?;
            rules.push((severity, condition));
        }
        Ok(Severities(rules))
    });
    Some(severities?.unwrap_or_default())
}

fn no_severity(word: &str) -> String {
    let all: Vec<&str> = Severity::ALL.iter().map(|severity| severity.as_str()).collect();
    format!("{word:?} is no severity; there are {}", all.join(", "))
}
