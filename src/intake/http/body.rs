//! Bodies of requests: read within bounds, or thrown away.

use super::Refusal;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use http_body_util::BodyExt;
use hyper::body::Body;
use std::time::Duration;

/// How much of a body is read and thrown away after a refusal, so that the peer reads our sentence instead of
/// failing to send.
const DRAIN_BYTES: usize = 16 << 20;

/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// How long the body is said to be.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads the body, at most `limit` bytes. Nothing is set aside for a length that was only claimed.
pub(super) async fn read<B: Body<Data = Bytes> + Unpin>(body: &mut B, limit: usize) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut more: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        // The peer went away or broke the chunked coding.
        let Ok(data) = frame.map_err(|_| Refusal::CutShort)?.into_data() else { continue };
        if first.len().max(more.len()) + data.len() > limit {
            return Err(Refusal::TooLarge(limit));
        }
        if first.is_empty() && more.is_empty() {
            // The usual case: all in one piece, without a copy.
            first = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.into() })
}

/// Reads what the peer still sends, within bounds: an answer followed by a reset connection may never be read.
pub(super) async fn drain(headers: &HeaderMap, mut body: impl Body<Data = Bytes> + Unpin) {
    // A peer that waits for `100 Continue` has sent nothing, and reading would ask it to.
    if headers.contains_key(EXPECT) {
        return;
    }
    let reading = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Not drained in time: the peer is cut off, which is what it would get anyway.
    let _in_time = tokio::time::timeout(DRAIN_TIME, reading).await.is_ok();
}
