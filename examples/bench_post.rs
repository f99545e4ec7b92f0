//! Alert posts to the whole process beside a bare hyper: requests a second, processor time each, time to the answer.
//!
//! `cargo build --release && cargo run --release --example bench_post`

#[path = "bench/mod.rs"]
mod bench;

fn main() -> bench::Result<()> {
    bench::main(&[bench::post::rows])?;
    Ok(())
}
