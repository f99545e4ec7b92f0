//! Socket files against whatever may be at the path.

use super::{SocketError, SocketFile};
use std::os::unix::fs::PermissionsExt;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn is_made_with_the_mode_and_removed_at_the_end() {
    let directory = directory();
    let path = directory.path().join("s.sock");
    let file = SocketFile::bind(&path, 0o640, None).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(file.path(), path);
    drop(file);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_stale_one_is_replaced() {
    let directory = directory();
    let path = directory.path().join("s.sock");
    // The standard library leaves the file behind, as a killed process does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let file = SocketFile::bind(&path, 0o660, None).unwrap();
    let client = tokio::net::UnixStream::connect(&path);
    let (client, accepted) = tokio::join!(client, file.listener().accept());
    assert!(client.is_ok() && accepted.is_ok());
}

#[tokio::test]
async fn a_live_one_is_left_alone() {
    let directory = directory();
    let path = directory.path().join("s.sock");
    let first = SocketFile::bind(&path, 0o660, None).unwrap();
    let second = SocketFile::bind(&path, 0o660, None);
    let message = second.unwrap_err().to_string();
    assert!(message.contains("s.sock") && message.contains("in use"), "{message}");
    drop(first);
    assert!(!path.exists(), "the refused second must not have taken the path over");
}

#[tokio::test]
async fn a_plain_file_is_left_alone() {
    let directory = directory();
    let path = directory.path().join("s.sock");
    std::fs::write(&path, b"precious").unwrap();
    assert!(matches!(SocketFile::bind(&path, 0o660, None), Err(SocketError::NotASocket { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[tokio::test]
async fn what_somebody_else_put_there_since_is_not_removed() {
    let directory = directory();
    let path = directory.path().join("s.sock");
    let file = SocketFile::bind(&path, 0o660, None).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"another's").unwrap();
    drop(file);
    assert!(path.exists());
}

#[tokio::test]
async fn an_unknown_group_and_a_missing_folder_are_named() {
    let directory = directory();
    let path = directory.path().join("s.sock");
    let group = SocketFile::bind(&path, 0o660, Some("no-such-group-here")).unwrap_err().to_string();
    assert!(group.contains("no-such-group-here"), "{group}");
    let missing = SocketFile::bind(&directory.path().join("missing/s.sock"), 0o660, None).unwrap_err().to_string();
    assert!(missing.contains("missing/s.sock"), "{missing}");
}
