//! Tests of single values, against an independent reader.

use super::*;
use proptest::prelude::*;

fn written(write: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn strings_read_back(text in prop_oneof!["\\PC{0,40}", "[\\x00-\\x7f]{0,40}"]) {
        let json = written(|out| string(&text, out));
        prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        prop_assert!(!json.bytes().any(|byte| byte < 0x20));
    }

    #[test]
    fn doubles_read_back_to_the_bit(bits: u64) {
        let value = f64::from_bits(bits);
        let json = written(|out| float(value, out));
        if value.is_finite() {
            prop_assert_eq!(json.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert!(json.contains(['.', 'e']), "{json}");
        } else {
            prop_assert!(["\"NaN\"", "\"Infinity\"", "\"-Infinity\""].contains(&json.as_str()));
        }
    }

    #[test]
    fn base64_has_the_bytes(data: Vec<u8>) {
        let text = written(|out| base64(&data, out));
        prop_assert_eq!(text.len(), data.len().div_ceil(3) * 4);
        let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digits = text.chars().filter_map(|digit| digits.find(digit)).map(|value| u8::try_from(value).unwrap());
        let bits: Vec<u8> = digits.flat_map(|value| (0..6).rev().map(move |bit| value >> bit & 1)).collect();
        let back: Vec<u8> = bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | bit)).collect();
        prop_assert_eq!(back, data);
    }

    #[test]
    fn hex_is_lower_case_and_padded(value: u128) {
        prop_assert_eq!(written(|out| hex(value, out)), format!("{value:032x}"));
    }
}

#[test]
fn known_values() {
    let check_float = |value: f64, expected: &str| assert_eq!(written(|out| float(value, out)), expected);
    check_float(97.0, "97.0");
    check_float(-0.0, "-0.0");
    check_float(5e-324, "5e-324");
    check_float(f64::MAX, "1.7976931348623157e+308");
    check_float(f64::NAN, "\"NaN\"");
    check_float(f64::INFINITY, "\"Infinity\"");
    check_float(f64::NEG_INFINITY, "\"-Infinity\"");
    let check_string = |text: &str, expected: &str| assert_eq!(written(|out| string(text, out)), expected);
    check_string("a\"b\\c\n\r\t\u{8}\u{c}\u{1}é/", r#""a\"b\\c\n\r\t\b\f\u0001é/""#);
    check_string("", r#""""#);
    for (data, expected) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(written(|out| base64(data.as_bytes(), out)), expected);
    }
    assert_eq!(written(|out| one_line("{\n \"a\": 1\r\n}", out)), "{  \"a\": 1  }");
}
