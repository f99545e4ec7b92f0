//! Text on a terminal: harmless, as wide as it looks, cut where it must be.

use std::borrow::Cow;
use std::fmt::{Arguments, Write as _};

/// Appends formatted text to a `String`.
macro_rules! add {
    ($out:expr, $($format:tt)*) => { $crate::cli::render::text::append(&mut $out, format_args!($($format)*)) };
}
pub(super) use add;

/// Appends formatted text. A `String` takes every write, so there is no error to look at.
pub(super) fn append(out: &mut String, text: Arguments<'_>) {
    out.write_fmt(text).ok();
}

/// The text with everything escaped that would move the cursor, change colours or turn the writing direction: what
/// comes over the wire must not be able to draw on the terminal of whoever reads it.
pub(in crate::cli) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if is_harmful(c) => {
                add!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Control characters, and those that turn the writing direction, break lines or cannot be seen.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

/// Columns that a text takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// The longest beginning of a text that fits into so many columns.
pub(super) fn fit(text: &str, columns: usize) -> &str {
    let mut left = columns;
    for (at, c) in text.char_indices() {
        match left.checked_sub(columns_of(c)) {
            Some(rest) => left = rest,
            None => return text.get(..at).unwrap_or(text),
        }
    }
    text
}

/// Columns of one character: none for combining marks, two for the wide scripts and emoji, else one. Near enough to
/// cut a line; not the whole of Unicode's table.
fn columns_of(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x20d0..=0x20ff | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1_f300..=0x1_f64f
        | 0x1_f680..=0x1_f6ff
        | 0x1_f900..=0x1_f9ff
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

/// A length of time in its two largest units: `1m35s`, `2h3m`, `350ms`.
pub(in crate::cli) fn about(nanoseconds: u128) -> String {
    const UNITS: &[(&str, u128)] = &[
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let Some(first) = UNITS.iter().position(|(_, length)| nanoseconds >= *length) else { return "0s".to_owned() };
    let mut rest = nanoseconds;
    let mut said = String::new();
    // Below a second one unit says enough.
    let count = if nanoseconds >= 1_000_000_000 { 2 } else { 1 };
    for (name, length) in UNITS.iter().skip(first).take(count).filter(|(name, _)| count == 1 || name.len() == 1) {
        if rest >= *length {
            add!(said, "{}{name}", rest / length);
            rest %= length;
        }
    }
    said
}
