//! The loop that accepts UDF connections.

use super::serve;
use crate::intake::Intake;
use crate::intake::gather::Flowing;
use crate::intake::socket::SocketFile;
use crate::record::Edge;
use crate::words::Lane;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Accepts connections until told to stop, then waits until each of them has ended.
pub async fn accept(intake: Intake, socket: SocketFile, edge: Edge, flowing: Flowing, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let mut pause = Duration::ZERO;
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause), if !pause.is_zero() => pause = Duration::ZERO,
            accepted = socket.listener().accept(), if pause.is_zero() => match accepted {
                Ok((connection, _)) => {
                    let (reader, writer) = connection.into_split();
                    connections.spawn(serve(intake.clone(), edge, reader, writer, flowing.clone(), stop.clone()));
                }
                Err(error) => {
                    // Out of file descriptors, mostly: Kapacitor tries again, and so do we.
                    pause = Duration::from_millis(100);
                    intake.refused(Lane::Udf, "accept_failed");
                    tracing::error!(path = %socket.path().display(), %error, "Cannot accept a UDF connection");
                }
            },
        }
    }
    // New connections are refused from here on; the open ones end by the same token.
    drop(socket);
    connections.close();
    connections.wait().await;
}
