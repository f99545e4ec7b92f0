#![no_main]
//! Any bytes are an alert, rows or neither, without a panic; what is an alert is a JSON object with its level.

use kaptap::kapacitor::alert::AlertBody;
use kaptap::kapacitor::row::parse_rows;
use kaptap::kapacitor::{details, glance};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(alert) = AlertBody::parse(data) {
        let text = std::str::from_utf8(data).expect("an alert is text");
        assert!(text.trim_start().starts_with('{'));
        let text = alert.details.text();
        assert_eq!(alert.details.task(), details::parse(&text).and_then(|provenance| provenance.task));
        // The quick look finds the same, or leaves it to the other.
        if let Some(looked) = glance::alert(data) {
            assert_eq!(looked.details.text(), text);
            assert_eq!(looked.details.task(), alert.details.task());
            assert_eq!(looked.details.to_owned(), alert.details);
            let series = alert.series.clone();
            assert_eq!(AlertBody { series, ..looked }, alert);
        }
    } else {
        assert!(glance::alert(data).is_none(), "an alert for the quick look only");
    }
    drop(parse_rows(data));
    if let Ok(text) = std::str::from_utf8(data) {
        if let Some(provenance) = details::parse(text) {
            assert!(provenance.task.is_some());
        }
    }
});
