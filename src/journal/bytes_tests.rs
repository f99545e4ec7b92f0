//! The format, byte for byte, and reading of whatever bytes there may be.

use super::chunk::{self, Chunk};
use super::format::{self, Head, Header, HeaderError, Run};
use super::inspect::{scan_bytes, seal_bytes};
use proptest::collection::vec;
use proptest::prelude::*;

fn hex(bytes: &[u8]) -> String {
    let eights = bytes.chunks(8).map(|eight| eight.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")));
    eights.collect::<Vec<_>>().join(" ")
}

fn header() -> Header {
    Header { first_seq: 0x0102_0304, created: 1_700_000_000_000_000_000, boot: 0x1122_3344_5566_7788, skipped: 5 }
}

#[track_caller]
fn check_entry(put: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut entry = Vec::new();
    put(&mut entry);
    chunk::seal_all(&mut entry, format::salt(7));
    assert_eq!(hex(&entry), expected);
}

/// Format 1 is decided: what is here was written by released versions and must be read for good.
#[test]
fn bytes_are_as_decided() {
    assert_eq!(
        hex(&header().encode()),
        "6b61707461700d0a 0100400000000000 0403020100000000 00002a36fe9c9717 8877665544332211 0500000000000000 \
         0000000000000000 0000000070fc3e6a"
    );
    let run = Run { first_seq: 7, count: 3, time: -2, context: 9 };
    check_entry(
        |out| format::put_context(out, 9, b"nine"),
        "14000000ec046515 0100000000000000 0900000000000000 6e696e65",
    );
    check_entry(
        |out| format::put_run(out, &run, &[b"pay", b"load"]),
        "27000000a2a7ef16 0200000003000000 0700000000000000 feffffffffffffff 0900000000000000 7061796c6f6164",
    );
    check_entry(
        |out| format::put_packed(out, &run, 300, b"packed"),
        "26000000da9c8c84 0300000003000000 0700000000000000 feffffffffffffff 2c01000000000000 7061636b6564",
    );
    check_entry(|out| format::put_forget(out, 9), "100000003378c1af 0400000000000000 0900000000000000");
    check_entry(
        |out| format::put_end(out, 10, -2),
        "180000003be9aab4 0500000000000000 0a00000000000000 feffffffffffffff",
    );
    assert_eq!(format::file_name(7), "00000000000000000007.kseg");
}

#[test]
fn headers_come_back() {
    let bytes = header().encode();
    assert_eq!(Header::decode(&bytes), Ok(header()));
    assert_eq!(Header::decode(&bytes[..63]), Err(HeaderError::Short));
    for at in 0..bytes.len() {
        let mut changed = bytes;
        changed[at] ^= 0x10;
        assert_eq!(Header::decode(&changed), Err(HeaderError::Broken), "byte {at}");
    }
    let mut newer = [bytes.as_slice(), &[1; 36]].concat();
    newer[8] = 2;
    newer[10] = 100;
    let checksum = crc32fast::hash(&newer[..96]).to_le_bytes();
    newer[96..].copy_from_slice(&checksum);
    assert_eq!(Header::decode(&newer), Err(HeaderError::Version(2)));
}

#[test]
fn names_come_back() {
    assert_eq!(format::parse_file_name(&format::file_name(42)), Some((42, "")));
    assert_eq!(format::parse_file_name("00000000000000000042.kseg.new"), Some((42, ".new")));
    for name in [
        "42.kseg",
        "00000000000000000000.kseg",
        "99999999999999999999.kseg",
        "0000000000000000004x.kseg",
        "lock",
        "äääääääääää.kseg",
    ] {
        assert_eq!(format::parse_file_name(name), None, "{name}");
    }
}

#[test]
fn entries_of_later_kinds_are_passed_over() {
    let mut bytes = vec![0; format::HEADER_BYTES];
    format::put_run(&mut bytes, &Run { first_seq: 1, count: 1, time: 0, context: 0 }, &[b"before"]);
    format::put_forget(&mut bytes, 1);
    let kind = bytes.len() - 16;
    bytes[kind] = 99;
    format::put_run(&mut bytes, &Run { first_seq: 2, count: 1, time: 0, context: 0 }, &[b"after"]);
    seal_bytes(&mut bytes, 1);
    assert_eq!(scan_bytes(&bytes, 1), 2);
}

#[test]
fn bytes_of_another_segment_are_no_entries() {
    let mut bytes = vec![0; format::HEADER_BYTES];
    format::put_run(&mut bytes, &Run { first_seq: 1, count: 1, time: 0, context: 0 }, &[b"run"]);
    seal_bytes(&mut bytes, 1);
    assert_eq!((scan_bytes(&bytes, 1), scan_bytes(&bytes, 2)), (1, 0));
}

/// Entries as they may be: runs in order, contexts between them.
fn entries() -> impl Strategy<Value = Vec<(u32, Vec<u8>)>> {
    vec((0..4_u32, vec(prop_oneof![9 => Just(0_u8), 1 => any::<u8>()], 0..600)), 0..40)
}

fn chunk_of(entries: &[(u32, Vec<u8>)]) -> Chunk {
    let mut chunk = Chunk::new(Vec::new(), 1);
    for (count, bytes) in entries {
        if *count == 0 {
            format::put_context(&mut chunk.bytes, 1, bytes);
        } else {
            let run = Run { first_seq: chunk.next_seq, count: *count, time: 1, context: 1 };
            format::put_run(&mut chunk.bytes, &run, &[bytes]);
            chunk.next_seq += u64::from(*count);
        }
    }
    chunk
}

/// The runs in entries, packed or not.
fn runs_in(mut entries: &[u8], salt: Option<u32>) -> Vec<(Run, Vec<u8>)> {
    let mut runs = Vec::new();
    while let Some(total) = format::entry_bytes(entries) {
        let (entry, rest) = entries.split_at(total);
        entries = rest;
        assert!(salt.is_none_or(|salt| format::intact(entry, salt)));
        let head = format::head(entry).unwrap();
        let varying = &entry[head.fixed_bytes()..];
        match head {
            Head::Run(run) => runs.push((run, varying.to_vec())),
            Head::Packed { run, raw } => {
                let inner = runs_in(&chunk::unpack(varying, raw).unwrap(), None);
                assert_eq!(inner.iter().map(|(run, _)| run.count).sum::<u32>(), run.count);
                assert_eq!((inner[0].0.first_seq, raw <= 256 << 10), (run.first_seq, true));
                runs.extend(inner);
            }
            _ => {}
        }
    }
    assert!(entries.is_empty());
    runs
}

proptest! {
    #[test]
    fn packing_changes_nothing(entries in entries(), first_seq: u64) {
        let salt = format::salt(first_seq);
        let mut chunk = chunk_of(&entries);
        let plain = runs_in(chunk.seal(salt, None), Some(salt));
        let mut packed = Vec::new();
        prop_assert_eq!(runs_in(chunk.seal(salt, Some(&mut packed)), Some(salt)), plain);
    }

    #[test]
    fn any_bytes_can_be_read(bytes in vec(any::<u8>(), 0..4_000), seal: bool) {
        let mut bytes = bytes;
        if seal {
            seal_bytes(&mut bytes, 1);
        }
        let records = scan_bytes(&bytes, 1);
        // What is not sealed has no right checksum.
        prop_assert!(seal || records == 0);
    }

    #[test]
    fn changed_segments_can_be_read(
        entries in entries(),
        packed: bool,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..10),
        seal: bool,
    ) {
        let mut chunk = chunk_of(&entries);
        let mut buffer = Vec::new();
        let sealed = chunk.seal(format::salt(1), packed.then_some(&mut buffer));
        let mut bytes = [&header().encode(), sealed].concat();
        let records = entries.iter().map(|(count, _)| u64::from(*count)).sum::<u64>();
        prop_assert_eq!(scan_bytes(&bytes, 1), records);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if seal {
            seal_bytes(&mut bytes, 1);
        } else {
            prop_assert!(scan_bytes(&bytes, 1) <= records);
        }
        prop_assert_eq!(scan_bytes(&bytes, 1), scan_bytes(&bytes, 1));
    }
}
