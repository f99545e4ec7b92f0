//! Follows the alerts of a running kaptap with nothing but a socket: `cargo run --example tail_json [ADDRESS]`
//!
//! HTTP/1.0 keeps it short: the answer is the bare stream of lines, without chunks.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9192".to_owned());
    let mut stream = TcpStream::connect(&address)?;
    // kind == "alert", with its quotes and spaces escaped for a URL.
    let query = "follow=true&filter=kind%20%3D%3D%20%22alert%22";
    stream.write_all(format!("GET /v1/events?{query} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;

    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    if !line.contains(" 200 ") {
        return Err(format!("kaptap answered {}", line.trim_end()).into());
    }
    let mut in_body = false;
    for line in answer.lines() {
        let line = line?;
        if !in_body {
            in_body = line.is_empty();
            continue;
        }
        let event: serde_json::Value = serde_json::from_str(&line)?;
        let text = |pointer: &str| event.pointer(pointer).and_then(|value| value.as_str()).unwrap_or("-");
        writeln!(
            std::io::stdout(),
            "{} {:8} {:14} {}",
            text("/time"),
            text("/alert/level"),
            text("/alert/transition"),
            text("/alert/message")
        )?;
    }
    Ok(())
}
