//! Scripts as people write them, and text that is none.

use super::*;
use proptest::prelude::*;

const POSTING: &str = r#"
// .post('http://nowhere') is a comment
var data = stream
    |from()
        .measurement('cpu')
        .groupBy('host', 'cpu')
    |where(lambda: "region" =~ /eu\/.*'|alert()/ AND "a" / "b" > 2)

var url = 'http://127.0.0.1:9192/v1/alerts/cpu'

data
    |alert()
        .id('it\'s {{ .Group }}')
        .topic('cpu')
        .crit(lambda: ("usage_idle" < 10) AND !isPresent("x"))
        .post(url)
            .header('a', 'b')
        .post('http://two')
            .captureResponse()
            .timeout(10s)
        .stateChangesOnly()
    @kaptap()
        .alert(TRUE)
data|httpPost('http://three')
"#;

#[test]
fn nodes_have_their_properties() {
    let script = Script::parse(POSTING);
    let alerts: Vec<_> = script.nodes("alert").collect();
    assert_eq!(alerts.len(), 1, "the one in a regular expression and in comments does not count");
    let alert = alerts[0];
    assert_eq!((alert.name(), alert.line()), ("alert", 12));
    assert_eq!(alert.property("id"), Some("it's {{ .Group }}"));
    assert_eq!(alert.property("topic"), Some("cpu"));
    assert_eq!(alert.measurement(), Some("cpu"));
    assert_eq!(alert.grouping(), (Grouping::Grouped, vec!["host", "cpu"]));
    assert!(alert.has("stateChangesOnly") && !alert.has("noRecoveries") && !alert.has("alert"));
    let posts = alert.handlers("post", &["header", "endpoint", "captureResponse", "timeout"]);
    assert_eq!(
        posts,
        [
            Handler { argument: Some("http://127.0.0.1:9192/v1/alerts/cpu"), line: 16, has: vec!["header"] },
            Handler { argument: Some("http://two"), line: 18, has: vec!["captureResponse", "timeout"] },
        ]
    );
    let udfs: Vec<_> = script.udfs().map(|udf| udf.name()).collect();
    assert_eq!(udfs, ["kaptap"]);
    let posting: Vec<_> = script.nodes("httpPost").map(|node| (node.argument(), node.has("timeout"))).collect();
    assert_eq!(posting, [(Some("http://three"), false)]);
}

#[track_caller]
fn check_grouping(text: &str, expected: Grouping) {
    let script = Script::parse(text);
    let alert = script.nodes("alert").next().unwrap_or_else(|| panic!("no alert in {text}"));
    assert_eq!(alert.grouping().0, expected, "{text}");
}

#[test]
fn groups_are_found_above_an_alert() {
    use Grouping::{Grouped, Ungrouped, Unknown};
    check_grouping("stream|from().groupBy('h')|alert()", Grouped);
    check_grouping("stream|from().groupBy(*)|alert()", Grouped);
    check_grouping("stream|from()|groupBy('h')|window().period(1m)|alert()", Grouped);
    check_grouping("stream|from().groupByMeasurement()|alert()", Grouped);
    check_grouping("stream|from()|alert()", Ungrouped);
    check_grouping("stream|from().groupBy('h')|groupBy()|alert()", Ungrouped);
    check_grouping("var a = stream|from().groupBy('h')\nvar b = a|eval(lambda: 1)\nb|alert()", Grouped);
    check_grouping("var a = stream|from()\nvar b = a\nb|alert()", Ungrouped);
    check_grouping("unknown|alert()", Unknown);
    check_grouping("stream|from()@udf().x('y')|alert()", Unknown);
    check_grouping("batch|query('select mean(x) from y group by time(1m), \"host\" fill(0)')|alert()", Grouped);
    check_grouping("batch|query('''select mean(x) from y GROUP BY time(1m)''')|alert()", Ungrouped);
    check_grouping("batch|query('select x from y').groupBy('host')|alert()", Grouped);
    check_grouping("batch|query(q)|alert()", Unknown);
    check_grouping("var a = b|x()\nvar b = a|y()\na|alert()", Unknown);
    check_grouping("stream|from()|join(stream|from().groupBy('h')).as('x')|alert()", Ungrouped);
}

#[test]
fn variables_of_a_template_come_from_the_task() {
    let vars = serde_json::json!({"where_to": {"type": "string", "value": "http://x/v1/alerts/y"}});
    let script = Script::parse("var where_to string\nstream|from()|alert().post(where_to)").with_vars(&vars);
    let alert = script.nodes("alert").next().unwrap();
    assert_eq!(alert.handlers("post", &[])[0].argument, Some("http://x/v1/alerts/y"));
}

#[test]
fn broken_text_is_read_in_time_that_grows_with_it() {
    for piece in ["a|b(", "var a = a|b()", "'", "/", "(", "\\'", "a.b(a,"] {
        let text = piece.repeat(100_000);
        let script = Script::parse(&text);
        script.nodes("alert").for_each(drop);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let script = Script::parse(&text);
        script.all(Joint::Node).for_each(|node| drop((node.grouping(), node.measurement())));
    }

    #[test]
    fn no_text_of_its_own_characters_makes_it_panic(text in "[ab|@.()\\[\\],'\"/\\\\\n=éstream]{0,200}") {
        let script = Script::parse(&text);
        for joint in [Joint::Node, Joint::Udf, Joint::Property] {
            script.all(joint).for_each(|node| drop((node.grouping(), node.handlers("a", &["b"]), node.property("a"))));
        }
    }
}
