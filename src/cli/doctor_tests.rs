//! What a person sees of findings.

use super::*;
use crate::connector::doctor::Check;

fn finding(severity: Severity, place: &str, remedy: &str) -> Finding {
    let (place, remedy) = (place.to_owned(), remedy.to_owned());
    Finding { severity, check: Check::DeadTask, place, sentence: "It is so.".to_owned(), remedy }
}

#[test]
fn findings_are_grouped_with_their_remedies() {
    let findings = [
        finding(Severity::Broken, "task a\u{1b}[2J", "Do it."),
        finding(Severity::Warning, "topic b", ""),
        finding(Severity::Fine, "c", ""),
    ];
    let expected = ["broken", "  ✗ task a\\u{1b}[2J", "    It is so.", "    → Do it.", "", "warning", "  ! topic b"];
    let lines = text(&findings, false, false);
    assert_eq!(lines[..7], expected);
    assert_eq!(lines.last().unwrap(), "1 broken, 1 warning, 0 cannot tell, 1 fine");
    assert!(!lines.iter().any(|line| line.contains('✓')));
    assert!(text(&findings, true, false).contains(&"  ✓ c: It is so.".to_owned()));
    assert!(text(&findings, false, true)[0].contains('\u{1b}'));
    assert_eq!(
        json(&findings[..1]).unwrap(),
        [
            r#"{"severity":"broken","check":"dead_task","place":"task a\u001b[2J","sentence":"It is so.","remedy":"Do it."}"#
        ]
    );
}
