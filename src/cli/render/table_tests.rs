//! Tests of tables.

use super::*;

fn table() -> Table<3> {
    let mut table = Table::new([(Side::Left, "LEVEL"), (Side::Right, "COUNT"), (Side::Left, "TEXT")]);
    table.push([Cell::new(Look::Critical, "CRITICAL"), Cell::plain("7"), Cell::plain("温度計 \x1b[2J")]);
    table.push([Cell::new(Look::Good, "OK"), Cell::plain("1000000"), Cell::plain("")]);
    table
}

#[track_caller]
fn check_lines(colour: bool, width: Option<usize>, expected: &[&str]) {
    assert_eq!(table().lines(colour, width), expected);
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    check_lines(
        false,
        None,
        &["LEVEL       COUNT  TEXT", "CRITICAL        7  温度計 \\u{1b}[2J", "OK        1000000  -"],
    );
}

#[test]
fn a_table_is_cut_to_the_width() {
    check_lines(false, Some(24), &["LEVEL       COUNT  TEXT", "CRITICAL        7  温度…", "OK        1000000  -"]);
}

#[test]
fn only_the_cell_has_the_colour() {
    check_lines(
        true,
        None,
        &[
            "\x1b[2mLEVEL\x1b[0m       \x1b[2mCOUNT\x1b[0m  \x1b[2mTEXT\x1b[0m",
            "\x1b[1;97;41mCRITICAL\x1b[0m        7  温度計 \\u{1b}[2J",
            "\x1b[32mOK\x1b[0m        1000000  -",
        ],
    );
}
