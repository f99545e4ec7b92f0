//! The session case by case: batches, whole, in parts, and out of order.

use super::EdgeKind;
use super::script::check_steps;

#[test]
fn batches() {
    check_steps(
        EdgeKind::Batch,
        "begin:2 point:a point:b end begin:0 end",
        &[
            "echo: begin:2 point:a point:b end",
            "batch 1 []: begin:2 point:a point:b end",
            "echo: begin:0 end",
            "batch 2 []: begin:0 end",
            "---",
        ],
    );
}

#[test]
fn sizes() {
    let check = |begin: &str, marks: &str| {
        let script = format!("{begin} point:a point:b end");
        check_steps(
            EdgeKind::Batch,
            &script,
            &[&format!("echo: {script}"), &format!("batch 1 [{marks}]: {script}"), "---"],
        );
    };
    check("begin:1", r#""size_mismatch""#);
    check("begin:2", "");
    check("begin:3", r#""size_mismatch""#);
    check("begin:67108864", r#""size_mismatch""#);
    // Not known beforehand.
    check("begin:0", "");
}

#[test]
fn sizes_that_would_kill() {
    for begin in ["begin:-1", "begin:67108865", "begin:9223372036854775807"] {
        let script = format!("{begin} point:a end begin:1 point:b end");
        check_steps(
            EdgeKind::Batch,
            &script,
            &[
                &format!(r#"batch 1 ["bad_size"]: {begin} point:a end"#),
                "echo: begin:1 point:b end",
                "batch 2 []: begin:1 point:b end",
                "---",
            ],
        );
    }
}

#[test]
fn outside_a_batch() {
    check_steps(
        EdgeKind::Batch,
        "point:a end begin:0 end end",
        &[
            r#"batch 1 ["point_outside_batch"]: point:a"#,
            r#"batch 2 ["end_without_begin"]: end"#,
            "echo: begin:0 end",
            "batch 3 []: begin:0 end",
            r#"batch 4 ["end_without_begin"]: end"#,
            "---",
        ],
    );
}

#[test]
fn begin_inside_a_batch() {
    check_steps(
        EdgeKind::Batch,
        "begin:0 point:a begin:1 point:b end begin:2 end",
        &[
            "echo: begin:0 point:a",
            r#"batch 1 ["cut_short"]: begin:0 point:a"#,
            "echo: point:b end",
            r#"batch 2 ["begin_inside_batch"]: begin:1 point:b end"#,
            "echo: begin:2 end",
            r#"batch 3 ["size_mismatch"]: begin:2 end"#,
            "---",
        ],
    );
    // One that would kill is withheld as well; its End closes what is open at the peer.
    check_steps(
        EdgeKind::Batch,
        "begin:0 begin:-1 point:a end",
        &[
            "echo: begin:0",
            r#"batch 1 ["cut_short"]: begin:0"#,
            "echo: point:a end",
            r#"batch 2 ["begin_inside_batch", "bad_size"]: begin:-1 point:a end"#,
            "---",
        ],
    );
    // Inside one that did not go back it may go.
    check_steps(
        EdgeKind::Batch,
        "begin:-1 begin:1 point:a end",
        &[
            r#"batch 1 ["bad_size", "cut_short"]: begin:-1"#,
            "echo: begin:1 point:a end",
            r#"batch 2 ["begin_inside_batch"]: begin:1 point:a end"#,
            "---",
        ],
    );
}

#[test]
fn an_option_changed_inside_a_batch() {
    // What was begun is ended.
    check_steps(
        EdgeKind::Batch,
        "begin:0 quiet point:a begin:1 end begin:2 end",
        &[
            "echo: begin:0",
            "batch 1 part 1 []: begin:0",
            "opened cpu ",
            "reply Init",
            "---",
            "echo: point:a",
            r#"batch 2 part 2 of 2 ["cut_short"]: begin:0 point:a"#,
            "echo: end",
            r#"batch 3 ["begin_inside_batch", "size_mismatch"]: begin:1 end"#,
            r#"batch 4 ["size_mismatch"]: begin:2 end"#,
            "---",
        ],
    );
    check_steps(
        EdgeKind::Batch,
        "quiet begin:1 loud point:a end",
        &[
            "opened cpu ",
            "reply Init",
            "---",
            "batch 1 part 1 []: begin:1",
            "opened cpu ",
            "reply Init",
            "---",
            "batch 2 part 2 of 2 []: begin:1 point:a end",
            "---",
        ],
    );
}

#[test]
fn parts_by_points() {
    check_steps(
        EdgeKind::Batch,
        "begin:5 point:a point:b point:c point:d keepalive point:e end",
        &[
            "echo: begin:5 point:a point:b point:c",
            "batch 1 part 1 []: begin:5 point:a point:b point:c",
            "echo: point:d",
            "keepalive 9",
            "reply Keepalive",
            "echo: point:e end",
            "batch 2 part 2 of 2 []: begin:5 point:d point:e end",
            "---",
        ],
    );
    // A batch that just fills one part is one.
    check_steps(
        EdgeKind::Batch,
        "begin:3 point:a point:b point:c end",
        &["echo: begin:3 point:a point:b point:c end", "batch 1 []: begin:3 point:a point:b point:c end", "---"],
    );
}

#[test]
fn parts_by_bytes() {
    let long = format!("point:{}", "x".repeat(70));
    let script = format!("begin:3 point:a {long} point:b end");
    check_steps(
        EdgeKind::Batch,
        &script,
        &[
            "echo: begin:3 point:a",
            "batch 1 part 1 []: begin:3 point:a",
            &format!("echo: {long}"),
            &format!("batch 2 part 2 []: begin:3 {long}"),
            "echo: point:b end",
            "batch 3 part 3 of 3 []: begin:3 point:b end",
            "---",
        ],
    );
}

#[test]
fn a_snapshot_cuts_the_batch() {
    check_steps(
        EdgeKind::Batch,
        "begin:1 snapshot snapshot point:a snapshot end",
        &[
            "echo: begin:1",
            "batch 1 part 1 []: begin:1",
            "snapshot",
            "---",
            "snapshot",
            "---",
            "echo: point:a",
            "batch 2 part 2 []: begin:1 point:a",
            "snapshot",
            "---",
            "echo: end",
            "batch 3 part 3 of 3 []: begin:1 end",
            "---",
        ],
    );
}

#[test]
fn input_ends_inside_a_batch() {
    check_steps(
        EdgeKind::Batch,
        "begin:2 point:a empty",
        &[
            "echo: begin:2 point:a",
            r#"opaque 1 ["no_message"]: empty"#,
            "---",
            r#"batch 2 ["cut_short"]: begin:2 point:a"#,
        ],
    );
}
