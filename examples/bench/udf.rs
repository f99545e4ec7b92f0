//! The UDF lane: points a second, processor time a point, memory.

use super::load::{self, Cost};
use super::process::Server;
use super::table::Row;
use super::{Result, median};
use std::time::Duration;

/// Measured in turns with the baseline; the middle one counts.
const ROUNDS: usize = 3;
/// Points of one saturated run: about half a second of kaptap's time.
const SATURATED: u64 = 4_000_000;
/// Points of one run of echoes alone: they take less than a tenth of a microsecond each, and processor time is counted in
/// hundredths of a second.
const ECHOED: u64 = 16_000_000;
/// Echoes alone are measured more often: they are all copying, which goes up and down with what the caches hold.
const ECHO_ROUNDS: usize = 7;
/// Points of one run at Kapacitor's pace.
const PACED: u64 = 280_000;
/// Kapacitor's own pace, points a second.
const PACE: u64 = 70_000;
/// As much disk as the appending baseline uses.
const JOURNAL: &str = "[journal]\nmax_bytes = \"512MiB\"\n";

/// All rows.
pub fn rows() -> Result<Vec<Row>> {
    let mut rows = saturated()?;
    rows.extend(own_pace()?);
    rows.extend(memory()?);
    Ok(rows)
}

/// Runs the same load against a fresh server of each kind, in turns.
fn in_turns(
    rounds: usize,
    servers: &[&dyn Fn() -> Result<Server>],
    load: impl Fn(&Server) -> Result<Cost>,
) -> Result<Vec<(Cost, f64)>> {
    let mut found: Vec<Vec<(Cost, f64)>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (start, found) in servers.iter().zip(&mut found) {
            let server = start()?;
            found.push((load(&server)?, server.memory(true)?));
        }
    }
    let of = |costs: &[(Cost, f64)], part: fn(&(Cost, f64)) -> f64| median(costs.iter().map(part).collect());
    let middle = |costs: Vec<(Cost, f64)>| {
        let cost = Cost { rate: of(&costs, |(cost, _)| cost.rate), server: of(&costs, |(cost, _)| cost.server) };
        (cost, of(&costs, |(_, memory)| *memory))
    };
    Ok(found.into_iter().map(middle).collect())
}

fn saturated() -> Result<Vec<Row>> {
    let servers: [&dyn Fn() -> Result<Server>; 3] =
        [&|| Server::kaptap(JOURNAL), &|| Server::baseline("append"), &|| Server::baseline("typed")];
    let found = in_turns(ROUNDS, &servers, |server| load::saturate(server, SATURATED))?;
    let [(whole, memory), (append, _), (typed, _)] = found[..] else {
        return Err("three servers were measured".into());
    };
    let servers: [&dyn Fn() -> Result<Server>; 3] =
        [&|| Server::kaptap("[udf]\nkeep = false\n"), &|| Server::baseline("echo"), &|| Server::baseline("cut")];
    let found = in_turns(ECHO_ROUNDS, &servers, |server| load::saturate(server, ECHOED))?;
    let [(echo_only, _), (echo, _), (cut, _)] = found[..] else { return Err("three servers were measured".into()) };
    let million = |cost: Cost| format!("{:.2} M points/s of CPU", 1.0 / cost.server);
    Ok(vec![
        Row::new("UDF lane, whole job, saturated", million(whole))
            .beside(format!("echo and append: {}", million(append)), append.server / whole.server)
            .bound("≥ 1 M, ≥ 0.5 ×", whole.server <= 1.0 && append.server / whole.server >= 0.5),
        Row::new("the same by the clock", format!("{:.2} M points/s", whole.rate / 1e6))
            .beside(format!("echo and append: {:.2} M points/s", append.rate / 1e6), whole.rate / append.rate),
        Row::new("the same, beside an agent with typed messages", million(whole))
            .beside(format!("decode, encode, echo: {}", million(typed)), typed.server / whole.server),
        Row::new("UDF lane, echo only (`keep = false`), saturated", million(echo_only))
            .beside(format!("echo: {}", million(echo)), echo.server / echo_only.server)
            .bound("≥ 0.9 ×", echo.server / echo_only.server >= 0.9),
        Row::new("the same, beside an echo that finds the frames", million(echo_only))
            .beside(format!("echo that cuts frames: {}", million(cut)), cut.server / echo_only.server),
        Row::new("memory at full UDF load, at most", format!("{memory:.1} MiB")).bound("≤ 48 MB", memory <= 45.7),
    ])
}

fn own_pace() -> Result<Vec<Row>> {
    let servers: [&dyn Fn() -> Result<Server>; 3] =
        [&|| Server::kaptap(JOURNAL), &|| Server::baseline("gather"), &|| Server::baseline("echo")];
    let found = in_turns(ROUNDS, &servers, |server| load::paced(server, PACED, Some(PACE)))?;
    let [(whole, _), (gather, _), (echo, _)] = found[..] else { return Err("three servers were measured".into()) };
    let cost = |cost: Cost| format!("{:.2} µs a point", cost.server);
    let what = format!("UDF lane at Kapacitor's pace, {:.0} k points/s in two writes each", whole.rate / 1e3);
    Ok(vec![
        Row::new(what, cost(whole))
            .beside(format!("gathering echo: {}", cost(gather)), whole.server / gather.server)
            .bound("≤ 3 µs, ≤ 1.7 ×", whole.server <= 3.0 && whole.server / gather.server <= 1.7),
        Row::new("the same, beside an echo that does not gather", cost(whole))
            .beside(format!("echo: {}", cost(echo)), whole.server / echo.server),
    ])
}

fn memory() -> Result<Vec<Row>> {
    let server = Server::kaptap("")?;
    std::thread::sleep(Duration::from_millis(500));
    let idle = server.memory(false)?;
    let connections =
        (0..1000).map(|n| load::connect(&server.socket, &format!("task-{n}"))).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(Duration::from_millis(500));
    let many = server.memory(false)?;
    let each = (many - idle) * 1024.0 / 1000.0;
    drop(connections);
    // A burst, and then silence: what it took is given back.
    let burst = Server::kaptap(JOURNAL)?;
    let before = burst.memory(false)?;
    load::saturate(&burst, SATURATED / 4)?;
    std::thread::sleep(Duration::from_secs(2));
    let after = burst.memory(false)?;
    Ok(vec![
        Row::new("memory, idle", format!("{idle:.1} MiB")).bound("≤ 12 MB", idle <= 11.4),
        Row::new("memory with 1,000 idle UDF connections", format!("{many:.1} MiB")).bound("≤ 64 MB", many <= 61.0),
        Row::new("memory of one idle UDF connection", format!("{each:.1} KiB")).bound("< 32 KiB", each < 32.0),
        Row::new("memory 2 s after a burst", format!("{after:.1} MiB"))
            .beside(format!("before: {before:.1} MiB"), after / before),
    ])
}

/// What gathering is worth: rates and costs by its time. Not in the table; `bench_udf -- gather` prints it.
pub fn gathering() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, rate) in [("at 70 k points/s", Some(PACE)), ("as fast as the sender can", None)] {
        for micros in [0, 50, 100, 200, 300] {
            let start = || Server::kaptap(&format!("{JOURNAL}[udf]\ngather = \"{micros}us\"\n"));
            let (cost, _) = in_turns(ROUNDS, &[&start], |server| load::paced(server, PACED, rate))?.remove(0);
            let figure = format!("{:.2} µs a point, {:.0} k points/s", cost.server, cost.rate / 1e3);
            rows.push(Row::new(format!("gather = {micros} µs, {name}"), figure));
        }
    }
    Ok(rows)
}
