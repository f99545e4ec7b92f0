//! How long a post takes beside a sink in trouble, against no sinks.

use super::peer::{Manner, Peer};
use super::{Bench, Result};
use kaptap::rehearsal::poster;
use std::time::Duration;
use tokio::time::Instant;

/// Handlers that post, each at its own pace.
const POSTERS: u32 = 4;
/// Time between two posts of a handler.
const PACE: Duration = Duration::from_millis(20);
/// Rounds of each kind.
const ROUNDS: usize = 3;

const TROUBLES: [(&str, Manner); 7] = [
    ("well", Manner::Well),
    ("dead", Manner::Dead),
    ("5 s an answer", Manner::Slow(Duration::from_secs(5))),
    ("refusing (400)", Manner::Refusing),
    ("garbage answers", Manner::Garbled),
    ("cut inside a batch", Manner::Cutting),
    ("restarted every second", Manner::Restarting),
];

pub(crate) async fn measure(bench: &Bench, lasting: Duration) -> Result<()> {
    println!("\n{POSTERS} handlers post every {PACE:?} each, {ROUNDS} rounds of {lasting:?} of each kind, in turns");
    println!(
        "{:<26} {:>10} {:>10} {:>14} {:>14} {:>7}",
        "one webhook sink", "p50", "p99", "without: p50", "p99", "p99 ×"
    );
    for (name, manner) in TROUBLES {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for n in 0..ROUNDS {
            without.extend(round(bench, &format!("{name}-{n}-without"), "", lasting).await?);
            let peer = Peer::start(manner).await?;
            // Waits as by default, so also `retry_max`, but for `batch_age`: more deliveries, more trouble.
            let config = format!(
                "[[sink]]\nname = \"a\"\ntype = \"webhook\"\nurl = \"http://{}/\"\nbatch_age = \"10ms\"\nretry_max = \"1s\"\n",
                peer.address
            );
            with.extend(round(bench, &format!("{name}-{n}"), &config, lasting).await?);
        }
        let [with, without] = [with, without].map(|mut times| {
            times.sort_unstable();
            let at =
                |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
            (at(50), at(99))
        });
        println!(
            "{name:<26} {:>7.2} ms {:>7.2} ms {:>11.2} ms {:>11.2} ms {:>7.2}",
            with.0,
            with.1,
            without.0,
            without.1,
            with.1 / without.1
        );
    }
    Ok(())
}

/// Posts for a while; how long each took.
async fn round(bench: &Bench, data: &str, config: &str, lasting: Duration) -> Result<Vec<Duration>> {
    let kaptap = bench.start(data, config).await?;
    let begun = Instant::now();
    let posters: Vec<_> = (0..POSTERS)
        .map(|poster| {
            let target = poster::Target::new(kaptap.http, &format!("/v1/alerts/{poster}"));
            tokio::spawn(async move {
                let (mut times, mut due) = (Vec::new(), begun + PACE * poster / POSTERS);
                while begun.elapsed() < lasting {
                    tokio::time::sleep_until(due).await;
                    due += PACE;
                    let (posted, body) = (Instant::now(), body(poster, times.len()));
                    let answer = poster::post(&target, &body).await;
                    times.push(posted.elapsed());
                    if answer.map_or(0, |answer| answer.status) != 204 {
                        return Err("a post was not taken");
                    }
                }
                Ok(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for poster in posters {
        times.extend(poster.await??);
    }
    drop(kaptap);
    std::fs::remove_dir_all(bench.folder.join(data))?;
    Ok(times)
}

fn body(poster: u32, n: usize) -> Vec<u8> {
    let (host, time) = (n % 10, format!("2026-11-22T{:02}:{:02}:{:02}Z", n / 3600 % 24, n / 60 % 60, n % 60));
    let level = if n.is_multiple_of(2) { "CRITICAL" } else { "WARNING" };
    format!(
        "{{\"id\":\"cpu:{poster}:{host}\",\"message\":\"cpu of web-{host} is {level}\",\"details\":\"\",\"time\":\"{time}\",\
         \"duration\":0,\"level\":\"{level}\",\"data\":{{\"series\":[{{\"name\":\"cpu\",\"tags\":{{\"host\":\"web-{host}\"}},\
         \"columns\":[\"time\",\"usage_idle\"],\"values\":[[\"{time}\",9.5]]}}]}},\"previousLevel\":\"OK\",\"recoverable\":true}}"
    )
    .into_bytes()
}
