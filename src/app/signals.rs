//! Signals that stop kaptap.

use std::io;
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at SIGTERM or SIGINT; a second one ends the process at once.
pub(super) async fn stop_at(stop: &CancellationToken) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    for last in [false, true] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if last {
            tracing::error!("Second signal: ending at once");
            std::process::exit(1);
        }
        stop.cancel();
    }
    Ok(())
}
