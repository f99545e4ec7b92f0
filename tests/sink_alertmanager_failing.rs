//! The sink `alertmanager` and peers that break off, say nothing, or are no Alertmanager.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, helpers included"
)]

mod peers;
mod sink_support;
mod wait_support;

use kaptap::delivery::sink::{Batch, Outcome, Reason, Sink};
use kaptap::sinks::alertmanager::Alertmanager;
use kaptap::sinks::http::Proxies;
use kaptap::sinks::options;
use kaptap::words::{Level, Transition};
use peers::events::alert;
use sink_support::receiver::{Receiver, Step, answer, ok};
use sink_support::{check_retry, deliver, http};
use std::collections::BTreeMap;
use std::time::Duration;

fn sink(receiver: &Receiver, change: impl FnOnce(&mut options::Http)) -> Alertmanager {
    let mut options = options::Alertmanager {
        http: http(&receiver.url("")),
        resend: Duration::from_mins(1),
        generator_url: None,
        labels: BTreeMap::new(),
    };
    change(&mut options.http);
    Alertmanager::new("ops", &options, None, &Proxies::none()).unwrap()
}

/// Two alerts meet one answer, and then an Alertmanager that is well again.
async fn check_both_retried(step: Step, reason: Reason, after: Option<u64>, sentence: &str) {
    let receiver = Receiver::start([step]).await;
    let mut sink = sink(&receiver, |_| {});
    let events = ["a", "b"].map(|name| alert(name, Level::Warning, Transition::Opened, 0));
    for outcome in deliver(&mut sink, &events).await {
        check_retry(&outcome, reason, after, sentence);
    }
    assert_eq!(deliver(&mut sink, &events).await, vec![Outcome::Delivered; 2]);
    assert_eq!(receiver.requests().last().unwrap().json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_answer_is_tried_again() {
    check_both_retried(Step::CutInRequest, Reason::PeerFailed, None, "").await;
    check_both_retried(Step::CutAfterTaking, Reason::PeerFailed, None, "").await;
    let garbage = Step::AnswerAndCut("220 mail.example ESMTP\r\n".to_owned());
    check_both_retried(garbage, Reason::Garbage, None, "not HTTP").await;
    let broken_off = Step::AnswerAndCut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".to_owned());
    check_both_retried(broken_off, Reason::Garbage, None, "broke off").await;
    let busy = answer("503 Service Unavailable", "Retry-After: 7\r\n", "");
    check_both_retried(busy, Reason::Throttled, Some(7), "503").await;
    let moved = answer("301 Moved Permanently", "Location: /elsewhere\r\n", "");
    check_both_retried(moved, Reason::Refused, None, "redirects are not followed").await;
}

#[tokio::test]
async fn what_is_slow_is_tried_again() {
    let receiver = Receiver::start([Step::Silence]).await;
    let mut sink = sink(&receiver, |http| http.timeout = Duration::from_millis(100));
    let events = [alert("a", Level::Warning, Transition::Opened, 0)];
    check_retry(&deliver(&mut sink, &events).await[0], Reason::TimedOut, None, "no whole answer");
}

/// What is not Alertmanager's address is a matter of the address: nothing is parked.
#[tokio::test]
async fn a_wrong_address_is_waited_for() {
    let receiver = Receiver::by_rule(|_| answer("404 Not Found", "", "404 page not found")).await;
    let mut sink = sink(&receiver, |_| {});
    let events = ["a", "b", "c"].map(|name| alert(name, Level::Warning, Transition::Opened, 0));
    for outcome in deliver(&mut sink, &events).await {
        check_retry(&outcome, Reason::Refused, None, "mends the URL");
    }
    assert!(sink.tick().await.is_some());
}

/// What stands before Alertmanager may refuse for a while: what is firing is not forgotten for it.
#[tokio::test]
async fn a_refusal_that_is_not_about_an_alert_makes_nothing_forgotten() {
    for status in
        ["404 Not Found", "405 Method Not Allowed", "410 Gone", "413 Content Too Large", "402 Payment Required"]
    {
        let receiver = Receiver::start([ok(), answer(status, "", ""), answer(status, "", "")]).await;
        let mut sink = sink(&receiver, |_| {});
        let events = [10, 0].map(|after| alert("a", Level::Warning, Transition::Repeated, after));
        assert_eq!(deliver(&mut sink, &events[..1]).await, [Outcome::Delivered], "{status}");
        assert!(sink.tick().await.unwrap() <= Duration::from_secs(10), "{status}");
        assert_eq!(receiver.requests().len(), 2, "{status}");
        // It is known still: an older event of it is nothing to tell.
        assert_eq!(deliver(&mut sink, &events[1..]).await, [Outcome::Delivered], "{status}");
        assert_eq!(receiver.requests().len(), 2, "{status}");
    }
}

#[tokio::test]
async fn a_wish_for_patience_beyond_resend_is_followed() {
    let busy = answer("503 Service Unavailable", "Retry-After: 600\r\n", "");
    let receiver = Receiver::start([ok(), busy]).await;
    let mut sink = sink(&receiver, |_| {});
    assert_eq!(deliver(&mut sink, &[alert("a", Level::Warning, Transition::Opened, 0)]).await, [Outcome::Delivered]);
    assert!(sink.tick().await.unwrap() > Duration::from_secs(500));
}

/// One request that fails does not keep the other alerts from being told again.
#[tokio::test]
async fn what_did_not_fail_comes_first_the_next_time() {
    let names: Vec<&'static str> = (0..600).map(|n| &*Box::leak(format!("alert-{n}").into_boxed_str())).collect();
    let events: Vec<_> = names.iter().map(|name| alert(name, Level::Warning, Transition::Opened, 0)).collect();
    // The alerts are told in the order of their fingerprints.
    let first = events.iter().map(|event| event.alert.as_ref().unwrap()).min_by_key(|alert| alert.fingerprint);
    let needle = format!("\"{}\"", first.unwrap().id);
    let well = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let receiver = Receiver::by_rule({
        let well = std::sync::Arc::clone(&well);
        move |request| {
            let fails = !well.load(std::sync::atomic::Ordering::SeqCst)
                && String::from_utf8_lossy(&request.body).contains(&needle);
            if fails { answer("500 Internal Server Error", "", "") } else { ok() }
        }
    })
    .await;
    let http = http(&receiver.url(""));
    let resend = Duration::from_secs(1);
    let options = options::Alertmanager { http, resend, generator_url: None, labels: BTreeMap::new() };
    let mut sink = Alertmanager::new("ops", &options, None, &Proxies::none()).unwrap();
    for part in events.chunks(500) {
        assert!(deliver(&mut sink, part).await.iter().all(|outcome| *outcome == Outcome::Delivered));
    }
    well.store(false, std::sync::atomic::Ordering::SeqCst);
    let before = receiver.requests().len();
    let mut sizes = Vec::new();
    while sizes.len() < 3 {
        let next = sink.tick().await.unwrap();
        sizes = receiver.requests()[before..].iter().map(|of| of.json().as_array().unwrap().len()).collect();
        // As long as the sink asks its caller to wait.
        tokio::time::sleep(next).await;
    }
    assert_eq!(sizes, [500, 100, 500]);
}

#[tokio::test]
async fn a_delivery_that_is_dropped_comes_again() {
    let receiver = Receiver::start([Step::Silence, ok()]).await;
    let mut sink = sink(&receiver, |_| {});
    let events = [alert("a", Level::Warning, Transition::Opened, 0)];
    let batch = Batch { events: &events, replay: false };
    {
        let mut delivery = sink.deliver(&batch);
        while receiver.requests().is_empty() {
            let once =
                std::future::poll_fn(|context| std::task::Poll::Ready(delivery.as_mut().poll(context).is_ready()));
            assert!(!once.await, "there was no answer");
            tokio::task::yield_now().await;
        }
    }
    // Nothing is remembered of what was not answered.
    sink.tick().await.unwrap();
    assert_eq!(receiver.requests().len(), 1);
    assert_eq!(deliver(&mut sink, &events).await, [Outcome::Delivered]);
    assert_eq!(receiver.requests().len(), 2);
}
