//! Who may come in: tokens, compared in constant time.

use arc_swap::ArcSwap;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use std::sync::Arc;

/// Tokens of which a request must bring one. None configured: everybody may. Clones share what they hold.
///
/// `Debug` says how many, never which.
#[derive(Clone, Default)]
pub struct Tokens(Arc<ArcSwap<Vec<String>>>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.0.load().len())
    }
}

impl FromIterator<String> for Tokens {
    /// Empty tokens are left out: they would let everybody in.
    fn from_iter<I: IntoIterator<Item = String>>(tokens: I) -> Self {
        let tokens = tokens.into_iter().filter(|token| !token.is_empty()).collect();
        Self(Arc::new(ArcSwap::from_pointee(tokens)))
    }
}

impl Tokens {
    /// Whether no token is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.load().is_empty()
    }

    /// Takes over what `other` holds now, for all clones of this one.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }

    /// Whether a request with these headers may come in: `Authorization: Bearer <token>`, `Token <token>` (as
    /// `InfluxDB` clients write it) or `Basic` with any user and the token as password (what Kapacitor's `[[httppost]]`
    /// endpoints and URLs with credentials send).
    #[must_use]
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        self.is_empty() || headers.get_all(AUTHORIZATION).iter().any(|value| self.allow_value(value.as_bytes()))
    }

    /// Whether this is one of the tokens, or none is asked for.
    #[must_use]
    pub fn allow_token(&self, token: &str) -> bool {
        self.is_empty() || self.holds(token.as_bytes())
    }

    fn allow_value(&self, value: &[u8]) -> bool {
        let Some(space) = value.iter().position(|&byte| byte == b' ') else { return false };
        let (scheme, rest) = value.split_at(space);
        let rest = rest.trim_ascii();
        if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"token") {
            return self.holds(rest);
        }
        if scheme.eq_ignore_ascii_case(b"basic") {
            let Some(pair) = decode_base64(rest) else { return false };
            let Some(colon) = pair.iter().position(|&byte| byte == b':') else { return false };
            return pair.get(colon + 1..).is_some_and(|password| self.holds(password));
        }
        false
    }

    /// Looks at every token to its end, so that the time taken does not tell how much of one was right.
    fn holds(&self, given: &[u8]) -> bool {
        self.0.load().iter().fold(false, |found, token| found | equal(token.as_bytes(), given))
    }
}

/// Equality in a time that depends on the lengths only.
fn equal(left: &[u8], right: &[u8]) -> bool {
    let mut difference = u8::from(left.len() != right.len());
    for (left, right) in left.iter().zip(right) {
        // Keeps the compiler from leaving the loop early.
        difference |= std::hint::black_box(left ^ right);
    }
    std::hint::black_box(difference) == 0
}

/// Standard base64, with or without padding; `None` for anything else.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for &character in text {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).unwrap_or_default());
        }
    }
    Some(bytes)
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
