//! Zeros behind the entries of a segment, which are there when they were written ahead. None of them are torn; what is,
//! goes to the last byte that is not zero, and on if it says that it would have more, or to the length of a head.

use super::{Place, all, sound, sound_packed};
use crate::disk::SimDisk;
use crate::forge::{Forge, name};
use kaptap::journal::inspect::{Inspection, scan_bytes};
use std::sync::Arc;

#[test]
fn zeros_written_ahead_mean_nothing() {
    let place = Place::new();
    for files in [sound(), sound_packed()] {
        for zeros in [1, 3, 4, 40, 5_000, 300_000] {
            // Of an older one that failed, too: nobody cut it.
            let failed = Forge::new(4, 1, 0).context(7, b"seven").run(4, 3).run(7, 1);
            let mut ahead = files.clone();
            ahead.insert(name(4), failed.bytes(&vec![0; zeros]).bytes);
            ahead.get_mut(&name(8)).unwrap().extend(vec![0; zeros]);
            let looked = Inspection::open(place.directory.path(), Arc::new(SimDisk::with_files(&ahead))).unwrap();
            assert_eq!(looked.unfinished_bytes(), 0);
            let verified = looked.verify(&mut |_, _| ()).unwrap();
            assert!(verified.iter().all(|segment| segment.damage.is_empty()), "{verified:?}");
            let after = place.check("zeros", &ahead, &all());
            assert_eq!(after[&name(8)], files[&name(8)], "they are cut off");

            // The power went when the end was written, and the zeros that had been cut off came back.
            let ended = Forge::new(8, 9, 0).context(7, b"seven").run(8, 1).run(9, 2).run(11, 1).end(12);
            ahead.insert(name(8), ended.bytes(&vec![0; zeros]).bytes);
            place.check("zeros behind an end", &ahead, &all());

            // Half an entry, and zeros: it is torn, and they are not.
            let torn = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).run(9, 2).run(11, 1);
            let torn = torn.bytes(&100_u32.to_le_bytes()).bytes(b"half of it").bytes(&vec![0; zeros]);
            ahead.insert(name(8), torn.bytes);
            place.check("torn before zeros", &ahead, &all().cut(12, 108.min(14 + zeros)));

            // Zeros and then an entry: something between was lost.
            let hole = Forge::new(8, 1, 0).context(7, b"seven").run(8, 1).bytes(&vec![0; zeros]).run(11, 1);
            ahead.insert(name(8), hole.bytes(&vec![0; zeros]).bytes);
            place.check("a hole", &ahead, &all().missing(9, 10, true));
        }
    }
}

#[test]
fn an_entry_behind_zeros_may_begin_with_some() {
    // Its length is a multiple of 256, or of 65,536.
    for payload in [224, 65_504] {
        for zeros in [1, 2, 3, 5, 1_000, 200_000] {
            let hole = Forge::new(8, 1, 0).run(8, 1).bytes(&vec![0; zeros]);
            let hole = hole.entry(2, 1, &[11, 110, 7], &vec![1; payload]);
            assert_eq!(scan_bytes(&hole.bytes, 8), 2, "{zeros} zeros before {payload} bytes");
        }
    }
}
