//! What a `JetStream` stream holds, in its order.

use super::books::Book;
use async_nats::jetstream::{self, consumer::DeliverPolicy, consumer::pull};
use futures_core::Stream;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;

/// Reads all of the stream `KAPTAP`.
pub(crate) async fn read(address: SocketAddr) -> Book {
    let context = jetstream::new(async_nats::connect(address.to_string()).await.unwrap());
    let stream = context.get_stream("KAPTAP").await.unwrap();
    let config = pull::OrderedConfig { deliver_policy: DeliverPolicy::All, ..pull::OrderedConfig::default() };
    let mut messages = stream.create_consumer(config).await.unwrap().messages().await.unwrap();
    let (mut book, mut left) = (Book::default(), stream.cached_info().state.messages);
    while left > 0 {
        let message = poll_fn(|context| Pin::new(&mut messages).poll_next(context)).await.unwrap().unwrap();
        let named = message.headers.as_ref().and_then(|headers| headers.get("Nats-Msg-Id")).unwrap().to_string();
        let begins = format!("{{\"schema\":\"kaptap.event/v1\",\"id\":\"{named}\",");
        assert!(message.payload.starts_with(begins.as_bytes()), "the id of a message is its event's: {named}");
        book.take(&message.payload);
        left -= 1;
    }
    book
}
