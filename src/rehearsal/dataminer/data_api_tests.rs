//! What the stand-ins take and refuse.

use super::*;
use crate::rehearsal::dataminer::alarm_table::{AlarmTable, Removal};
use crate::rehearsal::dataminer::user_api::UserApi;

const NOW: i64 = 1_795_353_827_000;

fn request(body: &str) -> Request {
    let headers = [("identifier", "Kapacitor"), ("type", "Kapacitor Sidecar"), ("content-type", "application/json")];
    Request {
        local: true,
        method: "PUT".to_owned(),
        path: "/api/data/parameters".to_owned(),
        query: String::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.as_bytes().to_vec(),
        now: NOW,
    }
}

fn with(body: &str, header: (&str, &str)) -> Request {
    let mut request = request(body);
    request.headers.retain(|(name, _)| name != header.0);
    request.headers.push((header.0.to_owned(), header.1.to_owned()));
    request
}

#[track_caller]
fn check_taken(api: &mut DataApi, body: &str) {
    assert_eq!(api.take(&request(body)), Answer::new(200, ""), "{body}");
}

/// Refused, and nothing of it is there.
#[track_caller]
fn check_refused(api: &mut DataApi, request: &Request, status: u16, sentence: &str) {
    let before = api.text();
    let answer = api.take(request);
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.contains(sentence), "{answer:?}");
    assert_eq!(api.text(), before);
}

