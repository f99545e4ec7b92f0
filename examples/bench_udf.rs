//! The UDF lane of the whole process beside bare echoes: points a second, processor time a point, memory.
//!
//! `cargo build --release && cargo run --release --example bench_udf [-- gather]` (what gathering is worth)

#[path = "bench/mod.rs"]
mod bench;

fn main() -> bench::Result<()> {
    let gathers = std::env::args().nth(1).is_some_and(|word| word == "gather");
    bench::main(&[if gathers { bench::udf::gathering } else { bench::udf::rows }])?;
    Ok(())
}
