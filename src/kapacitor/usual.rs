//! Points as Kapacitor writes nearly all of them, read in one pass.
//!
//! [`read`] takes a frame only if it is as Go's generated code writes it: whole entries with key and value, lengths of
//! entries and texts below 128, plain ASCII, few tags and fields, and no key twice. Everything else, what is broken among
//! it, is left to the general way, which this one agrees with wherever it has an answer.
//!
//! Three things cost: checking that texts are text, putting entries in order, and moving them. So the texts of a point
//! are checked together, and small copies of the entries are sorted by the beginnings of their keys before the view
//! is made of them.

use super::point::{FieldValue, PointView, Text};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A longer frame has more entries, or longer ones, than are read here.
const LONGEST: usize = 1024;
/// At most so many tags, and so many fields.
const FEW: usize = 16;
/// The high bits of eight bytes.
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
/// Room for so many dimensions is made at once.
const USUAL_DIMENSIONS: usize = 4;

/// The keys of a Request's point and of a point's fields: number and wire type.
const POINT: [u8; 2] = [0x8a, 0x01];
const TIME: u8 = 1 << 3;
const NAME: u8 = 2 << 3 | 2;
const DATABASE: u8 = 3 << 3 | 2;
const RETENTION_POLICY: u8 = 4 << 3 | 2;
const GROUP: u8 = 5 << 3 | 2;
const DIMENSIONS: u8 = 6 << 3 | 2;
const TAGS: u8 = 7 << 3 | 2;
const DOUBLES: u8 = 8 << 3 | 2;
const INTS: u8 = 9 << 3 | 2;
const STRINGS: u8 = 10 << 3 | 2;
const BY_NAME: u8 = 11 << 3;
const BOOLS: u8 = 12 << 3 | 2;
/// The keys inside the entry of a map.
const KEY: u8 = 1 << 3 | 2;
const TEXT: u8 = 2 << 3 | 2;
const VARINT: u8 = 2 << 3;
const DOUBLE: u8 = 2 << 3 | 1;

/// Reads a frame that is a point of the usual kind; `None` says nothing about any other.
#[inline]
pub(super) fn read(frame: &[u8]) -> Option<PointView<'_>> {
    let (prefix, rest) = frame.split_first_chunk()?;
    let (length, whole) = varint(rest)?;
    if *prefix != POINT || length != whole.len() as u64 || frame.len() > LONGEST {
        return None;
    }
    let mut texts = Texts { whole, plain: "", at: 0 };
    let [mut name, mut database, mut retention_policy, mut group] = [""; 4];
    let (mut time, mut by_name, mut dimensions) = (0, false, Vec::new());
    let (mut tags, mut fields) = (Few::new(), Few::new());
    let mut rest = whole;
    while let Some((&number, after)) = rest.split_first() {
        match number {
            TAGS => {
                let entry = Entry::of(after, whole.len())?;
                let value = sized(entry.value)?;
                let [] = value.1 else { return None };
                if entry.wire != TEXT {
                    return None;
                }
                let key = texts.take(entry.key_at, entry.key_length)?;
                tags.put(key, texts.take(entry.end - value.0.len(), value.0.len())?)?;
                rest = entry.after;
            }
            DOUBLES | INTS | STRINGS | BOOLS => {
                let entry = Entry::of(after, whole.len())?;
                let key = texts.take(entry.key_at, entry.key_length)?;
                let value = match (number, entry.wire) {
                    (DOUBLES, DOUBLE) => Value::Float(f64::from_le_bytes(entry.value.try_into().ok()?)),
                    (INTS, VARINT) => Value::Int(whole_varint(entry.value)?.cast_signed()),
                    (BOOLS, VARINT) => Value::Bool(whole_varint(entry.value)? != 0),
                    (STRINGS, TEXT) => {
                        let (value, []) = sized(entry.value)? else { return None };
                        Value::Text(texts.take(entry.end - value.len(), value.len())?)
                    }
                    _ => return None,
                };
                fields.put(key, value)?;
                rest = entry.after;
            }
            NAME | DATABASE | RETENTION_POLICY | GROUP | DIMENSIONS => {
                let (text, after) = sized(after)?;
                let text = texts.take(whole.len() - after.len() - text.len(), text.len())?;
                match number {
                    NAME => name = text,
                    DATABASE => database = text,
                    RETENTION_POLICY => retention_policy = text,
                    GROUP => group = text,
                    _ => {
                        if dimensions.is_empty() {
                            dimensions = Vec::with_capacity(USUAL_DIMENSIONS);
                        }
                        dimensions.push(Cow::Borrowed(text));
                    }
                }
                rest = after;
            }
            TIME => {
                let (value, after) = varint(after)?;
                (time, rest) = (value.cast_signed(), after);
            }
            BY_NAME => {
                let (value, after) = varint(after)?;
                (by_name, rest) = (value != 0, after);
            }
            _ => return None,
        }
    }
    Some(PointView {
        time,
        name: Cow::Borrowed(name),
        database: Cow::Borrowed(database),
        retention_policy: Cow::Borrowed(retention_policy),
        group: Cow::Borrowed(group),
        dimensions,
        by_name,
        tags: tags.in_order("", Cow::Borrowed),
        fields: fields.in_order(Value::Bool(false), |value| match value {
            Value::Float(value) => FieldValue::Float(value),
            Value::Int(value) => FieldValue::Int(value),
            Value::Text(value) => FieldValue::Text(Cow::Borrowed(value)),
            Value::Bool(value) => FieldValue::Bool(value),
        }),
    })
}

