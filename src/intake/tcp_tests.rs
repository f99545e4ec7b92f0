//! Tests of how one document is read.

use super::*;
use tokio::io::AsyncWriteExt;

const LIMIT: usize = 8;

async fn check_read(sent: &[u8], close: bool, expected: (&[u8], End)) {
    let (ours, mut theirs) = tokio::io::duplex(64);
    theirs.write_all(sent).await.unwrap();
    let _open = if close { None } else { Some(theirs) };
    let (raw, end) = read(ours, LIMIT, Duration::from_hours(1)).await;
    assert_eq!((raw.as_slice(), end), expected);
}

#[tokio::test(start_paused = true)]
async fn documents_end_with_their_connection() {
    check_read(b"{}\n\n", true, (b"{}\n\n", End::Closed)).await;
    check_read(b"", true, (b"", End::Closed)).await;
    check_read(b"12345678", true, (b"12345678", End::Closed)).await;
}

#[tokio::test(start_paused = true)]
async fn a_document_beyond_the_limit_is_not_read_further() {
    check_read(b"123456789abcdef", true, (b"123456789", End::TooLarge)).await;
    check_read(b"123456789abcdef", false, (b"123456789", End::TooLarge)).await;
}

#[tokio::test(start_paused = true)]
async fn what_came_before_the_time_limit_is_kept() {
    check_read(b"{}\n", false, (b"{}\n", End::Late)).await;
}

#[tokio::test]
async fn what_came_before_a_failure_is_kept() {
    struct Broken(bool);
    impl AsyncRead for Broken {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            if std::mem::replace(&mut self.0, true) {
                return std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
            }
            buffer.put_slice(b"{}");
            std::task::Poll::Ready(Ok(()))
        }
    }
    let (raw, end) = read(Broken(false), LIMIT, Duration::from_mins(1)).await;
    assert_eq!((raw.as_slice(), end), (b"{}".as_slice(), End::Broken));
}
