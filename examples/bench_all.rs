//! Everything that `docs/performance.md` has in its table, measured now; with `--write` it is written there.
//!
//! `cargo build --release && cargo run --release --example bench_all [-- --write]`. It takes some minutes and 11 GiB of the
//! temporary directory; `BENCH_JOURNAL` is another size of the journal to start with, in MiB.

#[path = "bench/mod.rs"]
mod bench;

use bench::Result;
use bench::table::Row;
use std::fs;

/// Where the table is.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md");
/// What stands before and behind it there.
const BEGIN: &str = "<!-- table of bench_all -->\n";
const END: &str = "<!-- end of the table -->";

fn main() -> Result<()> {
    let rows = bench::main(&[bench::udf::rows, bench::post::rows, bench::tail::rows, bench::parts::rows, start])?;
    if std::env::args().nth(1).is_some_and(|word| word == "--write") {
        write(&rows)?;
    }
    Ok(())
}

/// A start with 10 GiB of journal, if not told otherwise.
fn start() -> Result<Vec<Row>> {
    let mebibytes = std::env::var("BENCH_JOURNAL").map_or(Ok(10 << 10), |text| text.parse())?;
    bench::start::with(mebibytes)
}

fn write(rows: &[Row]) -> Result<()> {
    let text = fs::read_to_string(DOCUMENT)?;
    let (before, rest) = text.split_once(BEGIN).ok_or("the document has no place for the table")?;
    let (_, after) = rest.split_once(END).ok_or("the table has no end")?;
    let (machine, table) = (bench::machine::describe(), bench::table::markdown(rows));
    fs::write(DOCUMENT, format!("{before}{BEGIN}\n{machine}\n\n{table}\n{END}{after}"))?;
    Ok(())
}