#[test]
fn names_are_cased_and_kinds_are_fixed_by_the_first_push() {
    let mut api = DataApi::default();
    check_taken(&mut api, r#"{"cpuUtilization": 1.5, "CPU load": 2, "Alerts": [{"Id": "a", "Alert Level": "OK"}]}"#);
    let names: Vec<&String> = api.elements["Kapacitor"].values.keys().collect();
    assert_eq!(names, ["CPU Load", "Cpuutilization"]);
    check_refused(&mut api, &request(r#"{"CPUUTILIZATION": "high"}"#), 400, "cannot become");
    check_refused(&mut api, &request(r#"{"Alerts": [{"Id": "b", "Alert Level": 3}]}"#), 400, "cannot become");
    check_refused(&mut api, &request(r#"{"Alerts": [{"Id": 7}]}"#), 400, "kind of its keys");
    check_refused(&mut api, &request(r#"{"Alerts": 7}"#), 400, "is a table");
    check_taken(&mut api, r#"{"CPU Load": 3, "Alerts": [{"Id": "a"}, {"ID": "b", "Alert Level": "INFO"}]}"#);
    assert_eq!((api.versions(), api.elements["Kapacitor"].tables["Alerts"].len()), (1, 2));
}

#[test]
fn what_it_cannot_take_is_refused_whole() {
    let mut api = DataApi::default();
    check_taken(&mut api, r#"{"Topic": "t"}"#);
    for (body, sentence) in [
        (r#"{"Good": 1, "State": "x"}"#, "reserved"),
        (r#"{"__pid": 1}"#, "reserved"),
        (r#"{"a b": 1, "A B": 2}"#, "twice"),
        (r#"{"Good": true}"#, "neither"),
        (r#"{"Good": null}"#, "neither"),
        (r#"{"Good": {"Inner": 1}}"#, "neither"),
        (r#"{" Good": 1}"#, "cannot be a name"),
        (r#"{"Rows": [1]}"#, "no object"),
        (r#"{"Rows": [{"Id": "a\\b"}]}"#, "cannot be a key"),
        (r#"{"Rows": [{"Id": " a"}]}"#, "cannot be a key"),
        (r#"{"Rows": [{"Id": null}]}"#, "a text or a number"),
        (r#"{"Rows": [{"Id": "a"}, {"Id": "a"}]}"#, "twice"),
        (r#"{"Rows": [{"Inner": [{"Id": 1}]}]}"#, "need an Id"),
        (r#"{"A": [{"Id": 1, "Inner": [{"Id": 1}]}], "B": [{"Id": 1, "Inner": [{"Id": 1}]}]}"#, "one parent"),
        ("[]", "no object"),
        ("{\"Good\": NaN}", "no JSON"),
        ("{", "no JSON"),
        ("", "no JSON"),
    ] {
        check_refused(&mut api, &request(body), 400, sentence);
    }
    let long = format!(r#"{{"Id": "{}"}}"#, "x".repeat(101));
    check_refused(&mut api, &request(&format!("{{\"Rows\": [{long}]}}")), 400, "cannot be a key");
    let rows: Vec<String> = (0..1001).map(|n| format!(r#"{{"Id": {n}}}"#)).collect();
    check_refused(&mut api, &request(&format!("{{\"Rows\": [{}]}}", rows.join(","))), 400, "1001 rows");
    let large = format!("{{\"Topic\": \"{}\"}}", "x".repeat(BODY));
    check_refused(&mut api, &request(&large), 413, "1 MB");
    check_refused(&mut api, &Request { local: false, ..request("{}") }, 403, "external");
    check_refused(&mut api, &Request { method: "POST".to_owned(), ..request("{}") }, 405, "PUT");
    check_refused(&mut api, &Request { path: "/api/data".to_owned(), ..request("{}") }, 404, "path");
    check_refused(&mut api, &with("{}", ("identifier", "")), 400, "identifier is missing");
    check_refused(&mut api, &with("{}", ("type", "")), 400, "type is missing");
    check_refused(&mut api, &with("{}", ("identifier", "host:9092")), 400, "cannot name");
    check_refused(&mut api, &with("{}", ("type", "Another")), 400, "is an element of type");
    api.starting = true;
    check_refused(&mut api, &request("{}"), 503, "loaded");
}

#[test]
fn rows_without_an_id_are_numbered_by_their_place_and_tables_in_rows_become_tables() {
    let mut api = DataApi::default();
    check_taken(
        &mut api,
        r#"{"Rows": [{"Topic": "a"}, {"Topic": "b"}], "Vlans": [{"Id": 1, "Ports": [{"Id": 7}]}], "Empty": []}"#,
    );
    check_taken(&mut api, r#"{"Rows": [{"Topic": "b"}]}"#);
    let element = &api.elements["Kapacitor"];
    assert_eq!(element.without_id, ["Rows", "Rows", "Rows"]);
    assert_eq!(element.tables["Rows"]["1"]["Topic"], "b");
    assert_eq!(element.tables["Ports"]["7"]["Vlans_Foreign Key"], "1");
    assert!(element.tables["Empty"].is_empty());
}

#[test]
fn times_of_the_past_go_forward() {
    let mut api = DataApi::default();
    let at = |text| with("{\"Topic\": \"t\"}", ("historyset", text));
    assert!(api.take(&at("2026-11-22T10:00:00Z")).is_good());
    check_refused(&mut api, &at("2026-11-22T09:59:59Z"), 400, "back in time");
    check_refused(&mut api, &at("2026-11-22T10:00:00.5Z"), 400, "is not");
    check_refused(&mut api, &at("2099-01-01T00:00:00Z"), 400, "in the future");
    assert!(api.take(&at("2026-11-22T10:00:00Z")).is_good());
}

#[test]
fn units_are_for_what_is_there() {
    let mut api = DataApi::default();
    check_taken(&mut api, r#"{"Uptime": 1, "Alerts": [{"Id": "a", "Alert Duration": 1}]}"#);
    let config = |body| Request { path: "/api/config".to_owned(), ..request(body) };
    let good = r#"{"units": {"Uptime": "s", "Alerts": [{"Alert Duration": "s"}]}, "decimals": {"Uptime": 0}}"#;
    assert!(api.take(&config(good)).is_good());
    check_refused(&mut api, &config(r#"{"units": {"Other": "s"}}"#), 400, "no such parameter");
    check_refused(&mut api, &config(r#"{"units": {"Alerts": [{"Other": "s"}]}}"#), 400, "no such column");
    check_refused(&mut api, &config(r#"{"decimals": {"Uptime": 16}}"#), 400, "unit cannot be");
}

#[test]
fn the_way_from_outside_has_rules_of_its_own() {
    let token = "a-token-of-thirty-two-characters";
    let (mut api, mut user) = (DataApi::default(), UserApi::new(token, Some((4, 60_000))));
    let ask = |authorization: &str, query: &str| {
        let body = "{\"Topic\": \"t\"}";
        let mut request = with(body, ("authorization", authorization));
        request.headers.push(("content-length".to_owned(), body.len().to_string()));
        Request { path: "/api/custom/data/parameters".to_owned(), query: query.to_owned(), local: false, ..request }
    };
    let bearer = format!("Bearer {token}");
    let answer = user.take(&ask("Bearer other", "identifier=a&type=b"), &mut api);
    assert!(answer.status == 401 && answer.body.contains("\"errorCode\":1008"), "{answer:?}");
    assert_eq!(user.take(&ask(&bearer, "type=b"), &mut api).status, 400);
    let posted = Request { method: "POST".to_owned(), ..ask(&bearer, "identifier=a&type=b") };
    assert_eq!(user.take(&posted, &mut api).status, 405);
    assert!(user.take(&ask(&bearer, "identifier=a%20b&type=b"), &mut api).is_good());
    assert!(api.elements.contains_key("a b"));
    let answer = user.take(&ask(&bearer, "identifier=a&type=b"), &mut api);
    assert!(answer.status == 429 && answer.body.contains("1014"), "{answer:?}");
    let later = Request { now: NOW + 60_000, ..ask(&bearer, "identifier=a&type=b") };
    assert!(user.take(&later, &mut api).is_good());
    let chunked = Request { headers: Vec::new(), ..later };
    assert_eq!(user.take(&chunked, &mut api).status, 401);
}

#[test]
fn the_alarm_table_takes_one_alarm_a_request() {
    let mut table = AlarmTable::new("/alarms", Some(Removal { normal: true, rows: 2, age: 1000 }));
    let post =
        |body: &str, now| Request { method: "POST".to_owned(), path: "/alarms".to_owned(), now, ..request(body) };
    let alarm = |id: &str, severity: &str| {
        format!(
            r#"{{"alarm_id":"{id}","severity":"{severity}","value":"v","numericValue":1,"alarm_properties":{{"Property1":"t"}}}}"#
        )
    };
    for (n, id) in ["a", "b", "c"].into_iter().enumerate() {
        assert!(table.take(&post(&alarm(id, "critical"), NOW + i64::try_from(n).unwrap())).is_good());
    }
    assert_eq!(table.rows.keys().collect::<Vec<_>>(), ["b", "c"]);
    assert!(table.take(&post(&alarm("b", "normal"), NOW + 5)).is_good());
    assert_eq!(table.rows.keys().collect::<Vec<_>>(), ["c"]);
    for bad in [
        format!("[{}]", alarm("a", "critical")),
        alarm("a", "CRITICAL"),
        alarm("", "critical"),
        alarm("a", "critical").replace(":1,", ":\"1\","),
        alarm("a", "critical").replace("Property1", "Property16"),
        alarm("a", "critical").replace("\"t\"", "null"),
        alarm("a", "critical").replace("\"value\"", "\"other\""),
    ] {
        assert_eq!(table.take(&post(&bad, NOW)).status, 400, "{bad}");
    }
}
