//! Numbers, strings and durations as CEL writes them.

use super::error::Fault;
use super::token::Token;

/// A number and its length. `rest` begins with a digit, or with a dot and a digit.
pub(super) fn number(rest: &str, at: usize) -> Result<(Token<'static>, usize), Fault> {
    let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let (token, length) = if let Some(hex) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let length = hex.bytes().take_while(u8::is_ascii_hexdigit).count();
        (int(hex.get(..length).unwrap_or_default(), 16, at)?, 2 + length)
    } else {
        let whole = digits(0);
        let mut length = whole;
        if rest.get(length..).is_some_and(|rest| rest.starts_with('.')) && digits(length + 1) > 0 {
            length += 1 + digits(length + 1);
        }
        if rest.get(length..).is_some_and(|rest| rest.starts_with(['e', 'E'])) {
            let sign = usize::from(rest.get(length + 1..).is_some_and(|rest| rest.starts_with(['+', '-'])));
            match digits(length + 1 + sign) {
                0 => {}
                count => length += 1 + sign + count,
            }
        }
        let text = rest.get(..length).unwrap_or_default();
        if length == whole {
            (int(text, 10, at)?, length)
        } else {
            let value = text.parse().map_err(|_| Fault::new(at, "not a number"))?;
            (Token::Double(value), length)
        }
    };
    let after = rest.get(length..).unwrap_or_default();
    if after.starts_with(['u', 'U']) {
        return Err(Fault::new(at, "there are no unsigned ints here; write it without the u"));
    }
    if after.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return Err(Fault::new(at, "a number with letters; a length of time is written duration(\"5m\")"));
    }
    Ok((token, length))
}

fn int(digits: &str, radix: u32, at: usize) -> Result<Token<'static>, Fault> {
    match u64::from_str_radix(digits, radix) {
        Ok(value) if value <= 1 << 63 => Ok(Token::Int(value)),
        _ => Err(Fault::new(at, "not an int of 64 bits")),
    }
}

/// A string and its length, or `None` when there is none here.
pub(super) fn text(rest: &str, at: usize) -> Result<Option<(String, usize)>, Fault> {
    let prefix = rest.bytes().take(2).take_while(|byte| b"rRbB".contains(byte)).count();
    let Some(quoted) = rest.get(prefix..).filter(|quoted| quoted.starts_with(['"', '\''])) else { return Ok(None) };
    let raw = match rest.get(..prefix) {
        Some("") => false,
        Some("r" | "R") => true,
        _ => return Err(Fault::new(at, "there are no bytes here; write a string")),
    };
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| quoted.starts_with(quote)).unwrap_or("\"");
    let mut rest = quoted.get(quote.len()..).unwrap_or_default();
    let mut value = String::new();
    loop {
        if let Some(after) = rest.strip_prefix(quote) {
            let length = prefix + quoted.len() - after.len();
            return Ok(Some((value, length)));
        }
        let here = at + prefix + quoted.len() - rest.len();
        let mut characters = rest.chars();
        match characters.next() {
            None => return Err(Fault::new(at, "a string without an end")),
            Some('\n' | '\r') if quote.len() == 1 => return Err(Fault::new(at, "a string without an end in its line")),
            Some('\\') if !raw => {
                let (character, length) = escape(characters.as_str())
                    .ok_or_else(|| Fault::new(here, "no such escape; a backslash itself is written \\\\"))?;
                value.push(character);
                rest = rest.get(1 + length..).unwrap_or_default();
            }
            Some(character) => {
                value.push(character);
                rest = characters.as_str();
            }
        }
    }
}

/// The character of an escape without its backslash, and the escape's length.
fn escape(text: &str) -> Option<(char, usize)> {
    let code = |from: usize, count: usize, radix| {
        let digits = text.get(from..from + count).filter(|digits| digits.chars().all(|digit| digit.is_digit(radix)))?;
        Some((char::from_u32(u32::from_str_radix(digits, radix).ok()?)?, from + count))
    };
    match text.chars().next()? {
        'a' => Some(('\x07', 1)),
        'b' => Some(('\x08', 1)),
        'f' => Some(('\x0c', 1)),
        'n' => Some(('\n', 1)),
        'r' => Some(('\r', 1)),
        't' => Some(('\t', 1)),
        'v' => Some(('\x0b', 1)),
        same @ ('\\' | '?' | '"' | '\'' | '`') => Some((same, 1)),
        'x' | 'X' => code(1, 2, 16),
        'u' => code(1, 4, 16),
        'U' => code(1, 8, 16),
        '0'..='3' => code(0, 3, 8),
        _ => None,
    }
}

/// Nanoseconds of a duration such as `1h30m`, `-1.5s` or `0`; `None` when it is not one or 64 bits do not hold it.
pub(super) fn duration(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned == "0" {
        return Some(0);
    }
    let mut rest = unsigned;
    let mut sum = 0_i128;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (amount, after) = rest.split_at_checked(end)?;
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let unit = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        sum += amount_of(amount, unit)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    i64::try_from(if text.starts_with('-') { -sum } else { sum }).ok()
}

/// Nanoseconds of `1.5` times a unit; what is less than a nanosecond is cut off.
fn amount_of(amount: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 19 || fraction.contains('.') {
        return None;
    }
    let exact = fraction.get(..fraction.len().min(15))?;
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
    Some(number(whole)? * unit + number(exact)? * unit / 10_i128.pow(u32::try_from(exact.len()).ok()?))
}
