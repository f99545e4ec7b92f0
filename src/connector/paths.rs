//! Paths of Kapacitor's API.

/// What is below a topic.
pub(super) fn topic_path(topic: &str, rest: &str) -> String {
    format!("/kapacitor/v1/alerts/topics/{}{rest}", escaped(topic))
}

/// One element of a path: everything but unreserved characters is escaped, so that no id is taken for something else.
#[must_use]
pub fn escaped(text: &str) -> String {
    crate::http::escaped(text, "")
}
