//! Many of everything in one process: 200 tails, 10,000 open alerts, 20 sinks, 1,000 UDF connections.
//!
//! `cargo build --release && cargo run --release --example bench_scale [-- --write]`; `--write` puts the table into
//! `docs/performance.md`.

#[path = "bench/mod.rs"]
mod bench;

fn main() -> bench::Result<()> {
    let rows = bench::main(&[bench::scale::rows])?;
    bench::table::write_if_asked("bench_scale", &rows)
}
