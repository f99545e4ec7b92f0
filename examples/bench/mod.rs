//! What the benches of the whole process share. Each figure stands beside its baseline, measured in the same run with
//! the same bytes from the same generator, and beside its bound.
//!
//! kaptap and the baselines are processes of their own, so that a processor's time can be told apart: kaptap is the
//! binary of the release build, a baseline is this program started again with `baseline KIND` (see `baseline`).
#![allow(dead_code, unreachable_pub, reason = "every bench uses a part of it")]

pub mod baseline;
pub mod load;
pub mod machine;
pub mod parts;
pub mod plot;
pub mod post;
pub mod process;
pub mod scale;
pub mod start;
pub mod table;
pub mod tail;
pub mod udf;

use std::error::Error;
use table::Row;

/// Whatever goes wrong in a bench ends it.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A part of the table: measures and gives its rows.
pub type Part = fn() -> Result<Vec<Row>>;

/// Runs a bench, or the baseline that it was started as.
///
/// # Errors
/// When it cannot be measured.
pub fn main(parts: &[Part]) -> Result<Vec<Row>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [word, kind, place] = arguments.as_slice()
        && word == "baseline"
    {
        baseline::run(kind, place)?;
        std::process::exit(0);
    }
    let mut rows = Vec::new();
    for part in parts {
        for row in part()? {
            table::print(&row);
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which this share of all lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index far below 2^52"
    )]
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of benches are far below 2^52")]
pub fn float(count: u64) -> f64 {
    count as f64
}
