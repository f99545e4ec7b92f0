//! A `DataMiner` to try sinks against: its Data API, a User-Defined API in front of that, and the Generic Webhook Alarm
//! Table, as strict as `DataMiner`'s documents are. Prints every request, and what there is on Ctrl-C and at `GET /`.
//!
//! ```text
//! cargo run --example dataminer_mock -- [LISTEN]      # 127.0.0.1:34567 without one
//! ```
#![allow(clippy::print_stdout, reason = "an example is there to be read")]

use kaptap::rehearsal::dataminer::Desk;
use kaptap::rehearsal::dataminer::alarm_table::AlarmTable;
use kaptap::rehearsal::dataminer::server::{Shared, serve};
use kaptap::rehearsal::dataminer::user_api::UserApi;
use std::time::Duration;

/// The token of the User-Defined API.
const TOKEN: &str = "a-token-of-thirty-two-characters";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:34567".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let at = listener.local_addr()?;
    println!("Data API              PUT  http://{at}/api/data/parameters (headers identifier and type)");
    println!(
        "User-Defined API      PUT  http://{at}/api/custom/data/parameters?identifier=…&type=… (token {TOKEN}, 60 a minute)"
    );
    println!("Webhook Alarm Table   POST http://{at}/alarms");
    println!("What there is         GET  http://{at}/\n");
    let desk = Desk::new(UserApi::new(TOKEN, Some((60, 60_000))), AlarmTable::new("/alarms", None));
    let shared = Shared::new(desk, Duration::ZERO, |entry| {
        println!("{} {} {} bytes: {} {}", entry.what, entry.identifier, entry.bytes, entry.status, entry.said);
    });
    tokio::select! {
        served = serve(listener, shared.clone()) => served,
        stopped = tokio::signal::ctrl_c() => {
            println!("\n{}", shared.desk().text());
            stopped
        }
    }
}
