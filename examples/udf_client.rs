//! Is Kapacitor for a moment: sends ten points to a running kaptap and looks at what comes back.
//!
//! `cargo run --example udf_client [SOCKET]`

use kaptap::rehearsal::point::Point;
use kaptap::rehearsal::udf_peer::{Settings, UdfPeer};
use kaptap::rehearsal::wire;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let socket = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("kaptap-data/stream.sock"), PathBuf::from);
    let mut peer = UdfPeer::connect(&socket, &Settings::stream())
        .await
        .map_err(|error| format!("cannot reach kaptap at {} (is it running?): {error}", socket.display()))?;
    let mut out = std::io::stdout();

    let info = peer.info().await?;
    let options: Vec<_> = info.options.keys().map(String::as_str).collect();
    writeln!(out, "options of @kaptap(): {}", options.join(", "))?;

    let answer = peer.init("example", "kaptap2", vec![wire::texts("label", &["example", "yes"])]).await?;
    if !answer.success {
        return Err(answer.error.into());
    }
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    for index in 0..10 {
        let point = Point::new("cpu", now + index).tag("host", "example").field("index", index).group_by(&["host"]);
        peer.send_point(&point).await?;
    }
    let snapshot = peer.snapshot().await?;
    writeln!(out, "snapshot of {} bytes: what was sent is durable", snapshot.len())?;

    let finished = peer.finish().await;
    writeln!(out, "{} points back, unchanged and in order: {}", finished.returned.frames(), finished.echoed())?;
    Ok(())
}