#[inline]
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 { Some((u64::from(first), rest)) } else { long_varint(bytes) }
}

/// The same for more than one byte.
#[inline(never)]
fn long_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let Some(eight) = bytes.first_chunk() else { return short_varint(bytes) };
    let eight = u64::from_le_bytes(*eight);
    // The first byte without a high bit is the last one; what is behind it is not the number's.
    let ends = !eight & HIGH;
    if ends == 0 {
        return nine_or_ten(eight, bytes);
    }
    let length = ends.trailing_zeros() / 8 + 1;
    Some((sevens(eight & (ends ^ (ends - 1))), bytes.get(length as usize..)?))
}

/// The same for fewer than eight bytes.
fn short_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// The lower seven bits of eight bytes, one behind the other.
#[inline]
fn sevens(bytes: u64) -> u64 {
    let pairs = bytes & 0x007f_007f_007f_007f | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    fours & 0x0fff_ffff | fours >> 32 << 28
}

/// A number whose first eight bytes all go on. The tenth byte has room for one bit.
fn nine_or_ten(eight: u64, bytes: &[u8]) -> Option<(u64, &[u8])> {
    let low = sevens(eight);
    match bytes.get(8..)? {
        [ninth @ ..0x80, rest @ ..] => Some((low | u64::from(*ninth) << 56, rest)),
        [ninth, tenth @ ..2, rest @ ..] => Some((low | u64::from(ninth & 0x7f) << 56 | u64::from(*tenth) << 63, rest)),
        _ => None,
    }
}

#[inline]
fn whole_varint(bytes: &[u8]) -> Option<u64> {
    varint(bytes).filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// Splits off what begins with its length, a single byte.
#[inline]
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if length < 0x80 { rest.split_at_checked(usize::from(length)) } else { None }
}

/// An entry of a map, up to its value.
struct Entry<'a> {
    key_at: usize,
    key_length: usize,
    /// Number and wire type of the value, and its bytes.
    wire: u8,
    value: &'a [u8],
    /// Where the entry ends, and what follows it.
    end: usize,
    after: &'a [u8],
}

impl<'a> Entry<'a> {
    #[inline]
    fn of(bytes: &'a [u8], whole: usize) -> Option<Self> {
        let ([KEY, key_length, entry @ ..], after) = sized(bytes)? else { return None };
        // A length of more than one byte is one that the entry, being shorter, does not have.
        let (key, [wire, value @ ..]) = entry.split_at_checked(usize::from(*key_length))? else { return None };
        let end = whole - after.len();
        Some(Self { key_at: end - value.len() - 1 - key.len(), key_length: key.len(), wire: *wire, value, end, after })
    }
}

