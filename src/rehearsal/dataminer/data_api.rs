//! The Data API: `PUT /api/data/parameters` and `PUT /api/config`.

use super::names::element;
use super::shape::Connector;
use super::{Answer, Request};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A body has to stay below this, bytes.
pub const BODY: usize = 1_000_000;
/// Longest text of a unit.
const UNIT: usize = 30;
/// Most digits behind the point.
const DIGITS: u64 = 15;

/// Rows by key, each with its cells by name.
pub type Rows = BTreeMap<String, BTreeMap<String, Value>>;

/// An element.
#[derive(Debug, Clone, Default)]
pub struct Element {
    /// Its connector.
    pub kind: String,
    /// Values that stand alone.
    pub values: BTreeMap<String, Value>,
    /// Its tables.
    pub tables: BTreeMap<String, Rows>,
    /// Tables of which rows had no `Id`, and were numbered by their place.
    pub without_id: Vec<String>,
    /// The last `historySet`, seconds since 1970.
    history: Option<i64>,
}

/// The Data API of one agent.
#[derive(Debug, Clone, Default)]
pub struct DataApi {
    connectors: BTreeMap<String, Connector>,
    /// By identifier.
    pub elements: BTreeMap<String, Element>,
    /// Not initialised yet: answers 503.
    pub starting: bool,
}

impl DataApi {
    /// Takes a request that came over its own port.
    pub fn take(&mut self, request: &Request) -> Answer {
        if !request.local {
            return Answer::new(403, "requests from external systems are rejected");
        }
        let identifier = request.header("identifier").map(str::to_owned);
        let kind = request.header("type").map(str::to_owned);
        self.put(request, identifier.as_deref(), kind.as_deref(), request.header("historyset"))
    }

    /// Takes a request with what came beside its body.
    pub fn put(
        &mut self,
        request: &Request,
        identifier: Option<&str>,
        kind: Option<&str>,
        history: Option<&str>,
    ) -> Answer {
        let result = match (request.method.as_str(), request.path.as_str()) {
            (_, "/api/data/parameters" | "/api/config") if self.starting => {
                return Answer::new(503, "connectors are being loaded");
            }
            ("PUT", "/api/data/parameters") => self.parameters(request, identifier, kind, history),
            ("PUT", "/api/config") => self.config(request, kind),
            (_, "/api/data/parameters" | "/api/config") => return Answer::new(405, "only PUT"),
            _ => return Answer::new(404, "no such path"),
        };
        match result {
            Ok(()) => Answer::new(200, ""),
            Err(refused) => refused,
        }
    }

    fn parameters(
        &mut self,
        request: &Request,
        identifier: Option<&str>,
        kind: Option<&str>,
        history: Option<&str>,
    ) -> Result<(), Answer> {
        let bad = |problem: String| Answer::new(400, problem);
        let identifier =
            identifier.filter(|text| !text.is_empty()).ok_or_else(|| bad("identifier is missing".to_owned()))?;
        let kind = kind.filter(|text| !text.is_empty()).ok_or_else(|| bad("type is missing".to_owned()))?;
        if !element(identifier) || !element(kind) {
            return Err(bad(format!("{identifier:?} of type {kind:?} cannot name an element and its connector")));
        }
        let body = object(request)?;
        let known = self.elements.get(identifier);
        if let Some(known) = known.filter(|known| known.kind != kind) {
            return Err(bad(format!("{identifier:?} is an element of type {:?}", known.kind)));
        }
        let history = history.map(|text| moment(text, request.now)).transpose().map_err(bad)?;
        if history < known.and_then(|known| known.history) && history.is_some() {
            return Err(bad("historySet goes back in time".to_owned()));
        }
        // Refused as a whole or taken as a whole.
        let mut connector = self.connectors.get(kind).cloned().unwrap_or_default();
        let read = connector.read(&body).map_err(bad)?;
        self.connectors.insert(kind.to_owned(), connector);
        let element = self.elements.entry(identifier.to_owned()).or_default();
        kind.clone_into(&mut element.kind);
        element.history = history.or(element.history);
        element.values.extend(read.values);
        for (name, rows) in read.tables {
            let table = element.tables.entry(name.clone()).or_default();
            for (place, row) in rows.into_iter().enumerate() {
                let key = row.key.unwrap_or_else(|| {
                    element.without_id.push(name.clone());
                    (place + 1).to_string()
                });
                table.entry(key).or_default().extend(row.cells);
            }
        }
        Ok(())
    }

