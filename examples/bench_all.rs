//! Everything that `docs/performance.md` has in its table, measured now; with `--write` it is written there.
//!
//! `cargo build --release && cargo run --release --example bench_all [-- --write]`. It takes some minutes and 11 GiB of the
//! temporary directory; `BENCH_JOURNAL` is another size of the journal to start with, in MiB.

#[path = "bench/mod.rs"]
mod bench;

use bench::Result;
use bench::table::Row;

fn main() -> Result<()> {
    let rows = bench::main(&[bench::udf::rows, bench::post::rows, bench::tail::rows, bench::parts::rows, start])?;
    bench::table::write_if_asked("bench_all", &rows)
}

/// A start with 10 GiB of journal, if not told otherwise.
fn start() -> Result<Vec<Row>> {
    let mebibytes = std::env::var("BENCH_JOURNAL").map_or(Ok(10 << 10), |text| text.parse())?;
    bench::start::with(mebibytes)
}
