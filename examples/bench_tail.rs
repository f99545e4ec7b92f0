//! Tails of the whole process: time from the frame to the line, and what many tails cost.
//!
//! `cargo build --release && cargo run --release --example bench_tail`

#[path = "bench/mod.rs"]
mod bench;

fn main() -> bench::Result<()> {
    bench::main(&[bench::tail::rows])?;
    Ok(())
}
