//! Tests of the acceptor.

use super::*;

#[tokio::test]
async fn the_next_connection_waits_for_a_place() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut acceptor = Acceptor::new(listener, 1, "test");
    let _one = TcpStream::connect(address).await.unwrap();
    let two = TcpStream::connect(address).await.unwrap();

    let first = acceptor.next().await;
    let mut second = Box::pin(acceptor.next());
    tokio::select! {
        biased;
        _ = &mut second => panic!("accepted beyond the limit"),
        () = tokio::task::yield_now() => {}
    }
    drop(first);
    assert_eq!(second.await.peer, two.local_addr().unwrap());
}

#[tokio::test]
async fn failures_wait_longer_each_time_and_start_anew_with_another_cause() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut acceptor = Acceptor::new(listener, 1, "test");
    let no_files = Error::from_raw_os_error(24);
    let no_memory = Error::from_raw_os_error(12);

    assert_eq!(acceptor.note(&no_files), FIRST_PAUSE);
    assert_eq!(acceptor.note(&no_files), FIRST_PAUSE * 2);
    for _ in 0..20 {
        acceptor.note(&no_files);
    }
    assert_eq!(acceptor.note(&no_files), LONGEST_PAUSE);
    assert_eq!(acceptor.note(&no_memory), FIRST_PAUSE);
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error() {
    let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let error = bind(first.local_addr().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn connections_inherit_what_was_set_once() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let accepted = Acceptor::new(listener, 1, "test").next().await;
    assert!(accepted.stream.nodelay().unwrap());
}
