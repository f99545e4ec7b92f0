//! Binds, recovers, wires the parts together, and stops them in two stages.

use crate::cli::BoxError;
use crate::cli::render::Renderer;
use crate::config::Config;
use std::path::PathBuf;

/// What `kaptap demo` was asked for.
#[derive(Debug, Clone)]
pub struct Demo {
    /// Leave it running when the story has ended.
    pub keep: bool,
    /// How many times as fast the story is played.
    pub speed: f64,
    /// `--data-dir`; without it a temporary one.
    pub data_dir: Option<PathBuf>,
    /// `--listen`; without it a free port.
    pub listen: Option<String>,
}

/// Runs until told to stop.
///
/// # Errors
/// When it cannot start, or did not stop well.
pub async fn run(_config: Config) -> Result<(), BoxError> {
    std::future::ready(Err("the parts are not wired together yet".into())).await
}

/// Plays the demo.
///
/// # Errors
/// When it cannot start, or what came back was not what was sent.
pub async fn demo(_demo: Demo, _renderer: Renderer) -> Result<(), BoxError> {
    std::future::ready(Err("the parts are not wired together yet".into())).await
}
