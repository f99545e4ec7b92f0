//! The lines that `kapacitor.conf` needs for the UDFs.

use std::path::Path;
use std::time::Duration;

/// What is advised for `timeout` of a UDF.
pub const UDF_TIMEOUT: Duration = Duration::from_mins(1);

/// The lines for both sockets. The paths are to be absolute: kapacitord has a working directory of its own.
#[must_use]
pub fn kapacitor_conf(stream_socket: &Path, batch_socket: &Path) -> String {
    let section = |name: &str, socket: &Path| {
        // A string of JSON is one of TOML.
        let socket = serde_json::Value::from(socket.display().to_string());
        format!("[udf.functions.{name}]\n  socket = {socket}\n  timeout = \"{}s\"\n", UDF_TIMEOUT.as_secs())
    };
    format!("{}\n{}", section("kaptap", stream_socket), section("kaptap_batch", batch_socket))
}