/// The texts of a point, checked as far ahead as they are plain.
struct Texts<'a> {
    whole: &'a [u8],
    plain: &'a str,
    /// Where `plain` begins. Texts are taken in the order in which they stand.
    at: usize,
}

impl<'a> Texts<'a> {
    #[inline]
    fn take(&mut self, start: usize, length: usize) -> Option<&'a str> {
        let from = start.checked_sub(self.at)?;
        if from + length > self.plain.len() {
            (self.plain, self.at) = (plain(self.whole.get(start..)?), start);
            return self.plain.get(..length);
        }
        Some(self.plain.split_at_checked(from)?.1.split_at_checked(length)?.0)
    }
}

/// The ASCII that the bytes begin with.
#[inline(never)]
fn plain(bytes: &[u8]) -> &str {
    let is_plain = |word: &[u8; 8]| u64::from_ne_bytes(*word) & HIGH == 0;
    let (words, _) = bytes.as_chunks::<8>();
    let (groups, _) = words.as_chunks::<8>();
    let of_group = |group: &[[u8; 8]; 8]| group.iter().fold(0, |all, word| all | u64::from_ne_bytes(*word)) & HIGH == 0;
    let groups = 8 * groups.iter().take_while(|group| of_group(group)).count();
    let words = words.iter().skip(groups).take_while(|word| is_plain(word)).count();
    let known = 8 * (groups + words);
    let length = known + bytes.iter().skip(known).take_while(|byte| byte.is_ascii()).count();
    std::str::from_utf8(bytes.get(..length).unwrap_or_default()).unwrap_or_default()
}

/// [`FieldValue`] as it is moved about cheaply.
#[derive(Clone, Copy)]
enum Value<'a> {
    Float(f64),
    Int(i64),
    Text(&'a str),
    Bool(bool),
}

/// A map of few entries.
struct Few<'a, V> {
    /// As they came; `count` of them are there.
    entries: [Option<(&'a str, V)>; FEW],
    count: usize,
    /// The beginning of each key, and the place of its entry, in the order of the keys.
    order: [(u64, usize); FEW],
}

impl<'a, V: Copy> Few<'a, V> {
    #[inline]
    fn new() -> Self {
        Self { entries: [None; FEW], count: 0, order: [(0, 0); FEW] }
    }

    /// Takes an entry; `None` when there is no room for it, or its key is there already.
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "every place is below the count, and that is below FEW")]
    fn put(&mut self, key: &'a str, value: V) -> Option<()> {
        let begins = beginning(key.as_bytes());
        let mut at = self.count;
        *self.entries.get_mut(at)? = Some((key, value));
        while let Some(before) = at.checked_sub(1) {
            let (other, place) = self.order[before];
            let order = other.cmp(&begins).then_with(|| self.entries[place].map_or("", |(other, _)| other).cmp(key));
            match order {
                Ordering::Less => break,
                Ordering::Equal => return None,
                Ordering::Greater => self.order[at] = self.order[before],
            }
            at = before;
        }
        self.order[at] = (begins, self.count);
        self.count += 1;
        Some(())
    }

    #[inline]
    fn in_order<T>(&self, none: V, made: impl Fn(V) -> T) -> Vec<(Text<'a>, T)> {
        let entry = |&(_, place): &(u64, usize)| {
            let (key, value) = self.entries.get(place).copied().flatten().unwrap_or(("", none));
            (Cow::Borrowed(key), made(value))
        };
        self.order.get(..self.count).unwrap_or_default().iter().map(entry).collect()
    }
}

/// The first eight bytes of a key, zeros behind it, as a number that compares as they do.
#[inline]
fn beginning(key: &[u8]) -> u64 {
    key.first_chunk().map_or_else(|| short_beginning(key), |chunk| u64::from_be_bytes(*chunk))
}

#[inline]
fn short_beginning(key: &[u8]) -> u64 {
    let all = key.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    // A key of no bytes has nothing to be moved.
    u32::try_from(8 * (8 - key.len())).ok().and_then(|bits| all.checked_shl(bits)).unwrap_or(0)
}

#[cfg(test)]
#[path = "usual_tests.rs"]
mod tests;
