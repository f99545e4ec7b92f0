//! What of a handler's options is a secret. Kapacitor shows a handler as it was put; who may read here need not be one
//! who may use its token for Slack. Pure.

use serde_json::{Map, Value};

/// What stands for a secret where something is shown.
const SECRET: &str = "[secret]";

/// Options for people: texts that let somebody in are masked, at any depth. Keys say which: those of the options that
/// have `token`, `password`, `secret` or `key` in them, and of headers also those that carry credentials.
#[must_use]
pub fn masked(options: &Map<String, Value>) -> Map<String, Value> {
    options.iter().map(|(key, value)| (key.clone(), masked_value(key, value))).collect()
}

/// The body of an answer that lists handlers, masked; `None` if it is no JSON, so that it cannot be told what is secret
/// in it.
pub(super) fn masked_body(body: &[u8]) -> Option<Vec<u8>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let masked = masked_value("", &value);
    // What has no secret in it is shown as it came.
    if masked == value { Some(body.to_vec()) } else { serde_json::to_vec_pretty(&masked).ok() }
}

fn masked_value(key: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if is_secret(key) && !text.is_empty() => SECRET.into(),
        Value::Object(map) => masked(map).into(),
        Value::Array(list) => list.iter().map(|value| masked_value(key, value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// Whether what has this key lets somebody in.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    matches!(key.as_str(), "authorization" | "proxy-authorization" | "cookie")
        || ["token", "secret", "password", "key"].iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_lets_somebody_in_is_masked() {
        let options = json!({
            "url": "http://h/x", "timeout": 5, "routing-key": "r1", "Token": "t1", "password": "", "channels": ["a"],
            "tokens": ["t2", "t3"], "skip": true, "smtp": {"Password": "p1"},
            "headers": {
                "AUTHORIZATION": "Bearer b1", "Proxy-Authorization": "b2", "Cookie": "c1", "X-API-Key": "k1",
                "X-Auth-Token": "t4", "X-Kapacitor-Topic": "disk",
            },
        });
        let expected = json!({
            "url": "http://h/x", "timeout": 5, "routing-key": "[secret]", "Token": "[secret]", "password": "",
            "channels": ["a"], "tokens": ["[secret]", "[secret]"], "skip": true, "smtp": {"Password": "[secret]"},
            "headers": {
                "AUTHORIZATION": "[secret]", "Proxy-Authorization": "[secret]", "Cookie": "[secret]",
                "X-API-Key": "[secret]", "X-Auth-Token": "[secret]", "X-Kapacitor-Topic": "disk",
            },
        });
        assert_eq!(Value::Object(masked(options.as_object().unwrap())), expected);
    }

    #[test]
    fn bodies_are_masked_or_not_shown() {
        let masked = |body: &str| masked_body(body.as_bytes()).map(|body| String::from_utf8(body).unwrap());
        let plain = "{ \"handlers\":[{\"id\":\"h\",\"options\":{\"url\":\"http://a\"}}] }";
        assert_eq!(masked(plain).as_deref(), Some(plain));
        let body = masked("{\"handlers\":[{\"id\":\"h\",\"options\":{\"token\":\"s3cret\"}}]}").unwrap();
        assert!(body.contains("\"id\": \"h\"") && !body.contains("s3cret"), "{body}");
        assert_eq!(masked("{\"handlers\":[{\"options\":{\"token\":\"s3c"), None);
    }
}
