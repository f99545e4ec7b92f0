#![no_main]
//! Any bytes as a segment: reading them never panics, loops or takes memory without bound. The first byte chooses
//! whether the checksums are made right first, so that what lies behind them is reached too.

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if choice & 1 == 1 {
        kaptap::journal::inspect::seal_bytes(&mut bytes, 1);
    }
    let _ = kaptap::journal::inspect::scan_bytes(&bytes, 1);
});
