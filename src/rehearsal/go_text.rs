//! Text as Go's standard library writes it: JSON by `encoding/json`, HTML by `html/template`, times by `time.Time`.

use super::point::Value;

/// Appends a JSON string; `<`, `>` and `&` are escaped too, as Go does by default.
pub fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                push(out, format_args!("\\u{:04x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Appends a field's value as JSON. Go cannot write NaN and infinities: `None`, and the whole document is given up.
pub fn json_value(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Float(value) if !value.is_finite() => return None,
        Value::Float(value) => json_float(*value, out),
        Value::Int(value) => push(out, format_args!("{value}")),
        Value::Text(text) => json_string(text, out),
        Value::Bool(value) => push(out, format_args!("{value}")),
    }
    Some(())
}

/// Appends `{"key":value,…}` in the order given, each value written by `write`.
pub fn json_object<'a, T: 'a>(
    entries: impl IntoIterator<Item = (&'a String, &'a T)>,
    out: &mut String,
    write: impl Fn(&T, &mut String) -> Option<()>,
) -> Option<()> {
    out.push('{');
    for (index, (key, value)) in entries.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json_string(key, out);
        out.push(':');
        write(value, out)?;
    }
    out.push('}');
    Some(())
}

/// Shortest digits that read back the same; an exponent below 1e-6 and from 1e21 on.
pub fn json_float(value: f64, out: &mut String) {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => push(out, format_args!("{digits}e+{exponent}")),
            _ => out.push_str(&text),
        }
    } else {
        push(out, format_args!("{value}"));
    }
}

/// A text escaped for HTML as `html/template` does between tags.
#[must_use]
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        match character {
            '"' => out.push_str("&#34;"),
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '+' => out.push_str("&#43;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\0' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

/// RFC 3339 with as many fractional digits as there are, UTC. Nanoseconds since 1970.
#[must_use]
pub fn time(nanoseconds: i64) -> String {
    let seconds = nanoseconds.div_euclid(1_000_000_000);
    let fraction = nanoseconds.rem_euclid(1_000_000_000);
    // Every i64 of nanoseconds is a time between the years 1677 and 2262.
    let whole = jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if fraction == 0 {
        return format!("{whole}Z");
    }
    let digits = format!("{fraction:09}");
    format!("{whole}.{}Z", digits.trim_end_matches('0'))
}

/// Appends formatted text.
pub fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&std::fmt::format(text));
}