    fn config(&self, request: &Request, kind: Option<&str>) -> Result<(), Answer> {
        let bad = |problem: &str| Answer::new(400, problem);
        let connector = kind.and_then(|kind| self.connectors.get(kind)).ok_or_else(|| bad("there is no such type"))?;
        let body = object(request)?;
        for (part, values) in &body {
            let Value::Object(values) = values else { return Err(bad("units and decimals are objects")) };
            let is_unit = |value: &Value| value.as_str().is_some_and(|unit| unit.chars().count() <= UNIT);
            let is_digits = |value: &Value| value.as_u64().is_some_and(|digits| digits <= DIGITS);
            let good = |value: &Value| match part.as_str() {
                "units" => is_unit(value),
                "decimals" => is_digits(value),
                _ => false,
            };
            for (name, value) in values {
                match value {
                    Value::Array(rows) => {
                        let columns = rows.first().and_then(Value::as_object).filter(|_| rows.len() == 1);
                        let columns = columns.ok_or_else(|| bad("columns are an array of one object"))?;
                        let known = connector.tables.get(name).ok_or_else(|| bad("there is no such table"))?;
                        let fits =
                            |(column, value): (&String, &Value)| known.parameters.contains_key(column) && good(value);
                        if !columns.iter().all(fits) {
                            return Err(bad("there is no such column, or its unit cannot be"));
                        }
                    }
                    value if connector.parameters.contains_key(name) && good(value) => {}
                    _ => return Err(bad(&format!("{name}: there is no such parameter, or its unit cannot be"))),
                }
            }
        }
        Ok(())
    }

    /// How often connectors were made anew.
    #[must_use]
    pub fn versions(&self) -> u32 {
        self.connectors.values().map(|connector| connector.versions).sum()
    }

    /// All elements, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (identifier, element) in &self.elements {
            let mut line = |line: std::fmt::Arguments<'_>| {
                text.push_str(&line.to_string());
                text.push('\n');
            };
            line(format_args!("# {identifier} ({})\n\n## Parameters", element.kind));
            for (name, value) in &element.values {
                line(format_args!("{name}: {value}"));
            }
            for (name, rows) in &element.tables {
                line(format_args!("\n## {name}: {} rows", rows.len()));
                for (key, cells) in rows {
                    let cells: Vec<String> = cells.iter().map(|(name, value)| format!("{name}={value}")).collect();
                    line(format_args!("{key}: {}", cells.join(", ")));
                }
            }
            line(format_args!(""));
        }
        text
    }
}

fn object(request: &Request) -> Result<Map<String, Value>, Answer> {
    if request.body.len() >= BODY {
        return Err(Answer::new(413, format!("{} bytes; the body has to stay below 1 MB", request.body.len())));
    }
    match serde_json::from_slice(&request.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Answer::new(400, "the body is no object")),
        Err(error) => Err(Answer::new(400, format!("the body is no JSON: {error}"))),
    }
}

/// Reads `yyyy-MM-ddTHH:mm:ssZ`, not in the future: seconds since 1970.
fn moment(text: &str, now: i64) -> Result<i64, String> {
    let shape = text.len() == 20 && text.ends_with('Z') && !text.contains(['.', '+']);
    let moment = text.parse::<jiff::Timestamp>().ok().filter(|_| shape).map(jiff::Timestamp::as_second);
    let moment = moment.ok_or_else(|| format!("historySet {text:?} is not yyyy-MM-ddTHH:mm:ssZ"))?;
    if moment > now / 1000 { Err(format!("historySet {text:?} is in the future")) } else { Ok(moment) }
}

#[cfg(test)]
#[path = "data_api_tests.rs"]
mod tests;
