//! The demo's wiring: a real kaptap in this process, on addresses of its own, under the rehearsal Kapacitor.

use super::App;
use crate::cli::BoxError;
use crate::cli::render::Renderer;
use crate::config::{Config, Flags, load};
use crate::rehearsal::demo::{self, Daemon, Options, Own};
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

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

/// Plays the demo.
///
/// # Errors
/// When it cannot start, or what came back was not what was sent.
pub async fn demo(asked: Demo, renderer: Renderer) -> Result<(), BoxError> {
    let own = own()?;
    let temporary = asked.data_dir.is_none().then(Temporary::create).transpose()?;
    let data_dir = match (&asked.data_dir, &temporary) {
        (Some(chosen), _) => chosen.clone(),
        (None, Some(temporary)) => temporary.0.clone(),
        (None, None) => return Err("no directory for the demo's data".into()),
    };
    let app = App::bind(configuration(&data_dir, asked.listen)?).await?;
    let addresses = app.addresses().clone();
    let (stop, interrupted) = (CancellationToken::new(), CancellationToken::new());
    let running = tokio::spawn(app.run(stop.clone()));
    let (watched, interrupt) = (interrupted.clone(), tokio::signal::ctrl_c());
    tokio::spawn(async move {
        if interrupt.await.is_ok() {
            watched.cancel();
        }
    });

    let options = Options {
        seed: 1,
        pace: 1.0 / asked.speed,
        patience: Duration::from_secs(5),
        keep: asked.keep,
        colour: renderer.colour,
        own,
    };
    let daemon =
        Daemon { http: addresses.http, stream_socket: addresses.stream_socket, batch_socket: addresses.batch_socket };
    let renderer = RefCell::new(renderer);
    let render = |event: &serde_json::Value| renderer.borrow_mut().line(&event.to_string());
    let played = demo::run(&options, &daemon, render, &mut io::stdout(), &interrupted).await;
    stop.cancel();
    running.await??;
    match played? {
        Some(summary) if summary.lost() > 0 => Err(format!("{} events did not come out", summary.lost()).into()),
        Some(summary) if !summary.played.echoed() => Err("what came back was not what was sent".into()),
        Some(_) | None => Ok(()),
    }
}

/// What `kaptap run` would listen on here, for the advice at the end.
fn own() -> Result<Own, BoxError> {
    let config = load(None, "", &[], &Flags::default()).map_err(|errors| all(&errors))?;
    Ok(Own { stream_socket: std::path::absolute(&config.intake.stream_socket)?, http: config.http.listen.to_string() })
}

fn configuration(data_dir: &Path, listen: Option<String>) -> Result<Config, BoxError> {
    let flags = Flags {
        data_dir: Some(data_dir.to_string_lossy().into_owned()),
        listen: Some(listen.unwrap_or_else(|| "127.0.0.1:0".to_owned())),
    };
    load(None, "", &[], &flags).map_err(|errors| all(&errors).into())
}

fn all(errors: &[crate::config::ConfigError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A directory that goes with the demo.
struct Temporary(PathBuf);

impl Temporary {
    fn create() -> io::Result<Self> {
        let base = std::env::temp_dir();
        for attempt in 0..100 {
            let path = base.join(format!("kaptap-demo-{}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("cannot create {}: {error}", path.display())));
                }
            }
        }
        Err(io::Error::other(format!("cannot create a directory in {}", base.display())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "Cannot remove the demo's directory");
        }
    }
}
