//! Bodies: what is in them, and where they are split.

use super::*;
use crate::sinks::dataminer::pages::{Cell, Key, named};

fn row(n: u32, cells: Vec<Named>) -> Row {
    Row { table: "Alerts", key: Key::Number(n), cells }
}

#[test]
fn only_texts_and_finite_numbers_are_written() {
    let cells = vec![
        named("Text", Cell::text("a\tb\"")),
        named("Yes", Cell::yes(true)),
        named("Nan", Cell::Number(f64::NAN)),
        named("Infinite", Cell::Number(f64::INFINITY)),
        named("None", None),
        named("Number", Cell::Number(1.5)),
        named("Time", Cell::time(1_795_353_827_123_456_789)),
    ];
    let body = String::from_utf8(body(&cells, &[row(1, cells.clone())], &["Tasks", "Alerts"])).unwrap();
    let object: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected =
        serde_json::json!({"Text": "a b\"", "Yes": "Yes", "Number": 1.5, "Time": "2026-11-22T13:23:47.123Z"});
    let mut in_row = expected.clone();
    in_row["Id"] = 1.into();
    let mut all = expected;
    all["Alerts"] = serde_json::json!([in_row]);
    all["Tasks"] = serde_json::json!([]);
    assert_eq!(object, all);
}

#[test]
fn bodies_stay_below_every_bound() {
    let small: Vec<Row> = (0..2500).map(|n| row(n, vec![named("Topic", Cell::text("t"))])).collect();
    assert_eq!(fitting(&[], &small), ROWS);
    let wide: Vec<Row> = (0..900).map(|n| row(n, vec![named("Topic", Cell::text("")); 30])).collect();
    assert_eq!(fitting(&[], &wide), CELLS / 31);
    let long: Vec<Row> = (0..900).map(|n| row(n, vec![named("Message", Cell::text("ü".repeat(9000)))])).collect();
    let count = fitting(&[], &long);
    assert!(count > 100 && body(&[], &long[..count], &[]).len() <= BYTES, "{count}");
    assert!(body(&[], &long[..count + 2], &[]).len() > BYTES - 4096);
    assert_eq!(fitting(&[], &[]), 0);
}

#[test]
fn long_texts_are_cut_where_a_character_ends() {
    let json = row(1, vec![named("Message", Cell::text("ü".repeat(9000)))]).json();
    let text = json["Message"].as_str().unwrap();
    assert!(text.ends_with("ü…") && text.len() <= 4096, "{}", text.len());
}
