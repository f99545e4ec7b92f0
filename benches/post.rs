//! One alert post through the routes of HTTP intake, without a socket: head, body, fold, journal, 204. The journal is a
//! real one that does not wait for the disk. `cargo bench --bench post`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

use axum::body::Body;
use axum::http::{Request, StatusCode};
use divan::{Bencher, black_box};
use kaptap::config::Config;
use kaptap::intake::access::Tokens;
use kaptap::intake::http::{HttpOptions, router};
use kaptap::intake::{Intake, checkpoint};
use kaptap::journal::{Disk, Journal, Sync};
use kaptap::telemetry::Metrics;
use std::sync::Arc;
use std::time::Duration;
use tower_service::Service;

fn main() {
    divan::main();
}

fn body() -> &'static str {
    include_str!("../tests/recordings/alerts/log-file.jsonl").lines().next().unwrap()
}

fn bench(bencher: Bencher<'_, '_>, path: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::in_directory(folder.path()).unwrap();
    (config.intake.sync_alert, config.intake.sync_row) = (Sync::Os, Sync::Os);
    config.journal.max_bytes = 256 << 20;
    let (journal, _) = Journal::open(config.journal, Arc::new(Disk::default())).unwrap();
    let recovered = checkpoint::recover(folder.path(), &journal);
    let intake = Intake::new(config.intake, journal, Metrics::default(), recovered);
    let options = HttpOptions { tokens: Tokens::default(), max_body: 1 << 20, body_timeout: Duration::from_secs(30) };
    let mut router = router(intake, options);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Sixty-four at once, so that they share what waiting there is.
    bencher.counter(divan::counter::ItemsCount::new(64_usize)).bench_local(|| {
        runtime.block_on(async {
            let posts: Vec<_> = (0..64)
                .map(|_| {
                    let request = Request::post(path).header("content-type", "application/json");
                    router.call(request.body(Body::from(black_box(body()))).unwrap())
                })
                .collect();
            for post in posts {
                assert_eq!(post.await.unwrap().status(), StatusCode::NO_CONTENT);
            }
        });
    });
}

#[divan::bench]
fn alert(bencher: Bencher<'_, '_>) {
    bench(bencher, "/v1/alerts/bench");
}

#[divan::bench]
fn row(bencher: Bencher<'_, '_>) {
    bench(bencher, "/v1/rows/bench");
}
