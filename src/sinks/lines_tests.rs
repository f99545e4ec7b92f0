//! Tests of the thread that writes.

use super::*;
use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context, Poll, Waker};

/// An output that waits for its cue before each write and says what it wrote.
#[derive(Debug)]
struct OnCue {
    cue: Receiver<Result<(), String>>,
    written: SyncSender<String>,
}

impl Output for OnCue {
    fn append(&mut self, lines: &[u8]) -> Result<(), String> {
        self.cue.recv().unwrap()?;
        self.written.send(String::from_utf8(lines.to_vec()).unwrap()).unwrap();
        Ok(())
    }
}

fn writer() -> (LineWriter<OnCue>, SyncSender<Result<(), String>>, Receiver<String>) {
    let ((give, cue), (written, seen)) = (sync_channel(8), sync_channel(8));
    (LineWriter::new("test", OnCue { cue, written }), give, seen)
}

#[tokio::test]
async fn an_error_is_given_back_and_the_thread_goes_on() {
    let (mut writer, cue, seen) = writer();
    cue.send(Err("no room".to_owned())).unwrap();
    cue.send(Ok(())).unwrap();
    assert_eq!(writer.append(b"a\n".to_vec()).await, Err("no room".to_owned()));
    assert_eq!(writer.append(b"b\n".to_vec()).await, Ok(()));
    assert_eq!(seen.recv().unwrap(), "b\n");
    writer.close().await;
    assert!(seen.recv().is_err(), "the thread has ended");
    assert_eq!(writer.append(b"c\n".to_vec()).await, Err("the thread that writes has ended".to_owned()));
}

#[tokio::test]
async fn who_gives_up_waiting_loses_nothing() {
    let (mut writer, cue, seen) = writer();
    {
        let mut given_up = pin!(writer.append(b"a\n".to_vec()));
        assert!(matches!(given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
    }
    cue.send(Ok(())).unwrap();
    cue.send(Ok(())).unwrap();
    assert_eq!(writer.append(b"b\n".to_vec()).await, Ok(()));
    assert_eq!([seen.recv().unwrap(), seen.recv().unwrap()], ["a\n", "b\n"]);
}
