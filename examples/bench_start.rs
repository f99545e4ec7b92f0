//! How long `kaptap run` takes from its start until it answers Info and until it is ready, with an empty journal and
//! with a full one.
//!
//! `cargo build --release && cargo run --release --example bench_start [-- MIB]` (default 1024 MiB of journal)

#[path = "bench/mod.rs"]
mod bench;

fn main() -> bench::Result<()> {
    let mebibytes = std::env::args().nth(1).map_or(Ok(1024), |text| text.parse())?;
    bench::start::with(mebibytes)?.iter().for_each(bench::table::print);
    Ok(())
}
