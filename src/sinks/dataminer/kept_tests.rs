//! The file of lines: over restarts, torn, damaged.

use super::*;

#[tokio::test]
async fn lines_come_back_and_the_file_stays_small() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/sink-a.ndjson");
    let mut kept = Kept::new(Some(path.clone()));
    assert!(kept.load::<u32>().await.is_empty());
    kept.append(&[1, 2]).await.unwrap();
    kept.append::<u32>(&[]).await.unwrap();
    kept.append(&[3]).await.unwrap();
    let mut again = Kept::new(Some(path.clone()));
    assert_eq!(again.load::<u32>().await, [1, 2, 3]);
    assert!(!again.wants_rewrite(0));
    again.append(&vec![7; 2 * SLACK]).await.unwrap();
    assert!(again.wants_rewrite(1) && !again.wants_rewrite(SLACK));
    again.rewrite(&[4]).await.unwrap();
    assert_eq!(Kept::new(Some(path)).load::<u32>().await, [4]);
}

#[tokio::test]
async fn a_torn_line_is_left_out_and_nothing_is_written_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sink-a.ndjson");
    std::fs::write(&path, "1\n2\n3").unwrap();
    let mut kept = Kept::new(Some(path.clone()));
    assert_eq!(kept.load::<u32>().await, [1, 2]);
    assert!(kept.wants_rewrite(2));
    assert!(!path.with_extension("damaged").exists());
}

#[tokio::test]
async fn what_cannot_be_read_is_set_aside_and_the_rest_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sink-a.ndjson");
    std::fs::write(&path, b"1\n{\"\xff\n\n3\n").unwrap();
    let mut kept = Kept::new(Some(path.clone()));
    assert_eq!(kept.load::<u32>().await, [1, 3]);
    assert!(kept.wants_rewrite(2));
    assert!(path.with_extension("damaged").exists());
}

#[tokio::test]
async fn without_a_path_nothing_is_kept() {
    let mut kept = Kept::new(None);
    kept.append(&[1]).await.unwrap();
    assert!(kept.load::<u32>().await.is_empty());
    assert!(!kept.wants_rewrite(0));
}
