//! Lists put in order and maps built, without a copy of the sort for each type.
//!
//! The standard library's stable sort is 6 KB of code for each type and each way to compare, and collecting into a
//! `BTreeMap` sorts too: sixty of them were a thirtieth of the binary. Whatever is put in order once a request, once a
//! poll or once a start is put in order here; only what runs for records sorts for itself.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Collects pairs into a map; of two with the same key the later one stays.
pub fn map<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        map.insert(key, value);
    }
    map
}

/// Puts a list in order; equal ones keep theirs.
pub fn sort_by<T>(items: &mut Vec<T>, compare: impl Fn(&T, &T) -> Ordering) {
    let order = order(items.len(), &|one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    let mut taken: Vec<Option<T>> = items.drain(..).map(Some).collect();
    items.extend(order.into_iter().filter_map(|place| taken.get_mut(place)?.take()));
}

/// The places `0..count` in the order of what is there: the one sort.
fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|one, other| compare(*one, *other));
    places
}

#[cfg(test)]
mod tests {
    use super::{map, sort_by};

    #[test]
    fn a_list_is_put_in_order_and_equal_ones_keep_theirs() {
        let mut all: Vec<(u8, char)> = (0..200_u8).map(|n| (n.wrapping_mul(37) % 5, char::from(n))).collect();
        let mut expected = all.clone();
        expected.sort_by_key(|(key, _)| *key);
        sort_by(&mut all, |one, other| one.0.cmp(&other.0));
        assert_eq!(all, expected);
    }

    #[test]
    fn nothing_and_one_are_in_order() {
        for mut all in [vec![], vec!["one"]] {
            let before = all.clone();
            sort_by(&mut all, Ord::cmp);
            assert_eq!(all, before);
        }
    }

    #[test]
    fn of_two_with_the_same_key_the_later_stays() {
        assert_eq!(map([("b", 1), ("a", 2), ("b", 3)]).into_iter().collect::<Vec<_>>(), [("a", 2), ("b", 3)]);
    }
}
